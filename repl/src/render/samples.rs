//! Rows and records for the tests of screens.

use decklog_engine::actor::{Actor, Cause};
use decklog_engine::event::{Event, EventKind};
use decklog_protocol::message::ShortRow;
use decklog_protocol::moment;
use decklog_protocol::row::{EventRow, Reason, Row};
use jiff::tz::TimeZone;

use super::when::When;

/// 2026-11-20 09:53:00 in a zone one hour east.
pub(crate) fn when() -> When {
    When {
        reader: Some("u".into()),
        now: moment::from_rfc3339("2026-11-20T08:53:00Z").unwrap(),
        zone: TimeZone::fixed(jiff::tz::offset(1)),
    }
}

/// A job in this state.
pub(crate) fn job(id: &str, name: &str, state: &str, age_seconds: u64) -> Row {
    let at = |ago: u64| moment::rfc3339(decklog_engine::time::Time(when().now.0 - ago * 1000));
    let finished = matches!(state, "done" | "failed" | "stopped");
    Row {
        id: format!("{id:0<32}"),
        name: name.into(),
        kind: "job".into(),
        origin: "hosted".into(),
        agent: None,
        state: state.into(),
        reason: None,
        process: if finished { "exited" } else { "alive" }.into(),
        turn: if finished { "idle" } else { "running" }.into(),
        wake: None,
        review: None,
        seen: false,
        pinned: false,
        left: None,
        cwd: "/home/u/web".into(),
        repo: None,
        branch: None,
        worktree: None,
        base_commit: None,
        prompt: None,
        command: Some(format!("cargo {name}")),
        summary: None,
        waiting_for: None,
        open_asks: 0,
        created_at: at(age_seconds),
        started_at: Some(at(age_seconds)),
        finished_at: finished.then(|| at(age_seconds / 2)),
        updated_at: at(age_seconds / 2),
        age_seconds,
        exit_code: None,
        signal: None,
        pid: (!finished).then_some(4312),
        worker_pid: (!finished).then_some(4310),
        runs: 1,
        group: None,
        parent: None,
        timeout_ms: None,
        priority: 0,
        key: None,
        after: Vec::new(),
        pull_requests: Vec::new(),
        input_tokens: None,
        output_tokens: None,
        cache_read_tokens: None,
        cost: None,
        currency: None,
        cost_source: None,
        files_changed: None,
        lines_added: None,
        lines_removed: None,
        permission_mode: None,
        output_bytes: None,
        output_dropped_bytes: None,
        last_seq: 12,
    }
}

/// A failed job.
pub(crate) fn failed(id: &str, name: &str, age_seconds: u64, exit_code: i32, last_line: &str) -> Row {
    let text = format!("exited with {exit_code}");
    let reason = Some(Reason { kind: "exit".into(), text, by: "worker".into(), seq: 8812 });
    let summary = Some(last_line.to_owned());
    Row { exit_code: Some(exit_code), summary, reason, ..job(id, name, "failed", age_seconds) }
}

/// With its short id.
pub(crate) fn short(row: Row) -> ShortRow {
    ShortRow { short: row.id[..8].into(), row }
}

/// A record of the session that `id` begins.
pub(crate) fn event(seq: u64, id: Option<&str>, at: &str, actor: Actor, event: impl Into<Event>) -> EventRow {
    let event = event.into();
    let kind: EventKind = event.kind();
    EventRow {
        seq,
        at: format!("2026-11-20T{at}Z"),
        happened_at: None,
        session: id.map(|id| format!("{id:0<32}")),
        run: id.map(|_| 1),
        kind: kind.name().into(),
        actor,
        cause: Some(Cause::Seq(seq - 1)),
        hash: "5b1f".repeat(16),
        data: serde_json::to_value(&event).unwrap(),
    }
}
