//! `history`: the log.

use std::collections::HashMap;

use decklog_protocol::home::Home;
use decklog_protocol::message::{Moment, Reply, Request};
use decklog_protocol::row::EventRow;

use super::show;
use crate::cli::{History, event_kind};
use crate::client::{self, Answers, IfNone, Incoming, Patience, Trouble, unexpected};
use crate::console::Console;
use crate::error::Failure;
use crate::render::history;
use crate::render::when::When;
use crate::surroundings;

/// A supervisor that was killed is started again, and followed again, so often in a row.
const RESTARTS: u32 = 10;

/// Prints the log; with --follow as it grows.
pub(super) fn run(args: History, console: &mut Console) -> Result<u8, Failure> {
    let home = surroundings::home()?;
    let (kinds, target) = kinds_and_target(args.kinds, args.id)?;
    let mut request = Request::History {
        target: target.clone(),
        since: args.since,
        until: args.until,
        kinds,
        actor: args.actor,
        last: args.last,
        follow: args.follow,
    };
    let mut printer = match (args.json, args.follow) {
        (true, true) => Printer::Lines,
        (true, false) => Printer::Array { begun: false },
        (false, _) => Printer::Screen {
            when: surroundings::when(),
            names: target.is_none().then(|| Names { home: home.clone(), known: HashMap::new() }),
        },
    };
    let patience = if args.follow { Patience::Unlimited } else { Patience::Soon };
    let mut restarts = 0;
    let mut last_seq = 0;
    loop {
        let answers = client::ask(&home, &request, IfNone::Start, patience);
        let end = answers
            .and_then(|answers| print_all(answers, &mut printer, console, &mut last_seq, &mut restarts));
        match end {
            Ok(printed) => {
                printed?;
                break;
            }
            // Somebody stopped it: there is nothing more to follow.
            Err(Trouble::Closed) if args.follow && !client::comes_back(&home) => break,
            Err(Trouble::Ended | Trouble::Closed) if args.follow && restarts < RESTARTS => {
                restarts += 1;
                go_on_after(&mut request, last_seq);
            }
            Err(trouble) => return Err(trouble.into()),
        }
    }
    printer.end(console)?;
    Ok(0)
}

/// Prints what comes. The outer error is the supervisor's, the inner one is of printing.
fn print_all(
    mut answers: Answers,
    printer: &mut Printer,
    console: &mut Console,
    last_seq: &mut u64,
    restarts: &mut u32,
) -> Result<Result<(), Failure>, Trouble> {
    let mut live = false;
    loop {
        match answers.next()? {
            None => return Ok(Ok(())),
            Some(Incoming::Reply(Reply::Event(event))) => {
                *last_seq = event.seq;
                *restarts = 0;
                if let Err(failure) = printer.print(&event, console) {
                    return Ok(Err(failure));
                }
            }
            Some(Incoming::Reply(Reply::Live)) => live = true,
            Some(_) => return Ok(Err(unexpected("something else came amid records"))),
        }
        if live && let Err(error) = console.flush() {
            return Ok(Err(error.into()));
        }
    }
}

/// The same request, for what comes after this record.
fn go_on_after(request: &mut Request, last_seq: u64) {
    if let Request::History { since, last, .. } = request
        && last_seq > 0
    {
        *since = Some(Moment::Seq(last_seq + 1));
        *last = None;
    }
}

/// A word after `--kind` that is no kind, and the only one where an ID may stand, is the ID.
fn kinds_and_target(
    words: Vec<String>,
    id: Option<String>,
) -> Result<(Vec<String>, Option<String>), Failure> {
    let mut target = id;
    let mut kinds = Vec::new();
    let last = words.len().saturating_sub(1);
    for (place, word) in words.into_iter().enumerate() {
        match event_kind(&word) {
            Ok(kind) => kinds.push(kind.name().to_owned()),
            Err(None) if place == last && place > 0 && target.is_none() => target = Some(word),
            Err(near) => {
                let failure = Failure::usage(format!("`{word}` is no kind of event"));
                let kinds = "kinds are such as Dispatched, Started, Exited, Finished, SupervisorStarted";
                return Err(match near {
                    Some(near) => failure.hint(format!("did you mean {near}?")),
                    None => failure.hint(kinds),
                });
            }
        }
    }
    Ok((kinds, target))
}

/// How records are printed.
enum Printer {
    /// For people.
    Screen {
        when: When,
        /// Whose record it is, where records of several sessions stand together.
        names: Option<Names>,
    },
    /// One JSON document.
    Array { begun: bool },
    /// One JSON object a line.
    Lines,
}

impl Printer {
    fn print(&mut self, event: &EventRow, console: &mut Console) -> Result<(), Failure> {
        match self {
            Self::Screen { when, names } => {
                let of = names.as_mut().map(|names| names.of(event));
                console.screen(&history::line(event, of.as_deref(), when, console.style()))?;
            }
            Self::Array { begun } => {
                let bytes = serde_json::to_vec(event).map_err(|error| unexpected(&error.to_string()))?;
                console.bytes(if *begun { b",\n" } else { b"[" })?;
                console.bytes(&bytes)?;
                *begun = true;
            }
            Self::Lines => console.json(event)?,
        }
        Ok(())
    }

    fn end(&self, console: &mut Console) -> Result<(), Failure> {
        match self {
            Self::Array { begun: true } => console.line("]")?,
            Self::Array { begun: false } => console.line("[]")?,
            Self::Screen { .. } | Self::Lines => {}
        }
        Ok(())
    }
}

/// Names of sessions: from the records themselves, else asked for once.
struct Names {
    home: Home,
    known: HashMap<String, String>,
}

impl Names {
    fn of(&mut self, event: &EventRow) -> String {
        let Some(id) = &event.session else { return String::new() };
        let short = id.get(..8).unwrap_or(id);
        if matches!(event.kind.as_str(), "Dispatched" | "Renamed")
            && let Some(name) = event.data.get("name").and_then(serde_json::Value::as_str)
        {
            self.known.insert(id.clone(), format!("{short} {name}"));
        }
        if let Some(known) = self.known.get(id) {
            return known.clone();
        }
        let label = show::one(&self.home, format!("id:{id}"), None)
            .map_or_else(|_| short.to_owned(), |row| format!("{} {}", row.short, row.row.name));
        self.known.insert(id.clone(), label.clone());
        label
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str], id: Option<&str>) -> Result<(Vec<String>, Option<String>), Failure> {
        kinds_and_target(words.iter().map(|word| (*word).into()).collect(), id.map(Into::into))
    }

    #[test]
    fn a_word_after_the_kinds_is_the_id() {
        assert_eq!(read(&["exited", "Finished"], None), Ok((vec!["Exited".into(), "Finished".into()], None)));
        assert_eq!(read(&["Exited", "7c5dcf5d"], None), Ok((vec!["Exited".into()], Some("7c5dcf5d".into()))));
        assert_eq!(read(&["Exited", "7c5dcf5d"], Some("x")).unwrap_err().code(), 2);
        insta::assert_snapshot!(read(&["Exitted"], None).unwrap_err().message(), @"
        `Exitted` is no kind of event

        hint: did you mean Exited?
        ");
    }
}
