//! `daemon`: the supervisor itself.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::thread;
use std::time::Duration;

use decklog_protocol::home::Home;
use decklog_protocol::message::{Reply, Request, Shutdown, Status};

use crate::cli::{DaemonLogs, DaemonVerb};
use crate::client::{self, Answers, IfNone, Patience, Trouble, unexpected};
use crate::clock::Deadline;
use crate::console::{self, Console};
use crate::error::{Failure, Kind};
use crate::process;
use crate::render::log::TerminalFilter;
use crate::render::{daemon, text};
use crate::role;
use crate::surroundings;

/// A supervisor that has said that it ends, does so within this.
const ENDED_WITHIN: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);
/// How many sessions are queued is not worth a longer wait.
const COUNTED_WITHIN: Duration = Duration::from_millis(500);
/// Looking at the lock is not without effect on who wants it: not too often.
const HELD_PAUSE: Duration = Duration::from_millis(200);
const TAIL_PAUSE: Duration = Duration::from_millis(200);

/// Runs a verb of `daemon`.
pub(super) fn run(verb: DaemonVerb, console: &mut Console) -> Result<u8, Failure> {
    let home = surroundings::home()?;
    match verb {
        DaemonVerb::Run(args) => role::supervisor(home, args.detached).map(|()| 0),
        DaemonVerb::Start => start(&home, console),
        DaemonVerb::Stop(args) => {
            let mode = match (args.any, args.keep_workers) {
                (true, _) => Shutdown::StopAll,
                (false, true) => Shutdown::KeepWorkers,
                (false, false) => Shutdown::RefuseIfLive,
            };
            let queued = queued(&home);
            if !stop(&home, mode)? {
                console::note("no supervisor runs");
            } else if queued > 0 {
                let sessions = text::count(queued, "queued session");
                console::note(&format!(
                    "{sessions} will be started by the next supervisor, which any verb starts (decklog stop s:queued calls them off)"
                ));
            }
            Ok(0)
        }
        DaemonVerb::Restart(args) => {
            stop(&home, if args.any { Shutdown::StopAll } else { Shutdown::KeepWorkers })?;
            start(&home, console)
        }
        DaemonVerb::Status(args) => status(&home, args.json, console),
        DaemonVerb::Logs(args) => logs(&home, &args, console),
    }
}

fn start(home: &Home, console: &mut Console) -> Result<u8, Failure> {
    if let Some(status) = ask_status(home)? {
        console::note(&format!("the supervisor runs already (pid {})", status.pid.unwrap_or_default()));
        return Ok(0);
    }
    client::start()?;
    let Reply::Status(status) = client::ask_one(home, &Request::Status)? else {
        return Err(unexpected("a status was answered with something else"));
    };
    console.screen(&daemon::screen(&status, &surroundings::when()))?;
    Ok(0)
}

/// How many sessions wait to be started, if a supervisor says so at once.
fn queued(home: &Home) -> u64 {
    let deadline = Deadline::after(COUNTED_WITHIN);
    let answers = client::ask(home, &Request::Status, IfNone::Fail, Patience::Until(deadline));
    match answers.and_then(|answers| answers.keeping_warnings().verdict()) {
        Ok(Reply::Status(status)) => status.sessions.map_or(0, |sessions| sessions.queued),
        _ => 0,
    }
}

/// Ends the supervisor and waits until its process is gone. False if none runs.
fn stop(home: &Home, mode: Shutdown) -> Result<bool, Failure> {
    let patience = match mode {
        Shutdown::StopAll => {
            // Ending sessions takes as long as it takes; but one that says nothing now would never begin.
            ask_status(home)?;
            Patience::Unlimited
        }
        Shutdown::RefuseIfLive | Shutdown::KeepWorkers => Patience::Soon,
    };
    let Some(mut answers) = reach(home, &Request::Shutdown { mode }, patience)? else { return Ok(false) };
    let pid = answers.pid();
    match answers.verdict() {
        Ok(Reply::Done { .. }) | Err(Trouble::Closed | Trouble::Ended) => {}
        Ok(_) => return Err(unexpected("a shutdown was answered with something else")),
        Err(trouble) => return Err(trouble.into()),
    }
    let Some(pid) = pid else { return Ok(true) };
    let deadline = Deadline::after(ENDED_WITHIN);
    while process::is_running(pid) {
        if deadline.passed() {
            return Err(Failure::new(Kind::Failed, format!("the supervisor (pid {pid}) has not ended"))
                .hint("decklog daemon logs may tell why"));
        }
        thread::sleep(PAUSE);
    }
    Ok(true)
}

/// Asks the supervisor that runs; `None` if none does. One that cannot be reached is starting, and will be, or ends.
fn reach(home: &Home, request: &Request, patience: Patience) -> Result<Option<Answers>, Failure> {
    let deadline = Deadline::after(ENDED_WITHIN);
    loop {
        match client::ask(home, request, IfNone::Fail, patience) {
            Ok(answers) => return Ok(Some(answers)),
            Err(Trouble::NoneRuns) => match client::holder(home) {
                None => return Ok(None),
                Some(holder) if deadline.passed() => return Err(holder.unheard(home)),
                Some(_) => thread::sleep(HELD_PAUSE),
            },
            Err(trouble) => return Err(trouble.into()),
        }
    }
}

fn status(home: &Home, json: bool, console: &mut Console) -> Result<u8, Failure> {
    match ask_status(home)? {
        Some(status) if json => console.json(&status)?,
        Some(status) => console.screen(&daemon::screen(&status, &surroundings::when()))?,
        None => {
            let holder = client::holder(home);
            if json {
                let pid = holder.and_then(|holder| holder.pid);
                let pid = pid.and_then(|pid| u32::try_from(pid).ok());
                console.json(&Status { running: holder.is_some(), pid, ..none_runs(home) })?;
                console.flush()?;
            }
            if let Some(holder) = holder {
                return Err(holder.unheard(home));
            }
            let text = format!("no supervisor runs for {}", home.shown().display());
            return Err(Failure::new(Kind::NoSupervisor, text).hint("decklog daemon start starts one"));
        }
    }
    Ok(0)
}

/// How the supervisor does; `None` if none runs.
fn ask_status(home: &Home) -> Result<Option<Status>, Failure> {
    let verdict = client::ask(home, &Request::Status, IfNone::Fail, Patience::Soon)
        .and_then(|mut answers| answers.verdict());
    match verdict {
        Ok(Reply::Status(status)) => Ok(Some(status)),
        Ok(_) => Err(unexpected("a status was answered with something else")),
        Err(Trouble::NoneRuns | Trouble::Ended | Trouble::Closed) => Ok(None),
        Err(trouble) => Err(trouble.into()),
    }
}

fn none_runs(home: &Home) -> Status {
    Status {
        running: false,
        pid: None,
        version: None,
        epoch: None,
        started_at: None,
        home: home.shown().to_string_lossy().into_owned(),
        socket: home.socket().to_string_lossy().into_owned(),
        sessions: None,
        workers: None,
        log: None,
    }
}

/// The supervisor's own log file: the one thing that is read without the supervisor, since it may be about its absence.
fn logs(home: &Home, args: &DaemonLogs, console: &mut Console) -> Result<u8, Failure> {
    let path = home.supervisor_log();
    let cannot = |error: std::io::Error| {
        Failure::new(Kind::Failed, format!("{} cannot be read: {error}", path.display()))
    };
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            console::note("the supervisor has said nothing yet");
            return Ok(0);
        }
        Err(error) => return Err(cannot(error)),
    };
    let mut filter = console.is_terminal().then(|| TerminalFilter::new(false));
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(cannot)?;
    let mut piece = args.lines.map_or(&*bytes, |lines| last_lines(&bytes, lines)).to_vec();
    loop {
        match &mut filter {
            Some(filter) => console.screen(&filter.piece(&piece))?,
            None => console.bytes(&piece)?,
        }
        if !args.follow {
            return Ok(0);
        }
        console.flush()?;
        thread::sleep(TAIL_PAUSE);
        piece.clear();
        file.read_to_end(&mut piece).map_err(cannot)?;
    }
}

fn last_lines(bytes: &[u8], lines: usize) -> &[u8] {
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let mut breaks = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    match lines.checked_sub(1) {
        None => &[],
        Some(before) => &bytes[breaks.nth(before).unwrap_or(0)..],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_a_file() {
        let text = b"one\ntwo\nthree\n";
        assert_eq!(last_lines(text, 2), b"two\nthree\n");
        assert_eq!(last_lines(text, 9), text);
        assert_eq!(last_lines(text, 0), b"");
        assert_eq!(last_lines(b"one\ntw", 1), b"tw");
    }
}
