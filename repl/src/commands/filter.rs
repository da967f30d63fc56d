//! What is wrong with a filter's words, said before anything is asked.

use decklog_engine::session::State;
use decklog_protocol::filter::{NotATerm, Term};

use crate::error::Failure;
use crate::render::text;

/// Whether these words pick rows.
pub(super) fn check(words: &[String]) -> Result<(), Failure> {
    words.iter().try_for_each(|word| Term::parse(word).map(drop)).map_err(|error| failure(&error))
}

/// What is wrong with a word of a filter, in one line; nothing, if it can be understood.
pub(crate) fn check_one(word: &str) -> Result<(), String> {
    match check(&[word.into()]) {
        Err(Failure::Told { text, hints, .. }) => {
            let meant = hints.iter().find(|hint| hint.starts_with("did you mean"));
            Err(std::iter::once(&text).chain(meant).map(String::as_str).collect::<Vec<_>>().join("; "))
        }
        Err(Failure::BrokenPipe) | Ok(()) => Ok(()),
    }
}

fn failure(error: &NotATerm) -> Failure {
    let failure = Failure::usage(error.to_string());
    match error {
        NotATerm::NotUnderstood(_) => failure
            .hint("a word is looked for in names, groups, commands and summaries")
            .hint("n:NAME, group:GROUP and s:STATE look in one place only"),
        NotATerm::State(typed) => {
            let words: Vec<_> = State::ALL.iter().map(|state| state.word()).collect();
            let near =
                text::nearest(&typed.to_lowercase(), &words).map(|near| format!("did you mean {near}?"));
            let failure = near.into_iter().fold(failure, Failure::hint);
            failure.hint(format!("states: {}", words.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use decklog_protocol::row::Row;

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
            assert_eq!(check(&[word.into()]).unwrap_err().code(), 2, "{word}");
        }
        insta::assert_snapshot!(check(&["s:faled".into()]).unwrap_err().message(), @"
        `faled` is no state, and begins no single one

        hint: did you mean failed?
        hint: states: queued, blocked, unknown, working, failed, stopped, done, idle
        ");
    }
}
