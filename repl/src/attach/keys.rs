//! What is typed while attached: for the session, or after Ctrl-\ for the client itself.
//!
//! A program may have asked for another keyboard protocol, in which Ctrl-\ is a sequence. It is known in these too.

const PREFIX: u8 = 0x1c;
/// No key's sequence is longer.
const SEQUENCE_BYTES_MAX: usize = 32;
const CONTROL: u16 = 4;
/// Caps lock and num lock: held or not, it is the same key.
const LOCKS: u16 = 64 + 128;

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// Something for the session.
    Typed(Vec<u8>),
    /// Ctrl-\ and `d`: leave.
    Detach,
    /// Ctrl-\ and `t`: control the session.
    TakeControl,
    /// Ctrl-\ and `?`, or something that means nothing.
    Remind,
}

/// The keyboard.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// The last key was Ctrl-\.
    after_prefix: bool,
}

impl Keys {
    /// What these bytes mean.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        let mut found = Vec::new();
        let mut typed = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let stroke = Stroke::first_of(rest);
            let (raw, after) = rest.split_at(stroke.length);
            rest = after;
            if !self.after_prefix {
                match stroke.is_prefix() {
                    true if !stroke.is_release => self.after_prefix = true,
                    true => {}
                    false => typed.extend_from_slice(raw),
                }
                continue;
            }
            // Fingers leave the keys of Ctrl-\, or press Ctrl and the like.
            if stroke.is_release || stroke.is_modifier() {
                continue;
            }
            self.after_prefix = false;
            if stroke.is_prefix() {
                typed.extend_from_slice(raw);
                continue;
            }
            if !typed.is_empty() {
                found.push(Key::Typed(std::mem::take(&mut typed)));
            }
            found.push(match stroke.letter() {
                Some('d') => Key::Detach,
                Some('t') => Key::TakeControl,
                _ => Key::Remind,
            });
        }
        if !typed.is_empty() {
            found.push(Key::Typed(typed));
        }
        found
    }
}

/// Whether the terminal says this by itself: the mouse moved, the window was left.
pub(crate) fn is_report(bytes: &[u8]) -> bool {
    [b"\x1b[<".as_slice(), b"\x1b[M", b"\x1b[I", b"\x1b[O", b"\x1b[?"]
        .iter()
        .any(|begin| bytes.starts_with(begin))
}

/// One key that was pressed or let go.
#[derive(Debug)]
struct Stroke {
    /// How many bytes it takes.
    length: usize,
    /// The character that it has without Ctrl; `None` for others.
    code: Option<u32>,
    control: bool,
    is_release: bool,
}

impl Stroke {
    fn first_of(bytes: &[u8]) -> Self {
        let plain = |length, code| Self { length, code, control: false, is_release: false };
        match bytes {
            [PREFIX, ..] => Self { control: true, ..plain(1, Some('\\'.into())) },
            [0x1b, b'[', rest @ ..] => {
                let end = rest.iter().take(SEQUENCE_BYTES_MAX).position(|byte| (0x40..0x7f).contains(byte));
                let sequence = end.map(|end| (&rest[..end], rest[end], end + 3));
                match sequence {
                    Some((parameters, end, length)) => Self::of_sequence(parameters, end, length),
                    None => plain(bytes.len().min(2), None),
                }
            }
            [0x1b, _, ..] => plain(2, None),
            [byte, ..] => plain(1, Some(u32::from(*byte))),
            [] => plain(0, None),
        }
    }

    /// `code:others;modifiers:event;text u`, or `27;modifiers;code ~`.
    fn of_sequence(parameters: &[u8], end: u8, length: usize) -> Self {
        let fields: Vec<Vec<u32>> = parameters
            .split(|byte| *byte == b';')
            .map(|field| {
                let number = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse().ok();
                field.split(|byte| *byte == b':').map(|digits| number(digits).unwrap_or(0)).collect()
            })
            .collect();
        let at = |field: usize, part: usize| fields.get(field).and_then(|field| field.get(part)).copied();
        let code = match end {
            b'u' => at(0, 0),
            b'~' if at(0, 0) == Some(27) => at(2, 0),
            _ => None,
        };
        let modifiers = (at(1, 0).unwrap_or(1).max(1) - 1) as u16;
        let control = modifiers & !LOCKS == CONTROL;
        Self { length, code, control, is_release: at(1, 1) == Some(3) }
    }

    fn is_prefix(&self) -> bool {
        self.control && self.code == Some('\\'.into())
    }

    fn letter(&self) -> Option<char> {
        self.code.filter(|_| !self.control).and_then(char::from_u32)
    }

    /// Shift, Ctrl and the like have numbers of their own in the keyboard protocol.
    fn is_modifier(&self) -> bool {
        self.code.is_some_and(|code| (57_358..=57_360).contains(&code) || (57_441..=57_454).contains(&code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Key {
        Key::Typed(text.into())
    }

    fn keys(bytes: &str) -> Vec<Key> {
        Keys::default().feed(bytes.as_bytes())
    }

    #[test]
    fn what_is_typed_passes_as_it_is() {
        for text in [
            "ls\r",
            "\x03",
            "\x1a",
            "\x1b",
            "\x1b[A",
            "\x1bb",
            "ä日",
            "\x1b[200~a\x1b[201~",
            "\x1b[99;5u",
            "\x1b[",
        ] {
            assert_eq!(keys(text), [typed(text)]);
        }
    }

    #[test]
    fn after_the_prefix_a_key_is_for_the_client() {
        assert_eq!(keys("a\x1cdb"), [typed("a"), Key::Detach, typed("b")]);
        assert_eq!(keys("\x1ct"), [Key::TakeControl]);
        assert_eq!(keys("\x1c?"), [Key::Remind]);
        assert_eq!(keys("\x1c\x1b[A"), [Key::Remind]);
        assert_eq!(keys("\x1c\x04x"), [Key::Remind, typed("x")]);
        assert_eq!(keys("a\x1c\x1cd"), [typed("a\x1cd")]);
    }

    #[test]
    fn the_prefix_and_its_key_may_come_apart() {
        let mut keys = Keys::default();
        assert_eq!(keys.feed(b"x\x1c"), [typed("x")]);
        assert_eq!(keys.feed(b""), []);
        assert_eq!(keys.feed(b"d"), [Key::Detach]);
    }

    #[test]
    fn other_keyboard_protocols_have_the_prefix_too() {
        assert_eq!(keys("\x1b[92;5ud"), [Key::Detach]);
        assert_eq!(keys("\x1b[27;5;92~d"), [Key::Detach]);
        assert_eq!(keys("\x1b[92;69:1u\x1b[92;69:3u\x1b[57442;1:3u\x1b[100;1:1u"), [Key::Detach]);
        assert_eq!(keys("\x1b[92;5u\x1b[92;5u"), [typed("\x1b[92;5u")]);
        assert_eq!(keys("\x1b[92;5u\x1b[116u"), [Key::TakeControl]);
        assert_eq!(keys("\x1b[92u"), [typed("\x1b[92u")]);
    }

    #[test]
    fn what_the_mouse_says_nobody_typed() {
        assert!(is_report(b"\x1b[<35;1;1M") && is_report(b"\x1b[I"));
        assert!(!is_report(b"x") && !is_report(b"\x1b[A"));
    }
}
