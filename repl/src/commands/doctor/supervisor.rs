//! The supervisor: whether it runs, answers, and is of this version; what it says of the log, the clock and the end of
//! the supervisor before it.

use std::time::Duration;

use decklog_protocol::home::Home;
use decklog_protocol::message::{LogStatus, Moment, Reply, Request, Status};
use decklog_protocol::moment;
use decklog_protocol::row::EventRow;

use crate::client::{self, IfNone, Incoming, Patience, Trouble};
use crate::clock::{self, Deadline};
use crate::error::{Failure, Kind};
use crate::process;
use crate::render::doctor::Finding;
use crate::render::{text, when};
use crate::role;

const CHECK: &str = "supervisor";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// One that works answers in milliseconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// A wall clock so far behind the log was set back.
const CLOCK_BEHIND_MS: u64 = 60_000;
/// The start of a supervisor is recorded within this of the time that it says of itself.
const STARTED_WITHIN_MS: u64 = 60_000;
/// Of folders that look left over so many are asked about.
const FOLDERS_ASKED: usize = 100;

/// Everything that concerns it. Starts none.
pub(super) fn examine(home: &Home) -> Vec<Finding> {
    let (status, warnings) = match ask_status(home) {
        Ok(answered) => answered,
        Err(trouble) => return vec![unheard(home, trouble)],
    };
    let mut findings = vec![running(&status)];
    findings.extend(status.log.as_ref().map(|log| log_of(log, &warnings)));
    findings.extend(last_end(home, &status));
    findings.extend(clock_of(home));
    findings.extend(leftovers(home));
    findings
}

/// How it does, and what it warns of besides its configuration, which is looked at for itself.
fn ask_status(home: &Home) -> Result<(Status, Vec<String>), Trouble> {
    let patience = Patience::Until(Deadline::after(ANSWER_WITHIN));
    let mut answers = client::ask(home, &Request::Status, IfNone::Fail, patience)?.keeping_warnings();
    match answers.verdict()? {
        Reply::Status(status) => {
            let config = home.config_file().display().to_string();
            let warnings = answers.warnings().into_iter().filter(|text| !text.starts_with(&config));
            Ok((status, warnings.collect()))
        }
        _ => Err(Trouble::Said(client::unexpected("a status was answered with something else"))),
    }
}

fn running(status: &Status) -> Finding {
    let pid = status.pid.unwrap_or_default();
    let live = status.sessions.as_ref().map_or(0, |sessions| sessions.live);
    match status.version.as_deref() {
        Some(version) if version != VERSION => {
            let text = format!("runs (pid {pid}) as version {version}; this is {VERSION}");
            Finding::warning(CHECK, text, "decklog daemon restart (what lives goes on)")
        }
        _ => {
            let text = format!("runs (pid {pid}), version {VERSION}, {} live", text::count(live, "session"));
            Finding::ok(CHECK, text)
        }
    }
}

/// Nobody answered: why.
fn unheard(home: &Home, trouble: Trouble) -> Finding {
    let holder = client::holder(home);
    let pid = holder.and_then(|holder| holder.pid);
    match (trouble, holder) {
        (Trouble::NoneRuns | Trouble::Ended | Trouble::Closed, None) => {
            if home.socket().symlink_metadata().is_ok() {
                let text = format!("none runs; one that was killed left {}", home.socket().display());
                Finding::warning(CHECK, text, "any verb starts another, which takes its place")
            } else {
                Finding::ok(CHECK, "none runs: any verb that needs one starts it")
            }
        }
        (_, Some(_)) if pid.is_some_and(process::is_stopped) => {
            let pid = pid.unwrap_or_default();
            let text = format!("it is stopped by a signal (pid {pid}) and answers nobody");
            Finding::wrong(CHECK, text, format!("kill -CONT {pid}"))
        }
        (trouble, holder) => {
            let text = match pid {
                Some(pid) => format!("it runs (pid {pid}) and does not answer"),
                None if holder.is_some() => "it runs and does not answer".into(),
                None => match Failure::from(trouble) {
                    Failure::Told { text, .. } => text,
                    Failure::BrokenPipe => String::new(),
                },
            };
            let ask_again = "decklog daemon logs may tell why; ask again in a few seconds";
            let mend = match pid {
                Some(pid) => format!("{ask_again}; kill -9 {pid} ends it, and workers and jobs go on"),
                None => ask_again.into(),
            };
            Finding::wrong(CHECK, text, mend)
        }
    }
}

fn log_of(log: &LogStatus, warnings: &[String]) -> Finding {
    const CHECK: &str = "log";
    if let Some(damage) = warnings.first() {
        return Finding::wrong(CHECK, damage.clone(), "decklog verify; copy the log folder first");
    }
    let head = log.head.get(..12).unwrap_or(&log.head);
    let (records, bytes) = (text::count(log.records, "record"), text::bytes(log.bytes));
    Finding::ok(CHECK, format!("{records}, {bytes}, head {head}… (decklog verify checks each)"))
}

/// Whether the supervisor before this one said that it ends.
fn last_end(home: &Home, status: &Status) -> Option<Finding> {
    const CHECK: &str = "last end";
    let started = moment::from_rfc3339(status.started_at.as_deref()?)?;
    let until = Moment::Time(decklog_engine::time::Time(started.0 + STARTED_WITHIN_MS));
    let kinds = ["SupervisorStarted", "SupervisorStopped"].map(str::to_owned).into();
    let events = history(home, kinds, Some(until), 2)?;
    let [before, now] = &events[..] else { return None };
    if now.kind != "SupervisorStarted" {
        return None;
    }
    Some(if before.kind == "SupervisorStopped" {
        Finding::ok(CHECK, "the supervisor before this one ended in good order")
    } else {
        let pid = before.data.get("pid").map(|pid| format!(" (pid {pid})")).unwrap_or_default();
        let text = format!("the supervisor before this one{pid} did not end by itself: killed, or a crash");
        Finding::warning(CHECK, text, "nothing is lost by that; decklog daemon logs may say more")
    })
}

fn clock_of(home: &Home) -> Option<Finding> {
    const CHECK: &str = "clock";
    let events = history(home, Vec::new(), None, 1)?;
    let last = moment::from_rfc3339(&events.first()?.at)?;
    let behind = last.since(clock::now());
    Some(if behind > CLOCK_BEHIND_MS {
        let text = format!("the clock is {} behind the log's last record", when::length(behind));
        Finding::warning(CHECK, text, "set the clock; times in the log never run backwards")
    } else {
        Finding::ok(CHECK, "it is not behind the log")
    })
}

/// The last records; `None` where they are not said in time.
fn history(home: &Home, kinds: Vec<String>, until: Option<Moment>, last: u64) -> Option<Vec<EventRow>> {
    let request = Request::History {
        target: None,
        since: None,
        until,
        kinds,
        actor: None,
        last: Some(last),
        follow: false,
    };
    let patience = Patience::Until(Deadline::after(ANSWER_WITHIN));
    let mut answers = client::ask(home, &request, IfNone::Fail, patience).ok()?.keeping_warnings();
    let mut events = Vec::new();
    while let Some(answer) = answers.next().ok()? {
        if let Incoming::Reply(Reply::Event(event)) = answer {
            events.push(*event);
        }
    }
    Some(events)
}

/// Folders of sessions that the log does not know.
fn leftovers(home: &Home) -> Option<Finding> {
    const CHECK: &str = "jobs";
    let ids = role::folders_never_run(home, clock::now());
    let patience = || Patience::Until(Deadline::after(ANSWER_WITHIN));
    let is_known = |id: &String| {
        let request = Request::Show { target: format!("id:{id}"), at: None };
        let answered = client::ask(home, &request, IfNone::Fail, patience())
            .and_then(|answers| answers.keeping_warnings().verdict());
        match answered {
            Ok(_) => Some(true),
            Err(Trouble::Said(failure)) if failure.code() == Kind::NotFound.code() => Some(false),
            Err(_) => None,
        }
    };
    let mut unknown = 0;
    for id in ids.iter().take(FOLDERS_ASKED) {
        unknown += u64::from(!is_known(id)?);
    }
    Some(if unknown > 0 {
        let folders = text::count(unknown, "folder");
        let text = format!("{folders} in {} of sessions that the log does not know", home.jobs().display());
        Finding::warning(CHECK, text, "decklog daemon restart takes them away; nothing ever ran in them")
    } else {
        Finding::ok(CHECK, "no folder of a session that never came to be")
    })
}
