//! What happened to sessions while the reader did something else: a line each, and the rest counted.

use decklog_protocol::message::ShortRow;
use decklog_protocol::row::Row;

use super::style::{self, Style};
use super::{outcome, text, when};

/// One thing that happened to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Happened {
    /// The session's full id.
    pub(crate) session: String,
    /// The state that it came to.
    pub(crate) state: String,
    /// The record's own words.
    pub(crate) text: String,
}

/// It, in a line. Without a row there is only what the record says.
pub(crate) fn line(happened: &Happened, row: Option<&ShortRow>, style: Style) -> String {
    let Happened { session, state, text: said } = happened;
    let label = match row {
        Some(row) => format!("{} {}", row.short, row.row.name),
        None => session.get(..8).unwrap_or(session).to_owned(),
    };
    let current = row.map(|row| &row.row).filter(|row| row.state == *state);
    let what = current.map(what).filter(|what| !what.is_empty()).unwrap_or_else(|| said.clone());
    let label = text::shown(&label);
    let what = text::shown(&what);
    let mark = style::mark(state);
    let around = text::width(&format!("{mark} {label} · {state} · "));
    let what = text::cut(&what, style.width.map_or(usize::MAX, |width| width.saturating_sub(around).max(8)));
    let paint = style::of_state(state);
    format!("{} {label} · {} · {what}\n", style.paint(paint, mark), style.paint(paint, state))
}

/// How it ended, as the roster says it, and how long it took.
fn what(row: &Row) -> String {
    let by_exit = row.reason.as_ref().is_none_or(|reason| matches!(reason.kind.as_str(), "exit" | "signal"));
    match (outcome::ending(row), outcome::ran_ms(row)) {
        (Some(ending), Some(ms)) if row.state == "failed" && by_exit => {
            format!("{ending} in {}", when::length(ms))
        }
        _ => outcome::summary(row),
    }
}

/// What there is no line for.
pub(crate) fn rest(blocked: u64, finished: u64) -> String {
    let parts = [(blocked, "blocked"), (finished, "finished")];
    let parts: Vec<_> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} more {word}"))
        .collect();
    if parts.is_empty() { String::new() } else { format!("… and {} (ls)\n", parts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use decklog_protocol::row::Reason;

    use super::super::samples::{failed, job, short};
    use super::*;

    fn happened(state: &str) -> Happened {
        Happened {
            session: format!("{:0<32}", "e0c7aa19"),
            state: state.into(),
            text: "exited\u{1b}[2J".into(),
        }
    }

    #[test]
    fn a_line_says_who_and_how() {
        let build = short(failed("e0c7aa19", "build", 268, 101, "3 oops"));
        let done = short(Row { exit_code: Some(0), ..job("e0c7aa19", "build", "done", 268) });
        let by = Reason { kind: "request".into(), text: "stopped by u".into(), by: "u".into(), seq: 9 };
        let stopped = short(Row { reason: Some(by), ..job("e0c7aa19", "build", "stopped", 268) });
        let again = short(job("e0c7aa19", "build", "working", 9));
        let lines = [
            line(&happened("failed"), Some(&build), Style::PLAIN),
            line(&happened("done"), Some(&done), Style::PLAIN),
            line(&happened("stopped"), Some(&stopped), Style::PLAIN),
            line(&happened("failed"), Some(&again), Style::PLAIN),
            line(&happened("done"), None, Style::PLAIN),
            line(&happened("failed"), Some(&build), Style { color: false, width: Some(40) }),
        ];
        insta::assert_snapshot!(lines.concat(), @"
        ✗ e0c7aa19 build · failed · exit 101 in 2m 14s
        ✓ e0c7aa19 build · done · exit 0 in 2m 14s
        ■ e0c7aa19 build · stopped · by u after 2m 14s
        ✗ e0c7aa19 build · failed · exited␛[2J
        ✓ e0c7aa19 · done · exited␛[2J
        ✗ e0c7aa19 build · failed · exit 101 in…
        ");
        let style = Style { color: true, width: None };
        assert!(
            line(&happened("failed"), None, style)
                .starts_with("\u{1b}[31m✗\u{1b}[0m e0c7aa19 · \u{1b}[31mfailed")
        );
    }

    #[test]
    fn the_rest_is_counted() {
        assert_eq!(rest(0, 14), "… and 14 more finished (ls)\n");
        assert_eq!(rest(2, 1), "… and 2 more blocked, 1 more finished (ls)\n");
        assert_eq!(rest(0, 0), "");
    }
}
