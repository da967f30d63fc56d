//! The arguments of the verbs that help to set decklog up: they are about this installation, not about sessions.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

pub(super) const DOCTOR_MANUAL: &str = "\
Looks at folders, limits, the configuration and the supervisor. Changes nothing and starts nothing.

Exit codes: 0 nothing is wrong (there may be warnings), 1 something is

Examples:
  decklog doctor
  decklog doctor --json";

/// What is missing, what is wrong, and how to mend it
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Print an array of findings as JSON: `check`, `status` (ok, warning, wrong), `text`, `mend`
    #[arg(long)]
    pub(crate) json: bool,
}

pub(super) const COMPLETIONS_MANUAL: &str = "\
In bash, zsh and fish ids and names of the roster are completed too, if a supervisor runs.

Examples:
  decklog completions bash  (into ~/.local/share/bash-completion/completions/decklog)
  decklog completions zsh  (into _decklog, in a folder of $fpath)
  decklog completions fish  (into ~/.config/fish/completions/decklog.fish)";

/// Print a script that completes words for a shell
#[derive(Debug, Args)]
#[command(override_usage = "decklog completions <SHELL>")]
pub(crate) struct Completions {
    /// Which shell
    #[arg(value_enum, value_name = "SHELL", required_unless_present = "sessions")]
    pub(crate) shell: Option<Shell>,
    /// What the scripts ask with: ids and names of the roster, one a line. Starts no supervisor.
    #[arg(long, hide = true, conflicts_with = "shell")]
    pub(crate) sessions: bool,
}

pub(super) const MAN_MANUAL: &str = "\
`decklog man stop | man -l -` shows a page.

Exit codes: 1 DIR cannot be written to, 2 no such verb

Examples:
  decklog man stop
  decklog man daemon stop
  decklog man --dir ~/.local/share/man/man1";

/// Print a manual page
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Of which verb; of decklog itself if not given
    #[arg(value_name = "VERB", conflicts_with = "dir")]
    pub(crate) verb: Vec<String>,
    /// Write every page into this folder, and list the files
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}
