//! Text from anywhere, made fit for a screen.

use std::borrow::Cow;

use decklog_engine::name::is_printable;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The text with every character that is not itself on a screen shown as a symbol: `␛` for escape, `⟨202E⟩` for what
/// has no symbol.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_printable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    text.chars().for_each(|c| push_shown(&mut out, c));
    Cow::Owned(out)
}

/// Adds a character as [`shown`] shows it.
pub(crate) fn push_shown(out: &mut String, c: char) {
    match c {
        _ if is_printable(c) => out.push(c),
        '\0'..='\x1f' => out.extend(char::from_u32(0x2400 + c as u32)),
        '\x7f' => out.push('␡'),
        _ => {
            use std::fmt::Write as _;
            let _ = write!(out, "⟨{:04X}⟩", c as u32);
        }
    }
}

/// How many columns a shown text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// At most so many columns of a shown text; `…` stands for what was cut off.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if text.width() <= columns {
        return Cow::Borrowed(text);
    }
    let mut used = 0;
    let mut kept = String::new();
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > columns {
            break;
        }
        used += wide;
        kept.push(c);
    }
    if columns > 0 {
        kept.push('…');
    }
    Cow::Owned(kept)
}

/// `1 line`, `18 lines`.
pub(crate) fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// Bytes as people say them: `812 B`, `14.2 KiB`, `1.0 GiB`.
pub(crate) fn bytes(number: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = number as f64;
    let mut unit = "B";
    for next in units {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{number} B") } else { format!("{value:.1} {unit}") }
}

/// The word of `known` that is nearest to what was typed, if one is near.
pub(crate) fn nearest<'a>(typed: &str, known: &[&'a str]) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let far = |word: &str| distance(&typed, &word.to_lowercase());
    let (near, word) = known.iter().map(|word| (far(word), *word)).min()?;
    (near <= 1 + typed.chars().count() / 3).then_some(word)
}

/// How many letters have to be changed, added, left out or swapped with their neighbour to make one word the other.
pub(crate) fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut rows = vec![vec![0; to.len() + 1]; from.len() + 1];
    for line in 0..=from.len() {
        for column in 0..=to.len() {
            rows[line][column] = match (line, column) {
                (0, _) => column,
                (_, 0) => line,
                _ => {
                    let changed = rows[line - 1][column - 1] + usize::from(from[line - 1] != to[column - 1]);
                    let least = changed.min(rows[line - 1][column] + 1).min(rows[line][column - 1] + 1);
                    let swapped = line > 1
                        && column > 1
                        && from[line - 1] == to[column - 2]
                        && from[line - 2] == to[column - 1];
                    if swapped { least.min(rows[line - 2][column - 2] + 1) } else { least }
                }
            };
        }
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_symbols() {
        assert_eq!(shown("plain 🦀"), "plain 🦀");
        assert_eq!(shown("a\x1b[2Jb\r\n\x7f"), "a␛[2Jb␍␊␡");
        assert_eq!(shown("\u{9b}31m \u{202e}"), "⟨009B⟩31m ⟨202E⟩");
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(cut("settings", 8), "settings");
        assert_eq!(cut("settings", 5), "sett…");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("x", 0), "");
    }

    #[test]
    fn numbers_are_said_as_people_do() {
        assert_eq!([bytes(812), bytes(14_541), bytes(1 << 30)], ["812 B", "14.2 KiB", "1.0 GiB"]);
        assert_eq!([count(1, "line"), count(0, "line")], ["1 line", "0 lines"]);
    }

    #[test]
    fn the_nearest_word_is_near() {
        let states = ["working", "blocked", "done"];
        assert_eq!(nearest("blokced", &states), Some("blocked"));
        assert_eq!(nearest("Working", &states), Some("working"));
        assert_eq!(nearest("zzz", &states), None);
        assert_eq!([distance("stpo", "stop"), distance("web", "why"), distance("", "ab")], [1, 2, 2]);
    }
}
