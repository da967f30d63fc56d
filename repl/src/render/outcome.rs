//! What a row's state means, in a few words: the column between state and age.

use decklog_protocol::row::Row;

use super::when;

/// Whether it has come to an end, be it at a time that nobody knows.
pub(crate) fn is_finished(row: &Row) -> bool {
    matches!(row.state.as_str(), "done" | "failed" | "stopped")
}

/// How long its latest run took, once it ended.
pub(crate) fn ran_ms(row: &Row) -> Option<u64> {
    when::between(row.started_at.as_deref(), row.finished_at.as_deref())
}

/// `exit 101`, `SIGKILL`: how the process ended, if that is known.
pub(crate) fn ending(row: &Row) -> Option<String> {
    match (row.exit_code, row.signal) {
        (Some(code), _) => Some(format!("exit {code}")),
        (None, Some(signal)) => Some(signal_name(signal)),
        (None, None) => None,
    }
}

/// `SIGKILL`; `signal 34` for one without a name.
pub(crate) fn signal_name(number: i32) -> String {
    nix::sys::signal::Signal::try_from(number)
        .map_or_else(|_| format!("signal {number}"), |signal| signal.as_str().to_owned())
}

/// The last line that a job's latest run has printed, if there was a run: without one the summary says why.
pub(crate) fn last_line(row: &Row) -> Option<&str> {
    row.summary.as_deref().filter(|_| row.kind == "job" && row.process != "none")
}

/// The cell of the roster: what it does, waits for, or came to.
pub(crate) fn summary(row: &Row) -> String {
    let reason = row.reason.as_ref();
    let reason_kind = reason.map_or("", |reason| reason.kind.as_str());
    let ran = ran_ms(row).map(|ms| format!(" in {}", when::length(ms))).unwrap_or_default();
    let last_line = row.summary.as_deref().filter(|text| !text.is_empty());
    let with_last_line = |text: String| match last_line {
        Some(line) => format!("{text} · {line}"),
        None => text,
    };
    match (row.state.as_str(), reason_kind) {
        ("done", _) if row.kind == "job" => format!("{}{ran}", ending(row).unwrap_or_else(|| "done".into())),
        ("failed", "timeout") => {
            with_last_line(format!("past its time limit{}", ran.replace(" in ", " after ")))
        }
        ("failed", "spawn") => {
            reason.map_or_else(String::new, |reason| format!("not started: {}", reason.text))
        }
        ("failed", "lost") => reason.map_or_else(String::new, |reason| format!("lost: {}", reason.text)),
        ("failed", _) => match (ending(row), reason) {
            (Some(ending), _) => with_last_line(ending),
            (None, Some(reason)) => reason.text.clone(),
            (None, None) => String::new(),
        },
        ("stopped", _) => match reason {
            Some(reason) if row.started_at.is_none() => reason.text.clone(),
            Some(reason) => format!("by {}{}", reason.by, ran.replace(" in ", " after ")),
            None => ran.trim_start().into(),
        },
        ("queued", _) => waits_for(row),
        _ => last_line.unwrap_or_default().into(),
    }
}

/// What a queued row waits for.
pub(crate) fn waits_for(row: &Row) -> String {
    let Some(wake) = &row.wake else { return String::new() };
    match (wake.kind.as_str(), &wake.until) {
        ("slot", _) => "waits for a free slot".into(),
        ("after", _) => format!(
            "after {}",
            wake.ids.iter().map(|id| &id[..8.min(id.len())]).collect::<Vec<_>>().join(", ")
        ),
        (kind, Some(until)) => format!("{kind} until {until}"),
        (kind, None) => kind.into(),
    }
}
