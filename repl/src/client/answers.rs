//! What the supervisor says to one request, message by message; what is a failure becomes one.

use std::io;
use std::time::Duration;

use decklog_engine::dispatcher::LeftOut;
use decklog_protocol::home::Home;
use decklog_protocol::message::{Reply, ShortRow};

use super::connection::{Connection, Received};
use super::link::Link;
use super::{ANSWER_WITHIN, LIVES_WITHIN, Patience};
use crate::console;
use crate::error::{Failure, Kind};

/// The answers to one request, in their order.
#[derive(Debug)]
pub(crate) struct Answers {
    connection: Connection,
    home: Home,
    patience: Patience,
    /// What was warned of, where that is not to be said at once.
    kept_warnings: Option<Vec<String>>,
}

/// One answer.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A message that is no failure.
    Reply(Reply),
    /// Bytes of output.
    Output(Vec<u8>),
    /// A JSON document, as the contract writes it.
    Document(Vec<u8>),
}

/// Why there is no answer, or no more of it.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// No supervisor runs, and none was to be started.
    NoneRuns,
    /// The supervisor ended before it had said all: killed, or crashed.
    Ended,
    /// The supervisor ended in good order before it had said all.
    Closed,
    /// No supervisor can start, for its log is damaged.
    Damaged(Failure),
    /// The supervisor says nothing.
    Silent(Failure),
    /// The verb's own time limit passed.
    TimedOut,
    /// It says what is wrong.
    Said(Failure),
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::NoneRuns => {
                Self::new(Kind::NoSupervisor, "no supervisor runs").hint("decklog daemon start")
            }
            Trouble::Ended => {
                Self::new(Kind::NoSupervisor, "the supervisor went away before it had answered").hint(
                    "decklog history -n 10 tells whether it was done; asking again starts a new supervisor",
                )
            }
            Trouble::Closed => Self::new(Kind::NoSupervisor, "the supervisor was stopped meanwhile")
                .hint("decklog daemon start starts it again"),
            Trouble::TimedOut => Self::new(Kind::TimedOut, "the time limit passed"),
            Trouble::Damaged(failure) | Trouble::Silent(failure) | Trouble::Said(failure) => failure,
        }
    }
}

impl Answers {
    pub(super) fn new(connection: Connection, home: Home, patience: Patience) -> Self {
        Self { connection, home, patience, kept_warnings: None }
    }

    /// The same, with warnings kept instead of said.
    pub(crate) fn keeping_warnings(mut self) -> Self {
        self.kept_warnings = Some(Vec::new());
        self
    }

    /// What was warned of so far, and kept.
    pub(crate) fn warnings(&mut self) -> Vec<String> {
        self.kept_warnings.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The next answer; `None` when all was said.
    pub(crate) fn next(&mut self) -> Result<Option<Incoming>, Trouble> {
        use decklog_protocol::frame::Frame;
        loop {
            let within = self.within()?;
            let frame = match self.connection.receive(within) {
                Ok(Received::Frame(Frame::Output(bytes))) => return Ok(Some(Incoming::Output(bytes))),
                Ok(Received::Frame(Frame::Document(bytes))) => return Ok(Some(Incoming::Document(bytes))),
                Ok(Received::Frame(frame)) => frame,
                Ok(Received::End) => return Err(Trouble::Ended),
                Ok(Received::Nonsense(error)) => return Err(Trouble::Said(nonsense(&error))),
                Err(error) if super::timed_out(&error) => match self.patience {
                    Patience::Until(deadline) if deadline.passed() => return Err(Trouble::TimedOut),
                    // Too late to find out more in time.
                    Patience::Until(deadline) if deadline.remaining() < LIVES_WITHIN => continue,
                    Patience::Until(_) | Patience::Unlimited if super::lives(&self.home) => continue,
                    _ => return Err(Trouble::Silent(super::silent(&self.home, self.pid()))),
                },
                Err(error) if super::ended(&error) => return Err(Trouble::Ended),
                Err(error) => return Err(Trouble::Said(lost(&error))),
            };
            let reply = frame.parse::<Reply>().map_err(|error| Trouble::Said(nonsense(&error)))?;
            match reply {
                Reply::Warning { text } => match &mut self.kept_warnings {
                    Some(kept) => kept.push(text),
                    None => console::warning(&text),
                },
                Reply::End => return Ok(None),
                Reply::Closed => return Err(Trouble::Closed),
                Reply::Unresolved { unresolved } => {
                    return Err(Trouble::Said(Failure::unresolved(&unresolved)));
                }
                Reply::Refused { refusals } => return Err(Trouble::Said(Failure::refused(&refusals))),
                Reply::Failed { text, hints } => {
                    let failure = Failure::new(Kind::Failed, text);
                    return Err(Trouble::Said(hints.into_iter().fold(failure, Failure::hint)));
                }
                reply => return Ok(Some(Incoming::Reply(reply))),
            }
        }
    }

    /// The one message that this request is answered with; what is said of progress before it is passed over.
    pub(crate) fn verdict(&mut self) -> Result<Reply, Trouble> {
        loop {
            match self.next()? {
                Some(Incoming::Reply(Reply::Progress { .. })) => {}
                Some(Incoming::Reply(reply)) => return Ok(reply),
                Some(Incoming::Output(_) | Incoming::Document(_)) | None => {
                    return Err(Trouble::Said(unexpected("no message where one belongs")));
                }
            }
        }
    }

    /// The connection, for a talk that goes both ways from here on.
    pub(crate) fn into_link(self) -> io::Result<Link> {
        Link::new(self.connection)
    }

    /// The rows of a list, as they come, into `rows`; what was left out besides.
    pub(crate) fn roster(&mut self, rows: &mut Vec<ShortRow>) -> Result<LeftOut, Trouble> {
        let mut all_left_out = LeftOut::default();
        while let Some(answer) = self.next()? {
            match answer {
                Incoming::Reply(Reply::Roster { rows: some, left_out }) => {
                    rows.extend(some);
                    all_left_out = left_out;
                }
                Incoming::Reply(Reply::Progress { .. }) => {}
                _ => return Err(Trouble::Said(unexpected("a list was answered with something else"))),
            }
        }
        Ok(all_left_out)
    }

    /// A JSON document, all of it.
    pub(crate) fn document(&mut self) -> Result<Vec<u8>, Trouble> {
        let mut document = Vec::new();
        while let Some(answer) = self.next()? {
            match answer {
                Incoming::Document(part) => document.extend_from_slice(&part),
                Incoming::Reply(Reply::Progress { .. }) => {}
                _ => return Err(Trouble::Said(unexpected("a list was answered with something else"))),
            }
        }
        Ok(document)
    }

    /// The process that answers.
    pub(crate) fn pid(&self) -> Option<i32> {
        self.connection.peer_pid()
    }

    fn within(&self) -> Result<Duration, Trouble> {
        match self.patience {
            Patience::Soon => Ok(ANSWER_WITHIN),
            Patience::AtOnce | Patience::Unlimited => Ok(LIVES_WITHIN),
            Patience::Until(deadline) if deadline.passed() => Err(Trouble::TimedOut),
            Patience::Until(deadline) => {
                Ok(deadline.remaining().clamp(Duration::from_millis(1), LIVES_WITHIN))
            }
        }
    }
}

/// An answer that does not belong to its question.
pub(crate) fn unexpected(what: &str) -> Failure {
    Failure::new(Kind::Failed, format!("the supervisor's answer makes no sense: {what}"))
        .hint("it may be of another version: decklog daemon restart brings up this one, and keeps what runs")
}

fn nonsense(error: &impl ToString) -> Failure {
    unexpected(&error.to_string())
}

fn lost(error: &io::Error) -> Failure {
    Failure::new(Kind::NoSupervisor, format!("the connection to the supervisor broke: {error}"))
}
