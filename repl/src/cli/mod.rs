//! The verbs and their flags, defined once. Help comes from here, and whatever else is made of the verbs.
//!
//! **To add a verb, start here**: a variant of [`Verb`] with its arguments, then a file in [`crate::commands`]. Every
//! verb carries its manual: what it does, its exit codes where they are special, an example (a test parses them all).

mod change;
mod daemon;
mod dispatch;
mod look;
mod setup;
mod terminal;
mod values;

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use values::event_kind;

pub(crate) use change::{Group, Rename, Respawn, Restore, Rm, Stop, These};
pub(crate) use daemon::{Daemon, DaemonVerb, Logs as DaemonLogs};
pub(crate) use dispatch::Dispatch;
pub(crate) use look::{Digest, GroupBy, History, Logs, Ls, Show, Verify, Wait, Why};
pub(crate) use setup::{Completions, Doctor, Man};
pub(crate) use terminal::{Attach, Peek, Reply};

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    it failed
  2    it was asked for wrongly
  3    no such session, or several
  4    refused by a rule, which is named
  5    no supervisor, and none could be started
  6    a session needs you (wait)
  124  a --timeout passed
  125  decklog's own failure under --exit-code

An ID is a full id, a name, or at least 4 digits of an id that no other begins with.
`id:` and `n:` before it force one reading. Verbs that take several also take `group:NAME` and
`s:STATE`: every row of the roster that has it.

Configuration: `decklog help config` says what config.toml may hold.

Variables:
  DECKLOG_HOME=DIR  a separate instance, with everything it keeps in DIR
  NO_COLOR=1        no colours";

/// Background sessions that lose nothing: dispatch, watch, audit, replay
///
/// A supervisor holds sessions while nobody watches. Each change in a session's life is entered in a log before it is
/// acted on; the roster and every screen are made from that log. The supervisor starts by itself when a verb needs it.
/// Without a verb: the shell on a terminal, else the roster (or the lines of a script on standard input).
#[derive(Debug, Parser)]
#[command(name = "decklog", version, after_help = EXIT_CODES, infer_long_args = false, max_term_width = 100)]
#[command(disable_help_subcommand = true, subcommand_value_name = "VERB", subcommand_help_heading = "Verbs")]
pub(crate) struct Cli {
    /// When to use colours; on a terminal unless NO_COLOR is set
    #[arg(long, global = true, value_enum, value_name = "auto|always|never")]
    #[arg(default_value_t = ColorWhen::Auto, hide_default_value = true, hide_possible_values = true)]
    pub(crate) color: ColorWhen,
    /// What to do
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Also where there is no terminal.
    Always,
    /// Not at all.
    Never,
}

/// Every verb.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Start a session in the background; prints its id
    #[command(after_help = dispatch::MANUAL)]
    Dispatch(Dispatch),
    /// The roster, grouped by what needs you first
    #[command(after_help = look::LS_MANUAL)]
    Ls(Ls),
    /// One session, everything that is known of it
    #[command(after_help = look::SHOW_MANUAL)]
    Show(Show),
    /// The events that a session's state rests on
    #[command(after_help = look::WHY_MANUAL)]
    Why(Why),
    /// What a session is doing, in a few lines
    #[command(after_help = terminal::PEEK_MANUAL)]
    Peek(Peek),
    /// A session's terminal on this one; Ctrl-\ d leaves it
    #[command(after_help = terminal::ATTACH_MANUAL)]
    Attach(Attach),
    /// Type a line to a session
    #[command(after_help = terminal::REPLY_MANUAL)]
    Reply(Reply),
    /// A session's output
    #[command(after_help = look::LOGS_MANUAL)]
    Logs(Logs),
    /// Wait until sessions are done, failed or stopped
    #[command(after_help = look::WAIT_MANUAL)]
    Wait(Wait),
    /// End sessions, and everything that they started
    #[command(alias = "kill", after_help = change::STOP_MANUAL)]
    Stop(Stop),
    /// Start a new run of sessions
    #[command(after_help = change::RESPAWN_MANUAL)]
    Respawn(Respawn),
    /// Give a session another name
    #[command(after_help = change::RENAME_MANUAL)]
    Rename(Rename),
    /// Let no timer take sessions off the roster
    #[command(after_help = change::PIN_MANUAL)]
    Pin(These),
    /// Let timers apply to sessions again
    #[command(after_help = change::UNPIN_MANUAL)]
    Unpin(These),
    /// Put sessions into a group
    #[command(after_help = change::GROUP_MANUAL)]
    Group(Group),
    /// Take sessions off the roster; their history and output stay
    #[command(alias = "delete", after_help = change::RM_MANUAL)]
    Rm(Rm),
    /// Put sessions back on the roster
    #[command(after_help = change::RESTORE_MANUAL)]
    Restore(Restore),
    /// The log: everything that happened, to one session or to all
    #[command(after_help = look::HISTORY_MANUAL)]
    History(History),
    /// What happened since you last looked, or between two moments
    #[command(after_help = look::DIGEST_MANUAL)]
    Digest(Digest),
    /// Check every record, the chain, the snapshots and the fold
    #[command(after_help = look::VERIFY_MANUAL)]
    Verify(Verify),
    /// The supervisor: start, stop, how it does
    Daemon(Daemon),
    /// What is missing, what is wrong, and how to mend it
    #[command(after_help = setup::DOCTOR_MANUAL)]
    Doctor(Doctor),
    /// Show in a few seconds that nothing is lost when the supervisor is killed
    #[command(after_help = DEMO_MANUAL)]
    Demo,
    /// Print a script that completes words for a shell
    #[command(after_help = setup::COMPLETIONS_MANUAL)]
    Completions(Completions),
    /// Print a manual page
    #[command(after_help = setup::MAN_MANUAL)]
    Man(Man),
    /// The version
    Version,
    /// What a verb does, its flags and exit codes, an example
    Help(Help),
}

/// What a verb does, its flags and exit codes, an example
#[derive(Debug, Args)]
pub(crate) struct Help {
    /// Which verb; an overview if not given
    #[arg(value_name = "VERB")]
    pub(crate) verb: Vec<OsString>,
}

const DEMO_MANUAL: &str = "\
Works in an instance of its own that is removed at the end: no session of yours is touched.
Needs no terminal, no network and no key.

Exit codes: 0 if every claim that it makes was checked and is true, 1 if one is not

Example:
  decklog demo";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definitions_hold_together() {
        Cli::command().debug_assert();
    }

    /// The words of an example line, quotes taken off.
    fn words(line: &str) -> Vec<String> {
        let mut words = Vec::new();
        let mut word = None;
        let mut quote = None;
        for c in line.chars() {
            match c {
                _ if quote == Some(c) => quote = None,
                '\'' | '"' if quote.is_none() => {
                    quote = Some(c);
                    word.get_or_insert_with(String::new);
                }
                ' ' if quote.is_none() => words.extend(word.take()),
                _ => word.get_or_insert_with(String::new).push(c),
            }
        }
        words.extend(word);
        words
    }

    #[test]
    fn every_example_of_every_verb_is_understood() {
        fn visit(command: &clap::Command, found: &mut Vec<String>) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples = help.lines().map(str::trim).filter(|line| line.starts_with("decklog "));
            let examples: Vec<_> = examples.map(ToOwned::to_owned).collect();
            let has_verbs = command.get_subcommands().next().is_some();
            let exempt = ["version", "help"].contains(&command.get_name());
            assert!(has_verbs || exempt || !examples.is_empty(), "{} has no example", command.get_name());
            found.extend(examples);
            command.get_subcommands().filter(|verb| !verb.is_hide_set()).for_each(|verb| visit(verb, found));
        }
        let mut examples = Vec::new();
        visit(&Cli::command(), &mut examples);
        assert!(examples.len() > 20);
        for example in examples {
            let line = example.split("  ").next().unwrap();
            Cli::try_parse_from(words(line)).unwrap_or_else(|error| panic!("{example}: {error}"));
        }
    }

    #[test]
    fn every_argument_says_what_it_does() {
        fn visit(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} says nothing", command.get_name());
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
            command.get_subcommands().for_each(visit);
        }
        visit(&Cli::command());
    }
}
