//! Jobs: what a shell command printed, and the one line of it that says most.

use decklog_engine::name::is_printable;

/// A line has at most this many characters here.
pub const LINE_CHARACTERS_MAX: usize = 200;

/// The last line with something visible in it, as a terminal would show it at the end: what a carriage return
/// overwrote is gone, escape sequences and control characters are left out. `None` if there is no such line.
pub fn last_line(tail: &[u8]) -> Option<String> {
    tail.rsplit(|byte| *byte == b'\n')
        .find_map(|line| line.rsplit(|byte| *byte == b'\r').map(visible).find(|text| !text.is_empty()))
}

/// The visible characters of a line.
fn visible(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut shown = String::new();
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\u{1b}' => skip_escape(&mut characters),
            '\t' => shown.push(' '),
            '\u{8}' => drop(shown.pop()),
            c if is_printable(c) => shown.push(c),
            _ => {}
        }
    }
    shown.trim().chars().take(LINE_CHARACTERS_MAX).collect()
}

/// What follows an ESC: a control sequence up to its final byte, a string up to its terminator, or one character.
fn skip_escape(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match characters.next() {
        Some('[') => {
            for c in characters.by_ref() {
                if ('\u{40}'..='\u{7e}').contains(&c) {
                    return;
                }
            }
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = characters.next() {
                if c == '\u{7}' {
                    return;
                }
                if c == '\u{1b}' && characters.next_if_eq(&'\\').is_some() {
                    return;
                }
            }
        }
        Some('(' | ')' | '*' | '+' | '#' | ' ') => drop(characters.next()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_shows_something() {
        assert_eq!(last_line(b""), None);
        assert_eq!(last_line(b"\n \r\n\t\n"), None);
        assert_eq!(last_line(b"one\ntwo\n\n").as_deref(), Some("two"));
        assert_eq!(last_line(b"one\ntwo without end").as_deref(), Some("two without end"));
    }

    #[test]
    fn as_a_terminal_would_show_it() {
        assert_eq!(last_line(b" 10%\r 50%\r100%\n").as_deref(), Some("100%"));
        assert_eq!(last_line(b" 10%\r 50%\r").as_deref(), Some("50%"));
        assert_eq!(
            last_line(b"\x1b[31mred\x1b[0m \x1b]0;title\x07text\x1b(B\n").as_deref(),
            Some("red text")
        );
        assert_eq!(last_line(b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\x07\n").as_deref(), Some("link"));
        assert_eq!(last_line(b"ab\x08c\xe2\x80\xaed\xff\n").as_deref(), Some("acd\u{fffd}"));
    }

    #[test]
    fn one_endless_line_is_cut() {
        assert_eq!(last_line(&vec![b'x'; 1 << 20]).map(|line| line.len()), Some(LINE_CHARACTERS_MAX));
        assert_eq!(last_line(b"text\n\x1b[999999").as_deref(), Some("text"));
    }
}
