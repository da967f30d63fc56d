//! Why a row is what it is, and the records that this rests on: `why`.

use decklog_protocol::row::{EventRow, Row};

use super::style::{self, Paint, Style};
use super::when::{self, When};
use super::{history, outcome, text};

/// The row's state, explained; then its records.
pub(crate) fn screen(row: &Row, events: &[EventRow], when: &When, style: Style) -> String {
    let state = text::shown(&row.state);
    let indent = " ".repeat(2 + state.chars().count() + 3);
    let mut lines = Vec::new();
    let because = format!("because {}", because(row));
    let place = row.reason.as_ref().map_or(row.last_seq, |reason| reason.seq);
    let painted = style.paint(style::of_state(&row.state), &state);
    let place = style.paint(Paint::Dim, &place_text(place, events, when));
    lines.push(format!("  {painted}   {}   {place}", text::shown(&because)));
    if let Some(line) = outcome::last_line(row).filter(|_| outcome::is_finished(row)) {
        lines.push(format!("{indent}its last output line was \"{}\"", text::shown(line)));
    }
    if let Some(left) = &row.left {
        let how = if left.why == "deleted" { "removed" } else { "taken" };
        lines.push(format!("{indent}{how} from the roster by {}", text::shown(&left.by)));
    }
    if let Some(line) = limits(row) {
        lines.push(format!("  {line}"));
    }
    lines.push(String::new());
    let mut out = lines.join("\n");
    if !events.is_empty() {
        out.push('\n');
        out.push_str(&history::of_session(events, when, style));
    }
    out
}

fn because(row: &Row) -> String {
    let run = |what: String| format!("run {} {what}", row.runs);
    let reason = row.reason.as_ref();
    match (row.state.as_str(), reason.map_or("", |reason| reason.kind.as_str())) {
        (_, "exit") => {
            run(format!("exited with {}", row.exit_code.map_or("?".into(), |code| code.to_string())))
        }
        (_, "signal") => run(format!(
            "was ended by {}, which nobody asked for",
            row.signal.map_or("a signal".into(), outcome::signal_name)
        )),
        (_, "spawn") => {
            reason.map_or_else(String::new, |reason| run(format!("could not be started: {}", reason.text)))
        }
        ("stopped", _) => reason.map_or_else(String::new, |reason| format!("{} asked for it", reason.by)),
        ("failed" | "done", _) => reason.map_or_else(String::new, |reason| reason.text.clone()),
        ("queued", _) => format!("it {}", outcome::waits_for(row)),
        ("blocked", _) => {
            row.waiting_for.as_ref().map_or("an ask is open".into(), |ask| format!("it asks: {}", ask.text))
        }
        ("working", _) if row.process == "starting" => run("is being started".into()),
        ("working", _) => run(match row.pid {
            Some(pid) => format!("is alive (pid {pid})"),
            None => "is alive".into(),
        }),
        ("unknown", _) => "nobody watches it: what it does cannot be told".into(),
        _ => "nothing has happened yet".into(),
    }
}

fn place_text(seq: u64, events: &[EventRow], when: &When) -> String {
    match events.iter().find(|event| event.seq == seq) {
        Some(event) => format!("seq {seq}  {}", when.clock(&event.at)),
        None => format!("seq {seq}"),
    }
}

/// What did not end it, or did.
fn limits(row: &Row) -> Option<String> {
    let ran = match outcome::ran_ms(row) {
        Some(ms) => format!("it ran {}", when::length(ms)),
        None if outcome::is_finished(row) && row.process == "lost" => "it ended at an unknown time".into(),
        None => return None,
    };
    let kind = row.reason.as_ref().map(|reason| reason.kind.as_str())?;
    let ran = match row.timeout_ms {
        Some(limit_ms) => format!("its limit was {}, {ran}", when::length(limit_ms)),
        None => ran,
    };
    Some(if kind == "request" { ran } else { format!("nobody asked it to stop; {ran}") })
}

#[cfg(test)]
mod tests {
    use decklog_engine::actor::Actor;
    use decklog_engine::event::{ExitStatus, Exited, Finished, OutcomeKind, ReasonKind};

    use super::super::samples::{event, failed, when};
    use super::*;

    #[test]
    fn a_failure_names_what_it_rests_on() {
        let row = Row {
            timeout_ms: Some(1_800_000),
            ..failed("4be2d7f3", "migrate", 540, 101, "3 assertions in tests/db.rs")
        };
        let exited = Exited {
            status: ExitStatus::Code(101),
            started_at: None,
            output_end: 4_000,
            output_dropped: 0,
            last_line: Some("3 assertions in tests/db.rs".into()),
            worker_told_to_end: false,
            stop_reached: false,
        };
        let finished = Finished {
            outcome: OutcomeKind::Failed,
            reason: ReasonKind::Exit,
            text: "exited with 101".into(),
        };
        let events = [
            event(8811, Some("4be2d7f3"), "08:41:07.010", Actor::worker(), exited),
            event(8812, Some("4be2d7f3"), "08:41:07.010", Actor::worker(), finished),
        ];
        insta::assert_snapshot!(screen(&row, &events, &when(), Style::PLAIN), @r#"
        failed   because run 1 exited with 101   seq 8812  09:41:07
                 its last output line was "3 assertions in tests/db.rs"
        nobody asked it to stop; its limit was 30m, it ran 4m 30s

        09:41:07  exited      code 101  3.9 KiB of output
        09:41:07  failed      exited with 101
        "#);
    }
}
