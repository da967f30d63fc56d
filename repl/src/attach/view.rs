//! What a person sees of a session: its live bytes passed on as long as the terminal can follow and has the session's
//! size, else its screen drawn anew from time to time.
//!
//! The emulator is always fed, so that at any moment the whole screen can be drawn. It knows no terminal and no wire.

use std::time::Duration;

use super::filter::{self, Verdict};
use crate::clock::Deadline;
use crate::screen::{Canvas, Screen};

/// More than this is not shown any more: the screen is drawn once the terminal has caught up.
const BACKLOG_BYTES: usize = 1 << 20;
/// A screen is drawn no more often than this.
const DRAW_EVERY: Duration = Duration::from_millis(30);
const NOTICE_FOR: Duration = Duration::from_secs(3);

/// What is shown of a session.
#[expect(clippy::struct_excessive_bools, reason = "four facts that do not depend on each other")]
pub(crate) struct View {
    screen: Screen,
    /// Size of the person's terminal.
    columns: u16,
    rows: u16,
    /// Whether the session has a full terminal: then its size is its own, and its line breaks are whole.
    has_terminal: bool,
    pub(crate) watches: bool,
    /// All that is needed to draw has come.
    is_live: bool,
    /// The terminal does not show what the emulator holds.
    is_stale: bool,
    draw_at: Deadline,
    notice: Option<(String, Deadline)>,
    out: Vec<u8>,
}

impl View {
    /// Of a session whose terminal has the first size, on a terminal of the second.
    pub(crate) fn new(session: (u16, u16), own: (u16, u16), has_terminal: bool) -> Self {
        let (columns, rows) = if has_terminal { session } else { own };
        Self {
            screen: Screen::new(columns, rows),
            columns: own.0,
            rows: own.1,
            has_terminal,
            watches: true,
            is_live: false,
            is_stale: true,
            draw_at: Deadline::after(Duration::ZERO),
            notice: None,
            out: Vec::new(),
        }
    }

    /// Width and height of the session's screen.
    pub(crate) fn session_size(&self) -> (u16, u16) {
        self.screen.size()
    }

    /// The session's terminal has another size.
    pub(crate) fn session_resized(&mut self, columns: u16, rows: u16) {
        if self.has_terminal {
            self.screen.resize(columns, rows);
        }
        self.is_stale = true;
    }

    /// The person's terminal has another size.
    pub(crate) fn resized(&mut self, columns: u16, rows: u16) {
        (self.columns, self.rows) = (columns, rows);
        if !self.has_terminal {
            self.screen.resize(columns, rows);
        }
        self.is_stale = true;
    }

    /// All that came so far makes the present screen.
    pub(crate) fn live(&mut self) {
        self.is_live = true;
    }

    /// Whether this client's keys reach the session has changed, and with it what its terminal may be asked.
    pub(crate) fn watches(&mut self, watches: bool) {
        if std::mem::replace(&mut self.watches, watches) != watches {
            self.is_stale = true;
        }
    }

    /// Shows a line for a moment.
    pub(crate) fn notice(&mut self, text: impl Into<String>) {
        self.notice = Some((text.into(), Deadline::after(NOTICE_FOR)));
        self.is_stale = true;
        self.draw_at = Deadline::after(Duration::ZERO);
    }

    /// Rings the bell.
    pub(crate) fn bell(&mut self) {
        self.out.push(0x07);
    }

    /// Draws it all anew: somebody else wrote on the terminal.
    pub(crate) fn redraw(&mut self) {
        self.out.clear();
        self.is_stale = true;
    }

    /// Takes what the session printed.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let whole;
        let bytes = if self.has_terminal {
            bytes
        } else {
            whole = with_returns(bytes);
            &whole
        };
        let passes = self.is_live && self.notice.is_none() && self.fits();
        let (out, watches) = (&mut self.out, self.watches);
        let mut is_stale = self.is_stale || !passes;
        self.screen.feed_and_give(bytes, |piece| {
            if is_stale {
                return;
            }
            match filter::verdict(piece, watches) {
                Verdict::Pass => filter::push(out, piece),
                Verdict::Drop => {}
                Verdict::Redraw => is_stale = true,
            }
        });
        if self.out.len() > BACKLOG_BYTES {
            self.out.clear();
            is_stale = true;
        }
        self.is_stale = is_stale;
    }

    /// What is to be written: what was not written is left in it.
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        self.settle();
        &mut self.out
    }

    /// When something is to be done even if nothing comes.
    pub(crate) fn due(&self) -> Option<Duration> {
        let draw = (self.is_live && self.is_stale && self.out.is_empty()).then(|| self.draw_at.remaining());
        let notice = self.notice.as_ref().map(|(_, until)| until.remaining());
        draw.into_iter().chain(notice).min()
    }

    /// Draws the screen if it is time to.
    fn settle(&mut self) {
        if self.notice.as_ref().is_some_and(|(_, until)| until.passed()) {
            self.notice = None;
            self.is_stale = true;
        }
        if !self.is_live || !self.is_stale || !self.out.is_empty() || !self.draw_at.passed() {
            return;
        }
        self.is_stale = false;
        self.draw_at = Deadline::after(DRAW_EVERY);
        let notice = self.notice.as_ref().map(|(text, _)| text.as_str());
        let canvas = Canvas { columns: self.columns, rows: self.rows, watches: self.watches, notice };
        self.out.extend(self.screen.redraw(canvas));
    }

    fn fits(&self) -> bool {
        self.screen.size() == (self.columns, self.rows)
    }
}

/// Line breaks of a job whose terminal adds no carriage returns.
fn with_returns(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 16);
    for byte in bytes {
        if *byte == b'\n' {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: (u16, u16) = (20, 3);

    /// One that has drawn its first screen.
    fn live(session: (u16, u16), has_terminal: bool) -> View {
        let mut view = View::new(session, SIZE, has_terminal);
        view.live();
        assert!(!view.out().is_empty());
        written(&mut view);
        view
    }

    fn written(view: &mut View) -> Vec<u8> {
        std::mem::take(view.out())
    }

    /// What a terminal shows on which all of this was written.
    fn shown(bytes: &[u8]) -> Vec<String> {
        let mut terminal = Screen::new(SIZE.0, SIZE.1);
        terminal.feed(bytes);
        terminal.lines()
    }

    /// What is drawn as soon as it may be.
    fn drawn(view: &mut View) -> Vec<u8> {
        view.draw_at = Deadline::after(Duration::ZERO);
        written(view)
    }

    #[test]
    fn nothing_is_shown_before_all_is_there() {
        let mut view = View::new(SIZE, SIZE, true);
        view.feed(b"half a scr");
        assert_eq!(written(&mut view), b"");
        view.feed(b"een");
        view.live();
        assert_eq!(shown(&written(&mut view))[0], "half a screen");
    }

    #[test]
    fn live_bytes_pass_as_they_are_and_a_switch_of_screens_is_drawn() {
        let mut view = live(SIZE, true);
        view.feed(b"text\x1b]0;title\x07\x1b[1mbold");
        assert_eq!(written(&mut view), b"text\x1b[1mbold");
        view.feed(b"\x1b[?1049hfull");
        let full = drawn(&mut view);
        assert_eq!(shown(&full)[0], "        full");
        view.feed(b"\x1b[?1049l");
        assert!(!String::from_utf8(full).unwrap().contains("1049"));
        assert_eq!(shown(&drawn(&mut view))[0], "textbold");
    }

    #[test]
    fn a_terminal_of_another_size_is_drawn_on() {
        let mut view = live((40, 10), true);
        view.feed(b"a\r\nb\r\n\x1b[10;1Hbottom");
        assert_eq!(shown(&drawn(&mut view)), ["", "", "bottom"]);
        view.session_resized(20, 3);
        view.resized(20, 3);
        drawn(&mut view);
        view.feed(b"x");
        assert_eq!(written(&mut view), b"x");
    }

    #[test]
    fn a_flood_does_not_queue_up() {
        let mut view = live(SIZE, true);
        for number in 0..200_000 {
            view.feed(format!("line {number}\r\n").as_bytes());
            assert!(view.out.len() <= BACKLOG_BYTES);
        }
        assert_eq!(shown(&drawn(&mut view))[..2], ["line 199998", "line 199999"]);
    }

    #[test]
    fn a_job_without_a_terminal_has_whole_line_breaks_and_any_size() {
        let mut view = live((80, 24), false);
        view.feed(b"one\ntwo\n");
        assert_eq!(written(&mut view), b"one\r\ntwo\r\n");
    }

    #[test]
    fn a_notice_is_there_for_a_moment() {
        let mut view = live(SIZE, true);
        view.feed(b"1\r\n2\r\n3");
        written(&mut view);
        view.notice("look here");
        assert_eq!(shown(&written(&mut view)), ["1", "2", " look here"]);
        view.feed(b"x");
        assert_eq!(shown(&drawn(&mut view)), ["1", "2", " look here"]);
        view.notice = Some((String::new(), Deadline::after(Duration::ZERO)));
        assert_eq!(shown(&drawn(&mut view)), ["1", "2", "3x"]);
    }

    #[test]
    fn who_watches_is_asked_nothing() {
        let mut view = live(SIZE, true);
        view.feed(b"a\x1b[6nb");
        assert_eq!(written(&mut view), b"ab");
        view.watches(false);
        drawn(&mut view);
        view.feed(b"a\x1b[6nb");
        assert_eq!(written(&mut view), b"a\x1b[6nb");
    }
}
