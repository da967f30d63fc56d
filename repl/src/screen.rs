//! A terminal without a screen: it is fed what a session printed, and knows how that looks.
//!
//! Around a terminal emulator of others, which understands less than programs use: what it lacks is said to it in words
//! that it knows. It may fail on hostile bytes; then the end of what was printed stands for the screen.

use std::fmt::Write as _;
use std::num::NonZeroU16;
use std::panic::{AssertUnwindSafe, catch_unwind};

use unicode_width::UnicodeWidthStr as _;

use crate::attach::filter;
use crate::attach::modes::Modes;
use crate::attach::sequence::{Csi, Piece, Splitter};

/// No terminal is larger, whatever is said.
const COLUMNS_MOST: u16 = 1000;
const ROWS_MOST: u16 = 500;
/// So much stands for a screen that could not be made.
const RECENT_BYTES: usize = 2000;
/// Before anything is drawn: what was begun is broken off, nothing is shown until all is drawn, and what is written goes
/// where it is put.
const BEGIN_DRAWING: &str =
    "\x18\x1b[?2026h\x1b[?25l\x1b[0m\x1b[r\x1b[?6l\x1b[?7l\x1b[?5l\x1b[4l\x1b(B\x1b)B\x0f";
const END_DRAWING: &str = "\x1b[?2026l";
/// The letters of the set of lines and corners, from `` ` `` to `~`.
const LINES: &str = "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·";

/// Where a screen is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Canvas<'a> {
    /// Width of the terminal.
    pub(crate) columns: u16,
    /// Its height.
    pub(crate) rows: u16,
    /// Nothing that is typed there reaches the session.
    pub(crate) watches: bool,
    /// A line to show instead of the last one.
    pub(crate) notice: Option<&'a str>,
}

/// The screen of a session.
pub(crate) struct Screen {
    splitter: Splitter,
    modes: Modes,
    emulator: Emulator,
}

impl Screen {
    /// An empty one.
    pub(crate) fn new(columns: u16, rows: u16) -> Self {
        Self { splitter: Splitter::new(), modes: Modes::default(), emulator: Emulator::new(columns, rows) }
    }

    /// Width and height.
    pub(crate) fn size(&self) -> (u16, u16) {
        (self.emulator.columns, self.emulator.rows)
    }

    /// Gives it another size.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.modes.resized();
        self.emulator.resize(columns, rows);
    }

    /// Takes what the session printed.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.feed_and_give(bytes, |_| {});
    }

    /// The same, and gives on each piece of it.
    pub(crate) fn feed_and_give(&mut self, bytes: &[u8], mut give: impl FnMut(Piece<'_>)) {
        let (modes, emulator) = (&mut self.modes, &mut self.emulator);
        self.splitter.feed(bytes, |piece| {
            emulator.take(piece, modes);
            modes.apply(piece);
            give(piece);
        });
        self.emulator.flush();
    }

    /// What draws the whole screen on a terminal in whatever state, cursor and modes included. Of a screen that is larger
    /// than the terminal the part with the cursor.
    pub(crate) fn redraw(&self, canvas: Canvas<'_>) -> Vec<u8> {
        let mut out = String::from(BEGIN_DRAWING);
        if self.emulator.has_failed {
            out.push_str("\x1b[?7h\x1b[H\x1b[J");
            out.push_str(&String::from_utf8_lossy(&filter::filtered(&self.emulator.recent)));
            push_notice(&mut out, canvas);
            out.push_str(&self.modes.sequences(canvas.watches));
            let _ = write!(out, "\x1b[{};1H\x1b[?25h{END_DRAWING}", canvas.rows);
            return out.into_bytes();
        }
        let screen = self.emulator.parser.screen();
        let (cursor_row, cursor_column) = screen.cursor_position();
        let first =
            if self.emulator.rows > canvas.rows { (cursor_row + 1).saturating_sub(canvas.rows) } else { 0 };
        // With a width that no screen has each line is drawn for itself, also one that goes on in the next.
        let width = if canvas.columns < self.emulator.columns { canvas.columns } else { u16::MAX };
        let lines = screen.rows_formatted(0, width).enumerate().skip(first.into()).take(canvas.rows.into());
        for (line, (row, text)) in lines.enumerate() {
            // Half of a wide character is none of it.
            let is_cut = screen.cell(row as u16, width - 1).is_some_and(vt100::Cell::is_wide);
            let narrower = is_cut.then(|| screen.rows_formatted(0, width - 1).nth(row)).flatten();
            let text = narrower.unwrap_or(text);
            let _ = write!(out, "\x1b[{};1H\x1b[0m\x1b[K{text}", line + 1);
        }
        if canvas.rows > self.emulator.rows {
            let _ = write!(out, "\x1b[{};1H\x1b[0m\x1b[J", self.emulator.rows + 1);
        }
        push_notice(&mut out, canvas);
        let is_whole = (canvas.columns, canvas.rows) == self.size();
        if is_whole && let Some((row, column)) = self.emulator.saved_cursor {
            let _ = write!(out, "\x1b[{};{}H\x1b7", row + 1, column + 1);
        }
        let modes = &self.modes;
        out.push_str(&modes.sequences(canvas.watches));
        if !is_whole {
            out.push_str("\x1b[r\x1b[?6l");
        }
        if is_whole && modes.origin() == 0 {
            // Also where the cursor is past the last column.
            out.push_str(&screen.cursor_state_formatted());
        } else {
            let row = (cursor_row - first).saturating_sub(if is_whole { modes.origin() } else { 0 });
            let _ = write!(out, "\x1b[{};{}H", row + 1, cursor_column.min(canvas.columns - 1) + 1);
        }
        let shows_cursor = !screen.hide_cursor() && cursor_column <= canvas.columns;
        out.push_str(if shows_cursor { "\x1b[?25h" } else { "\x1b[?25l" });
        out.push_str(&screen.attributes_formatted());
        out.push_str(END_DRAWING);
        out.into_bytes()
    }

    /// The lines as text, without colours. Nothing of it is fit for a terminal yet.
    pub(crate) fn lines(&self) -> Vec<String> {
        if self.emulator.has_failed {
            let mut text = String::new();
            Splitter::new().feed(&self.emulator.recent, |piece| match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Control(b'\n') => text.push('\n'),
                Piece::Control(_) | Piece::Escape(_) | Piece::Csi(_) => {}
            });
            return text.lines().map(ToOwned::to_owned).collect();
        }
        let screen = self.emulator.parser.screen();
        screen.rows(0, u16::MAX).map(|line| line.trim_end().to_owned()).collect()
    }
}

fn push_notice(out: &mut String, canvas: Canvas<'_>) {
    if let Some(notice) = canvas.notice {
        let text = crate::render::text::shown(notice);
        let text = crate::render::text::cut(&text, usize::from(canvas.columns).saturating_sub(1));
        let _ = write!(out, "\x1b[{};1H\x1b[0;7m\x1b[K {text}", canvas.rows);
        out.push_str("\x1b[0m");
    }
}

/// The emulator, and what it is told.
struct Emulator {
    parser: vt100::Parser,
    columns: u16,
    rows: u16,
    /// What it has not been told yet.
    ready: Vec<u8>,
    /// Where the session's cursor was when it was saved.
    saved_cursor: Option<(u16, u16)>,
    /// The last bytes that it was told.
    recent: Vec<u8>,
    has_failed: bool,
}

impl Emulator {
    fn new(columns: u16, rows: u16) -> Self {
        let (columns, rows) = (columns.clamp(1, COLUMNS_MOST), rows.clamp(1, ROWS_MOST));
        let parser = vt100::Parser::new(at_least_one(rows), at_least_one(columns), 0);
        let (ready, recent) = (Vec::new(), Vec::new());
        Self { parser, columns, rows, ready, saved_cursor: None, recent, has_failed: false }
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        (self.columns, self.rows) = (columns.clamp(1, COLUMNS_MOST), rows.clamp(1, ROWS_MOST));
        let (columns, rows) = (at_least_one(self.columns), at_least_one(self.rows));
        self.guarded(|parser| parser.set_size(rows, columns));
    }

    /// Takes a piece, in the modes that were set before it.
    fn take(&mut self, piece: Piece<'_>, modes: &Modes) {
        match piece {
            Piece::Text(text) => self.text(text, modes),
            Piece::Escape(b"D") => self.ready.push(b'\n'),
            Piece::Escape(b"E") => self.ready.extend_from_slice(b"\r\n"),
            Piece::Escape(b"7") => self.save_cursor(),
            Piece::Escape([b'#' | b'%' | b'(' | b')', ..]) => {}
            Piece::Csi(csi) => self.csi(csi),
            Piece::Control(_) | Piece::Escape(_) => filter::push(&mut self.ready, piece),
        }
    }

    fn text(&mut self, text: &str, modes: &Modes) {
        if modes.insert {
            self.ready.extend_from_slice(format!("\x1b[{}@", text.width().max(1)).as_bytes());
        }
        let draws_lines = modes.draws_lines();
        for c in text.chars() {
            let c = match c {
                // The emulator has no room for it; a terminal has.
                '\u{fffd}' => '?',
                '`'..='~' if draws_lines => LINES.chars().nth(c as usize - '`' as usize).unwrap_or(c),
                _ => c,
            };
            self.ready.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    fn csi(&mut self, csi: Csi<'_>) {
        let count = csi.numbers().next().unwrap_or(0).max(1);
        let tell = |ready: &mut Vec<u8>, text: String| ready.extend_from_slice(text.as_bytes());
        match (csi.prefix(), csi.intermediate(), csi.end()) {
            (None, None, b's') => self.save_cursor(),
            (None, None, b'u') => tell(&mut self.ready, "\x1b8".into()),
            (None, None, b'a') => tell(&mut self.ready, format!("\x1b[{count}C")),
            (None, None, b'e') => tell(&mut self.ready, format!("\x1b[{count}B")),
            // No more than a line, so that few bytes cannot cost much time.
            (None, None, b'b') => tell(&mut self.ready, format!("\x1b[{}b", count.min(self.columns))),
            (None, None, b'I') => tell(&mut self.ready, "\t".repeat(count.min(self.columns).into())),
            (None, None, b'Z') => {
                let column = self.cursor().1;
                let column = (column.div_ceil(8) * 8).saturating_sub(count.min(self.columns) * 8);
                tell(&mut self.ready, format!("\x1b[{}G", column + 1));
            }
            (None, Some(b'!'), b'p') => {
                tell(&mut self.ready, "\x1b[?6l\x1b7\x1b[r\x1b8\x1b[m\x1b[?25h\x1b[?1l\x1b>".into());
            }
            (Some(b'?'), None, end @ (b'h' | b'l')) => {
                for number in csi.numbers() {
                    match (number, end) {
                        // What is drawn goes on where it was.
                        (47 | 1047 | 1049, b'h') => {
                            let (row, column) = self.cursor();
                            let number = if number == 1049 { 1049 } else { 47 };
                            let then = format!("\x1b[?{number}h\x1b[{};{}H", row + 1, column + 1);
                            tell(&mut self.ready, then);
                        }
                        (1047, _) => tell(&mut self.ready, format!("\x1b[?47{}", char::from(end))),
                        (1048, b'h') => self.save_cursor(),
                        (1048, _) => tell(&mut self.ready, "\x1b8".into()),
                        _ => tell(&mut self.ready, format!("\x1b[?{number}{}", char::from(end))),
                    }
                }
            }
            _ => filter::push(&mut self.ready, Piece::Csi(csi)),
        }
    }

    fn save_cursor(&mut self) {
        self.ready.extend_from_slice(b"\x1b7");
        self.saved_cursor = Some(self.cursor());
    }

    fn cursor(&mut self) -> (u16, u16) {
        self.flush();
        self.parser.screen().cursor_position()
    }

    fn flush(&mut self) {
        let ready = std::mem::take(&mut self.ready);
        self.recent.extend_from_slice(&ready[ready.len().saturating_sub(RECENT_BYTES)..]);
        self.recent.drain(..self.recent.len().saturating_sub(RECENT_BYTES));
        self.guarded(|parser| parser.process(&ready));
        self.ready = ready;
        self.ready.clear();
    }

    /// It is a new one after it has failed: what it holds then is of no use.
    fn guarded(&mut self, work: impl FnOnce(&mut vt100::Parser)) {
        let parser = &mut self.parser;
        if catch_unwind(AssertUnwindSafe(|| work(parser))).is_err() {
            self.parser = vt100::Parser::new(at_least_one(self.rows), at_least_one(self.columns), 0);
            self.has_failed = true;
        }
    }
}

fn at_least_one(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap_or(NonZeroU16::MIN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CANVAS: Canvas<'_> = Canvas { columns: 20, rows: 5, watches: false, notice: None };

    fn screen(bytes: &[u8]) -> Screen {
        let mut screen = Screen::new(20, 5);
        screen.feed(bytes);
        screen
    }

    /// What a terminal of this size shows after it was drawn on while it showed something else.
    fn drawn(screen: &Screen, canvas: Canvas<'_>) -> Screen {
        let mut terminal = Screen::new(canvas.columns, canvas.rows);
        terminal.feed(b"\x1b[7mold\r\n\n\n\n\nolder\x1b[2;3r\x1b[?6h\x1b[4h\x1b(0\x1b[?25l");
        terminal.feed(&screen.redraw(canvas));
        terminal
    }

    #[test]
    fn a_redraw_makes_another_terminal_look_alike() {
        let cases: [&[u8]; 9] = [
            b"plain\r\ntext",
            b"\x1b[2;4H\x1b[1;31mred\x1b[44m on blue\x1b[5;20Hx",
            "日本語日本語日本語日本語 wraps".as_bytes(),
            b"12345678901234567890and on\r\n\x1b[3A",
            b"\x1b[?1049h\x1b[2J\x1b[3;3Hfull\x1b[?25l",
            b"shell$ vi\r\n\x1b[?1049h\x1b[Hvi\x1b[?1049lshell$ ",
            b"\x1b[2;4r\x1b[4;1Ha\r\nb\r\nc\x1b[?2004h",
            b"\x1b[44m\x1b[2J\x1b[Hall blue",
            b"12345678901234567890",
        ];
        for bytes in cases {
            let screen = screen(bytes);
            let terminal = drawn(&screen, CANVAS);
            assert_eq!(terminal.lines(), screen.lines());
            let (ours, theirs) = (screen.emulator.parser.screen(), terminal.emulator.parser.screen());
            let cells = |screen: &vt100::Screen| screen.rows_formatted(0, u16::MAX).collect::<Vec<_>>();
            assert_eq!(cells(theirs), cells(ours), "{:?}", String::from_utf8_lossy(bytes));
            assert_eq!(theirs.cursor_position(), ours.cursor_position());
            assert_eq!(terminal.modes.sequences(false), screen.modes.sequences(false));
        }
    }

    #[test]
    fn a_smaller_terminal_has_the_part_with_the_cursor_and_a_larger_one_the_rest_empty() {
        let full = screen(b"one\r\ntwo\r\nthree 890123456789z\r\nfour\r\nfive");
        let small = drawn(&full, Canvas { columns: 8, rows: 2, ..CANVAS });
        assert_eq!(small.lines(), ["four", "five"]);
        assert_eq!(small.emulator.parser.screen().cursor_position(), (1, 4));
        let large = drawn(&full, Canvas { columns: 30, rows: 7, ..CANVAS });
        assert_eq!(large.lines(), ["one", "two", "three 890123456789z", "four", "five", "", ""]);
        let wide = screen("日本語日本語日本語日".as_bytes());
        assert_eq!(drawn(&wide, Canvas { columns: 5, rows: 5, ..CANVAS }).lines()[0], "日本");
    }

    #[test]
    fn a_notice_stands_on_the_last_line_and_the_cursor_stays() {
        let screen = screen(b"\x1b[5;1Hlast line\x1b[1;1Hfirst");
        let terminal =
            drawn(&screen, Canvas { notice: Some("you\x1b[2J control now, do you see"), ..CANVAS });
        assert_eq!(terminal.lines()[4], " you␛[2J control no…");
        assert_eq!(terminal.lines()[0], "first");
        assert_eq!(terminal.emulator.parser.screen().cursor_position(), (0, 5));
    }

    #[test]
    fn it_understands_what_the_emulator_does_not() {
        assert_eq!(screen(b"\x1b(0lqqk\x1b(B l").lines()[0], "┌──┐ l");
        assert_eq!(screen(b"\x1b)0a\x0ex\x0fx").lines()[0], "a│x");
        assert_eq!(screen(b"abc\x1b[sdef\x1b[uX").lines()[0], "abcXef");
        assert_eq!(screen(b"abc\r\x1b[4hX\x1b[4lY").lines()[0], "XYbc");
        assert_eq!(screen(b"1234567890abc\x1b[ZX").lines()[0], "12345678X0abc");
        assert_eq!(screen(b"a\x1b[2IX").lines()[0], "a               X");
        assert_eq!(screen(b"a\x1b[65535b").lines()[0], "a".repeat(20));
        assert_eq!(screen(b"a\x1bDb\x1bEc").lines()[..3], ["a", " b", "c"]);
        assert_eq!(screen(b"a\xffb").lines()[0], "a?b");
        assert_eq!(screen(b"a\x1b[?1047hb\x1b[?1047l").lines()[0], "a");
    }

    #[test]
    fn what_the_session_saved_is_there_after_a_redraw() {
        let screen = screen(b"abc\x1b7\x1b[4;4Hx");
        let mut terminal = drawn(&screen, CANVAS);
        terminal.feed(b"\x1b8Y");
        assert_eq!(terminal.lines()[0], "abcY");
    }

    #[test]
    fn when_the_emulator_fails_the_end_of_the_output_stands_for_the_screen() {
        let mut failed = screen(b"what was\r\n\x1b]0;title\x07printed");
        failed.emulator.guarded(|_| panic!("as hostile bytes might make it"));
        assert_eq!(failed.lines(), ["what was", "printed"]);
        assert_eq!(drawn(&failed, CANVAS).lines()[..2], ["what was", "printed"]);
        failed.feed(&b"more ".repeat(10_000));
        assert!(failed.emulator.recent.len() <= RECENT_BYTES);
    }

    proptest! {
        #[test]
        fn any_bytes_on_any_screen(bytes in prop::collection::vec(any::<u8>(), 0..400), columns in 0_u16..30, rows in 0_u16..8) {
            let mut screen = Screen::new(columns, rows);
            screen.feed(&bytes);
            screen.resize(rows, columns);
            screen.feed(&bytes);
            prop_assert!(!screen.emulator.has_failed);
            let drawn = screen.redraw(Canvas { columns: 7, rows: 3, watches: true, notice: Some("x") });
            for c in String::from_utf8(drawn).expect("it is text").chars() {
                prop_assert!(c.is_ascii() || !c.is_control());
            }
        }
    }
}
