//! How the supervisor does: `daemon status`.

use decklog_protocol::message::Status;

use super::text;
use super::when::When;

/// The status of a supervisor that runs.
pub(crate) fn screen(status: &Status, when: &When) -> String {
    let mut lines = Vec::new();
    let pid = status.pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
    let since = status.started_at.as_deref().and_then(|at| Some(format!(" for {}", when.ago(at)?)));
    lines.push(format!("running{pid}{}", since.unwrap_or_default()));
    let mut line = |label: &str, value: String| lines.push(format!("  {label:10}{}", text::shown(&value)));
    if let Some(version) = &status.version {
        let epoch = status.epoch.map(|epoch| format!(" · epoch {epoch}")).unwrap_or_default();
        line("version", format!("{version}{epoch}"));
    }
    line("home", status.home.clone());
    line("socket", status.socket.clone());
    if let Some(sessions) = &status.sessions {
        let workers = status.workers.map(|workers| format!(" · {}", text::count(workers, "worker")));
        let (live, blocked) = (sessions.live, sessions.blocked);
        let queued = match sessions.queued {
            0 => String::new(),
            queued => format!(" · {queued} queued"),
        };
        let counts = format!("{} on the roster · {live} live{queued} · {blocked} blocked", sessions.total);
        line("sessions", counts + &workers.unwrap_or_default());
    }
    if let Some(log) = &status.log {
        let head = log.head.get(..12).unwrap_or(&log.head);
        line(
            "log",
            format!("{} · {} · head {head}…", text::count(log.records, "record"), text::bytes(log.bytes)),
        );
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use decklog_protocol::message::{LogStatus, SessionCounts};

    use super::super::samples::when;
    use super::*;

    #[test]
    fn a_supervisor_that_runs() {
        let status = Status {
            running: true,
            pid: Some(4411),
            version: Some("0.1.0".into()),
            epoch: Some(3),
            started_at: Some("2026-11-20T06:50:00.000Z".into()),
            home: "/home/u/.local/state/decklog".into(),
            socket: "/run/user/1000/decklog/supervisor.sock".into(),
            sessions: Some(SessionCounts { total: 12, live: 3, blocked: 1, queued: 2 }),
            workers: Some(3),
            log: Some(LogStatus { records: 611, head: "5b1f".repeat(16), bytes: 1 << 20 }),
        };
        insta::assert_snapshot!(screen(&status, &when()), @"
        running (pid 4411) for 2h
          version   0.1.0 · epoch 3
          home      /home/u/.local/state/decklog
          socket    /run/user/1000/decklog/supervisor.sock
          sessions  12 on the roster · 3 live · 2 queued · 1 blocked · 3 workers
          log       611 records · 1.0 MiB · head 5b1f5b1f5b1f…
        ");
    }
}
