//! The person's own terminal while it shows a session: raw, on its other screen, and put back in the end however that
//! comes, by a signal as well.
//!
//! It is read and written through descriptors of its own, so that no flag of those that the shell has is ever changed.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{FlushArg, SetArg, Termios, cfmakeraw, tcflush, tcgetattr, tcsetattr};

use super::modes;
use crate::clock::Deadline;

const INPUT: &str = "/proc/self/fd/0";
const OUTPUT: &str = "/proc/self/fd/1";
const READ_BYTES: usize = 16 << 10;
/// A terminal that takes nothing for so long is left as it is.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);
/// The other screen, and a level of the keyboard protocol that is taken off again.
const ENTER: &str = "\x1b[?1049h\x1b[>0u\x1b[2J\x1b[H";
const LEAVE: &str = "\x1b[<u\x1b[?1049l\x1b[?25h";
/// The size of a terminal that does not know its own.
const USUAL_SIZE: (u16, u16) = (80, 24);

/// Whether a person sits at both ends.
pub(crate) fn is_there() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Width and height of the terminal.
pub(crate) fn size() -> (u16, u16) {
    let size = terminal_size::terminal_size_of(io::stdout()).map(|(width, height)| (width.0, height.0));
    size.filter(|(columns, rows)| *columns > 0 && *rows > 0).unwrap_or(USUAL_SIZE)
}

/// The terminal, taken. Dropped, it is as it was.
pub(crate) struct Terminal {
    input: File,
    output: File,
    signals: SignalFd,
    before: Termios,
    mask_before: SigSet,
    is_taken: bool,
}

impl Terminal {
    /// Takes it: raw, the other screen, and signals that end this process are read by it.
    pub(crate) fn take() -> io::Result<Self> {
        let input = own(INPUT, OpenOptions::new().read(true), io::stdin().as_fd())?;
        let output = own(OUTPUT, OpenOptions::new().write(true), io::stdout().as_fd())?;
        let before = tcgetattr(&input)?;
        let signals = SigSet::from_iter([
            Signal::SIGWINCH,
            Signal::SIGCONT,
            Signal::SIGTERM,
            Signal::SIGHUP,
            Signal::SIGINT,
            Signal::SIGQUIT,
        ]);
        let mask_before = SigSet::thread_get_mask()?;
        signals.thread_block()?;
        let signal_fd = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
        let signals = signal_fd.inspect_err(|_| {
            let _ = mask_before.thread_set_mask();
        })?;
        let mut terminal = Self { input, output, signals, before, mask_before, is_taken: true };
        terminal.make_raw()?;
        terminal.write_all(ENTER.as_bytes());
        Ok(terminal)
    }

    /// Makes it raw; again, after a shell had it.
    pub(crate) fn make_raw(&self) -> io::Result<()> {
        let mut raw = self.before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&self.input, SetArg::TCSADRAIN, &raw)?;
        Ok(())
    }

    /// Where what is typed can be waited for.
    pub(crate) fn input(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }

    /// Where it can be waited for until there is room.
    pub(crate) fn output(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    /// Where signals can be waited for.
    pub(crate) fn signals(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }

    /// What was typed; `None` if the terminal is gone.
    pub(crate) fn read(&mut self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; READ_BYTES];
        match self.input.read(&mut bytes) {
            Ok(0) => None,
            Ok(read) => {
                bytes.truncate(read);
                Some(bytes)
            }
            Err(error) if is_for_later(&error) => Some(Vec::new()),
            Err(_) => None,
        }
    }

    /// Writes as much as there is room for and takes it off. Whether the terminal is still there.
    pub(crate) fn write(&mut self, bytes: &mut Vec<u8>) -> bool {
        match self.output.write(bytes) {
            Ok(written) => {
                bytes.drain(..written);
                true
            }
            Err(error) => is_for_later(&error),
        }
    }

    /// The next signal that came.
    pub(crate) fn signal(&self) -> Option<Signal> {
        let read = self.signals.read_signal().ok().flatten()?;
        Signal::try_from(read.ssi_signo as i32).ok()
    }

    /// Puts everything back.
    pub(crate) fn give_back(&mut self) {
        if !std::mem::take(&mut self.is_taken) {
            return;
        }
        self.write_all((modes::usual() + LEAVE).as_bytes());
        // What the terminal answered to a session that is not asked for any more is not for the shell.
        let _ = tcflush(&self.input, FlushArg::TCIFLUSH);
        let _ = tcsetattr(&self.input, SetArg::TCSANOW, &self.before);
        let _ = self.mask_before.thread_set_mask();
    }

    fn write_all(&mut self, bytes: &[u8]) {
        let deadline = Deadline::after(LEAVE_WITHIN);
        let mut left = bytes.to_vec();
        while !left.is_empty() && !deadline.passed() && self.write(&mut left) {
            let within = PollTimeout::try_from(deadline.remaining()).unwrap_or(PollTimeout::NONE);
            if !left.is_empty() {
                let _ = poll(&mut [PollFd::new(self.output.as_fd(), PollFlags::POLLOUT)], within);
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// The terminal behind a descriptor, opened anew so that it never blocks; where that cannot be, the descriptor's double.
fn own(path: &str, options: &OpenOptions, given: BorrowedFd<'_>) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let doubled = |_| given.try_clone_to_owned().map(|double: OwnedFd| File::from(double));
    options.clone().custom_flags(flags.bits()).open(path).or_else(doubled)
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
