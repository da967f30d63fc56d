//! What a session has set its terminal to, besides what is drawn on it: so that another terminal can be set alike, and
//! set back. It knows which private modes may be set at all: those that are set back here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::sequence::{Csi, Piece};

/// A program that asks for more levels of keyboard protocol than this has lost count.
const KEYBOARD_LEVELS_MOST: usize = 16;

/// A private mode that a session may set.
struct Known {
    number: u16,
    /// Whether a terminal is switched on with it.
    usual: bool,
    /// It makes the terminal report what nobody typed: the mouse, the focus.
    reports: bool,
}

const fn known(number: u16, usual: bool, reports: bool) -> Known {
    Known { number, usual, reports }
}

/// Cursor keys, reverse video, origin, line wrap, key repeat, the mouse as X10 has it, a blinking cursor, the cursor,
/// the keypad; the mouse and its encodings, the focus; marked pastes.
const KNOWN: [Known; 18] = [
    known(1, false, false),
    known(5, false, false),
    known(6, false, false),
    known(7, true, false),
    known(8, true, false),
    known(9, false, true),
    known(12, false, false),
    known(25, true, false),
    known(66, false, false),
    known(1000, false, true),
    known(1002, false, true),
    known(1003, false, true),
    known(1004, false, true),
    known(1005, false, true),
    known(1006, false, true),
    known(1015, false, true),
    known(1016, false, true),
    known(2004, false, false),
];

/// Modes that hold back drawing until they are reset: they pass, and are never kept.
pub(super) const SYNCHRONIZED: u16 = 2026;
const ORIGIN: u16 = 6;
const CURSOR: u16 = 25;

/// Whether a session may set this private mode.
pub(super) fn may_be_set(number: u16) -> bool {
    number == SYNCHRONIZED || KNOWN.iter().any(|known| known.number == number)
}

/// Whether a mode makes the terminal report what nobody typed.
pub(super) fn reports(number: u16) -> bool {
    KNOWN.iter().any(|known| known.number == number && known.reports)
}

/// What brings a terminal from anything that a session may have done to how a shell expects it.
pub(super) fn usual() -> String {
    let mut out = String::from("\x18\x1b[?2026l");
    for known in &KNOWN {
        push_private(&mut out, known.number, known.usual);
    }
    // Insert off, the whole screen scrolls, letters are letters, the keypad has digits, keys as they always were, the
    // usual cursor, no colour.
    out.push_str("\x1b[4l\x1b[r\x1b(B\x1b)B\x0f\x1b>\x1b[>4m\x1b[0 q\x1b[0m");
    out
}

/// The modes in effect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Modes {
    private: BTreeMap<u16, bool>,
    /// Text moves what follows it to the right.
    pub(crate) insert: bool,
    keypad: bool,
    /// Whether each of two sets of letters is the one of lines and corners.
    graphics: [bool; 2],
    /// The second set is in use.
    shifted: bool,
    cursor_shape: u16,
    /// The lines that scroll: the first and the last, from 1.
    region: Option<(u16, u16)>,
    /// The levels of the keyboard protocol, the last one in effect.
    keyboard: Vec<u16>,
    other_keys: u16,
}

impl Modes {
    /// Takes the next piece of output.
    pub(crate) fn apply(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Control(0x0e) => self.shifted = true,
            Piece::Control(0x0f) => self.shifted = false,
            Piece::Escape(b"c") => *self = Self::default(),
            Piece::Escape(b"=") => self.keypad = true,
            Piece::Escape(b">") => self.keypad = false,
            Piece::Escape([b'(', set]) => self.graphics[0] = *set == b'0',
            Piece::Escape([b')', set]) => self.graphics[1] = *set == b'0',
            Piece::Csi(csi) => self.csi(csi),
            Piece::Text(_) | Piece::Control(_) | Piece::Escape(_) => {}
        }
    }

    fn csi(&mut self, csi: Csi<'_>) {
        let mut numbers = csi.numbers();
        let first = numbers.next().unwrap_or(0);
        let second = numbers.next();
        match (csi.prefix(), csi.intermediate(), csi.end()) {
            (Some(b'?'), None, end @ (b'h' | b'l')) => {
                let kept = csi.numbers().filter(|number| may_be_set(*number) && *number != SYNCHRONIZED);
                self.private.extend(kept.map(|number| (number, end == b'h')));
            }
            (None, None, end @ (b'h' | b'l')) if csi.numbers().any(|number| number == 4) => {
                self.insert = end == b'h';
            }
            (None, None, b'r') => {
                let region = (first.max(1), second.unwrap_or(0));
                self.region = (region.0 > 1 || region.1 > 0).then_some(region);
            }
            (None, Some(b' '), b'q') => self.cursor_shape = first.min(6),
            (None, Some(b'!'), b'p') => self.soft_reset(),
            (Some(b'>'), None, b'm') if first == 4 => self.other_keys = second.unwrap_or(0).min(2),
            (Some(b'>'), None, b'u') if self.keyboard.len() < KEYBOARD_LEVELS_MOST => {
                self.keyboard.push(first);
            }
            (Some(b'<'), None, b'u') => {
                let left = self.keyboard.len().saturating_sub(usize::from(first.max(1)));
                self.keyboard.truncate(left);
            }
            (Some(b'='), None, b'u') => {
                let now = self.keyboard.pop().unwrap_or(0);
                self.keyboard.push(match second {
                    Some(2) => now | first,
                    Some(3) => now & !first,
                    _ => first,
                });
            }
            _ => {}
        }
    }

    fn soft_reset(&mut self) {
        for number in [1, ORIGIN, 66] {
            self.private.remove(&number);
        }
        self.private.insert(CURSOR, true);
        let kept = std::mem::take(self);
        *self = Self {
            private: kept.private,
            keyboard: kept.keyboard,
            other_keys: kept.other_keys,
            cursor_shape: kept.cursor_shape,
            ..Self::default()
        };
    }

    /// What sets a terminal to these modes. It moves the cursor. One that only watches reports nothing.
    pub(crate) fn sequences(&self, watches: bool) -> String {
        let mut out = String::new();
        if let Some((top, bottom)) = self.region {
            let _ = match bottom {
                0 => write!(out, "\x1b[{top}r"),
                _ => write!(out, "\x1b[{top};{bottom}r"),
            };
        }
        for known in KNOWN.iter().filter(|known| known.number != CURSOR) {
            let set = self.private.get(&known.number).copied().unwrap_or(known.usual);
            push_private(&mut out, known.number, set && !(watches && known.reports));
        }
        out.push_str(if self.insert { "\x1b[4h" } else { "\x1b[4l" });
        out.push_str(if self.keypad { "\x1b=" } else { "\x1b>" });
        out.push_str(if self.graphics[0] { "\x1b(0" } else { "\x1b(B" });
        out.push_str(if self.graphics[1] { "\x1b)0" } else { "\x1b)B" });
        out.push(if self.shifted { '\x0e' } else { '\x0f' });
        let _ = write!(out, "\x1b[{} q", self.cursor_shape);
        let (keyboard, other_keys) =
            if watches { (0, 0) } else { (self.keyboard.last().copied().unwrap_or(0), self.other_keys) };
        let _ = write!(out, "\x1b[={keyboard};1u\x1b[>4;{other_keys}m");
        out
    }

    /// The first line from which the session counts, from 0.
    pub(crate) fn origin(&self) -> u16 {
        let by_region = self.private.get(&ORIGIN).copied().unwrap_or(false);
        self.region.filter(|_| by_region).map_or(0, |(top, _)| top - 1)
    }

    /// Whether letters stand for lines and corners now.
    pub(crate) fn draws_lines(&self) -> bool {
        self.graphics[usize::from(self.shifted)]
    }

    /// The terminal has another size: all of it scrolls.
    pub(crate) fn resized(&mut self) {
        self.region = None;
    }
}

fn push_private(out: &mut String, number: u16, set: bool) {
    let _ = write!(out, "\x1b[?{number}{}", if set { 'h' } else { 'l' });
}

#[cfg(test)]
mod tests {
    use super::super::sequence::Splitter;
    use super::*;

    fn after(bytes: &[u8]) -> Modes {
        let mut modes = Modes::default();
        Splitter::new().feed(bytes, |piece| modes.apply(piece));
        modes
    }

    #[test]
    fn the_sequences_set_another_terminal_alike() {
        let bytes = b"\x1b[?1;1000;1006;2004h\x1b[?25l\x1b[?7l\x1b[4h\x1b=\x1b(0\x1b)0\x0e\x1b[3;20r\x1b[5 q\x1b[>1u\x1b[=2;2u\x1b[>4;1m";
        let modes = after(bytes);
        let mut alike = after(modes.sequences(false).as_bytes());
        // The cursor is drawn last, by whoever draws.
        alike.private.insert(CURSOR, false);
        assert_eq!(alike.sequences(false), modes.sequences(false));
        assert!(modes.sequences(false).contains("\x1b[=3;1u"), "{:?}", modes.sequences(false));
        assert!(modes.sequences(false).contains("\x1b[?1000h"));
        assert!(modes.sequences(true).contains("\x1b[?1000l"), "who watches does not report");
        assert!(modes.draws_lines());
    }

    #[test]
    fn resets_and_what_may_not_be_set() {
        assert_eq!(after(b"\x1b[?1h\x1b[>1u\x1b[2r\x1bc"), Modes::default());
        assert_eq!(after(b"\x1b[?2;3;1001;9999h\x1b[20h"), Modes::default());
        assert_eq!(after(b"\x1b[>1u\x1b[>3u\x1b[<9u\x1b[r\x1b[1;0r"), Modes::default());
        let soft = after(b"\x1b[?1h\x1b[?2004h\x1b[2;5r\x1b[4h\x1b(0\x1b[!p");
        assert_eq!((soft.insert, soft.region, soft.draws_lines()), (false, None, false));
        assert!(soft.sequences(false).contains("\x1b[?2004h"));
        let many = after(&b"\x1b[>1u".repeat(1000));
        assert_eq!(many.keyboard.len(), KEYBOARD_LEVELS_MOST);
    }

    #[test]
    fn leaving_sets_back_whatever_can_be_set() {
        let all: String = (0..3000).map(|number| format!("\x1b[?{number}h")).collect();
        let worst =
            format!("{all}\x1b[?7l\x1b[?8l\x1b[?25l\x1b[4h\x1b=\x1b(0\x1b)0\x0e\x1b[2;5r\x1b[5 q\x1b[>4;2m");
        let mut left = after(format!("{worst}{}", usual()).as_bytes());
        left.keyboard.clear();
        assert_eq!(left.sequences(false), Modes::default().sequences(false));
        assert_eq!(left.region, None);
    }
}
