//! The verbs that change sessions which exist: stop, respawn, rename, pin, unpin, group, rm, restore.
//!
//! They share one answer: the rows as they are afterwards, and notes on what held already.

use std::time::Duration;

use decklog_engine::name;
use decklog_protocol::message::{Reply, Request, ShortRow};

use crate::cli::{Group, Rename, Respawn, Restore, Rm, Stop, These};
use crate::client::{self, Patience, unexpected};
use crate::console::{self, Console};
use crate::error::{Failure, Kind};
use crate::progress;
use crate::render::{outcome, text};
use crate::surroundings;

/// What takes longer than this is said to take a while.
const STOPPING_AFTER: Duration = Duration::from_secs(1);

/// Ends sessions.
pub(super) fn stop(args: Stop, console: &mut Console) -> Result<u8, Failure> {
    let done = ask(&Request::Stop { targets: args.ids, grace_ms: args.grace })?;
    done.say(console, |row| match outcome::ending(&row.row) {
        Some(ending) => format!("{} · {ending}", word_of(row)),
        None => word_of(row).into(),
    })
}

/// Starts new runs.
pub(super) fn respawn(args: Respawn, console: &mut Console) -> Result<u8, Failure> {
    let done = ask(&Request::Respawn { targets: args.ids, force: args.force })?;
    let not_started: Vec<_> = done
        .rows
        .iter()
        .filter_map(|row| {
            let reason = row.row.reason.as_ref().filter(|reason| reason.kind == "spawn")?;
            Some(format!("{} could not be started: {}", row.row.name, reason.text))
        })
        .collect();
    done.say(console, |row| match row.row.state.as_str() {
        "queued" => format!("queued · {}", outcome::waits_for(&row.row)),
        state => format!("run {} · {state}", row.row.runs),
    })?;
    console.flush()?;
    for text in &not_started {
        console::note(text);
    }
    Ok(if not_started.is_empty() { 0 } else { Kind::Failed.code() })
}

/// Gives a session another name.
pub(super) fn rename(args: Rename, console: &mut Console) -> Result<u8, Failure> {
    ask(&Request::Rename { target: args.id, name: args.name })?.say(console, |_| "renamed".into())
}

/// Lets no timer take sessions.
pub(super) fn pin(args: These, console: &mut Console) -> Result<u8, Failure> {
    ask(&Request::Pin { targets: args.ids })?.say(console, |_| "pinned".into())
}

/// Lets timers apply again.
pub(super) fn unpin(args: These, console: &mut Console) -> Result<u8, Failure> {
    ask(&Request::Unpin { targets: args.ids })?.say(console, |_| "unpinned".into())
}

/// Puts sessions into a group, or out of theirs.
pub(super) fn group(args: Group, console: &mut Console) -> Result<u8, Failure> {
    let group = Some(args.group).filter(|group| !group.is_empty());
    if let Some(group) = &group {
        check_group(group)?;
    }
    ask(&Request::Group { targets: args.ids, group })?.say(console, |row| match &row.row.group {
        Some(group) => format!("in group {group}"),
        None => "in no group".into(),
    })
}

/// Of a name that cannot be one so much is repeated.
const NAME_COLUMNS_MAX: usize = 80;

/// A group is named as a session is.
pub(super) fn check_group(group: &str) -> Result<(), Failure> {
    name::check(group).map_err(|error| {
        Failure::usage(format!(
            "`{}` cannot be a group: {error}",
            text::cut(&text::shown(group), NAME_COLUMNS_MAX)
        ))
        .hint("a group is named as a session is: 1 to 64 printable characters")
    })
}

/// Takes sessions off the roster.
pub(super) fn rm(args: Rm, console: &mut Console) -> Result<u8, Failure> {
    let done = ask(&Request::Remove { targets: args.ids, force: args.force })?;
    let first = done.rows.first().map(|row| row.short.clone());
    done.say(console, |_| "removed".into())?;
    if let Some(first) = first {
        console.line(&format!("  decklog restore {first}   take it back"))?;
        console.line(&format!("  decklog logs {first}      its output, which is kept"))?;
    }
    Ok(0)
}

/// Puts sessions back on the roster.
pub(super) fn restore(args: Restore, console: &mut Console) -> Result<u8, Failure> {
    ask(&Request::Restore { targets: args.ids })?
        .say(console, |row| format!("on the roster · {}", row.row.state))
}

/// What came about.
struct Done {
    rows: Vec<ShortRow>,
    notes: Vec<String>,
}

fn ask(request: &Request) -> Result<Done, Failure> {
    let home = surroundings::home()?;
    // Ending a run takes as long as its grace.
    let patience = match request {
        Request::Stop { .. } | Request::Remove { force: true, .. } | Request::Respawn { .. } => {
            Patience::Unlimited
        }
        _ => Patience::Soon,
    };
    let ending = ending_of(request);
    let asked = || client::ask_one_patiently(&home, request, patience);
    match progress::saying(STOPPING_AFTER, move || ending.clone(), asked)? {
        Reply::Done { rows, notes } => Ok(Done { rows, notes }),
        _ => Err(unexpected("a wish was answered with something else")),
    }
}

/// What is said while sessions are ending.
fn ending_of(request: &Request) -> Option<String> {
    match request {
        Request::Stop { targets, .. }
        | Request::Remove { targets, force: true }
        | Request::Respawn { targets, force: true } => Some(format!("stopping {} …", targets.join(", "))),
        _ => None,
    }
}

impl Done {
    /// A line for each row.
    fn say(self, console: &mut Console, what: impl Fn(&ShortRow) -> String) -> Result<u8, Failure> {
        for row in &self.rows {
            console.line(&format!(
                "{} · {} · {}",
                row.short,
                text::shown(&row.row.name),
                text::shown(&what(row))
            ))?;
        }
        if !self.notes.is_empty() {
            console.flush()?;
        }
        for note in &self.notes {
            console::note(note);
        }
        Ok(0)
    }
}

fn word_of(row: &ShortRow) -> &str {
    &row.row.state
}
