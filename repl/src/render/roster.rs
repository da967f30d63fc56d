//! The roster: `ls`. Grouped, the rows that need a person first, one line a row.

use std::collections::BTreeMap;

use decklog_engine::dispatcher::LeftOut;
use decklog_protocol::message::ShortRow;
use decklog_protocol::row::Row;

use super::style::{self, Paint, Style};
use super::table::{self, Cell, Column, Drawn, Line};
use super::{outcome, text, when};
use crate::cli::GroupBy;

/// People see at most this many finished rows unless they ask for all.
pub(crate) const FINISHED_SHOWN: u64 = 20;

/// Which rows were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What matters now: older finished rows are left out, and counted in one line.
    Listed {
        /// What these are.
        left_out: LeftOut,
    },
    /// Every row, and those that left.
    All,
}

/// The groups, in the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Review,
    Pinned,
    NeedsInput,
    Working,
    Queued,
    Idle,
    Unknown,
    Finished,
    Left,
}

impl Group {
    const ALL: [Self; 9] = [
        Self::Review,
        Self::Pinned,
        Self::NeedsInput,
        Self::Working,
        Self::Queued,
        Self::Idle,
        Self::Unknown,
        Self::Finished,
        Self::Left,
    ];

    fn of(row: &Row) -> Self {
        match row.state.as_str() {
            _ if row.left.is_some() => Self::Left,
            _ if row.review.as_deref() == Some("pending") || !row.pull_requests.is_empty() => Self::Review,
            _ if row.pinned => Self::Pinned,
            "blocked" => Self::NeedsInput,
            "working" => Self::Working,
            "queued" => Self::Queued,
            "idle" => Self::Idle,
            "unknown" => Self::Unknown,
            _ => Self::Finished,
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Review => "Ready for review",
            Self::Pinned => "Pinned",
            Self::NeedsInput => "Needs input",
            Self::Working => "Working",
            Self::Queued => "Queued",
            Self::Idle => "Idle",
            Self::Unknown => "Unknown",
            Self::Finished => "Finished",
            Self::Left => "Left the roster",
        }
    }
}

const COLUMNS: [Column; 8] = [
    Column::Mark,
    Column::Left,
    Column::Name,
    Column::Left,
    Column::Gives,
    Column::Left,
    Column::Spare,
    Column::Right,
];

/// Rows under headings of their own; of how many each group is the first part.
pub(crate) fn groups(groups: &[(&str, &[ShortRow], u64)], style: Style) -> String {
    let mut lines = Vec::new();
    for (heading, rows, count) in groups.iter().filter(|(_, rows, _)| !rows.is_empty()) {
        lines.push(Line::Heading((*heading).into(), Paint::Bold));
        lines.extend(rows.iter().map(line));
        let more = count.saturating_sub(rows.len() as u64);
        if more > 0 {
            lines.push(Line::Heading(format!("… {more} more"), Paint::Dim));
        }
    }
    table::text(&table::draw(&COLUMNS, &lines, style))
}

/// The lines of the roster. No rows: none.
pub(crate) fn drawn(rows: &[ShortRow], by: GroupBy, extent: Extent, style: Style) -> Vec<Drawn> {
    let lines = match by {
        GroupBy::State => by_state(rows, extent),
        GroupBy::Dir => by_label(rows, extent, None, |row| Some(row.cwd.clone())),
        GroupBy::Group => by_label(rows, extent, Some("no group"), |row| row.group.clone()),
        GroupBy::Agent => by_label(rows, extent, None, |row| row.agent.clone().or(Some(row.kind.clone()))),
    };
    table::draw(&COLUMNS, &lines, style)
}

/// Under headings that the rows have in common, in the order of their text; those without one come last. Under each
/// what needs a person stands first.
fn by_label(
    rows: &[ShortRow],
    extent: Extent,
    without: Option<&str>,
    label: impl Fn(&Row) -> Option<String>,
) -> Vec<Line> {
    let mut rows: Vec<_> = rows.iter().collect();
    // A stable sort: what is not finished stays oldest dispatch first.
    rows.sort_by(|a, b| {
        let (of_a, of_b) = (Group::of(&a.row), Group::of(&b.row));
        let newest_end = match of_a {
            Group::Finished | Group::Left => ended_at(&b.row).cmp(ended_at(&a.row)),
            _ => std::cmp::Ordering::Equal,
        };
        of_a.cmp(&of_b).then(newest_end)
    });
    let mut sections: BTreeMap<(bool, String), Vec<Line>> = BTreeMap::new();
    for row in rows {
        let heading = label(&row.row);
        let heading = (heading.is_none(), heading.unwrap_or_else(|| without.unwrap_or_default().into()));
        sections.entry(heading).or_default().push(line(row));
    }
    let mut lines = Vec::new();
    for ((_, heading), rows) in sections {
        lines.push(Line::Heading(text::shown(&heading).into_owned(), Paint::Bold));
        lines.extend(rows);
    }
    lines.extend(left_out_line(extent));
    lines
}

/// Stands in place of the rows that were left out.
fn left_out_line(extent: Extent) -> Option<Line> {
    let Extent::Listed { left_out } = extent else { return None };
    let text = match (left_out.finished, left_out.failed) {
        (0, _) => return None,
        (finished, 0) => format!("… {finished} more finished (decklog ls --all)"),
        (finished, failed) => {
            format!("… {finished} more finished, {failed} of them failed (decklog ls --all s:failed)")
        }
    };
    Some(Line::Heading(text, Paint::Dim))
}

fn by_state(rows: &[ShortRow], extent: Extent) -> Vec<Line> {
    let mut lines = Vec::new();
    for group in Group::ALL {
        let mut rows: Vec<_> = rows.iter().filter(|row| Group::of(&row.row) == group).collect();
        if rows.is_empty() {
            continue;
        }
        if group == Group::Queued {
            // As they will start.
            rows.sort_by_key(|row| std::cmp::Reverse(row.row.priority));
        }
        if matches!(group, Group::Finished | Group::Left) {
            rows.sort_by(|a, b| ended_at(&b.row).cmp(ended_at(&a.row)));
        }
        lines.push(Line::Heading(group.heading().into(), Paint::Bold));
        lines.extend(rows.iter().map(|row| line(row)));
    }
    lines.extend(left_out_line(extent));
    lines
}

/// When it ended, or was found to have ended: both are written so that they sort as text.
fn ended_at(row: &Row) -> &str {
    row.finished_at.as_ref().unwrap_or(&row.updated_at)
}

fn line(row: &ShortRow) -> Line {
    let ShortRow { short, row } = row;
    let paint = style::of_state(&row.state);
    let in_review = Group::of(row) == Group::Review;
    let mark = if in_review { "◆" } else { style::mark(&row.state) };
    let pull_request =
        row.pull_requests.first().map(|url| format!("#{}", url.rsplit('/').next().unwrap_or(url)));
    Line::Cells(vec![
        Cell::new(mark).paint(paint),
        Cell::new(short),
        Cell::new(&row.name),
        Cell::new(&row.state).paint(paint),
        Cell::new(&summary(row)),
        Cell::new(&pull_request.unwrap_or_default()),
        Cell::new(row.agent.as_deref().unwrap_or(&row.kind)).paint(Paint::Dim),
        Cell::new(&when::age(row.age_seconds)).paint(Paint::Dim),
    ])
}

fn summary(row: &Row) -> String {
    let summary = outcome::summary(row);
    // A program that draws on the whole screen ends with a line that is mostly blank.
    let summary = summary.split_whitespace().collect::<Vec<_>>().join(" ");
    match &row.left {
        Some(left) => format!("{summary} · {} by {}", left.why, left.by),
        None => summary,
    }
}

/// What stands in place of an empty roster: for a person, not for a script.
pub(crate) fn nothing(extent: Extent) -> String {
    match extent {
        Extent::Listed { .. } => {
            "nothing on the roster (decklog digest says what happened, decklog ls --all shows what left it)"
                .into()
        }
        Extent::All => {
            format!("{} so far (decklog dispatch --exec CMD starts one)", text::count(0, "session"))
        }
    }
}

#[cfg(test)]
mod tests {
    use decklog_protocol::row::{AskRow, LeftRow, WakeRow};

    use super::super::samples::{failed, job, short};
    use super::*;

    fn screen(rows: &[ShortRow], extent: Extent, style: Style) -> String {
        table::text(&drawn(rows, GroupBy::State, extent, style))
    }

    fn fleet() -> Vec<ShortRow> {
        let done = Row { exit_code: Some(0), ..job("e0c7aa19", "build", "done", 268) };
        let working = Row {
            summary: Some("collected 812 items \u{1b}[31m… 61%".into()),
            ..job("03aa91cd", "test", "working", 180)
        };
        let queued = Row {
            wake: Some(WakeRow { kind: "slot".into(), until: None, ids: Vec::new() }),
            started_at: None,
            ..job("55d0e1b8", "docs-for-api", "queued", 7_300)
        };
        let blocked = Row {
            kind: "conversation".into(),
            agent: Some("claude".into()),
            summary: Some("wants to run `rm -rf target/`".into()),
            waiting_for: Some(AskRow {
                ask_id: "1.0".into(),
                kind: "permission".into(),
                text: "wants to run `rm -rf target/`".into(),
                tool: None,
                options: Vec::new(),
                since: "2026-11-20T08:36:00.000Z".into(),
            }),
            ..job("7c5dcf5d", "flaky-test-fix", "blocked", 2_460)
        };
        let migrate = failed("4be2d7f3", "migrate", 540, 101, "3 assertions in tests/db.rs");
        let pinned = Row { pinned: true, ..job("b1e4f702", "watch", "working", 90_000) };
        let left = Row {
            left: Some(LeftRow {
                at: "2026-11-20T08:40:00.000Z".into(),
                by: "finished_job".into(),
                why: "reaped".into(),
            }),
            exit_code: Some(0),
            ..job("aa00bb11", "old", "done", 900_000)
        };
        [done, working, queued, blocked, migrate, pinned, left].into_iter().map(short).collect()
    }

    #[test]
    fn what_needs_a_person_stands_first() {
        insta::assert_snapshot!(screen(&fleet(), Extent::All, Style::PLAIN), @"
        Pinned
        ◐ b1e4f702  watch           working                                            job     25h
        Needs input
        ● 7c5dcf5d  flaky-test-fix  blocked  wants to run `rm -rf target/`             claude  41m
        Working
        ◐ 03aa91cd  test            working  collected 812 items ␛[31m… 61%            job      3m
        Queued
        ○ 55d0e1b8  docs-for-api    queued   waits for a free slot                     job      2h
        Finished
        ✓ e0c7aa19  build           done     exit 0 in 2m 14s                          job      4m
        ✗ 4be2d7f3  migrate         failed   exit 101 · 3 assertions in tests/db.rs    job      9m
        Left the roster
        ✓ aa00bb11  old             done     exit 0 in 5d 5h · reaped by finished_job  job     10d
        ");
    }

    const LISTED: Extent = Extent::Listed { left_out: LeftOut { finished: 0, failed: 0 } };

    #[test]
    fn rows_are_grouped_by_what_they_have_in_common() {
        let mut rows = fleet();
        for (row, group) in rows.iter_mut().zip(["nightly", "nightly", "", "release", "nightly"]) {
            row.row.group = Some(group.to_owned()).filter(|group| !group.is_empty());
        }
        let by = |by| table::text(&drawn(&rows[..5], by, LISTED, Style::PLAIN));
        insta::assert_snapshot!(by(GroupBy::Group), @"
        nightly
        ◐ 03aa91cd  test            working  collected 812 items ␛[31m… 61%          job      3m
        ✓ e0c7aa19  build           done     exit 0 in 2m 14s                        job      4m
        ✗ 4be2d7f3  migrate         failed   exit 101 · 3 assertions in tests/db.rs  job      9m
        release
        ● 7c5dcf5d  flaky-test-fix  blocked  wants to run `rm -rf target/`           claude  41m
        no group
        ○ 55d0e1b8  docs-for-api    queued   waits for a free slot                   job      2h
        ");
        insta::assert_snapshot!(by(GroupBy::Agent), @"
        claude
        ● 7c5dcf5d  flaky-test-fix  blocked  wants to run `rm -rf target/`           claude  41m
        job
        ◐ 03aa91cd  test            working  collected 812 items ␛[31m… 61%          job      3m
        ○ 55d0e1b8  docs-for-api    queued   waits for a free slot                   job      2h
        ✓ e0c7aa19  build           done     exit 0 in 2m 14s                        job      4m
        ✗ 4be2d7f3  migrate         failed   exit 101 · 3 assertions in tests/db.rs  job      9m
        ");
        rows[4].row.cwd = "/home/u/a\u{1b}[2J".into();
        let by_dir = table::text(&drawn(&rows, GroupBy::Dir, Extent::All, Style::PLAIN));
        assert!(by_dir.starts_with("  /home/u/a␛[2J\n  ✗ 4be2d7f3") && by_dir.contains("\n  /home/u/web\n"));
    }

    #[test]
    fn a_narrow_terminal_cuts_the_summary_only() {
        let style = Style { color: false, width: Some(72) };
        insta::assert_snapshot!(screen(&fleet()[..5], LISTED, style), @"
        Needs input
        ● 7c5dcf5d  flaky-test-fix  blocked  wants to run `rm -r…  claude  41m
        Working
        ◐ 03aa91cd  test            working  collected 812 items…  job      3m
        Queued
        ○ 55d0e1b8  docs-for-api    queued   waits for a free sl…  job      2h
        Finished
        ✓ e0c7aa19  build           done     exit 0 in 2m 14s      job      4m
        ✗ 4be2d7f3  migrate         failed   exit 101 · 3 assert…  job      9m
        ");
    }

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        let row = Row {
            summary: Some(format!("{:60}{}", "left", "right ".repeat(20))),
            ..job("03aa91cd", &"日本語long-".repeat(8), "working", 180)
        };
        let rows = [short(row)];
        let at = |width| screen(&rows, LISTED, Style { color: false, width: Some(width) });
        for width in 28..120 {
            for line in at(width).lines() {
                assert!(text::width(line) <= width, "{width}: {line}");
            }
        }
        insta::assert_snapshot!(at(80) + &at(40), @"
          Working
          ◐ 03aa91cd  日本語long-日本語long-…   working  left right right righ…  job  3m
          Working
          ◐ 03aa91cd  日本語long-…  working  3m
        ");
        assert!(screen(&rows, LISTED, Style::PLAIN).contains("left right right"));
        assert!(screen(&rows, LISTED, Style::PLAIN).contains(&rows[0].row.name));
    }

    #[test]
    fn older_finished_rows_fold_for_people() {
        let rows: Vec<_> = (0..23)
            .map(|number| short(failed(&format!("{number:02}aa0000"), "job", 100 + number, 1, "")))
            .collect();
        let folded = screen(
            &rows[..20],
            Extent::Listed { left_out: LeftOut { finished: 3, failed: 0 } },
            Style::PLAIN,
        );
        assert_eq!(folded.lines().count(), 1 + 20 + 1);
        insta::assert_snapshot!(folded.lines().last().unwrap(), @"  … 3 more finished (decklog ls --all)");
        let failed = Extent::Listed { left_out: LeftOut { finished: 3, failed: 1 } };
        let folded_failures = screen(&rows[..20], failed, Style::PLAIN);
        insta::assert_snapshot!(folded_failures.lines().last().unwrap(), @"  … 3 more finished, 1 of them failed (decklog ls --all s:failed)");
        assert_eq!(screen(&rows, Extent::All, Style::PLAIN).lines().count(), 1 + 23);
        let extent = Extent::Listed { left_out: LeftOut { finished: 3, failed: 0 } };
        let by_dir = table::text(&drawn(&rows[..20], GroupBy::Dir, extent, Style::PLAIN));
        assert_eq!(by_dir.lines().count(), 1 + 20 + 1);
        assert_eq!(by_dir.lines().last(), folded.lines().last());
    }

    #[test]
    fn colour_is_the_state_and_nothing_else() {
        let style = Style { color: true, width: None };
        let painted = screen(&fleet()[..1], LISTED, style);
        assert!(painted.contains("\u{1b}[32mdone\u{1b}[0m"), "{painted:?}");
    }
}
