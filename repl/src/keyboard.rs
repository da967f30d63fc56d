//! The terminal of a verb that stays: its keys as they are pressed, the signals that concern it, and all of it as it was
//! afterwards.
//!
//! It must never leave a terminal changed: what was set is taken back when this is dropped.

use std::io::{self, IsTerminal as _, Stdin};
use std::os::fd::{AsFd as _, BorrowedFd};

use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

/// What concerns a verb that paints: to leave, to make room, to look at the size again.
const SIGNALS: [Signal; 6] =
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGWINCH, Signal::SIGTSTP];

/// Keys and signals, read instead of suffered.
#[derive(Debug)]
pub(crate) struct Keyboard {
    stdin: Stdin,
    /// How the terminal was; `None` where standard input is none.
    before: Option<Termios>,
    signals: SignalFd,
    masked: SigSet,
}

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// A key was pressed.
    Key(u8),
    /// A signal came.
    Signal(Signal),
}

impl Keyboard {
    /// Takes the keys, one by one and unseen, and the signals. Threads that run already must suffer no signals.
    pub(crate) fn take() -> io::Result<Self> {
        let masked: SigSet = SIGNALS.into_iter().collect();
        masked.thread_block()?;
        let signals = SignalFd::with_flags(&masked, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let stdin = io::stdin();
        let before = stdin.is_terminal().then(|| tcgetattr(&stdin)).transpose()?;
        let keyboard = Self { stdin, before, signals, masked };
        keyboard.set()?;
        Ok(keyboard)
    }

    fn set(&self) -> io::Result<()> {
        let Some(before) = &self.before else { return Ok(()) };
        let mut modes = before.clone();
        // Signals stay keys of the terminal: Ctrl-C is one.
        modes.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        Ok(tcsetattr(&self.stdin, SetArg::TCSADRAIN, &modes)?)
    }

    fn take_back(&self) {
        if let Some(before) = &self.before {
            // A terminal that is gone needs nothing.
            let _ = tcsetattr(&self.stdin, SetArg::TCSADRAIN, before);
        }
    }

    /// What to wait for.
    pub(crate) fn polled(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let keys = self.before.is_some().then(|| self.stdin.as_fd());
        std::iter::once(self.signals.as_fd()).chain(keys)
    }

    /// The next wish that waits to be read; `None` if there is none. To be called only after one was polled for.
    pub(crate) fn wish(&self, key_waits: bool) -> Option<Wish> {
        if let Ok(Some(signal)) = self.signals.read_signal() {
            return Signal::try_from(signal.ssi_signo as i32).ok().map(Wish::Signal);
        }
        if !key_waits {
            return None;
        }
        let mut key = [0];
        // Not through a buffer, which would keep what nobody polls for.
        match nix::unistd::read(&self.stdin, &mut key) {
            Ok(1) => Some(Wish::Key(key[0])),
            // Nobody types any more.
            _ => Some(Wish::Signal(Signal::SIGHUP)),
        }
    }

    /// Lets the shell have the terminal until it gives it back.
    pub(crate) fn suspend(&self) -> io::Result<()> {
        self.take_back();
        raise(Signal::SIGSTOP)?;
        self.set()
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.take_back();
        let _ = self.masked.thread_unblock();
    }
}
