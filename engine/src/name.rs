//! Names of sessions: what is allowed, and how one is made from a command or prompt.

use alloc::string::String;

/// What a name is, for who gave one that is none.
pub const RULE: &str = "a name is 1 to 64 printable characters";
/// A name has at most this many characters.
pub const NAME_CHARACTERS_MAX: usize = 64;
const MADE_CHARACTERS_MAX: usize = 24;

/// Why a text cannot be a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Nothing visible in it.
    #[error("a name needs at least one visible character")]
    Empty,
    /// More than [`NAME_CHARACTERS_MAX`].
    #[error("a name has at most {NAME_CHARACTERS_MAX} characters, this one has {0}")]
    TooLong(usize),
    /// A control character, a line break, or one that reorders or hides text.
    #[error("a name is made of printable characters; this one has U+{0:04X}")]
    NotPrintable(u32),
}

/// Whether this text can be a name.
pub fn check(name: &str) -> Result<(), BadName> {
    if let Some(c) = name.chars().find(|c| !is_printable(*c)) {
        return Err(BadName::NotPrintable(c as u32));
    }
    let characters = name.chars().count();
    if characters > NAME_CHARACTERS_MAX {
        return Err(BadName::TooLong(characters));
    }
    if name.trim().is_empty() { Err(BadName::Empty) } else { Ok(()) }
}

/// Whether a character shows as itself and leaves its neighbours alone: no controls, no line breaks, nothing invisible
/// or that reorders text.
pub fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A name from the first words of a command or prompt: `cargo test -p engine` gives `cargo-test-p-engine`,
/// `/usr/bin/python3 -m http.server` gives `python3-m-http.server`.
pub fn made_from(text: &str) -> String {
    let mut name = String::new();
    for word in text.split_whitespace() {
        let word = word.rsplit('/').find(|part| !part.is_empty()).unwrap_or("");
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
        let word: String = word.chars().filter(kept).take(MADE_CHARACTERS_MAX).collect();
        let word = word.trim_matches(|c| matches!(c, '.' | '-'));
        if word.is_empty() {
            continue;
        }
        let longer = name.chars().count() + usize::from(!name.is_empty()) + word.chars().count();
        if longer > MADE_CHARACTERS_MAX {
            break;
        }
        if !name.is_empty() {
            name.push('-');
        }
        name.push_str(word);
    }
    if name.is_empty() { "session".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_the_first_words() {
        assert_eq!(made_from("pytest -x"), "pytest-x");
        assert_eq!(made_from("/usr/bin/python3 -m http.server"), "python3-m-http.server");
        assert_eq!(made_from("cargo test --workspace --all-features --locked"), "cargo-test-workspace");
        assert_eq!(made_from("sleep 5; exit 3"), "sleep-5-exit-3");
        assert_eq!(made_from(">&2 ;;"), "2");
        assert_eq!(made_from("  "), "session");
        assert_eq!(made_from(&"x".repeat(10_000)), "x".repeat(24));
        assert!(check(&made_from("echo \u{202e}\u{1b}[31m 🦀")).is_ok());
    }

    #[test]
    fn what_cannot_be_a_name_says_why() {
        assert_eq!(check("flaky test fix 🦀"), Ok(()));
        assert_eq!(check(" "), Err(BadName::Empty));
        assert_eq!(check(""), Err(BadName::Empty));
        assert_eq!(check("a\nb"), Err(BadName::NotPrintable(10)));
        assert_eq!(check("a\u{202e}b"), Err(BadName::NotPrintable(0x202e)));
        assert_eq!(check(&"é".repeat(64)), Ok(()));
        assert_eq!(check(&"é".repeat(65)), Err(BadName::TooLong(65)));
    }
}
