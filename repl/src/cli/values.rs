//! Values of flags: read once, here, into types that cannot be wrong.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command};
use decklog_engine::event::EventKind;
use decklog_engine::raw::Raw;
use decklog_engine::session::State;
use decklog_protocol::message::Moment;
use decklog_protocol::moment;

use crate::clock;
use crate::render::text;

/// A length in milliseconds: `90s`, `5m`, `1h30m`.
pub(super) fn duration_ms(text: &str) -> Result<u64, String> {
    moment::parse_duration_ms(text)
        .ok_or_else(|| "not a duration; one is written 90s, 5m, 1h30m or 250ms".into())
}

/// A time limit of a run.
pub(super) fn limit_ms(text: &str) -> Result<u64, String> {
    match duration_ms(text)? {
        0 => Err("0 would end it at once; leaving it out means no limit".into()),
        ms => Ok(ms),
    }
}

/// The beginning of a chain head, in lower-case hex digits. The `…` that screens put after it may be there.
pub(super) fn chain_head(text: &str) -> Result<String, String> {
    let digits = text.strip_suffix('…').unwrap_or(text);
    if (8..=64).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(digits.to_ascii_lowercase())
    } else {
        Err("not a chain head; one is 8 to 64 hex digits, as decklog verify --json says it (head)".into())
    }
}

/// A TIME.
pub(super) fn time(text: &str) -> Result<Moment, String> {
    let zone = clock::zone();
    moment::parse(text, clock::now(), &zone).map_err(|_| format!("not a time; {}", moment::NotATime::HINT))
}

/// A TIME that has been.
pub(super) fn past(text: &str) -> Result<Moment, String> {
    match time(text)? {
        Moment::Time(time) if time > clock::now() => Err("that is still to come".into()),
        moment => Ok(moment),
    }
}

/// A state of a session.
#[derive(Debug, Clone, Copy)]
pub(super) struct StateParser;

impl TypedValueParser for StateParser {
    type Value = State;

    fn parse_ref(&self, cmd: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<State, clap::Error> {
        let parser = StringValueParser::new().try_map(|text| {
            let words: Vec<_> = State::ALL.iter().map(|state| state.word()).collect();
            State::from_word(&text).ok_or_else(|| {
                let near = text::nearest(&text, &words).map(|near| format!("; did you mean {near}?"));
                format!("no such state{} (states: {})", near.unwrap_or_default(), words.join(", "))
            })
        });
        parser.parse_ref(cmd, arg, value)
    }

    /// For whoever completes them.
    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(State::ALL.iter().map(|state| PossibleValue::new(state.word()))))
    }
}

/// The kind of a record that this names, whatever the case; else the nearest one.
pub(crate) fn event_kind(text: &str) -> Result<EventKind, Option<&'static str>> {
    let names: Vec<_> = EventKind::ALL.iter().map(|kind| kind.name()).collect();
    let found = EventKind::ALL.iter().find(|kind| kind.name().eq_ignore_ascii_case(text));
    found.copied().ok_or_else(|| text::nearest(text, &names))
}

/// A variable: `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// Its name.
    pub(crate) name: Raw,
    /// Its value.
    pub(crate) value: Raw,
}

/// Reads a variable.
pub(super) fn variable() -> impl TypedValueParser<Value = Variable> {
    clap::builder::OsStringValueParser::new().try_map(|text: OsString| parse_variable(&text))
}

fn parse_variable(text: &OsStr) -> Result<Variable, String> {
    let bytes = text.as_bytes();
    match bytes.iter().position(|byte| *byte == b'=') {
        None | Some(0) => Err("not a variable; one is written NAME=VALUE".into()),
        Some(at) => Ok(Variable { name: Raw(bytes[..at].to_vec()), value: Raw(bytes[at + 1..].to_vec()) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_split_at_the_first_equals_sign() {
        let variable = parse_variable(OsStr::new("A=b=c")).unwrap();
        assert_eq!((variable.name, variable.value), ("A".into(), "b=c".into()));
        assert!(parse_variable(OsStr::new("=x")).is_err());
        assert!(parse_variable(OsStr::new("PATH")).is_err());
        assert_eq!(parse_variable(OsStr::from_bytes(b"A=\xff")).unwrap().value, Raw(vec![0xff]));
    }

    #[test]
    fn chain_heads_are_hex_digits() {
        assert_eq!(chain_head("5B1fd0c2a77e…"), Ok("5b1fd0c2a77e".into()));
        assert_eq!(chain_head(&"a".repeat(64)), Ok("a".repeat(64)));
        for text in ["", "5b1fd0c", "5b1fd0cx", "5b1fd0c2…1", &"a".repeat(65)] {
            assert!(chain_head(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_limit_is_not_zero() {
        assert_eq!(limit_ms("90s"), Ok(90_000));
        assert!(limit_ms("0").is_err() && limit_ms("0s").is_err());
    }

    #[test]
    fn kinds_are_known_in_any_case() {
        assert_eq!(event_kind("runintended"), Ok(EventKind::RunIntended));
        assert_eq!(event_kind("Exitted"), Err(Some("Exited")));
        assert_eq!(event_kind("zzzzzzzz"), Err(None));
    }
}
