//! A session's output, made fit for a terminal. Bytes come in pieces, cut anywhere.
//!
//! Control characters become symbols. Colours pass where the terminal may have them: only `ESC [ … m` with parameters
//! that colour or stress text, never one that hides it; they end with each piece and are taken up again by the next,
//! so that an interrupted listing does not stain the shell.

use std::fmt::Write as _;

use super::text;

/// A sequence longer than this is no colour.
const SEQUENCE_BYTES_MAX: usize = 64;
/// So many sequences are remembered until one that resets.
const ACTIVE_MAX: usize = 16;

/// The state between two pieces.
#[derive(Debug)]
pub(crate) struct TerminalFilter {
    colors: bool,
    /// Bytes of a character or sequence that is not whole yet.
    pending: Vec<u8>,
    /// The sequences in effect.
    active: Vec<String>,
    /// The last character was a carriage return that may belong to a line break.
    carriage_return: bool,
    at_line_start: bool,
}

impl TerminalFilter {
    /// A filter that lets colours pass, or drops them.
    pub(crate) fn new(colors: bool) -> Self {
        Self { colors, pending: Vec::new(), active: Vec::new(), carriage_return: false, at_line_start: true }
    }

    /// A piece of output as the terminal may have it.
    pub(crate) fn piece(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let pending = std::mem::take(&mut self.pending);
        let mut out = self.active.concat();
        let rest = self.take(&pending, &mut out);
        self.pending = pending[rest..].to_vec();
        if !self.active.is_empty() {
            out.push_str("\x1b[0m");
        }
        out
    }

    /// What is left when no more comes: an unfinished character or sequence as symbols, and a line break if the last
    /// line has none.
    pub(crate) fn end(&mut self) -> String {
        let mut out = String::new();
        if self.carriage_return {
            self.push(&mut out, '␍');
        }
        let pending = std::mem::take(&mut self.pending);
        for c in String::from_utf8_lossy(&pending).chars() {
            self.push(&mut out, c);
        }
        if !self.at_line_start {
            out.push('\n');
        }
        out
    }

    /// Takes whole characters and sequences; returns where the unfinished rest begins.
    fn take(&mut self, bytes: &[u8], out: &mut String) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at] == 0x1b {
                match sequence(&bytes[at..]) {
                    Sequence::Unfinished => return at,
                    Sequence::Color(length) => {
                        self.color(&bytes[at..at + length], out);
                        at += length;
                        continue;
                    }
                    Sequence::Other => {}
                }
            }
            let Some((c, length)) = character(&bytes[at..]) else { return at };
            self.character(c, out);
            at += length;
        }
        at
    }

    fn character(&mut self, c: char, out: &mut String) {
        if std::mem::take(&mut self.carriage_return) && c != '\n' {
            self.push(out, '␍');
        }
        match c {
            '\r' => self.carriage_return = true,
            '\n' => {
                out.push('\n');
                self.at_line_start = true;
            }
            // They join letters and emoji, and do nothing else.
            '\t' | '\u{200c}' | '\u{200d}' => {
                out.push(c);
                self.at_line_start = false;
            }
            _ => self.push(out, c),
        }
    }

    fn push(&mut self, out: &mut String, c: char) {
        text::push_shown(out, c);
        self.at_line_start = false;
    }

    fn color(&mut self, sequence: &[u8], out: &mut String) {
        if !self.colors {
            return;
        }
        let mut written = String::new();
        for byte in sequence {
            let _ = write!(written, "{}", char::from(*byte));
        }
        out.push_str(&written);
        if matches!(sequence, b"\x1b[m" | b"\x1b[0m") {
            self.active.clear();
        } else {
            if self.active.len() == ACTIVE_MAX {
                self.active.remove(0);
            }
            self.active.push(written);
        }
    }
}

enum Sequence {
    /// More bytes are needed to tell.
    Unfinished,
    /// A harmless colour sequence of so many bytes.
    Color(usize),
    /// Anything else: its escape is shown as a symbol.
    Other,
}

fn sequence(bytes: &[u8]) -> Sequence {
    match bytes.get(1) {
        None => return Sequence::Unfinished,
        Some(b'[') => {}
        Some(_) => return Sequence::Other,
    }
    let body = &bytes[2..bytes.len().min(SEQUENCE_BYTES_MAX)];
    match body.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b';' | b':')) {
        None if bytes.len() < SEQUENCE_BYTES_MAX => Sequence::Unfinished,
        Some(end) if body[end] == b'm' && only_stresses(&body[..end]) => Sequence::Color(2 + end + 1),
        _ => Sequence::Other,
    }
}

/// Whether the parameters only colour or stress text: no blinking, no hiding, nothing unknown.
fn only_stresses(parameters: &[u8]) -> bool {
    let mut groups = parameters.split(|byte| *byte == b';');
    while let Some(group) = groups.next() {
        let mut parts = group.split(|byte| *byte == b':').map(number);
        let first = parts.next().flatten();
        let known = match first {
            // Parts after colons belong to this one: a colour, or the kind of underline.
            Some(4 | 38 | 48 | 58) if group.contains(&b':') => {
                parts.all(|part| part.is_some_and(|part| part <= 255))
            }
            Some(38 | 48 | 58) => {
                let colors = match groups.next().and_then(number) {
                    Some(5) => 1,
                    Some(2) => 3,
                    _ => return false,
                };
                (0..colors).all(|_| groups.next().and_then(number).is_some_and(|color| color <= 255))
            }
            Some(0..=4 | 7 | 21..=24 | 27 | 30..=37 | 39..=47 | 49 | 59 | 90..=97 | 100..=107) => {
                !group.contains(&b':')
            }
            _ => false,
        };
        if !known {
            return false;
        }
    }
    true
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |number, digit| {
        number.checked_mul(10)?.checked_add(u32::from(digit.wrapping_sub(b'0')))
    })
}

/// The first character and its length; `None` if it is not whole yet. What is not UTF-8 is a replacement character.
fn character(bytes: &[u8]) -> Option<(char, usize)> {
    let window = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(window) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => std::str::from_utf8(&window[..error.valid_up_to()]).ok()?,
        Err(error) => {
            return error.error_len().map(|length| (char::REPLACEMENT_CHARACTER, length));
        }
    };
    valid.chars().next().map(|c| (c, c.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(colors: bool, bytes: &[u8]) -> String {
        let mut filter = TerminalFilter::new(colors);
        filter.piece(bytes) + &filter.end()
    }

    #[test]
    fn no_control_character_reaches_the_terminal() {
        let hostile =
            b"a\x1b]0;title\x07b\x1b[2Jc\x9b31md\x08\x7f\x1b[8mhidden\r\n\xc2\x9b2Je\xe2\x80\xaef\n";
        let shown = whole(true, hostile);
        insta::assert_snapshot!(shown, @"
        a␛]0;title␇b␛[2Jc�31md␈␡␛[8mhidden
        ⟨009B⟩2Je⟨202E⟩f
        ");
        for byte in 0..=255_u8 {
            for bytes in [vec![byte], vec![b'x', byte, b'y'], vec![0x1b, byte], vec![0x1b, b'[', byte, b'J']]
            {
                let shown = whole(true, &bytes);
                let bad = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
                let colorless = shown.replace("\x1b[0m", "").replace("\x1b[m", "");
                assert!(!colorless.contains(bad), "{bytes:?} gave {shown:?}");
            }
        }
    }

    #[test]
    fn colours_pass_and_never_outlive_their_piece() {
        let mut filter = TerminalFilter::new(true);
        assert_eq!(filter.piece(b"\x1b[1;31mred"), "\x1b[1;31mred\x1b[0m");
        assert_eq!(filter.piece(b" still\x1b[38;5;208"), "\x1b[1;31m still\x1b[0m");
        assert_eq!(filter.piece(b"mx\x1b[0m.\n"), "\x1b[1;31m\x1b[38;5;208mx\x1b[0m.\n");
        assert_eq!(filter.piece(b"plain"), "plain");
        assert_eq!(filter.end(), "\n");
        assert_eq!(whole(false, b"\x1b[1;31mred\x1b[0m\n"), "red\n");
    }

    #[test]
    fn only_colours_and_stress_are_colours() {
        for harmless in ["", "0", "1;31", "38;5;208;1", "38;2;1;2;3", "48:2::10:20:30", "4:3", "97;107"] {
            assert!(only_stresses(harmless.as_bytes()), "{harmless}");
        }
        for other in ["5", "8", "38;5;208;8", "38;5", "38;2;1;2", "31:8", "38;9;1", "999", "1;99999999999"] {
            assert!(!only_stresses(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn characters_may_be_cut_anywhere() {
        let bytes = "日本 🦀 é\r\n\tend\r".as_bytes();
        let expected = "日本 🦀 é\n\tend␍\n";
        assert_eq!(whole(true, bytes), expected);
        let mut filter = TerminalFilter::new(true);
        let mut pieces: String = bytes.iter().map(|byte| filter.piece(&[*byte])).collect();
        pieces.push_str(&filter.end());
        assert_eq!(pieces, expected);
        assert_eq!(whole(true, b"\xff\xe6\x97"), "\u{fffd}\u{fffd}\n");
    }
}
