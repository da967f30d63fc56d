//! What `ls` picks rows by: plain words, and words that look in one place only (`n:`, `group:`, `s:`).

use decklog_engine::session::State;

use crate::row::Row;

const KNOWN: [&str; 5] = ["n", "name", "group", "s", "state"];

/// One word of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term {
    /// In its name, group, command, prompt or summary; in lower case.
    Word(String),
    /// In its name; in lower case.
    Name(String),
    /// In its group; in lower case.
    Group(String),
    /// Its state.
    State(State),
}

/// A word that is no term.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotATerm {
    /// It looks like a term and is none.
    #[error("`{0}` is not understood: rows are picked by plain words")]
    NotUnderstood(String),
    /// There is no such state, or several begin so.
    #[error("`{0}` is no state, and begins no single one")]
    State(String),
}

impl Term {
    /// Reads a word. What looks like a term that is not known must not silently find nothing.
    pub fn parse(word: &str) -> Result<Self, NotATerm> {
        let not_understood = || NotATerm::NotUnderstood(word.into());
        if word.contains(['|', '@', '"', '(', ')']) {
            return Err(not_understood());
        }
        let Some((field, value)) = word.split_once(':') else { return Ok(Self::Word(word.to_lowercase())) };
        if KNOWN.contains(&field) && (value.is_empty() || value.contains([':', '*', '=', '<', '>'])) {
            return Err(not_understood());
        }
        match field {
            "n" | "name" => Ok(Self::Name(value.to_lowercase())),
            "group" => Ok(Self::Group(value.to_lowercase())),
            "s" | "state" => state(value).map(Self::State).ok_or_else(|| NotATerm::State(value.into())),
            _ => Err(not_understood()),
        }
    }

    /// Whether a row has it.
    pub fn matches(&self, row: &Row) -> bool {
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
fn state(text: &str) -> Option<State> {
    let typed = text.to_lowercase();
    let mut begin = State::ALL.iter().copied().filter(|state| state.word().starts_with(&typed));
    match (State::from_word(&typed), begin.next(), begin.next()) {
        (Some(state), ..) | (None, Some(state), None) => Some(state),
        _ => None,
    }
}
