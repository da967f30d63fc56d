//! Lines that cannot be understood, in the form of every other error: one sentence, then hints.

use std::ffi::OsString;
use std::io::IsTerminal as _;

use clap::error::ErrorKind;

use crate::cli::ColorWhen;
use crate::console::{self, Console};
use crate::error::{Failure, Kind};

/// What config.toml may hold.
const CONFIGURATION: &str = include_str!("../../../docs/configuration.md");

/// Shows what a verb does, or what may be configured.
pub(super) fn help(verb: Vec<OsString>) -> u8 {
    if verb.iter().eq(["config"]) {
        let mut console = Console::new(ColorWhen::Auto);
        let _ = console.line(CONFIGURATION.trim_end()).and_then(|()| console.flush());
        return 0;
    }
    let words = std::iter::once("decklog".into()).chain(verb).chain(["--help".into()]);
    super::run(words)
}

/// Shows help, or says what is wrong with the line; returns the exit code.
pub(super) fn report(error: &clap::Error, words: &[OsString]) -> u8 {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let mut console = Console::new(ColorWhen::Auto);
            let help = error.render();
            let help = if console.style().color { help.ansi().to_string() } else { help.to_string() };
            let _ = console.line(help.trim_end()).and_then(|()| console.flush());
            0
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let text = error.render();
            let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            console::error(&if color { text.ansi().to_string() } else { text.to_string() });
            Kind::Usage.code()
        }
        _ => {
            let failure = explained(&error.render().to_string()).with_kind(kind(words));
            console::error(&failure.message());
            failure.code()
        }
    }
}

/// Under --exit-code every code below 125 is the run's own.
fn kind(words: &[OsString]) -> Kind {
    let own = ["wait", "--exit-code"].iter().all(|one| words.iter().any(|word| word == one));
    if own { Kind::Own } else { Kind::Usage }
}

/// The parser's message: its paragraphs are the sentence, tips and the usage.
fn explained(message: &str) -> Failure {
    let mut sentence: Vec<String> = Vec::new();
    let mut hints = Vec::new();
    let mut in_sentence = true;
    for line in message.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() {
            in_sentence = false;
        } else if let Some(usage) = trimmed.strip_prefix("Usage: ") {
            hints.push(format!("usage: {usage}"));
        } else if let Some(tip) = trimmed.strip_prefix("tip: ") {
            hints.push(tip.to_owned());
        } else if in_sentence || trimmed.starts_with('[') {
            sentence.push(trimmed.strip_prefix("error: ").unwrap_or(trimmed).to_owned());
        } else if let Some(help) = trimmed.strip_prefix("For more information, try ") {
            hints.push(format!("{} says more", help.trim_end_matches('.').replace('\'', "`")));
        }
    }
    let hints = hints.into_iter().map(|hint| in_our_words(&hint));
    hints.fold(Failure::usage(in_our_words(&sentence.join(" "))), Failure::hint)
}

/// What the parser calls a subcommand is a verb here.
fn in_our_words(text: &str) -> String {
    text.replace("unrecognized subcommand", "no such verb:")
        .replace("a similar subcommand exists", "a similar verb is")
        .replace("some similar subcommands exist", "similar verbs are")
        .replace("subcommand", "verb")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Cli;

    fn said(line: &str) -> String {
        let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
        super::explained(&error.render().to_string()).message()
    }

    #[test]
    fn what_is_wrong_with_a_line_is_one_sentence() {
        insta::assert_snapshot!(said("decklog stpo build"), @"
        no such verb: 'stpo'

        hint: similar verbs are: 'restore', 'history', 'stop'
        hint: usage: decklog [OPTIONS] [VERB]
        hint: `--help` says more
        ");
        insta::assert_snapshot!(said("decklog stop"), @"
        the following required arguments were not provided: <ID>...

        hint: usage: decklog stop <ID>...
        hint: `--help` says more
        ");
        insta::assert_snapshot!(said("decklog stop --grace 10 build"), @"
        invalid value '10' for '--grace <D>': not a duration; one is written 90s, 5m, 1h30m or 250ms

        hint: `--help` says more
        ");
        insta::assert_snapshot!(said("decklog ls --jsn"), @"
        unexpected argument '--jsn' found

        hint: a similar argument exists: '--json'
        hint: usage: decklog ls --json [WORD]...
        hint: `--help` says more
        ");
        insta::assert_snapshot!(said("decklog wait --for dnoe build"), @"
        invalid value 'dnoe' for '--for <STATE[,STATE]>': no such state; did you mean done? (states: queued, blocked, unknown, working, failed, stopped, done, idle)

        hint: `--help` says more
        ");
        insta::assert_snapshot!(said("decklog ls --at sometime"), @r#"
        invalid value 'sometime' for '--at <TIME>': not a time; a time is 2026-11-20T09:00:00Z, "2026-11-20 09:00", "yesterday 09:00", 2h (ago) or seq:1234

        hint: `--help` says more
        "#);
    }
}
