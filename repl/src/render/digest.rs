//! The digest: one line that counts, then what needs you, what failed, what else came to an end.

use decklog_protocol::digest::{Counts, Digest};
use decklog_protocol::message::ShortRow;

use super::roster;
use super::style::Style;
use super::when::When;

/// Of what is done, people see at most so many rows.
const DONE_SHOWN: usize = 10;

/// The digest as a screen. `remembered`: its beginning is when the reader last asked.
pub(crate) fn screen(digest: &Digest, remembered: bool, when: &When, style: Style) -> String {
    let mut screen = heading(digest, remembered, when);
    screen.push_str(&counts(&digest.counts));
    let done = &digest.done[..digest.done.len().min(DONE_SHOWN)];
    let groups: [(&str, &[ShortRow], u64); 4] = [
        ("Needs input", &digest.blocked, digest.counts.blocked),
        ("Failed", &digest.failed, digest.counts.failed),
        ("Stopped", &digest.stopped, digest.counts.stopped),
        ("Done", done, digest.counts.done),
    ];
    screen.push_str(&roster::groups(&groups, style));
    screen
}

fn heading(digest: &Digest, remembered: bool, when: &When) -> String {
    let until = format!("until {}", when.clock(&digest.until));
    match (&digest.since, remembered) {
        (None, _) => format!("from the beginning {until}\n"),
        (Some(since), true) => {
            let ago = when.ago(since).map(|ago| format!(" ({ago} ago)")).unwrap_or_default();
            format!("since you last looked, {}{ago}\n", when.clock(since))
        }
        (Some(since), false) => format!("from {} {until}\n", when.clock(since)),
    }
}

/// What there is of everything, without what there is nothing of.
fn counts(counts: &Counts) -> String {
    let killed = match counts.killed_supervisors {
        0 => String::new(),
        1 => "the supervisor was killed once, and came back".into(),
        times => format!("the supervisor was killed {times} times, and came back"),
    };
    let happened = [
        (counts.dispatched, "dispatched"),
        (counts.done, "done"),
        (counts.failed, "failed"),
        (counts.stopped, "stopped"),
        (counts.reaped, "left the roster"),
        (counts.removed, "removed"),
        (counts.refused, "attempts refused"),
    ];
    let now = [(counts.blocked, "blocked"), (counts.working, "working"), (counts.queued, "queued")];
    let said = |counts: &[(u64, &str)]| {
        let some = counts.iter().filter(|(count, _)| *count > 0);
        some.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    };
    let (happened, now) = (said(&happened), said(&now));
    let now = if now.is_empty() { now } else { format!("at its end {now}") };
    let happened = if happened.is_empty() { "nothing happened".into() } else { happened };
    let parts = [happened, now, killed].into_iter().filter(|part| !part.is_empty());
    parts.map(|part| format!("  {part}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{failed, job, short, when};
    use super::*;

    #[test]
    fn what_needs_you_comes_first() {
        let digest = Digest {
            since: Some("2026-11-20T09:00:00.000Z".into()),
            until: "2026-11-20T09:42:00.000Z".into(),
            counts: Counts {
                dispatched: 3,
                failed: 1,
                done: 12,
                working: 1,
                killed_supervisors: 1,
                ..Counts::default()
            },
            failed: vec![short(failed("4be2d7f3", "migrate", 540, 101, "3 assertions in tests/db.rs"))],
            done: vec![short(job("e0c7aa19", "build", "done", 240))],
            ..Digest::default()
        };
        insta::assert_snapshot!(screen(&digest, true, &when(), Style::PLAIN), @"
        since you last looked, 10:00:00 (0s ago)
          3 dispatched, 12 done, 1 failed
          at its end 1 working
          the supervisor was killed once, and came back
          Failed
          ✗ 4be2d7f3  migrate  failed  exit 101 · 3 assertions in tests/db.rs  job  9m
          Done
          ✓ e0c7aa19  build    done    done in 2m                              job  4m
          … 11 more
        ");
        let nothing = Digest { until: "2026-11-20T09:42:00.000Z".into(), ..Digest::default() };
        insta::assert_snapshot!(screen(&nothing, false, &when(), Style::PLAIN), @"
        from the beginning until 10:42:00
          nothing happened
        ");
    }
}
