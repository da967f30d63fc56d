//! The arguments of `daemon`.

use clap::{Args, Subcommand};

/// The supervisor: start, stop, how it does
///
/// It starts by itself when a verb needs it, and stays until it is stopped.
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true, subcommand_value_name = "VERB", subcommand_help_heading = "Verbs")]
pub(crate) struct Daemon {
    /// What to do
    #[command(subcommand)]
    pub(crate) verb: DaemonVerb,
}

/// Every verb of `daemon`.
#[derive(Debug, Subcommand)]
pub(crate) enum DaemonVerb {
    /// Be the supervisor, in the foreground
    #[command(after_help = RUN_MANUAL)]
    Run(Run),
    /// Start the supervisor, if none runs
    #[command(after_help = START_MANUAL)]
    Start,
    /// End the supervisor; refused while something lives
    #[command(after_help = STOP_MANUAL)]
    Stop(Stop),
    /// End the supervisor and start it again; what lives goes on meanwhile
    #[command(after_help = RESTART_MANUAL)]
    Restart(Restart),
    /// Whether the supervisor runs, and how it does; starts none
    #[command(after_help = STATUS_MANUAL)]
    Status(Status),
    /// What the supervisor says of itself
    #[command(after_help = LOGS_MANUAL)]
    Logs(Logs),
}

const RUN_MANUAL: &str = "\
Example:
  decklog daemon run";

/// Be the supervisor, in the foreground
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Started by a client: leave its terminal, and tell it when ready.
    #[arg(long, hide = true)]
    pub(crate) detached: bool,
}

const START_MANUAL: &str = "\
Exit codes: 0 one runs, 5 none could be started

Example:
  decklog daemon start";

const STOP_MANUAL: &str = "\
Exit codes: 0 none runs any more, 4 something lives

Examples:
  decklog daemon stop
  decklog daemon stop --keep-workers";

/// End the supervisor; refused while something lives
#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// Stop what lives first
    #[arg(long, conflicts_with = "keep_workers")]
    pub(crate) any: bool,
    /// Leave what lives running, for the next supervisor
    #[arg(long)]
    pub(crate) keep_workers: bool,
}

const RESTART_MANUAL: &str = "\
Exit codes: 0 another one runs, 5 none could be started

Example:
  decklog daemon restart";

/// End the supervisor and start it again; what lives goes on meanwhile
#[derive(Debug, Args)]
pub(crate) struct Restart {
    /// Stop what lives first
    #[arg(long)]
    pub(crate) any: bool,
}

const STATUS_MANUAL: &str = "\
Exit codes: 0 one runs, 5 none does

Example:
  decklog daemon status --json";

/// Whether the supervisor runs, and how it does; starts none
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const LOGS_MANUAL: &str = "\
Example:
  decklog daemon logs -n 50";

/// What the supervisor says of itself
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Go on as more comes
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last N lines
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) lines: Option<usize>,
}
