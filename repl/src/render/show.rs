//! One session, everything that is known: `show`.

use decklog_protocol::message::ShortRow;
use decklog_protocol::row::Row;

use super::style::{self, Style};
use super::when::{self, When};
use super::{outcome, text};

const LABEL_COLUMNS: usize = 12;

/// The session as a screen. What is not known is left out.
pub(crate) fn screen(short: &ShortRow, when: &When, style: Style) -> String {
    let ShortRow { short, row } = short;
    let paint = style::of_state(&row.state);
    let mut out =
        format!("{} {short} · {}\n", style.paint(paint, style::mark(&row.state)), text::shown(&row.name));
    for (label, value) in lines(row, when) {
        let value = text::shown(&value).into_owned();
        let value = if label == "state" { style.paint(paint, &value) } else { value };
        let label = style.paint(style::Paint::Dim, &format!("{label:LABEL_COLUMNS$}"));
        out.push_str(&format!("  {label}{value}\n"));
    }
    out
}

fn lines(row: &Row, when: &When) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let mut line = |label: &'static str, value: Option<String>| {
        lines.extend(value.filter(|value| !value.is_empty()).map(|value| (label, value)));
    };
    line("state", Some(state(row)));
    line("waits for", row.waiting_for.as_ref().map(|ask| ask.text.clone()));
    line("last line", outcome::last_line(row).map(ToOwned::to_owned));
    line("summary", row.summary.clone().filter(|_| row.kind != "job" && row.waiting_for.is_none()));
    line("command", row.command.clone());
    line("prompt", row.prompt.clone());
    line("agent", row.agent.clone());
    line("directory", Some(row.cwd.clone()));
    line("repository", row.repo.clone());
    line("branch", row.branch.clone());
    line("worktree", row.worktree.clone());
    line("base", row.base_commit.clone());
    line("group", row.group.clone());
    line("parent", row.parent.clone());
    line("limit", row.timeout_ms.map(when::length));
    line(
        "priority",
        Some(row.priority).filter(|priority| *priority != 0).map(|priority| priority.to_string()),
    );
    line("key", row.key.clone());
    line("pinned", row.pinned.then(|| "yes: no timer takes it".into()));
    line("dispatched", moment(when, Some(&row.created_at)));
    line("started", moment(when, row.started_at.as_ref()));
    line("finished", finished(row, when));
    line("ran", outcome::ran_ms(row).map(when::length));
    line("process", process(row));
    line("output", output(row));
    line("runs", (row.runs > 1).then(|| row.runs.to_string()));
    line(
        "left",
        row.left.as_ref().map(|left| format!("{} by {}, {}", left.why, left.by, when.date(&left.at))),
    );
    line("id", Some(row.id.clone()));
    lines
}

fn state(row: &Row) -> String {
    let mut state = row.state.clone();
    for part in [outcome::ending(row), row.reason.as_ref().map(reason)].into_iter().flatten() {
        // `exit 7` and `exited with 7` say the same.
        if !(part.starts_with("exited with ") && row.exit_code.is_some()) {
            state.push_str(" · ");
            state.push_str(&part);
        }
    }
    match row.state.as_str() {
        "queued" => format!("{state} · {}", outcome::waits_for(row)),
        _ => state,
    }
}

fn reason(reason: &decklog_protocol::row::Reason) -> String {
    match reason.kind.as_str() {
        "request" => format!("by {}", reason.by),
        _ => reason.text.clone(),
    }
}

fn moment(when: &When, at: Option<&String>) -> Option<String> {
    let at = at?;
    Some(format!("{} ({} ago)", when.date(at), when.ago(at)?))
}

fn finished(row: &Row, when: &When) -> Option<String> {
    let unknown = outcome::is_finished(row) && row.process == "lost";
    moment(when, row.finished_at.as_ref()).or_else(|| unknown.then(|| "ended at an unknown time".into()))
}

fn output(row: &Row) -> Option<String> {
    let all = text::bytes(row.output_bytes?);
    Some(match row.output_dropped_bytes {
        None | Some(0) => all,
        Some(dropped) => format!("{all}, {} of it not kept", text::bytes(dropped)),
    })
}

fn process(row: &Row) -> Option<String> {
    match (row.pid, row.worker_pid) {
        (None, None) => None,
        (pid, worker) => {
            let number = |pid: Option<u32>| pid.map_or_else(|| "unknown".into(), |pid| pid.to_string());
            Some(format!("pid {} · held by worker {}", number(pid), number(worker)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{failed, job, short, when};
    use super::*;

    #[test]
    fn a_job_that_works() {
        let row = Row {
            summary: Some("collected 812 items".into()),
            group: Some("ci".into()),
            ..job("03aa91cd", "test", "working", 180)
        };
        insta::assert_snapshot!(screen(&short(row), &when(), Style::PLAIN), @"
        ◐ 03aa91cd · test
          state       working
          last line   collected 812 items
          command     cargo test
          directory   /home/u/web
          group       ci
          dispatched  2026-11-20 09:50:00 (3m ago)
          started     2026-11-20 09:50:00 (3m ago)
          process     pid 4312 · held by worker 4310
          id          03aa91cd000000000000000000000000
        ");
    }

    #[test]
    fn a_job_that_failed() {
        let row = Row {
            output_bytes: Some(300_000_000),
            output_dropped_bytes: Some(32 << 20),
            ..failed("4be2d7f3", "migrate", 540, 101, "3 assertions in \u{7}tests/db.rs")
        };
        insta::assert_snapshot!(screen(&short(row), &when(), Style::PLAIN), @"
        ✗ 4be2d7f3 · migrate
          state       failed · exit 101
          last line   3 assertions in ␇tests/db.rs
          command     cargo migrate
          directory   /home/u/web
          dispatched  2026-11-20 09:44:00 (9m ago)
          started     2026-11-20 09:44:00 (9m ago)
          finished    2026-11-20 09:48:30 (4m ago)
          ran         4m 30s
          output      286.1 MiB, 32.0 MiB of it not kept
          id          4be2d7f3000000000000000000000000
        ");
    }

    #[test]
    fn when_a_lost_one_ended_is_not_made_up() {
        let lost =
            Row { process: "lost".into(), finished_at: None, ..job("03aa91cd", "test", "failed", 180) };
        let screen = screen(&short(lost), &when(), Style::PLAIN);
        assert!(screen.contains("\n  finished    ended at an unknown time\n"), "{screen}");
        assert!(!screen.contains("  ran  "), "{screen}");
    }
}
