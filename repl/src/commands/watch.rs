//! `ls --watch`: the roster again whenever it changes.
//!
//! A second connection follows the log and says that something changed; what there is to see is then asked for anew. So
//! nothing is missed and nothing is guessed, and each picture is the whole truth of its moment.

use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use decklog_protocol::home::Home;
use decklog_protocol::message::{Reply, Request};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use super::ls::{self, Listed, Wanted};
use crate::cli::Ls;
use crate::client::{self, IfNone, Incoming, Patience, Trouble};
use crate::clock::Deadline;
use crate::console::{self, Console};
use crate::error::{Failure, Kind};
use crate::keyboard::{Keyboard, Wish};
use crate::render::{frame, roster, table};

/// Ages and last lines change by themselves.
const EACH: Duration = Duration::from_secs(1);
/// Changes that come quickly are shown together.
const NOT_BEFORE: Duration = Duration::from_millis(200);
/// A supervisor that is there answers within this; while nothing comes no key is heard.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long after a supervisor went away the next one is looked for.
const FOLLOW_AGAIN: Duration = Duration::from_millis(250);
const GONE: &str = "supervisor is gone, waiting";
const SILENT: &str = "supervisor does not answer, waiting";

/// Shows the roster until somebody has seen enough.
pub(super) fn run(home: &Home, args: &Ls, wanted: &Wanted<'_>, console: &mut Console) -> Result<u8, Failure> {
    // The first is asked for as by any verb, and what is wrong is said as by any verb.
    let listed = ls::rows(home, wanted)?;
    let paints = console.is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    // Before there is a thread that follows.
    let keyboard = paints
        .then(Keyboard::take)
        .transpose()
        .map_err(|error| Failure::new(Kind::Failed, format!("the terminal cannot be prepared: {error}")))?;
    let mut watch = Watch { home, args, wanted, news: News::follow(home)?, starts: true, listed, note: None };
    match keyboard {
        Some(keyboard) => watch.on_terminal(&keyboard, console),
        None => watch.in_pieces(console),
    }
}

struct Watch<'a> {
    home: &'a Home,
    args: &'a Ls,
    wanted: &'a Wanted<'a>,
    news: News,
    /// Whether a supervisor that is gone is replaced: not one that somebody stopped.
    starts: bool,
    listed: Listed,
    /// Why the rows are not those of this moment, or what else there is to say.
    note: Option<String>,
}

/// What ended a wait.
enum Woken {
    /// It is time to look again.
    Look,
    /// The terminal has another size.
    Resized,
    /// The shell shall have the terminal meanwhile.
    Suspended,
    /// Enough, with this exit code.
    Leave(u8),
}

impl Watch<'_> {
    /// Paints it, and paints it again in place.
    fn on_terminal(&mut self, keyboard: &Keyboard, console: &mut Console) -> Result<u8, Failure> {
        console.screen(&frame::begin(Console::rows()))?;
        let left = self.until_left(keyboard, console);
        self.note = None;
        self.paint(console).and_then(|()| Ok(console.screen(frame::END)?))?;
        console.flush()?;
        left
    }

    fn until_left(&mut self, keyboard: &Keyboard, console: &mut Console) -> Result<u8, Failure> {
        loop {
            self.paint(console)?;
            match self.wait(Some(keyboard))? {
                Woken::Leave(code) => return Ok(code),
                Woken::Suspended => {
                    console.screen(frame::END)?;
                    console.flush()?;
                    let _ = keyboard.suspend();
                    console.screen(&frame::begin(Console::rows()))?;
                }
                Woken::Resized => {}
                Woken::Look => self.look(Some(console))?,
            }
        }
    }

    fn paint(&self, console: &mut Console) -> Result<(), Failure> {
        let style = console.style();
        let extent = self.listed.extent(self.args);
        let lines = roster::drawn(&self.listed.rows, self.args.group_by, extent, style);
        let nothing = self.listed.rows.is_empty().then(|| self.wanted.nothing(extent));
        let note = self.note.clone().or(nothing).unwrap_or_default();
        console.screen(&frame::paint(&lines, self.listed.rows.len(), Console::rows(), &note, style))?;
        console.flush()?;
        Ok(())
    }

    /// Prints it, and again when anything but an age has changed.
    fn in_pieces(&mut self, console: &mut Console) -> Result<u8, Failure> {
        let mut printed: Option<Listed> = None;
        let mut noted = None;
        loop {
            let rows = without_ages(&self.listed);
            if printed.as_ref() != Some(&rows) {
                self.print(printed.is_some(), console)?;
                printed = Some(rows);
            }
            if self.note != noted {
                noted.clone_from(&self.note);
                noted.as_deref().into_iter().for_each(console::note);
            }
            if let Woken::Leave(code) = self.wait(None)? {
                return Ok(code);
            }
            self.look(None)?;
        }
    }

    fn print(&self, again: bool, console: &mut Console) -> Result<(), Failure> {
        if self.args.json {
            console.json(&self.listed.rows.iter().map(|row| &row.row).collect::<Vec<_>>())?;
        } else {
            if again {
                console.line("")?;
            }
            let extent = self.listed.extent(self.args);
            let lines = roster::drawn(&self.listed.rows, self.args.group_by, extent, console.style());
            console.screen(&table::text(&lines))?;
        }
        console.flush()?;
        Ok(())
    }

    /// Asks for the rows of this moment. A supervisor that was killed is replaced; a terminal is told before.
    fn look(&mut self, console: Option<&mut Console>) -> Result<(), Failure> {
        let mut asked = self.ask(IfNone::Fail);
        if self.starts && matches!(asked, Err(Trouble::NoneRuns | Trouble::Ended)) {
            self.note = Some(GONE.into());
            if let Some(console) = console {
                self.paint(console)?;
            }
            asked = self.ask(IfNone::Start);
        }
        match asked {
            Ok((listed, warnings)) => {
                self.listed = listed;
                self.note = warnings.into_iter().next();
            }
            Err(Trouble::NoneRuns | Trouble::Ended | Trouble::Closed) => self.note = Some(GONE.into()),
            Err(Trouble::TimedOut | Trouble::Silent(_)) => self.note = Some(SILENT.into()),
            Err(trouble) => return Err(trouble.into()),
        }
        Ok(())
    }

    fn ask(&self, if_none: IfNone) -> Result<(Listed, Vec<String>), Trouble> {
        let patience = Patience::Until(Deadline::after(ANSWER_WITHIN));
        ls::rows_once(self.home, self.wanted, if_none, patience)
    }

    /// Waits for a change, but no longer than a second; and for a little while in any case.
    fn wait(&mut self, keyboard: Option<&Keyboard>) -> Result<Woken, Failure> {
        let (not_before, at_last) = (Deadline::after(NOT_BEFORE), Deadline::after(EACH));
        let mut changed = false;
        loop {
            let deadline = if changed { not_before } else { at_last };
            if deadline.passed() {
                return Ok(Woken::Look);
            }
            let stdout = std::io::stdout();
            let mut polled = vec![
                PollFd::new(self.news.stream.as_fd(), PollFlags::POLLIN),
                // Only whether anybody reads it.
                PollFd::new(stdout.as_fd(), PollFlags::empty()),
            ];
            if let Some(keyboard) = keyboard {
                polled.extend(keyboard.polled().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
            }
            // Rounded up: waking early would only mean waiting again.
            let left = deadline.remaining() + Duration::from_millis(1);
            // An interruption: nothing is ready then.
            let _ = poll(&mut polled, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX));
            let ready: Vec<_> =
                polled.iter().map(|fd| fd.revents().is_some_and(|flags| !flags.is_empty())).collect();
            if ready[1] {
                return Err(Failure::BrokenPipe);
            }
            if ready[0] {
                changed = true;
                self.starts = self.news.take().unwrap_or(self.starts);
            }
            let Some(keyboard) = keyboard.filter(|_| ready[2..].contains(&true)) else { continue };
            match keyboard.wish(ready.get(3) == Some(&true)) {
                Some(Wish::Key(b'q' | b'Q' | b'\x03' | b'\x04') | Wish::Signal(Signal::SIGINT)) => {
                    return Ok(Woken::Leave(0));
                }
                Some(Wish::Signal(Signal::SIGWINCH)) => return Ok(Woken::Resized),
                Some(Wish::Signal(Signal::SIGTSTP)) => return Ok(Woken::Suspended),
                Some(Wish::Signal(signal)) => return Ok(Woken::Leave((128 + signal as i32) as u8)),
                Some(Wish::Key(_)) | None => {}
            }
        }
    }
}

/// What is to be seen, but for what only says how late it is.
fn without_ages(listed: &Listed) -> Listed {
    let mut listed = listed.clone();
    for row in &mut listed.rows {
        row.row.age_seconds = 0;
    }
    listed
}

/// That the log has grown, or is not to be followed.
struct News {
    stream: UnixStream,
}

/// Something happened.
const CHANGED: u8 = b'c';
/// A supervisor is there.
const THERE: u8 = b't';
/// The supervisor was stopped in good order.
const STOPPED: u8 = b's';

impl News {
    /// Follows the log on a thread of its own, from now on and whichever supervisor keeps it. Starts none.
    fn follow(home: &Home) -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| {
            Failure::new(Kind::Failed, format!("the log cannot be followed: {error}"))
        };
        let (stream, teller) = UnixStream::pair().map_err(cannot)?;
        stream.set_nonblocking(true).map_err(cannot)?;
        teller.set_nonblocking(true).map_err(cannot)?;
        let home = home.clone();
        let follow = move || {
            while follow_one(&home, &teller) {
                thread::sleep(FOLLOW_AGAIN);
            }
        };
        thread::Builder::new().name("follow".into()).spawn(follow).map_err(cannot)?;
        Ok(Self { stream })
    }

    /// Takes what was told. Whether a supervisor that is gone may be replaced, if that has changed.
    fn take(&mut self) -> Option<bool> {
        let mut told = [0; 4096];
        let mut starts = None;
        while let Ok(read @ 1..) = self.stream.read(&mut told) {
            let said = told[..read].iter().rfind(|word| **word != CHANGED);
            starts = said.map(|word| *word == THERE).or(starts);
        }
        starts
    }
}

/// Follows one supervisor to its end. False once nobody listens.
fn follow_one(home: &Home, mut teller: &UnixStream) -> bool {
    let request = Request::History {
        target: None,
        since: None,
        until: None,
        kinds: Vec::new(),
        actor: None,
        last: Some(0),
        follow: true,
    };
    let mut tell = |word: u8| match teller.write(&[word]) {
        Ok(_) => true,
        // Told often enough.
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    };
    let Ok(answers) = client::ask(home, &request, IfNone::Fail, Patience::Unlimited) else { return true };
    let mut answers = answers.keeping_warnings();
    loop {
        let word = match answers.next() {
            Ok(Some(Incoming::Reply(Reply::Event(event)))) if event.kind == "SupervisorStopped" => STOPPED,
            Ok(Some(Incoming::Reply(Reply::Live))) => THERE,
            Ok(Some(_)) => CHANGED,
            Ok(None) | Err(_) => return tell(CHANGED),
        };
        if !tell(word) {
            return false;
        }
    }
}
