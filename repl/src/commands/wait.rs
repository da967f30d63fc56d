//! `wait`: until sessions are done, failed or stopped. Its answer is the exit code.

use std::time::Duration;

use decklog_protocol::home::Home;
use decklog_protocol::message::{Reached, Reply, Request, ShortRow};
use decklog_protocol::row::Row;

use crate::cli::Wait;
use crate::client::{self, IfNone, Patience, Trouble, unexpected};
use crate::clock::Deadline;
use crate::console;
use crate::error::{Failure, Kind};
use crate::progress;
use crate::render::outcome;
use crate::surroundings;

/// A supervisor that was killed is started again, and asked again, so often.
const RESTARTS: u32 = 10;
/// After the time limit there is so much more to find out what is not there yet.
const ASKED_WITHIN: Duration = Duration::from_millis(500);
/// Only what takes longer than this is said to be waited for.
const SAID_AFTER: Duration = Duration::from_millis(300);
/// Of more sessions than this only the number is said.
const ASKED_MAX: usize = 50;
/// Even `--timeout 0` gives the supervisor time to say what already holds.
const TIMEOUT_MS_MIN: u64 = 100;

/// Waits.
pub(super) fn run(args: Wait) -> Result<u8, Failure> {
    let exit_code = args.exit_code;
    wait(args).map_err(|failure| match &failure {
        Failure::Told { kind: Kind::TimedOut | Kind::NeedsYou, .. } | Failure::BrokenPipe => failure,
        // Every other code is the run's own.
        Failure::Told { .. } if exit_code => failure.with_kind(Kind::Own),
        Failure::Told { .. } => failure,
    })
}

fn wait(args: Wait) -> Result<u8, Failure> {
    let home = surroundings::home()?;
    let patience = match args.timeout {
        Some(ms) => Patience::Until(Deadline::after(Duration::from_millis(ms.max(TIMEOUT_MS_MIN)))),
        None => Patience::Unlimited,
    };
    let for_states = !args.states.is_empty();
    let request = Request::Wait {
        targets: args.ids,
        any: args.any,
        states: args.states.iter().map(|state| state.word().to_owned()).collect(),
        through_asks: args.through_asks,
    };
    let what = {
        let (home, request) = (home.clone(), request.clone());
        move || waited_for(&home, &request)
    };
    let (reached, rows) = match progress::saying(SAID_AFTER, what, || ask(&home, &request, patience)) {
        Ok(waited) => waited,
        Err(Failure::Told { kind: Kind::TimedOut, .. }) => return Err(timed_out(&home, &request)),
        Err(failure) => return Err(failure),
    };
    if reached == Reached::Blocked {
        return Err(needs_you(&rows));
    }
    if args.exit_code {
        return exit_code(&rows, args.any);
    }
    if reached == Reached::Goal && (for_states || is_good(&rows, args.any)) {
        return Ok(0);
    }
    for row in rows.iter().filter(|row| outcome::is_finished(&row.row) && row.row.state != "done") {
        console::note(&format!("{} · {} · {}", row.row.name, row.row.state, outcome::summary(&row.row)));
    }
    Ok(Kind::Failed.code())
}

/// Asks, and asks the next supervisor if this one is killed meanwhile.
fn ask(home: &Home, request: &Request, patience: Patience) -> Result<(Reached, Vec<ShortRow>), Failure> {
    let mut restarts = 0;
    loop {
        let verdict =
            client::ask(home, request, IfNone::Start, patience).and_then(|mut answers| answers.verdict());
        match verdict {
            Ok(Reply::Waited { reached, rows }) => return Ok((reached, rows)),
            Err(Trouble::Closed) if client::comes_back(home) => {}
            Ok(_) => return Err(unexpected("a wait was answered with something else")),
            Err(Trouble::Ended) if restarts < RESTARTS => restarts += 1,
            Err(trouble) => return Err(trouble.into()),
        }
    }
}

/// The time limit passed: what is not there yet, where the supervisor says so at once.
fn timed_out(home: &Home, request: &Request) -> Failure {
    let awaited = awaited(home, request);
    let named = named(&awaited, |row| format!("{} {} is {}", row.short, row.row.name, row.row.state));
    let passed = "the time limit passed";
    let text = if named.is_empty() { passed.into() } else { format!("{passed}: {named}") };
    Failure::new(Kind::TimedOut, text)
}

/// `waiting for 3: build (4m), test (1m), lint queued`; `None` where nobody says it.
fn waited_for(home: &Home, request: &Request) -> Option<String> {
    if let Request::Wait { targets, .. } = request
        && targets.len() > ASKED_MAX
    {
        return Some(format!("waiting for {} sessions", targets.len()));
    }
    let awaited = awaited(home, request);
    let when = surroundings::when();
    let one = |row: &ShortRow| match row.row.started_at.as_deref().and_then(|at| when.ago(at)) {
        Some(ago) if row.row.state == "working" => format!("{} ({ago})", row.row.name),
        _ => format!("{} {}", row.row.name, row.row.state),
    };
    (!awaited.is_empty()).then(|| format!("waiting for {}: {}", awaited.len(), named(&awaited, one)))
}

/// The first few of them, and how many more there are.
fn named(rows: &[ShortRow], name: impl Fn(&ShortRow) -> String) -> String {
    const NAMED_MAX: usize = 5;
    let mut named: Vec<_> = rows.iter().take(NAMED_MAX).map(name).collect();
    if rows.len() > NAMED_MAX {
        named.push(format!("{} more", rows.len() - NAMED_MAX));
    }
    named.join(", ")
}

/// The rows that are not there yet, as far as the supervisor says them at once.
fn awaited(home: &Home, request: &Request) -> Vec<ShortRow> {
    let Request::Wait { targets, states, .. } = request else { return Vec::new() };
    let deadline = Deadline::after(ASKED_WITHIN);
    let rows = targets.iter().map_while(|target| show_by(home, target, deadline));
    let is_awaited = |row: &Row| {
        if states.is_empty() {
            !outcome::is_finished(row) && row.state != "idle"
        } else {
            !states.contains(&row.state)
        }
    };
    rows.filter(|row| is_awaited(&row.row)).collect()
}

/// The row of one session, if a supervisor runs and says it by then.
fn show_by(home: &Home, target: &str, deadline: Deadline) -> Option<ShortRow> {
    let request = Request::Show { target: target.into(), at: None };
    let answers = client::ask(home, &request, IfNone::Fail, Patience::Until(deadline)).ok()?;
    // What there is to warn of was said with the first answer.
    let mut answers = answers.keeping_warnings();
    match answers.verdict().ok()? {
        Reply::Rows { rows } => rows.into_iter().next(),
        _ => None,
    }
}

/// Done, or a conversation at rest: all of them, or with --any one that came to rest.
fn is_good(rows: &[ShortRow], any: bool) -> bool {
    let good = |row: &ShortRow| matches!(row.row.state.as_str(), "done" | "idle");
    if any { rows.iter().any(good) } else { rows.iter().all(good) }
}

/// The code of the first that did not end with 0. With --any: of the first that ended.
fn exit_code(rows: &[ShortRow], any: bool) -> Result<u8, Failure> {
    let mut ended =
        rows.iter().filter(|row| !any || outcome::is_finished(&row.row)).map(|row| code(&row.row));
    let found = if any { ended.next() } else { ended.find(|code| !matches!(code, Ok(0))) };
    found.unwrap_or(Ok(0))
}

fn code(row: &Row) -> Result<u8, Failure> {
    match (row.exit_code, row.signal) {
        (Some(code), _) => Ok(code as u8),
        (None, Some(signal)) => Ok((128 + signal) as u8),
        (None, None) => {
            let why = row.reason.as_ref().map(|reason| format!(": {}", reason.text)).unwrap_or_default();
            Err(Failure::new(Kind::Own, format!("{} has no exit code{why}", row.name)))
        }
    }
}

fn needs_you(rows: &[ShortRow]) -> Failure {
    let blocked: Vec<_> = rows.iter().filter(|row| row.row.state == "blocked").collect();
    let asks = blocked.iter().map(|row| {
        let ask = row.row.waiting_for.as_ref().map_or("", |ask| ask.text.as_str());
        format!("{} {} needs you: {ask}", row.short, row.row.name)
    });
    let first = blocked.first().map_or("ID", |row| row.short.as_str());
    Failure::new(Kind::NeedsYou, asks.collect::<Vec<_>>().join("\n"))
        .hint(format!("decklog show {first} says what it asks"))
        .hint("--through-asks waits on")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples::{failed, job, short};

    #[test]
    fn exit_codes_are_those_of_the_runs() {
        let done = short(Row { exit_code: Some(0), ..job("aa", "a", "done", 9) });
        let seven = short(failed("bb", "b", 9, 7, ""));
        let killed = short(Row { signal: Some(9), ..job("cc", "c", "failed", 9) });
        let working = short(job("dd", "d", "working", 9));
        let unknown = short(job("ee", "e", "failed", 9));
        assert_eq!(exit_code(std::slice::from_ref(&done), false), Ok(0));
        assert_eq!(exit_code(&[done.clone(), seven.clone(), killed.clone()], false), Ok(7));
        assert_eq!(exit_code(std::slice::from_ref(&killed), false), Ok(137));
        assert_eq!(exit_code(&[working, killed], true), Ok(137));
        assert_eq!(exit_code(&[unknown], false).unwrap_err().code(), 125);
        assert!(is_good(&[done.clone(), seven.clone()], true));
        assert!(!is_good(&[done, seven], false));
    }
}
