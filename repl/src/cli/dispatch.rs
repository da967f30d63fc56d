//! The arguments of `dispatch`.

use std::ffi::OsString;

use clap::Args;

use super::values::{self, Variable};

pub(super) const MANUAL: &str = "\
Exit codes: 0 it runs or is queued (or --key found it), 1 its program could not be started,
            2 nothing to run, 4 its name or key is taken

Examples:
  decklog dispatch --exec 'make && make test'
  decklog dispatch --tty --attach --exec 'ssh build-server'
  decklog dispatch --name nightly --timeout 2h -- cargo test --workspace
  decklog dispatch --key build-3f2a9c1 --quiet --exec 'make'  (again and again: one session)";

const USAGE: &str = "\
decklog dispatch [OPTIONS] --exec <CMD>
       decklog dispatch [OPTIONS] -- <PROG> [ARG]...";

/// Start a session in the background; prints its id, then how to follow it
#[derive(Debug, Args)]
#[command(override_usage = USAGE)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Dispatch {
    /// A prompt for an agent: caught here, to say that there are only jobs.
    #[arg(hide = true, value_name = "PROMPT")]
    pub(crate) prompt: Option<OsString>,
    /// A file with a prompt: caught here too, so that nobody's prose is run as a script.
    #[arg(long, hide = true, value_name = "F")]
    pub(crate) file: Option<OsString>,
    /// A job without a shell: a program and its arguments, after `--`
    #[arg(last = true, value_name = "PROG", num_args = 1.., conflicts_with = "exec")]
    pub(crate) program: Vec<OsString>,
    /// A job: a line for `sh -c`, whose exit code is the job's
    #[arg(long, value_name = "CMD", allow_hyphen_values = true)]
    pub(crate) exec: Option<OsString>,
    /// Its name on the roster; made of the command's first words if not given
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The group it is in: 1 to 64 printable characters
    #[arg(long)]
    pub(crate) group: Option<String>,
    /// Its working directory; this one if not given
    #[arg(long, value_name = "DIR")]
    pub(crate) cwd: Option<OsString>,
    /// A variable of its environment, besides this shell's (repeat for more)
    #[arg(long, value_name = "K=V", value_parser = values::variable(), allow_hyphen_values = true)]
    pub(crate) env: Vec<Variable>,
    /// Let no timer take it off the roster
    #[arg(long)]
    pub(crate) pin: bool,
    /// Give it pipes instead of a terminal for its output: faster, but the order of its two streams is lost
    #[arg(long)]
    pub(crate) pipes: bool,
    /// Give it a full terminal: it can be typed to, with `attach` and `reply`
    #[arg(long, conflicts_with = "pipes")]
    pub(crate) tty: bool,
    /// Attach to it at once; Ctrl-\ d leaves it running
    #[arg(long, conflicts_with_all = ["quiet", "json"])]
    pub(crate) attach: bool,
    /// Start it once these have finished; one that fails or is stopped fails it too
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) after: Vec<String>,

    /// However those of --after finish
    #[arg(long, requires = "after")]
    pub(crate) after_any: bool,

    /// Of those that wait for a slot the highest goes first; the oldest among equals
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) priority: i32,

    /// With the same key and command again: that session, not another one
    #[arg(long, value_name = "K")]
    pub(crate) key: Option<String>,
    /// Stop it after this long, as failed
    #[arg(long, value_name = "D", value_parser = values::limit_ms)]
    pub(crate) timeout: Option<u64>,
    /// Print the full id and nothing else
    #[arg(long, conflicts_with = "json")]
    pub(crate) quiet: bool,
    /// Print the row as JSON, and whether it was there already (`existing`)
    #[arg(long)]
    pub(crate) json: bool,
}
