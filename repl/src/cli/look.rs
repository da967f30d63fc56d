//! The arguments of the verbs that change nothing.

use std::ffi::OsString;

use clap::{Args, ValueEnum};
use decklog_engine::session::State;
use decklog_protocol::message::Moment;

use super::values;

pub(super) const LS_MANUAL: &str = "\
Words keep the rows that have all of them in their name, group, command or summary.
`n:NAME`, `group:GROUP` and `s:STATE` look in one place only.
Finished rows past the newest 20 fold into one line; JSON never folds.

Examples:
  decklog ls
  decklog ls --cwd . test
  decklog ls group:nightly s:failed
  decklog ls --group-by dir
  decklog ls --watch
  decklog ls --at '2026-11-20 09:00'
  decklog ls --all --json";

/// What rows are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum GroupBy {
    /// What they do, and whether that needs a person.
    #[default]
    State,
    /// Their working directory.
    Dir,
    /// The group that they were put into.
    Group,
    /// The agent; jobs have none.
    Agent,
}

/// The roster, grouped by what needs you first
#[derive(Debug, Args, Default)]
pub(crate) struct Ls {
    /// Only rows that have all of these words
    #[arg(value_name = "WORD")]
    pub(crate) words: Vec<String>,
    /// Rows that left the roster as well
    #[arg(long)]
    pub(crate) all: bool,
    /// Only sessions of this directory and those below it
    #[arg(long, value_name = "DIR")]
    pub(crate) cwd: Option<OsString>,
    /// Put rows together by this, instead of by what needs you
    #[arg(long, value_enum, value_name = "state|dir|group|agent")]
    #[arg(default_value_t, hide_default_value = true, hide_possible_values = true)]
    pub(crate) group_by: GroupBy,
    /// As it was at that TIME: `2h` (ago), `yesterday 09:00`, RFC 3339, `seq:1234`
    #[arg(long, value_name = "TIME", value_parser = values::past, allow_hyphen_values = true)]
    pub(crate) at: Option<Moment>,
    /// Print it again whenever it changes; on a terminal it is repainted until `q`
    #[arg(long, conflicts_with = "at")]
    pub(crate) watch: bool,
    /// Print an array of rows as JSON; with --watch one a line
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) const SHOW_MANUAL: &str = "\
Exit codes: 3 no such session, or several

Examples:
  decklog show flaky-test-fix
  decklog show 7c5d --at 2h
  decklog show 7c5d --json";

/// One session, everything that is known of it
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Which session
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// As it was at that TIME
    #[arg(long, value_name = "TIME", value_parser = values::past, allow_hyphen_values = true)]
    pub(crate) at: Option<Moment>,
    /// Print the row as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) const WHY_MANUAL: &str = "\
Exit codes: 3 no such session, or several

Example:
  decklog why 4be2";

/// The events that a session's state rests on
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// Which session
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Print an array of events as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) const LOGS_MANUAL: &str = "\
On a terminal control characters are shown as symbols, and colours pass. Elsewhere, and with
--raw, the bytes are as they were stored.
The worker notes about once a second when output comes: --since says at most that second more
than was asked for, in long runs a little longer, and never less.

Exit codes: 3 no such session, or several

Examples:
  decklog logs -f build
  decklog logs -n 20 build
  decklog logs --since 10m build
  decklog logs --raw build";

/// A session's output
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Which session
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Go on as output comes, until the run ends
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last N lines
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) lines: Option<u64>,
    /// Only what came since this TIME, to about a second
    #[arg(long, value_name = "TIME", value_parser = values::time, allow_hyphen_values = true)]
    pub(crate) since: Option<Moment>,
    /// The bytes as they were stored, also on a terminal
    #[arg(long)]
    pub(crate) raw: bool,
    /// The output of this run; of the latest if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) run: Option<u32>,
}

pub(super) const WAIT_MANUAL: &str = "\
Exit codes: 0 all are done (or idle), 1 one failed or was stopped, 6 one is blocked and needs you,
            124 the --timeout passed
  with --for STATE: 0 once that state is reached (now, or since the call), 1 once it cannot be
  reached any more by itself
  with --exit-code: the exit code of the run, or 128 + its signal; of several the first that is
  not 0; 125 if there is none, or if decklog itself fails

Examples:
  decklog wait build
  decklog wait --any build test --timeout 10m
  decklog wait --for working build
  decklog wait --exit-code build";

/// Wait until sessions are done, failed or stopped
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Which sessions
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
    /// One of them is enough
    #[arg(long)]
    pub(crate) any: bool,
    /// Until this state, or one of these, is reached
    #[arg(long = "for", value_name = "STATE[,STATE]", value_delimiter = ',', value_parser = values::StateParser, hide_possible_values = true)]
    pub(crate) states: Vec<State>,
    /// No longer than this
    #[arg(long, value_name = "D", value_parser = values::duration_ms)]
    pub(crate) timeout: Option<u64>,
    /// Go on while one is blocked
    #[arg(long)]
    pub(crate) through_asks: bool,
    /// Exit as the run did
    #[arg(long)]
    pub(crate) exit_code: bool,
}

pub(super) const HISTORY_MANUAL: &str = "\
Times are local; JSON has them in UTC, with everything else that the log keeps.

Exit codes: 3 no such session, or several

Examples:
  decklog history 7c5d
  decklog history --since 'yesterday 18:00' --kind Exited,Finished
  decklog history -n 20 -f
  decklog history --json --actor user";

/// The log: everything that happened, to one session or to all
#[derive(Debug, Args)]
pub(crate) struct History {
    /// Only of this session
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Not before this TIME
    #[arg(long, value_name = "TIME", value_parser = values::time, allow_hyphen_values = true)]
    pub(crate) since: Option<Moment>,
    /// Not after this TIME
    #[arg(long, value_name = "TIME", value_parser = values::time, allow_hyphen_values = true)]
    pub(crate) until: Option<Moment>,
    /// Only these kinds of events: `Exited`, `Finished`
    #[arg(long = "kind", value_name = "K", value_delimiter = ',', num_args = 1..)]
    pub(crate) kinds: Vec<String>,
    /// Only what this actor caused: `user`, `rule`, or a name
    #[arg(long, value_name = "A")]
    pub(crate) actor: Option<String>,
    /// Only the last N
    #[arg(short = 'n', long = "last", value_name = "N")]
    pub(crate) last: Option<u64>,
    /// Go on as events come
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Print an array of events as JSON; with -f one a line
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) const DIGEST_MANUAL: &str = "\
Without --since and --until it is remembered that you looked: the next digest begins there.

Examples:
  decklog digest
  decklog digest --since 'yesterday 18:00'
  decklog digest --since 8h --until 1h --json";

/// What happened since you last looked, or between two moments
#[derive(Debug, Args)]
pub(crate) struct Digest {
    /// After this TIME; since you last looked if not given
    #[arg(long, value_name = "TIME", value_parser = values::time, allow_hyphen_values = true)]
    pub(crate) since: Option<Moment>,
    /// Up to this TIME; now if not given
    #[arg(long, value_name = "TIME", value_parser = values::time, allow_hyphen_values = true)]
    pub(crate) until: Option<Moment>,
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) const VERIFY_MANUAL: &str = "\
A log that is too damaged for a supervisor to start is checked without one.

Exit codes: 0 all is well, 1 something is not

Examples:
  decklog verify
  decklog verify --expect 5b1fd0c2a77e44fe5b1fd0c2a77e44fe5b1fd0c2a77e44fe5b1fd0c2a77e44fe";

/// Check every record, the chain, the snapshots and the fold
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The chain head that the log must have, or have had: 8 digits of it or more
    #[arg(long, value_name = "HASH", value_parser = values::chain_head)]
    pub(crate) expect: Option<String>,
    /// Print what was found as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
