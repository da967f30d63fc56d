//! A screen that is repainted in place: at most as many lines as the terminal has, in one piece of bytes.

use super::style::{Paint, Style};
use super::table::Drawn;
use super::text;

/// Hides the cursor, and scrolls what is on the screen out of sight instead of painting over it.
pub(crate) fn begin(rows: usize) -> String {
    format!("\x1b[?25l{}", "\n".repeat(rows.saturating_sub(1)))
}

/// Goes on below what was painted last, with the cursor.
pub(crate) const END: &str = "\n\x1b[?25h";

/// Paints the lines from the top. What does not fit is counted in the last line, beside what there is to say.
pub(crate) fn paint(lines: &[Drawn], total: usize, rows: usize, note: &str, style: Style) -> String {
    let fits = lines.len() + usize::from(!note.is_empty()) <= rows;
    let shown = if fits { lines.len() } else { rows.saturating_sub(1) };
    let visible = lines[..shown].iter().filter(|line| line.is_row).count();
    let more = if fits { String::new() } else { format!("… {} more", total.saturating_sub(visible)) };
    let parts = [more.as_str(), note].into_iter().filter(|part| !part.is_empty());
    let last = parts.collect::<Vec<_>>().join(" · ");
    let last = text::cut(&last, style.width.unwrap_or(usize::MAX).saturating_sub(2)).into_owned();
    let last = (!last.is_empty()).then(|| format!("  {}", style.paint(Paint::Dim, &last)));
    let painted = lines[..shown].iter().map(|line| line.text.as_str()).chain(last.as_deref());
    let painted: Vec<_> = painted.map(|line| format!("{line}\x1b[K")).collect();
    format!("\x1b[H{}\x1b[J", painted.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> Vec<Drawn> {
        let heading = Drawn { text: "  Working".into(), is_row: false };
        let row = |number| Drawn { text: format!("  row {number}"), is_row: true };
        std::iter::once(heading).chain((1..count).map(row)).collect()
    }

    fn painted(count: usize, rows: usize, note: &str) -> String {
        let style = Style { color: false, width: Some(30) };
        let text = paint(&lines(count), count - 1, rows, note, style);
        let text = text.strip_prefix("\x1b[H").unwrap().strip_suffix("\x1b[J").unwrap();
        text.replace("\x1b[K", "")
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        assert_eq!(painted(3, 3, ""), "  Working\n  row 1\n  row 2");
        assert_eq!(painted(4, 3, ""), "  Working\n  row 1\n  … 2 more");
        assert_eq!(painted(3, 4, "gone"), "  Working\n  row 1\n  row 2\n  gone");
        assert_eq!(painted(3, 3, "gone"), "  Working\n  row 1\n  … 1 more · gone");
        assert_eq!(painted(9, 1, ""), "  … 8 more");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let note = "a long note that no narrow terminal holds";
        assert!(painted(2, 9, note).lines().all(|line| text::width(line) <= 30));
    }
}
