//! The line that is being typed as it stands on the terminal: enough of it to print something above and put it back.
//!
//! The line editor has a printer for this, but in the version that we use it leaves keys unread that come together, until
//! another one is struck: what is pasted, or typed over a slow connection, would hang. So the editor is followed here by what
//! it shows (see [`super::editor`]), and nothing is printed above a line that takes more than one row.

use crate::render::text;

/// What is on the terminal's last row.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// Whether a person types behind the prompt, rather than in a search or a list, and nothing was entered yet.
    is_open: bool,
    is_entered: bool,
    prompt: String,
    prompt_columns: usize,
    line: String,
    /// The same, in colour.
    painted: String,
    /// Columns from the line's begin to the cursor.
    cursor_columns: usize,
    hint_columns: usize,
}

impl Screen {
    /// Another line begins, behind this prompt.
    pub(super) fn begin(&mut self, prompt: &str, painted: &str) {
        *self = Self { prompt: painted.into(), prompt_columns: text::width(prompt), ..Self::default() };
    }

    /// Nothing is typed any more.
    pub(super) fn end(&mut self) {
        (self.is_open, self.is_entered) = (false, true);
    }

    /// A prompt is drawn: that of the line, or another one.
    pub(super) fn prompt_is_drawn(&mut self, own: bool) {
        self.is_open = own && !self.is_entered;
    }

    /// A list, or something else, is about to be drawn.
    pub(super) fn leave(&mut self) {
        self.is_open = false;
    }

    /// The line is drawn so, the cursor behind so many bytes of it.
    pub(super) fn line_is_drawn(&mut self, line: &str, painted: &str, position: usize) {
        self.line.replace_range(.., line);
        self.painted.replace_range(.., painted);
        self.cursor_columns = text::width(&line[..position]);
        self.hint_columns = 0;
    }

    /// A hint is drawn behind it.
    pub(super) fn hint_is_drawn(&mut self, hint: &str) {
        self.hint_columns = text::width(hint);
    }

    /// What prints this text above the line, where it can be done on a terminal of so many columns.
    pub(super) fn above(&self, text: &str, columns: usize) -> Option<String> {
        let used = self.prompt_columns + text::width(&self.line) + self.hint_columns;
        let is_one_row = used < columns && text::shown(&self.line) == self.line;
        if !self.is_open || !is_one_row {
            return None;
        }
        let text = text.trim_end_matches('\n').replace('\n', "\r\n");
        let right = self.prompt_columns + self.cursor_columns;
        Some(format!("\r\x1b[J{text}\r\n{}{}\r\x1b[{right}C", self.prompt, self.painted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typing(line: &str) -> Screen {
        let mut screen = Screen::default();
        screen.begin("decklog › ", "decklog › ");
        screen.prompt_is_drawn(true);
        screen.line_is_drawn(line, line, line.len());
        screen
    }

    #[test]
    fn the_line_comes_back_below() {
        let above = typing("stop é").above("✓ one\n✗ two\n", 80);
        assert_eq!(above.unwrap(), "\r\x1b[J✓ one\r\n✗ two\r\ndecklog › stop é\r\x1b[16C");
    }

    #[test]
    fn nothing_is_printed_where_the_line_would_suffer() {
        let mut screen = typing("stop build");
        assert!(screen.above("x", 80).is_some());
        assert_eq!(screen.above("x", 20), None, "no room in one row");
        screen.hint_is_drawn(&"long ".repeat(20));
        assert_eq!(screen.above("x", 80), None, "the hint takes more rows");
        screen.line_is_drawn("ls 'a\nb", "", 3);
        assert_eq!(screen.above("x", 80), None, "two rows");
        let mut screen = typing("stop build");
        screen.prompt_is_drawn(false);
        assert_eq!(screen.above("x", 80), None, "in a search");
        screen.prompt_is_drawn(true);
        screen.leave();
        assert_eq!(screen.above("x", 80), None, "in a list");
        screen.prompt_is_drawn(true);
        screen.end();
        screen.prompt_is_drawn(true);
        assert_eq!(screen.above("x", 80), None, "it was entered");
    }
}
