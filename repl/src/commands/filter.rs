//! What `ls` picks rows by: plain words, and words that look in one place only (`n:`, `group:`, `s:`).

use decklog_engine::session::State;
use decklog_protocol::row::Row;

use crate::error::Failure;
use crate::render::text;

const KNOWN: [&str; 5] = ["n", "name", "group", "s", "state"];

/// What is wrong with a word of a filter, in one line; nothing, if it can be understood.
pub(crate) fn check(word: &str) -> Result<(), String> {
    match Term::parse(word) {
        Err(Failure::Told { text, hints, .. }) => {
            let meant = hints.iter().find(|hint| hint.starts_with("did you mean"));
            Err(std::iter::once(&text).chain(meant).map(String::as_str).collect::<Vec<_>>().join("; "))
        }
        Err(Failure::BrokenPipe) | Ok(_) => Ok(()),
    }
}

/// One word of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Term {
    /// In its name, group, command, prompt or summary; in lower case.
    Word(String),
    /// In its name; in lower case.
    Name(String),
    /// In its group; in lower case.
    Group(String),
    /// Its state.
    State(State),
}

impl Term {
    /// Reads a word. What looks like a term that is not known must not silently find nothing.
    pub(super) fn parse(word: &str) -> Result<Self, Failure> {
        if word.contains(['|', '@', '"', '(', ')']) {
            return Err(not_understood(word));
        }
        let Some((field, value)) = word.split_once(':') else { return Ok(Self::Word(word.to_lowercase())) };
        if KNOWN.contains(&field) && (value.is_empty() || value.contains([':', '*', '=', '<', '>'])) {
            return Err(not_understood(word));
        }
        match field {
            "n" | "name" => Ok(Self::Name(value.to_lowercase())),
            "group" => Ok(Self::Group(value.to_lowercase())),
            "s" | "state" => state(value).map(Self::State),
            _ => Err(not_understood(word)),
        }
    }

    /// Whether a row has it.
    pub(super) fn matches(&self, row: &Row) -> bool {
        let within = |field: &str, word: &str| field.to_lowercase().contains(word);
        match self {
            Self::Word(word) => {
                let others = [&row.group, &row.command, &row.prompt, &row.summary];
                within(&row.name, word) || others.into_iter().flatten().any(|field| within(field, word))
            }
            Self::Name(word) => within(&row.name, word),
            Self::Group(word) => row.group.as_ref().is_some_and(|group| within(group, word)),
            Self::State(state) => row.state == state.word(),
        }
    }
}

/// A state, or the only one that begins so.
fn state(text: &str) -> Result<State, Failure> {
    let typed = text.to_lowercase();
    let mut begin = State::ALL.iter().copied().filter(|state| state.word().starts_with(&typed));
    match (State::from_word(&typed), begin.next(), begin.next()) {
        (Some(state), ..) | (None, Some(state), None) => Ok(state),
        _ => {
            let words: Vec<_> = State::ALL.iter().map(|state| state.word()).collect();
            let failure = Failure::usage(format!("`{text}` is no state, and begins no single one"));
            let near = text::nearest(&typed, &words).map(|near| format!("did you mean {near}?"));
            let failure = near.into_iter().fold(failure, Failure::hint);
            Err(failure.hint(format!("states: {}", words.join(", "))))
        }
    }
}

fn not_understood(word: &str) -> Failure {
    Failure::usage(format!("`{word}` is not understood: rows are picked by plain words"))
        .hint("a word is looked for in names, groups, commands and summaries")
        .hint("n:NAME, group:GROUP and s:STATE look in one place only")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples::failed;

    #[test]
    fn words_are_found_in_any_case_and_place() {
        let row = Row { group: Some("Nightly".into()), ..failed("4be2d7f3", "migrate", 540, 101, "3 oops") };
        let matches = |words: &[&str]| words.iter().all(|word| Term::parse(word).unwrap().matches(&row));
        assert!(matches(&["MIGRATE", "oops"]));
        assert!(matches(&["cargo"]));
        assert!(matches(&["night", "group:night", "n:mig", "s:failed", "state:f"]));
        assert!(!matches(&["migrate", "nope"]));
        assert!(!matches(&["n:night"]) && !matches(&["group:mig"]) && !matches(&["s:done"]));
    }

    #[test]
    fn what_is_not_known_is_said() {
        for word in ["a:claude", "http://x", "s:", "group:a*", "x|y", "n:=x"] {
            assert_eq!(Term::parse(word).unwrap_err().code(), 2, "{word}");
        }
        insta::assert_snapshot!(Term::parse("s:faled").unwrap_err().message(), @"
        `faled` is no state, and begins no single one

        hint: did you mean failed?
        hint: states: queued, blocked, unknown, working, failed, stopped, done, idle
        ");
    }
}
