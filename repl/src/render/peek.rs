//! One row at a glance: `peek`.

use decklog_protocol::message::ShortRow;

use super::style::{self, Paint, Style};
use super::table::{self, Cell, Column, Line};
use super::{text, when};

/// So many lines of its screen say what it does.
const LINES_SHOWN: usize = 8;
const INDENT: &str = "    ";

/// The row, what it asks, and the end of its screen.
pub(crate) fn screen(row: &ShortRow, lines: &[String], style: Style) -> String {
    let ShortRow { short, row } = row;
    let paint = style::of_state(&row.state);
    let columns = [Column::Mark, Column::Left, Column::Name, Column::Left, Column::Right];
    let cells = vec![
        Cell::new(style::mark(&row.state)).paint(paint),
        Cell::new(short),
        Cell::new(&row.name),
        Cell::new(&row.state).paint(paint),
        Cell::new(&when::age(row.age_seconds)).paint(Paint::Dim),
    ];
    let mut out = table::text(&table::draw(&columns, &[Line::Cells(cells)], style));
    if let Some(ask) = &row.waiting_for {
        push_line(&mut out, &format!("asks: {}", ask.text), style);
    }
    let said: Vec<_> = lines.iter().filter(|line| !line.trim().is_empty()).collect();
    for line in &said[said.len().saturating_sub(LINES_SHOWN)..] {
        push_line(&mut out, line, style);
    }
    out
}

fn push_line(out: &mut String, line: &str, style: Style) {
    let line = text::shown(line);
    let columns = style.width.map_or(usize::MAX, |width| width.saturating_sub(INDENT.len()));
    out.push_str(INDENT);
    out.push_str(&text::cut(&line, columns));
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use decklog_protocol::row::{AskRow, Row};

    use super::super::samples::{job, short};
    use super::*;

    #[test]
    fn a_row_and_the_end_of_its_screen() {
        let lines: Vec<_> =
            (1..=12).flat_map(|number| [format!("line {number}\u{202e}"), String::new()]).collect();
        let working = short(job("7c5dcf5d", "build", "working", 134));
        insta::assert_snapshot!(screen(&working, &lines, Style::PLAIN), @"
          ◐ 7c5dcf5d  build  working  2m
            line 5⟨202E⟩
            line 6⟨202E⟩
            line 7⟨202E⟩
            line 8⟨202E⟩
            line 9⟨202E⟩
            line 10⟨202E⟩
            line 11⟨202E⟩
            line 12⟨202E⟩
        ");
        let ask = AskRow {
            ask_id: "1.0".into(),
            kind: "permission".into(),
            text: "wants to run `rm -rf target/`".into(),
            tool: None,
            options: Vec::new(),
            since: "2026-11-20T08:36:00.000Z".into(),
        };
        let blocked = Row { waiting_for: Some(ask), ..job("7c5dcf5d", "fix", "blocked", 2) };
        insta::assert_snapshot!(screen(&short(blocked), &[], Style { color: false, width: Some(30) }), @"
          ● 7c5dcf5d  fix  blocked  2s
            asks: wants to run `rm -r…
        ");
    }
}
