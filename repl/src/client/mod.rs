//! The client: one connection, one request, the answers to it. Starts the supervisor when a verb needs it.
//!
//! Blocking, and without a runtime: a verb is over in milliseconds. It must never read the log or a job's files
//! itself, and never show anything: what comes back is for [`crate::commands`] to say.

mod answers;
mod connection;
mod holder;
mod link;
mod start;
#[cfg(test)]
mod tests;

use std::io;
use std::thread;
use std::time::Duration;

use decklog_protocol::home::Home;
use decklog_protocol::message::{Reply, Request};

use crate::clock::Deadline;
use crate::error::{Failure, Kind};
use connection::Connection;

pub(crate) use answers::{Answers, Incoming, Trouble, unexpected};
pub(crate) use connection::{speak_as_shell, speaks_as_shell};
pub(crate) use holder::holder;
pub(crate) use link::{Heard, Link};
pub(crate) use start::start;

/// A supervisor that says nothing for so long does not work.
const ANSWER_WITHIN: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });
/// One that takes its time over something (a stop, a wait) is asked after so long a silence whether it lives, and has so
/// long to say so: together no longer than any other silence is borne.
const LIVES_WITHIN: Duration = Duration::from_millis(ANSWER_WITHIN.as_secs() * 500);
/// A request that is harmless to repeat is, when the supervisor ends before it answers.
const ATTEMPTS: u32 = 3;
/// A supervisor that is restarted is there again within this.
const BACK_WITHIN: Duration = Duration::from_secs(3);
const BACK_PAUSE: Duration = Duration::from_millis(20);
/// What killing a supervisor does: for a hint.
const ENDS_IT: &str = "ends it; workers and jobs go on, and the next verb starts another";

/// How long a verb waits for words of the supervisor.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience {
    /// It answers at once, or something is wrong.
    Soon,
    /// The same, and it is not given long: it is only asked whether it lives.
    AtOnce,
    /// It answers when what is waited for has come about, and lives meanwhile.
    Unlimited,
    /// The same, but no longer than until then.
    Until(Deadline),
}

/// Whether a supervisor is started when none runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IfNone {
    /// Yes.
    Start,
    /// No: [`Trouble::NoneRuns`].
    Fail,
}

/// Opens a connection and says what is wished.
pub(crate) fn ask(
    home: &Home,
    request: &Request,
    if_none: IfNone,
    patience: Patience,
) -> Result<Answers, Trouble> {
    let mut connection = match Connection::open(&home.socket()) {
        Ok(connection) => connection,
        Err(error) if none_runs(&error) && if_none == IfNone::Fail => return Err(Trouble::NoneRuns),
        Err(error) if none_runs(&error) => start::start_and_connect(home)?,
        // Its queue of connections is full: it has not accepted any for long.
        Err(error) if timed_out(&error) => return Err(Trouble::Silent(silent(home, None))),
        Err(error) => return Err(Trouble::Said(unreachable(home, &error))),
    };
    match connection.send(request) {
        // It ended between its last accept and this request.
        Err(error) if ended(&error) => Err(Trouble::Ended),
        Err(error) if timed_out(&error) => Err(Trouble::Silent(silent(home, connection.peer_pid()))),
        Err(error) => Err(Trouble::Said(unreachable(home, &error))),
        Ok(()) => Ok(Answers::new(connection, home.clone(), patience)),
    }
}

/// Asks what is answered at once and in one message. Asks again if the supervisor ended meanwhile and asking twice
/// does no harm.
pub(crate) fn ask_one(home: &Home, request: &Request) -> Result<Reply, Failure> {
    ask_one_patiently(home, request, Patience::Soon)
}

/// The same, with another patience.
pub(crate) fn ask_one_patiently(
    home: &Home,
    request: &Request,
    patience: Patience,
) -> Result<Reply, Failure> {
    with_attempts(request, || ask(home, request, IfNone::Start, patience)?.verdict())
}

/// Runs an exchange, and runs it again if the supervisor ended meanwhile and asking twice does no harm.
pub(crate) fn with_attempts<T>(
    request: &Request,
    mut exchange: impl FnMut() -> Result<T, Trouble>,
) -> Result<T, Failure> {
    let mut attempt = 1;
    loop {
        match exchange() {
            Err(Trouble::Ended | Trouble::Closed) if attempt < ATTEMPTS && is_repeatable(request) => {
                attempt += 1;
            }
            result => return result.map_err(Failure::from),
        }
    }
}

/// Whether another supervisor takes the place of one that ended in good order, as in a restart. Starts none.
pub(crate) fn comes_back(home: &Home) -> bool {
    let deadline = Deadline::after(BACK_WITHIN);
    while !deadline.passed() {
        if Connection::open(&home.socket()).is_ok() {
            return true;
        }
        thread::sleep(BACK_PAUSE);
    }
    false
}

/// Whether asking twice has the effect of asking once.
fn is_repeatable(request: &Request) -> bool {
    match request {
        Request::Dispatch(wish) => wish.key.is_some(),
        Request::Respawn { .. } | Request::Reply { .. } | Request::Shutdown { .. } => false,
        _ => true,
    }
}

/// Whether a supervisor that says nothing works all the same: asked over another connection, with what every version
/// understands. One that went away does not count as silent: the first connection says so itself.
fn lives(home: &Home) -> bool {
    let said =
        ask(home, &Request::Status, IfNone::Fail, Patience::AtOnce).and_then(|mut answers| answers.verdict());
    !matches!(said, Err(Trouble::Silent(_)))
}

fn none_runs(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

fn ended(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected | UnexpectedEof)
}

fn timed_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn unreachable(home: &Home, error: &io::Error) -> Failure {
    let socket = home.socket();
    Failure::new(
        Kind::NoSupervisor,
        format!("the supervisor cannot be reached at {}: {error}", socket.display()),
    )
    .hint("DECKLOG_HOME and XDG_RUNTIME_DIR say where it is looked for")
}

fn silent(home: &Home, pid: Option<i32>) -> Failure {
    let pid = pid.or_else(|| holder(home)?.pid);
    let named = pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
    let within = ANSWER_WITHIN.as_secs();
    let failure =
        Failure::new(Kind::NoSupervisor, format!("the supervisor{named} has not answered for {within} s"))
            .hint(format!("its own log is {}", home.supervisor_log().display()));
    match pid {
        Some(pid) => failure.hint(format!("kill -9 {pid} {ENDS_IT}")),
        None => failure,
    }
}
