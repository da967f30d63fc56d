//! Attached to a session: its terminal on the person's. What is typed goes to the session, what it prints is seen; the
//! session does not notice when this ends, however it ends.
//!
//! One loop over four descriptors: the keyboard, the supervisor, signals, the terminal. It starts no thread and never
//! waits for one of them while another has something to say.

pub(crate) mod filter;
mod keys;
pub(crate) mod modes;
pub(crate) mod sequence;
pub(crate) mod terminal;
mod view;

use std::thread;
use std::time::Duration;

use decklog_protocol::home::Home;
use decklog_protocol::message::{FromAttached, Reply, Request, ShortRow};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, raise};

use crate::client::{self, Answers, Heard, IfNone, Incoming, Link, Patience, Trouble, unexpected};
use crate::clock::Deadline;
use crate::console;
use crate::error::{Failure, Kind};
use crate::render::{outcome, text, when};
use keys::{Key, Keys};
use terminal::Terminal;
use view::View;

/// A supervisor that goes away so often before it shows anything is not asked again.
const RESTARTS: u32 = 10;
/// The end of a run is in the log this soon after its output has ended.
const RECORDED_WITHIN: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(20);
const REMINDER: &str = "Ctrl-\\ d detaches · Ctrl-\\ t takes control · Ctrl-\\ Ctrl-\\ types Ctrl-\\";

/// Attaches to a session; returns the exit code.
pub(crate) fn run(home: &Home, target: &str) -> Result<u8, Failure> {
    check_terminal(target)?;
    let (attached, link) = connect(home, target)?;
    let terminal = Terminal::take()
        .map_err(|error| Failure::new(Kind::Failed, format!("the terminal cannot be set up: {error}")))?;
    let mut client = Client::new(home, attached, link, terminal);
    let left = client.stay();
    client.terminal.give_back();
    let row = client.row;
    match left? {
        Left::Detached => {
            let (short, name) = (&row.short, &row.row.name);
            console::note(&format!("detached from {short} {name}; it goes on: decklog attach {short}"));
            Ok(0)
        }
        Left::Ended => {
            console::note(&ended_at_last(home, &row)?);
            Ok(0)
        }
        Left::Signal(signal) => {
            // As it would have without the terminal to put back.
            let _ = raise(signal);
            Ok(128 + signal as u8)
        }
    }
}

/// That a person is there, before anything is done.
pub(crate) fn check_terminal(target: &str) -> Result<(), Failure> {
    if terminal::is_there() {
        return Ok(());
    }
    Err(Failure::usage("there is no terminal to attach to a session: input or output is something else")
        .hint(format!("decklog logs -f {target} follows its output"))
        .hint(format!("decklog reply {target} TEXT types a line to it")))
}

/// How a run ended, in a line.
pub(crate) fn ended(row: &ShortRow) -> String {
    let ShortRow { short, row } = row;
    if !outcome::is_finished(row) {
        return format!("{} is {}: decklog attach {short}", row.name, row.state);
    }
    let how = match (outcome::ending(row), &row.reason) {
        (Some(ending), _) => ending,
        (None, Some(reason)) => format!("{}, {}", row.state, reason.text),
        (None, None) => row.state.clone(),
    };
    let ran = outcome::ran_ms(row).map(|ms| format!(" in {}", when::length(ms))).unwrap_or_default();
    format!("{} ended: {how}{ran}", row.name)
}

/// What the supervisor says of a session that was attached to.
struct Attached {
    row: ShortRow,
    takes_input: bool,
    size: (u16, u16),
}

fn connect(home: &Home, target: &str) -> Result<(Attached, Link), Failure> {
    let (columns, rows) = terminal::size();
    let request = Request::Attach { target: target.to_owned(), watch: false, columns, rows };
    client::with_attempts(&request, || {
        let answers = client::ask(home, &request, IfNone::Start, Patience::Soon)?;
        attached(answers)
    })
}

fn attached(mut answers: Answers) -> Result<(Attached, Link), Trouble> {
    loop {
        match answers.next()? {
            Some(Incoming::Reply(Reply::Attached { row, takes_input, columns, rows })) => {
                let link = answers.into_link().map_err(|_| Trouble::Ended)?;
                return Ok((Attached { row: *row, takes_input, size: (columns, rows) }, link));
            }
            Some(Incoming::Reply(Reply::Progress { .. })) => {}
            _ => return Err(Trouble::Said(unexpected("a wish to attach was answered with something else"))),
        }
    }
}

/// How the run ended, in a line: once its end is recorded, or as far as it is known.
fn ended_at_last(home: &Home, row: &ShortRow) -> Result<String, Failure> {
    let deadline = Deadline::after(RECORDED_WITHIN);
    loop {
        let now = match row_now(home, &row.row.id) {
            Ok(now) => now,
            // It was stopped with all that ran, and is not started again for this.
            Err(Trouble::NoneRuns | Trouble::Ended | Trouble::Closed) => {
                return Ok(format!("{} ended: decklog show {} says how", row.row.name, row.short));
            }
            Err(trouble) => return Err(trouble.into()),
        };
        if outcome::is_finished(&now.row) || now.row.runs != row.row.runs || deadline.passed() {
            return Ok(ended(&now));
        }
        thread::sleep(PAUSE);
    }
}

fn row_now(home: &Home, id: &str) -> Result<ShortRow, Trouble> {
    let request = Request::Show { target: id.to_owned(), at: None };
    let row = match client::ask(home, &request, IfNone::Fail, Patience::Soon)?.verdict()? {
        Reply::Rows { rows } => rows.into_iter().next(),
        _ => None,
    };
    row.ok_or_else(|| Trouble::Said(unexpected("no row came")))
}

/// How a client came to leave.
enum Left {
    Detached,
    Ended,
    Signal(Signal),
}

/// What came of something that happened.
enum Next {
    GoOn,
    /// The supervisor is gone.
    Reconnect,
    /// Somebody stopped the supervisor: it is not for a client to start another.
    Closed,
    Leave(Left),
}

/// A client that is attached.
struct Client<'a> {
    home: &'a Home,
    row: ShortRow,
    takes_input: bool,
    link: Link,
    terminal: Terminal,
    view: View,
    keys: Keys,
    control: Control,
    restarts: u32,
}

/// Whether this client's keys reach the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Control {
    /// Nothing was said of it yet; it did, perhaps, under the supervisor before.
    Unknown { had: bool },
    /// They do.
    Yours,
    /// Another client's do.
    Others,
}

impl<'a> Client<'a> {
    fn new(home: &'a Home, attached: Attached, link: Link, terminal: Terminal) -> Self {
        let Attached { row, takes_input, size } = attached;
        let view = View::new(size, terminal::size(), takes_input);
        Self {
            home,
            row,
            takes_input,
            link,
            terminal,
            view,
            keys: Keys::default(),
            control: Control::Unknown { had: false },
            restarts: 0,
        }
    }

    fn stay(&mut self) -> Result<Left, Failure> {
        let mut next = self.listen();
        loop {
            match next {
                Next::Leave(left) => return Ok(left),
                Next::Closed if !client::comes_back(self.home) => return Ok(Left::Detached),
                Next::Reconnect | Next::Closed => match self.reconnect()? {
                    Next::GoOn => {}
                    other => {
                        next = other;
                        continue;
                    }
                },
                Next::GoOn => {}
            }
            next = self.turn();
        }
    }

    /// Waits until something happens, and does what follows.
    fn turn(&mut self) -> Next {
        if !self.view.out().is_empty() && !self.terminal.write(self.view.out()) {
            return Next::Leave(Left::Detached);
        }
        let [keyboard, supervisor, signals] = self.wait();
        if !signals.is_empty()
            && let Some(left) = self.signals()
        {
            return Next::Leave(left);
        }
        if !keyboard.is_empty() {
            match self.keyboard() {
                Next::GoOn => {}
                other => return other,
            }
        }
        if supervisor.contains(PollFlags::POLLOUT) && !self.link.write() {
            return Next::Reconnect;
        }
        if supervisor.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR) {
            let goes_on = self.link.read();
            match self.listen() {
                Next::GoOn if !goes_on => return Next::Reconnect,
                next => return next,
            }
        }
        Next::GoOn
    }

    /// Waits for keyboard, supervisor and signals, and for room on the terminal if there is something to write.
    fn wait(&mut self) -> [PollFlags; 3] {
        let wants_to_write = !self.view.out().is_empty();
        let timeout = match self.view.due() {
            // What is due in less than a millisecond is not to be asked for in a loop.
            Some(due) => PollTimeout::try_from(due + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX),
            None => PollTimeout::NONE,
        };
        let read = PollFlags::POLLIN;
        let of = |condition, flags| if condition { flags } else { PollFlags::empty() };
        let supervisor = read | of(self.link.has_unsent(), PollFlags::POLLOUT);
        let mut waited = [
            PollFd::new(self.terminal.input(), read),
            PollFd::new(self.link.socket(), supervisor),
            PollFd::new(self.terminal.signals(), read),
            PollFd::new(self.terminal.output(), of(wants_to_write, PollFlags::POLLOUT)),
        ];
        match poll(&mut waited, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            // It cannot be waited for: what there is to say shows by asking.
            Err(_) => thread::sleep(PAUSE),
        }
        [0, 1, 2].map(|index: usize| waited[index].revents().unwrap_or(PollFlags::empty()))
    }

    fn signals(&mut self) -> Option<Left> {
        while let Some(signal) = self.terminal.signal() {
            match signal {
                Signal::SIGWINCH => self.resized(),
                Signal::SIGCONT => {
                    // A shell may have had the terminal meanwhile. If it has it still, nothing helps.
                    let _ = self.terminal.make_raw();
                    self.view.redraw();
                    self.resized();
                }
                other => return Some(Left::Signal(other)),
            }
        }
        None
    }

    fn resized(&mut self) {
        let (columns, rows) = terminal::size();
        self.view.resized(columns, rows);
        // Whoever controls later must have told its size before. That the supervisor is gone shows when it is read.
        self.link.tell(&FromAttached::Resize { columns, rows });
    }

    fn keyboard(&mut self) -> Next {
        let Some(bytes) = self.terminal.read() else { return Next::Leave(Left::Detached) };
        for key in self.keys.feed(&bytes) {
            match key {
                Key::Detach => return Next::Leave(Left::Detached),
                Key::TakeControl if !self.takes_input => self.reads_nothing(),
                Key::TakeControl if self.control == Control::Yours => self.view.notice("you control already"),
                Key::TakeControl => drop(self.link.tell(&FromAttached::TakeControl)),
                Key::Remind => self.view.notice(REMINDER),
                Key::Typed(bytes) => self.typed(bytes),
            }
        }
        Next::GoOn
    }

    fn typed(&mut self, bytes: Vec<u8>) {
        // As long as nobody has said who controls the supervisor decides.
        if self.takes_input && self.control != Control::Others {
            if !self.link.type_in(bytes) {
                self.view.bell();
            }
        } else if !keys::is_report(&bytes) {
            self.view.bell();
            if self.takes_input {
                self.view.notice("you only watch: Ctrl-\\ t takes control, Ctrl-\\ d detaches");
            } else {
                self.reads_nothing();
            }
        }
    }

    fn reads_nothing(&mut self) {
        let name = &self.row.row.name;
        self.view.notice(format!("{name} reads no input: Ctrl-\\ d detaches"));
    }

    /// Does what the supervisor said.
    fn listen(&mut self) -> Next {
        loop {
            match self.link.heard() {
                Heard::Nothing => return Next::GoOn,
                Heard::Gone => return Next::Reconnect,
                Heard::Output(bytes) => self.view.feed(&bytes),
                Heard::Reply(reply) => match self.reply(reply) {
                    Next::GoOn => {}
                    other => return other,
                },
            }
        }
    }

    fn reply(&mut self, reply: Reply) -> Next {
        match reply {
            Reply::Live => self.live(),
            Reply::Control { yours, .. } => self.control(yours),
            Reply::Resized { columns, rows } => self.view.session_resized(columns, rows),
            Reply::InputRefused => {
                self.view.bell();
                self.view.notice("it does not read what was typed before: this was not typed");
            }
            Reply::Dropped { from, to } => {
                let missing = text::bytes(to.saturating_sub(from));
                self.view.notice(format!("{missing} of output were not kept"));
            }
            Reply::Warning { text } => self.view.notice(text),
            Reply::End => return Next::Leave(Left::Ended),
            Reply::Closed => return Next::Closed,
            _ => {}
        }
        Next::GoOn
    }

    fn live(&mut self) {
        self.restarts = 0;
        self.view.live();
        if !self.takes_input {
            self.view.notice(format!("watching {}: Ctrl-\\ d detaches", self.row.row.name));
        }
        if self.control == Control::Yours {
            let (columns, rows) = terminal::size();
            self.link.tell(&FromAttached::Resize { columns, rows });
        }
    }

    fn control(&mut self, yours: bool) {
        let now = if yours { Control::Yours } else { Control::Others };
        let before = std::mem::replace(&mut self.control, now);
        self.view.watches(!yours);
        match (before, yours) {
            (Control::Others, true) => self.view.notice("you control now"),
            (Control::Yours, false) => {
                self.view.notice("somebody else controls now: Ctrl-\\ t takes it back");
            }
            // Whoever watched was faster.
            (Control::Unknown { had: true }, false) => drop(self.link.tell(&FromAttached::TakeControl)),
            (Control::Unknown { had: false }, false) => {
                let (own, session) = (terminal::size(), self.view.session_size());
                let sizes = if own == session {
                    String::new()
                } else {
                    format!(": {}x{}, your terminal has {}x{}", session.0, session.1, own.0, own.1)
                };
                self.view.notice(format!("watching{sizes} · Ctrl-\\ t takes control"));
            }
            (Control::Unknown { .. } | Control::Yours, true) | (Control::Others, false) => {}
        }
    }

    /// Goes on with the next supervisor. What was typed and not sent yet is not typed at all: whether it arrived nobody
    /// could say.
    fn reconnect(&mut self) -> Result<Next, Failure> {
        let lost = self.link.has_unsent();
        self.restarts += 1;
        if self.restarts > RESTARTS {
            return Err(Failure::from(Trouble::Ended));
        }
        let (attached, link) = match connect(self.home, &self.row.row.id) {
            Ok(connected) => connected,
            // It ended meanwhile.
            Err(failure) if failure.code() == Kind::Refused.code() => return Ok(Next::Leave(Left::Ended)),
            Err(failure) => return Err(failure),
        };
        let had = matches!(self.control, Control::Yours | Control::Unknown { had: true });
        self.control = Control::Unknown { had };
        self.link = link;
        self.row = attached.row;
        self.takes_input = attached.takes_input;
        self.view = View::new(attached.size, terminal::size(), attached.takes_input);
        if lost {
            self.view.bell();
        }
        self.view.notice("the supervisor was gone, another one goes on");
        Ok(self.listen())
    }
}
