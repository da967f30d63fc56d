//! Aligned columns. Knows widths and paint; not what the cells mean.

use super::style::{Paint, Style};
use super::text;

/// One cell: text that is fit for a screen, and its paint.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    paint: Paint,
}

impl Cell {
    /// Text from anywhere: control characters become symbols.
    pub(crate) fn new(value: &str) -> Self {
        Self { text: text::shown(value).into_owned(), paint: Paint::Plain }
    }

    /// With this paint.
    #[must_use]
    pub(crate) fn paint(mut self, paint: Paint) -> Self {
        self.paint = paint;
        self
    }
}

/// How a column is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// One character, close to what follows it.
    Mark,
    /// From the left, as wide as its widest cell.
    Left,
    /// To the right.
    Right,
    /// From the left; on a terminal no wider than [`NAME_MAX`].
    Name,
    /// From the left, and left out where the terminal is too narrow for it.
    Spare,
    /// From the left, and the first that gives way when the terminal is too narrow.
    Gives,
}

/// A line of a table: cells, or a heading between them.
#[derive(Debug, Clone)]
pub(crate) enum Line {
    /// Cells, one for each column.
    Cells(Vec<Cell>),
    /// Text on its own.
    Heading(String, Paint),
}

const GAP: usize = 2;
const INDENT: usize = 2;
/// A column that gives way keeps at least so many columns, as long as others can give way too.
const GIVES_MIN: usize = 12;
/// Less than this of it is not worth showing.
const GIVES_CUT_MIN: usize = 4;
/// On a terminal a name has so many columns at most,
const NAME_MAX: usize = 24;
/// and so many when it is narrow.
const NAME_MIN: usize = 12;

/// A line as it stands on the screen, without its line break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drawn {
    /// The line.
    pub(crate) text: String,
    /// Whether it is a row of cells.
    pub(crate) is_row: bool,
}

/// Lines that were drawn, each with its line break.
pub(crate) fn text(lines: &[Drawn]) -> String {
    lines.iter().map(|line| format!("{}\n", line.text)).collect()
}

/// The lines, aligned.
pub(crate) fn draw(columns: &[Column], lines: &[Line], style: Style) -> Vec<Drawn> {
    let widths = widths(columns, lines, style);
    let draw = |line: &Line| match line {
        Line::Heading(text, paint) => {
            let columns = style.width.map_or(usize::MAX, |width| width.saturating_sub(INDENT));
            let text = style.paint(*paint, &text::cut(text, columns));
            Drawn { text: format!("{}{text}", " ".repeat(INDENT)), is_row: false }
        }
        Line::Cells(cells) => {
            let mut text = String::new();
            push_cells(&mut text, columns, &widths, cells, style);
            Drawn { text, is_row: true }
        }
    };
    lines.iter().map(draw).collect()
}

fn push_cells(out: &mut String, columns: &[Column], widths: &[usize], cells: &[Cell], style: Style) {
    let mut line = " ".repeat(INDENT);
    // Spaces are held back until text follows, so that no line ends with them.
    let mut spaces = 0;
    for ((cell, column), width) in cells.iter().zip(columns).zip(widths) {
        if *width == 0 {
            continue;
        }
        let text = text::cut(&cell.text, *width);
        let free = width - text::width(&text).min(*width);
        let (before, after) = if *column == Column::Right { (free, 0) } else { (0, free) };
        if text.is_empty() {
            spaces += before + after + gap(*column);
            continue;
        }
        line.push_str(&" ".repeat(spaces + before));
        line.push_str(&style.paint(cell.paint, &text));
        spaces = after + gap(*column);
    }
    out.push_str(&line);
}

/// Columns between this one and the next.
fn gap(column: Column) -> usize {
    if column == Column::Mark { 1 } else { GAP }
}

fn widths(columns: &[Column], lines: &[Line], style: Style) -> Vec<usize> {
    let mut widths = vec![0; columns.len()];
    for line in lines {
        let Line::Cells(cells) = line else { continue };
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(text::width(&cell.text));
        }
    }
    if let Some(terminal) = style.width {
        fit(columns, &mut widths, terminal);
    }
    widths
}

/// Makes the columns fit a terminal. In this order: a long name is cut; what gives way does; a long name is cut shorter;
/// what can be spared goes; what gives way does altogether.
fn fit(columns: &[Column], widths: &mut [usize], terminal: usize) {
    const STEPS: [(Column, usize); 5] = [
        (Column::Gives, GIVES_MIN),
        (Column::Name, NAME_MIN),
        (Column::Spare, 0),
        (Column::Gives, 0),
        (Column::Name, 1),
    ];
    for (width, _) in widths.iter_mut().zip(columns).filter(|(_, column)| **column == Column::Name) {
        *width = (*width).min(NAME_MAX);
    }
    for (gives, at_least) in STEPS {
        for index in 0..columns.len() {
            let excess = used(columns, widths).saturating_sub(terminal);
            if columns[index] != gives || excess == 0 {
                continue;
            }
            let left = widths[index].saturating_sub(excess).max(at_least.min(widths[index]));
            // A few letters of what can be spared say less than nothing.
            let is_cut_up = at_least == 0 && (gives == Column::Spare || left < GIVES_CUT_MIN);
            widths[index] = if is_cut_up { 0 } else { left };
        }
    }
}

/// How wide the lines are.
fn used(columns: &[Column], widths: &[usize]) -> usize {
    let shown = widths.iter().zip(columns).filter(|(width, _)| **width > 0);
    let last = shown.clone().next_back().map_or(0, |(_, column)| gap(*column));
    INDENT + shown.map(|(width, column)| width + gap(*column)).sum::<usize>() - last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_the_one_that_gives_is_cut() {
        let row =
            |name: &str, what: &str, age: &str| Line::Cells([name, what, "", age].map(Cell::new).into());
        let lines = [
            Line::Heading("Working".into(), Paint::Bold),
            row("日本", "collected 812 items and more", "3m"),
            row("test", "", "41m"),
        ];
        let columns = [Column::Left, Column::Gives, Column::Left, Column::Right];
        insta::assert_snapshot!(text(&draw(&columns, &lines, Style { color: false, width: Some(30) })), @r"
          Working
          日本  collected 812 it…   3m
          test                     41m
        ");
        insta::assert_snapshot!(text(&draw(&columns, &lines, Style::PLAIN)), @r"
          Working
          日本  collected 812 items and more   3m
          test                                41m
        ");
    }
}
