//! What can go wrong for a verb: one sentence that says what happened, hints that say what to do, and a kind that is
//! the exit code. The contract's exit codes are here and nowhere else.

use std::fmt::Write as _;

use decklog_protocol::message::{RefusedWish, UnresolvedTarget};

use crate::render::text;

/// What kind of failure, which is to say: which exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It failed.
    Failed,
    /// It was asked for wrongly.
    Usage,
    /// No such session, or several.
    NotFound,
    /// A rule stopped it.
    Refused,
    /// There is no supervisor, and none could be started.
    NoSupervisor,
    /// A session needs a person.
    NeedsYou,
    /// A --timeout passed.
    TimedOut,
    /// decklog's own failure under --exit-code.
    Own,
}

impl Kind {
    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Refused => 4,
            Self::NoSupervisor => 5,
            Self::NeedsYou => 6,
            Self::TimedOut => 124,
            Self::Own => 125,
        }
    }
}

/// Why a verb failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// To be told to the person.
    Told {
        /// The exit code.
        kind: Kind,
        /// What happened.
        text: String,
        /// What to do.
        hints: Vec<String>,
    },
    /// Nobody reads what is printed any more. Not to be told to anybody.
    BrokenPipe,
}

impl Failure {
    /// A failure without hints.
    pub(crate) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self::Told { kind, text: text.into(), hints: Vec::new() }
    }

    /// A verb that was asked for wrongly.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new(Kind::Usage, text)
    }

    /// With one more thing to do.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Self::Told { hints, .. } = &mut self {
            hints.push(hint.into());
        }
        self
    }

    /// The same, as another kind.
    #[must_use]
    pub(crate) fn with_kind(mut self, new: Kind) -> Self {
        if let Self::Told { kind, .. } = &mut self {
            *kind = new;
        }
        self
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Told { kind, .. } => kind.code(),
            Self::BrokenPipe => 0,
        }
    }

    /// What standard error says of it; ends with a line break, or is empty.
    pub(crate) fn message(&self) -> String {
        let Self::Told { text, hints, .. } = self else { return String::new() };
        let mut message = String::new();
        for line in text.lines() {
            let _ = writeln!(message, "{}", text::shown(line));
        }
        if !hints.is_empty() {
            message.push('\n');
        }
        for hint in hints {
            let _ = writeln!(message, "hint: {}", text::shown(hint));
        }
        message
    }

    /// Targets that name no session, or several.
    pub(crate) fn unresolved(targets: &[UnresolvedTarget]) -> Self {
        let mut sentences = Vec::new();
        let mut hints = Vec::new();
        for target in targets {
            sentences.push(target.text.clone());
            let width = target.candidates.iter().map(|(id, _)| shortest_apart(id, &target.candidates)).max();
            for (id, name) in &target.candidates {
                sentences.push(format!("  {}  {name}", &id[..width.unwrap_or(id.len()).min(id.len())]));
            }
        }
        if targets.iter().any(|target| !target.candidates.is_empty()) {
            hints.push("give more digits of the id, or the name".into());
        } else {
            hints.push("decklog ls --all lists every session".into());
        }
        Self::Told { kind: Kind::NotFound, text: sentences.join("\n"), hints }
    }

    /// What rules stopped.
    pub(crate) fn refused(refusals: &[RefusedWish]) -> Self {
        let sentences: Vec<_> =
            refusals.iter().map(|refusal| format!("refused ({}): {}", refusal.rule, refusal.text)).collect();
        let mut hints: Vec<String> = Vec::new();
        for hint in refusals.iter().flat_map(|refusal| &refusal.hints) {
            if !hints.contains(hint) {
                hints.push(hint.clone());
            }
        }
        Self::Told { kind: Kind::Refused, text: sentences.join("\n"), hints }
    }
}

/// How many digits tell this id from the others; at least 8.
fn shortest_apart(id: &str, all: &[(String, String)]) -> usize {
    let shared = |other: &str| id.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let longest = all.iter().filter(|(other, _)| other != id).map(|(other, _)| shared(other) + 1).max();
    longest.unwrap_or(0).max(8)
}

impl From<std::io::Error> for Failure {
    /// Of writing to standard output: the only input or output whose error passes here unexplained.
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Self::BrokenPipe
        } else {
            Self::new(Kind::Failed, format!("cannot write to standard output: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_a_sentence_and_hints() {
        let failure = Failure::refused(&[RefusedWish {
            rule: "alive".into(),
            text: "te\u{1b}[31mst is working".into(),
            hints: vec!["decklog rm --force test stops it first".into()],
        }]);
        assert_eq!(failure.code(), 4);
        insta::assert_snapshot!(failure.message(), @r"
        refused (alive): te␛[31mst is working

        hint: decklog rm --force test stops it first
        ");
    }

    #[test]
    fn candidates_are_told_apart() {
        let candidates = vec![
            ("7c5dcf5d000000000000000000000001".into(), "flaky".into()),
            ("7c5dcf5d110000000000000000000002".into(), "build".into()),
        ];
        let several = UnresolvedTarget { text: "`7c5d` is the beginning of 2 ids".into(), candidates };
        insta::assert_snapshot!(Failure::unresolved(&[several]).message(), @r"
        `7c5d` is the beginning of 2 ids
          7c5dcf5d0  flaky
          7c5dcf5d1  build

        hint: give more digits of the id, or the name
        ");
    }
}
