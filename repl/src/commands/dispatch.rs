//! `dispatch`: start a session in the background.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;

use decklog_engine::event::{JobCommand, OutputMode};
use decklog_engine::raw::Raw;
use decklog_protocol::home::Home;
use decklog_protocol::message::{DispatchRequest, Reply, Request, ShortRow};
use decklog_protocol::row::Row;
use serde::Serialize;

use super::change;
use crate::attach;
use crate::cli::Dispatch;
use crate::client::{self, Patience, unexpected};
use crate::console::{self, Console};
use crate::error::{Failure, Kind};
use crate::render::{outcome, text};
use crate::surroundings;

/// Dispatches a job and says how to follow it.
pub(super) fn run(args: Dispatch, console: &mut Console) -> Result<u8, Failure> {
    let home = surroundings::home()?;
    let (quiet, json, attaches, tty) = (args.quiet, args.json, args.attach, args.tty);
    if attaches {
        attach::check_terminal("ID")?;
    }
    let request = Request::Dispatch(wish(args)?);
    let Reply::Dispatched { row, short, existing } = client::ask_one(&home, &request)? else {
        return Err(unexpected("a dispatch was answered with something else"));
    };
    if attaches && (existing || row.reason.as_ref().is_none_or(|reason| reason.kind != "spawn")) {
        return attached(&home, &ShortRow { short, row: *row }, existing);
    }
    let said = if json {
        console.json(&Dispatched { row: &row, existing })
    } else if quiet {
        console.line(&row.id)
    } else {
        console.screen(&screen(&row, &short, existing, tty))
    };
    said.and_then(|()| console.flush()).map_err(|error| unsaid(error, &row))?;
    let not_started = row.reason.as_ref().filter(|reason| !existing && reason.kind == "spawn");
    match not_started {
        None => Ok(0),
        Some(reason) => {
            console::note(&format!("{} could not be started: {}", row.name, reason.text));
            Ok(Kind::Failed.code())
        }
    }
}

/// It could not be said which session was dispatched, and it was all the same.
fn unsaid(error: io::Error, row: &Row) -> Failure {
    Failure::from(error).hint(format!("{} was dispatched all the same: decklog show {}", row.name, row.id))
}

/// Attaches to what was dispatched, once it runs.
fn attached(home: &Home, row: &ShortRow, existing: bool) -> Result<u8, Failure> {
    let said = screen(&row.row, &row.short, existing, false);
    console::note(said.lines().next().unwrap_or_default());
    let id = row.row.id.clone();
    if row.row.state == "queued" {
        let (targets, states) = (vec![id.clone()], vec!["working".into()]);
        let wait = Request::Wait { targets, any: false, states, through_asks: true };
        client::ask_one_patiently(home, &wait, Patience::Unlimited)?;
    }
    attach::run(home, &id).or_else(|failure| {
        // It was over before anybody could look.
        let row = super::show::one(home, id, None)?;
        if failure.code() != Kind::Refused.code() || !outcome::is_finished(&row.row) {
            return Err(failure);
        }
        console::note(&attach::ended(&row));
        console::note(&format!("decklog logs {} shows what it printed", row.short));
        Ok(0)
    })
}

/// The row, and whether it was there already.
#[derive(Serialize)]
struct Dispatched<'a> {
    #[serde(flatten)]
    row: &'a Row,
    existing: bool,
}

fn wish(args: Dispatch) -> Result<DispatchRequest, Failure> {
    if args.exec.as_ref().is_some_and(is_blank) || args.program.first().is_some_and(is_blank) {
        return Err(nothing_to_run(false));
    }
    if args.file.is_some() {
        return Err(nothing_to_run(true).hint("decklog dispatch -- sh FILE runs a file of shell lines"));
    }
    let command = match (args.exec, args.program) {
        (Some(line), _) => JobCommand::Shell(surroundings::raw(&line)),
        (None, program) if !program.is_empty() => {
            JobCommand::Program(program.iter().map(|word| surroundings::raw(word)).collect())
        }
        (None, _) => return Err(nothing_to_run(args.prompt.is_some())),
    };
    if args.prompt.is_some() {
        return Err(Failure::usage("a job has one command: a word stands beside it")
            .hint("quote the whole command: decklog dispatch --exec 'make && make test'"));
    }
    if let Some(group) = &args.group {
        change::check_group(group)?;
    }
    let cwd = match &args.cwd {
        Some(folder) => {
            let folder = surroundings::absolute(folder)?;
            if !folder.is_dir() {
                let folder = folder.to_string_lossy();
                return Err(Failure::usage(format!("--cwd {} is no directory", text::shown(&folder)))
                    .hint("a job runs in an existing directory: make it first, or leave --cwd out"));
            }
            folder
        }
        None => surroundings::working_directory()?,
    };
    let mut environment = surroundings::variables();
    for variable in args.env {
        set(&mut environment, variable.name, variable.value);
    }
    Ok(DispatchRequest {
        command,
        output: match (args.pipes, args.tty) {
            (true, _) => OutputMode::Pipes,
            (false, true) => OutputMode::Tty,
            (false, false) => OutputMode::Pty,
        },
        cwd: surroundings::raw(cwd.as_os_str()),
        environment,
        name: args.name,
        group: args.group,
        pinned: args.pin,
        key: args.key,
        timeout_ms: args.timeout,
        after: args.after,
        after_any: args.after_any,
        priority: args.priority,
        umask: surroundings::umask(),
    })
}

fn is_blank(word: &OsString) -> bool {
    word.as_bytes().trim_ascii().is_empty()
}

fn set(environment: &mut Vec<(Raw, Raw)>, name: Raw, value: Raw) {
    match environment.iter_mut().find(|(known, _)| *known == name) {
        Some((_, known)) => *known = value,
        None => environment.push((name, value)),
    }
}

fn nothing_to_run(prompt: bool) -> Failure {
    let failure = if prompt {
        Failure::usage(
            "conversations with agents are not in this version: a prompt cannot be dispatched, a job can",
        )
    } else {
        Failure::usage("there is nothing to run")
    };
    failure
        .hint("decklog dispatch --exec 'CMD' runs a line of shell")
        .hint("decklog dispatch -- PROG ARG.. runs a program without a shell")
}

/// What was dispatched, and how to go on with it. `tty`: it can be typed to.
fn screen(row: &Row, short: &str, existing: bool, tty: bool) -> String {
    let name = text::shown(&row.name);
    let word = match row.state.as_str() {
        _ if existing => "exists",
        "queued" => "queued",
        "failed"
            if row.process == "none" || row.reason.as_ref().is_some_and(|reason| reason.kind == "spawn") =>
        {
            return format!("failed {short} · {name}\n");
        }
        _ => "dispatched",
    };
    let beside = match word {
        "exists" => format!(" · {}", row.state),
        "queued" => format!(" · {}", outcome::waits_for(row)),
        _ => String::new(),
    };
    let mut said = format!("{word} {short} · {name}{beside}\n");
    let attach = tty.then_some(("attach", "type to it"));
    for (verb, what) in attach.into_iter().chain([("logs -f", "follow its output"), ("stop", "stop it")]) {
        // As wide as the longest verb.
        said.push_str(&format!(
            "  decklog {:width$}   {what}\n",
            format!("{verb} {short}"),
            width = 8 + short.len()
        ));
    }
    said
}

#[cfg(test)]
mod tests {
    use decklog_protocol::row::{Reason, WakeRow};

    use super::*;
    use crate::render::samples::job;

    #[test]
    fn what_follows_a_dispatch() {
        let row = job("7c5dcf5d", "flaky-test-fix", "working", 0);
        insta::assert_snapshot!(screen(&row, "7c5dcf5d", false, false), @"
        dispatched 7c5dcf5d · flaky-test-fix
          decklog logs -f 7c5dcf5d   follow its output
          decklog stop 7c5dcf5d      stop it
        ");
        insta::assert_snapshot!(screen(&row, "7c5dcf5d", false, true), @"
        dispatched 7c5dcf5d · flaky-test-fix
          decklog attach 7c5dcf5d    type to it
          decklog logs -f 7c5dcf5d   follow its output
          decklog stop 7c5dcf5d      stop it
        ");
        let queued = Row {
            wake: Some(WakeRow { kind: "slot".into(), until: None, ids: Vec::new() }),
            state: "queued".into(),
            ..row.clone()
        };
        insta::assert_snapshot!(screen(&queued, "7c5dcf5d", false, false).lines().next().unwrap(), @"queued 7c5dcf5d · flaky-test-fix · waits for a free slot");
        insta::assert_snapshot!(screen(&row, "7c5dcf5d", true, false).lines().next().unwrap(), @"exists 7c5dcf5d · flaky-test-fix · working");
        let reason =
            Reason { kind: "spawn".into(), text: "no such file".into(), by: "worker".into(), seq: 3 };
        let failed = Row { reason: Some(reason), state: "failed".into(), ..row };
        insta::assert_snapshot!(screen(&failed, "7c5dcf5d", false, false), @"failed 7c5dcf5d · flaky-test-fix");
    }

    #[test]
    fn only_jobs_are_in_this_version() {
        insta::assert_snapshot!(nothing_to_run(true).message(), @"
        conversations with agents are not in this version: a prompt cannot be dispatched, a job can

        hint: decklog dispatch --exec 'CMD' runs a line of shell
        hint: decklog dispatch -- PROG ARG.. runs a program without a shell
        ");
    }

    #[test]
    fn a_variable_of_the_line_comes_before_the_shells() {
        let mut environment = vec![("A".into(), "1".into()), ("B".into(), "2".into())];
        set(&mut environment, "A".into(), "3".into());
        set(&mut environment, "C".into(), "4".into());
        assert_eq!(
            environment,
            [("A", "3"), ("B", "2"), ("C", "4")].map(|(name, value)| (name.into(), value.into()))
        );
    }
}
