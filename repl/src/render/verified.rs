//! What `verify` found.

use decklog_protocol::message::Verified;

use super::style::{Paint, Style};
use super::text;

/// One line when all is well; what is wrong, and where, when it is not.
pub(crate) fn screen(verified: &Verified, expect: Option<&str>, style: Style) -> String {
    let checked = text::count(verified.records, "record");
    let snapshots = text::count(verified.snapshots_checked, "snapshot");
    let head = verified.head.get(..12).unwrap_or(&verified.head);
    if verified.ok {
        let fold = if verified.fold_equal.is_some() { ", chain and fold" } else { " and the chain" };
        let ok = style.paint(Paint::Green, "ok");
        let ms = verified.duration_ms;
        return format!("verified {checked}{fold}: {ok} (head {head}…, {snapshots}, {ms} ms)\n");
    }
    let mut out = format!("{} after {checked} (head {head}…)\n", style.paint(Paint::Red, "not ok"));
    let mut line = |text: String| out.push_str(&format!("  {}\n", text::shown(&text)));
    if let Some(expect) = expect.filter(|_| is_only_unexpected(verified)) {
        line(format!("no record has the chain head {expect}; the head is {}", verified.head));
        return out;
    }
    if let Some(bad) = &verified.first_bad {
        let seq = bad.seq.map(|seq| format!("seq {seq} in ")).unwrap_or_default();
        line(format!("{seq}{}: {}", bad.file, bad.what));
    }
    if verified.fold_equal == Some(false) {
        line("the log does not fold to the live roster".into());
    }
    out
}

/// Whether all that is wrong is that the expected head is not there: it is the one finding that no place in the log
/// goes with.
pub(crate) fn is_only_unexpected(verified: &Verified) -> bool {
    verified.first_bad.as_ref().is_some_and(|bad| bad.seq.is_none() && bad.file == "head")
}

#[cfg(test)]
mod tests {
    use decklog_protocol::message::FirstBad;

    use super::*;

    #[test]
    fn well_and_not_well() {
        let mut verified = Verified {
            ok: true,
            records: 61,
            head: "5b1f".repeat(16),
            first_bad: None,
            snapshots_checked: 2,
            fold_equal: Some(true),
            duration_ms: 12,
        };
        insta::assert_snapshot!(screen(&verified, None, Style::PLAIN), @"verified 61 records, chain and fold: ok (head 5b1f5b1f5b1f…, 2 snapshots, 12 ms)");
        verified.ok = false;
        verified.fold_equal = None;
        verified.first_bad =
            Some(FirstBad { seq: Some(41), file: "log/db".into(), what: "bad checksum".into() });
        insta::assert_snapshot!(screen(&verified, Some("aa00aa00"), Style::PLAIN), @"
        not ok after 61 records (head 5b1f5b1f5b1f…)
          seq 41 in log/db: bad checksum
        ");
        verified.first_bad = Some(FirstBad { seq: None, file: "head".into(), what: "not there".into() });
        insta::assert_snapshot!(screen(&verified, Some("aa00aa00"), Style::PLAIN), @"
        not ok after 61 records (head 5b1f5b1f5b1f…)
          no record has the chain head aa00aa00; the head is 5b1f5b1f5b1f5b1f5b1f5b1f5b1f5b1f5b1f5b1f5b1f5b1f5b1f5b1f5b1f5b1f
        ");
    }
}
