//! What a session printed, cut into text, control characters and sequences, as a terminal would read it. Bytes come in
//! pieces, cut anywhere; what is given on is whole, valid UTF-8, and has no C1 control in it.
//!
//! Strings (OSC, DCS, APC, PM, SOS: titles, the clipboard, links, pictures) are never given on, and never kept: one
//! that does not end costs no memory.

/// A sequence longer than this means nothing.
const SEQUENCE_BYTES_MAX: usize = 256;
const ESCAPE: u8 = 0x1b;
const CANCEL: u8 = 0x18;
const SUBSTITUTE: u8 = 0x1a;
const BELL: u8 = 0x07;

/// One piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Characters that are shown.
    Text(&'a str),
    /// A C0 control character; never an escape.
    Control(u8),
    /// `ESC`, perhaps intermediate bytes, and a final one: all but the escape.
    Escape(&'a [u8]),
    /// `ESC [` and what belongs to it.
    Csi(Csi<'a>),
}

/// A control sequence: all that follows `ESC [`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Csi<'a>(pub(crate) &'a [u8]);

impl<'a> Csi<'a> {
    /// What it does.
    pub(crate) fn end(self) -> u8 {
        self.0.last().copied().unwrap_or_default()
    }

    /// The `<`, `=`, `>` or `?` before its parameters.
    pub(crate) fn prefix(self) -> Option<u8> {
        self.0.first().copied().filter(|byte| (b'<'..=b'?').contains(byte))
    }

    /// The byte between parameters and end, if there is one.
    pub(crate) fn intermediate(self) -> Option<u8> {
        self.0.iter().copied().find(|byte| (0x20..0x30).contains(byte))
    }

    /// Its parameters as they are written.
    pub(crate) fn parameters(self) -> &'a [u8] {
        let begin = usize::from(self.prefix().is_some());
        let length = self.0[begin..].iter().take_while(|byte| (0x30..0x40).contains(*byte)).count();
        &self.0[begin..begin + length]
    }

    /// Its parameters as numbers; 0 for one that is left out, or is none.
    pub(crate) fn numbers(self) -> impl Iterator<Item = u16> + 'a {
        let number = |digits: &[u8]| std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        self.parameters().split(|byte| *byte == b';').map(move |digits| number(digits).unwrap_or(0))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// After an escape, in [`Splitter::sequence`].
    Escape,
    /// After `ESC [`, in [`Splitter::sequence`].
    Csi,
    /// In a sequence that means nothing, until it ends.
    Nonsense,
    String,
}

/// Cuts the bytes of one session.
#[derive(Debug)]
pub(crate) struct Splitter {
    state: State,
    sequence: Vec<u8>,
    /// The first bytes of a character.
    character: Vec<u8>,
    text: String,
}

impl Splitter {
    /// At the begin.
    pub(crate) fn new() -> Self {
        Self { state: State::Text, sequence: Vec::new(), character: Vec::new(), text: String::new() }
    }

    /// Gives on what is whole.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut give: impl FnMut(Piece<'_>)) {
        for byte in bytes {
            self.byte(*byte, &mut give);
        }
        self.give_text(&mut give);
    }

    /// Takes the bytes of a character together.
    fn byte(&mut self, byte: u8, give: &mut impl FnMut(Piece<'_>)) {
        if self.character.is_empty() {
            match byte {
                0..0x80 => self.ascii(byte, give),
                0xc2..0xf5 => self.character.push(byte),
                _ => self.no_character(byte, give),
            }
            return;
        }
        if !(0x80..0xc0).contains(&byte) {
            self.character.clear();
            self.other('\u{fffd}', give);
            return self.byte(byte, give);
        }
        self.character.push(byte);
        match std::str::from_utf8(&self.character) {
            Ok(text) => {
                let c = text.chars().next().unwrap_or('\u{fffd}');
                self.character.clear();
                match c {
                    '\u{80}'..='\u{9f}' => self.c1(c as u8, give),
                    _ => self.other(c, give),
                }
            }
            Err(error) if error.error_len().is_some() => {
                self.character.clear();
                self.other('\u{fffd}', give);
            }
            Err(_) => {}
        }
    }

    /// A byte that belongs to no character. A string may end with the one that means so.
    fn no_character(&mut self, byte: u8, give: &mut impl FnMut(Piece<'_>)) {
        if self.state == State::String && byte == 0x9c {
            self.state = State::Text;
        } else {
            self.other('\u{fffd}', give);
        }
    }

    /// A control that stands for an escape and a letter.
    fn c1(&mut self, byte: u8, give: &mut impl FnMut(Piece<'_>)) {
        self.ascii(ESCAPE, give);
        self.ascii(byte - 0x40, give);
    }

    /// A character beyond ASCII: text, or what breaks a sequence off.
    fn other(&mut self, c: char, give: &mut impl FnMut(Piece<'_>)) {
        if self.state == State::String {
            return;
        }
        self.state = State::Text;
        self.push(c, give);
    }

    fn push(&mut self, c: char, give: &mut impl FnMut(Piece<'_>)) {
        self.text.push(c);
        if self.text.len() >= SEQUENCE_BYTES_MAX {
            self.give_text(give);
        }
    }

    fn ascii(&mut self, byte: u8, give: &mut impl FnMut(Piece<'_>)) {
        match (byte, self.state) {
            (ESCAPE, _) => {
                self.give_text(give);
                self.sequence.clear();
                self.state = State::Escape;
            }
            (CANCEL | SUBSTITUTE, _) | (BELL, State::String) | (0x40..0x7f, State::Nonsense) => {
                self.state = State::Text;
            }
            (_, State::String) | (0x7f.., _) => {}
            (0..0x20, _) => {
                self.give_text(give);
                give(Piece::Control(byte));
            }
            (_, State::Text) => self.push(char::from(byte), give),
            (_, State::Escape) => self.escape(byte, give),
            (_, State::Csi) => self.csi(byte, give),
            (_, State::Nonsense) => {}
        }
    }

    fn escape(&mut self, byte: u8, give: &mut impl FnMut(Piece<'_>)) {
        let begins = self.sequence.is_empty();
        match byte {
            b'[' if begins => self.state = State::Csi,
            // The last of them is how `screen` is told a title.
            b']' | b'P' | b'_' | b'^' | b'X' | b'k' if begins => self.state = State::String,
            0x20..0x30 => self.grow(byte),
            _ => {
                self.state = State::Text;
                self.sequence.push(byte);
                // The end of a string that has ended already.
                if self.sequence != b"\\" {
                    give(Piece::Escape(&self.sequence));
                }
            }
        }
    }

    fn csi(&mut self, byte: u8, give: &mut impl FnMut(Piece<'_>)) {
        let csi = Csi(&self.sequence);
        match byte {
            b'<'..=b'?' if !self.sequence.is_empty() => self.state = State::Nonsense,
            0x30..0x40 if csi.intermediate().is_some() => self.state = State::Nonsense,
            0x20..0x40 => self.grow(byte),
            _ => {
                self.state = State::Text;
                self.sequence.push(byte);
                give(Piece::Csi(Csi(&self.sequence)));
            }
        }
    }

    fn grow(&mut self, byte: u8) {
        self.sequence.push(byte);
        if self.sequence.len() > SEQUENCE_BYTES_MAX {
            self.state = State::Nonsense;
        }
    }

    fn give_text(&mut self, give: &mut impl FnMut(Piece<'_>)) {
        if !self.text.is_empty() {
            give(Piece::Text(&self.text));
            self.text.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces of bytes that come in pieces of this size; text is joined.
    fn split(bytes: &[u8], size: usize) -> Vec<String> {
        let mut splitter = Splitter::new();
        let mut found: Vec<String> = Vec::new();
        for bytes in bytes.chunks(size) {
            splitter.feed(bytes, |piece| match piece {
                Piece::Text(text) => match found.last_mut() {
                    Some(last) if last.starts_with('"') => last.push_str(text),
                    _ => found.push(format!("\"{text}")),
                },
                Piece::Control(byte) => found.push(format!("{byte:02x}")),
                Piece::Escape(bytes) => found.push(format!("ESC {}", String::from_utf8_lossy(bytes))),
                Piece::Csi(csi) => found.push(format!("CSI {}", String::from_utf8_lossy(csi.0))),
            });
        }
        found
    }

    #[track_caller]
    fn assert_split(bytes: &[u8], expected: &[&str]) {
        for size in 1..=bytes.len() {
            assert_eq!(split(bytes, size), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn text_controls_and_sequences() {
        assert_split("ä日🦀\r\nx".as_bytes(), &["\"ä日🦀", "0d", "0a", "\"x"]);
        assert_split(b"\x1b[1;31mred\x1b(0q\x1b7", &["CSI 1;31m", "\"red", "ESC (0", "\"q", "ESC 7"]);
        assert_split(b"\x1b[?25l\x1b[>4;2m\x1b[2 q", &["CSI ?25l", "CSI >4;2m", "CSI 2 q"]);
        // A control amid a sequence is done at once; an escape begins another.
        assert_split(b"\x1b[3\r1m\x1b[4\x1b[5m", &["0d", "CSI 31m", "CSI 5m"]);
        assert_split(b"\x1b[3\x18m\x1b\x1a7", &["\"m7"]);
    }

    #[test]
    fn strings_are_left_out_whole() {
        assert_split(b"a\x1b]0;title\x07b", &["\"ab"]);
        assert_split("a\x1b]8;;http://x/\u{263c}\x1b\\b\x1b]8;;\x1b\\c".as_bytes(), &["\"abc"]);
        assert_split(b"\x1bPq#0;2;0;0;0~~\x1b\\\x1b_Gf=100;AAAA\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\x", &["\"x"]);
        assert_split(b"\x1bktitle\x1b\\x", &["\"x"]);
        // As C1 controls, in UTF-8; and ended by the bare byte, which is not to be found amid a character.
        assert_split("a\u{9d}0;title\u{9c}b\u{90}x\u{9c}c".as_bytes(), &["\"abc"]);
        assert_split(b"\x1b]0;\xe2\x9c\x9c\x9cx", &["\"x"]);
        assert_split("\u{9b}31mx".as_bytes(), &["CSI 31m", "\"x"]);
        // A string within a string, as a terminal multiplexer lets pass.
        assert_split(b"\x1bPtmux;\x1b\x1b]52;c;AAAA\x07\x1b\\x", &["\"x"]);
        assert_split(b"\x1b]never\nends", &[]);
    }

    #[test]
    fn what_is_no_character_is_said_to_be_none() {
        assert_split(
            b"a\xffb\xc3(\xed\xa0\x80c\x9b31m\xe2\x82",
            &["\"a\u{fffd}b\u{fffd}(\u{fffd}\u{fffd}c\u{fffd}31m"],
        );
    }

    #[test]
    fn a_sequence_without_end_is_dropped_and_its_end_found() {
        let long = [b"\x1b[".as_slice(), &b"1;".repeat(10_000), b"mx"].concat();
        assert_eq!(split(&long, 7), ["\"x"]);
        let mut splitter = Splitter::new();
        splitter.feed(b"\x1b[", |_| {});
        splitter.feed(&b"1".repeat(100_000), |_| {});
        splitter.feed(b"\x1b]", |_| {});
        splitter.feed(&b"x".repeat(1_000_000), |_| {});
        assert!(splitter.sequence.capacity() + splitter.text.capacity() < 4096);
    }

    #[test]
    fn the_parts_of_a_control_sequence() {
        let csi = Csi(b"?1;2004$p");
        assert_eq!((csi.prefix(), csi.intermediate(), csi.end()), (Some(b'?'), Some(b'$'), b'p'));
        assert_eq!(csi.numbers().collect::<Vec<_>>(), [1, 2004]);
        assert_eq!(Csi(b"m").numbers().collect::<Vec<_>>(), [0]);
        assert_eq!(Csi(b"99999;;4:3m").numbers().collect::<Vec<_>>(), [0, 0, 0]);
    }
}
