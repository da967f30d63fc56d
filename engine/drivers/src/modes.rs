//! What a session's terminal was set to before the part of its output that is looked at.
//!
//! A screen is drawn from the end of the output; a program that has run for long set its terminal's modes (the other
//! screen, bracketed paste, the mouse) far before that. They are found without drawing anything.

use std::collections::BTreeMap;

/// A sequence longer than this sets no mode.
const SEQUENCE_BYTES_MAX: usize = 64;
/// Nobody uses more of them.
const MODES_MOST: usize = 64;

/// The private modes (DECSET and DECRST) in effect after the bytes so far.
#[derive(Debug, Default)]
pub struct Modes {
    /// Whether each mode is set, in the order of their numbers.
    modes: BTreeMap<u16, bool>,
    /// A sequence that is not whole yet, from its escape on.
    pending: Vec<u8>,
}

impl Modes {
    /// Takes the next bytes, in pieces of any size.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        while !bytes.is_empty() {
            if self.pending.is_empty() {
                let Some(escape) = bytes.iter().position(|byte| *byte == 0x1b) else { return };
                bytes = &bytes[escape..];
            }
            self.pending.push(bytes[0]);
            bytes = &bytes[1..];
            self.advance();
        }
    }

    /// The sequences that bring a terminal that was just switched on to these modes.
    pub fn sequences(&self) -> Vec<u8> {
        let one =
            |(mode, set): (&u16, &bool)| format!("\x1b[?{mode}{}", if *set { 'h' } else { 'l' }).into_bytes();
        self.modes.iter().flat_map(one).collect()
    }

    fn advance(&mut self) {
        match self.pending.as_slice() {
            // The terminal is reset.
            b"\x1bc" | b"\x1b[!p" => {
                self.modes.clear();
                self.pending.clear();
            }
            b"\x1b" | b"\x1b[" | b"\x1b[?" | b"\x1b[!" => {}
            [0x1b, b'[', b'?', parameters @ .., end @ (b'h' | b'l')] => {
                let modes: Vec<u16> = parameters
                    .split(|byte| *byte == b';')
                    .filter_map(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
                    .collect();
                let set = *end == b'h';
                for mode in modes {
                    if self.modes.len() < MODES_MOST || self.modes.contains_key(&mode) {
                        self.modes.insert(mode, set);
                    }
                }
                self.pending.clear();
            }
            [0x1b, b'[', b'?', .., b'0'..=b'9' | b';'] if self.pending.len() < SEQUENCE_BYTES_MAX => {}
            [.., 0x1b] => self.pending = vec![0x1b],
            _ => self.pending.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(bytes: &[u8], piece: usize) -> String {
        let mut modes = Modes::default();
        for piece in bytes.chunks(piece) {
            modes.feed(piece);
        }
        String::from_utf8(modes.sequences()).unwrap()
    }

    #[test]
    fn the_last_word_on_each_mode_counts_however_the_bytes_are_cut() {
        let bytes =
            b"text\x1b[?1049h\x1b[?25l\x1b[31mred\x1b[?1;2004h\x1b]0;t\x07\x1b[?25hx\x1b\x1b[?1l\x1b[2J";
        for piece in 1..bytes.len() {
            assert_eq!(
                after(bytes, piece),
                "\x1b[?1l\x1b[?25h\x1b[?1049h\x1b[?2004h",
                "in pieces of {piece}"
            );
        }
    }

    #[test]
    fn a_reset_forgets_and_nonsense_is_nothing() {
        assert_eq!(after(b"\x1b[?1049h\x1bc\x1b[?7h", 3), "\x1b[?7h");
        assert_eq!(after(b"\x1b[?h\x1b[?99999999h\x1b[?12\x001h\x1b[?1$p", 1), "");
        let endless = [b"\x1b[?".as_slice(), &[b'1'; 10_000]].concat();
        assert_eq!(after(&endless, 100), "");
        let many: Vec<u8> = (0..1000).flat_map(|mode| format!("\x1b[?{mode}h").into_bytes()).collect();
        assert_eq!(after(&many, 7).matches('h').count(), MODES_MOST);
    }
}
