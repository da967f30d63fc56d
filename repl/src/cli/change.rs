//! The arguments of the verbs that change sessions which exist.

use clap::Args;

use super::values;

pub(super) const STOP_MANUAL: &str = "\
Asks each to end; what has not ended after --grace is killed. Returns once all have ended.

Exit codes: 3 no such session, or several (then none is stopped)

Examples:
  decklog stop build
  decklog stop --grace 30s build test
  decklog stop s:queued  (calls the whole queue off)";

/// End sessions, and everything that they started
#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// Which sessions
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
    /// How long each has to end by itself; 10s unless configured otherwise
    #[arg(long, value_name = "D", value_parser = values::duration_ms)]
    pub(crate) grace: Option<u64>,
}

pub(super) const RESPAWN_MANUAL: &str = "\
A session that left the roster comes back.

Exit codes: 1 one could not be started, 3 no such session, or several, 4 one is alive (--force stops it first)

Examples:
  decklog respawn build
  decklog respawn --force build";

/// Start a new run of sessions
#[derive(Debug, Args)]
pub(crate) struct Respawn {
    /// Which sessions
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
    /// Stop those that are alive first
    #[arg(long)]
    pub(crate) force: bool,
}

pub(super) const RENAME_MANUAL: &str = "\
Exit codes: 3 no such session, or several, 4 a row on the roster has that name, or it cannot be one

Example:
  decklog rename 7c5d flaky-test";

/// Give a session another name
#[derive(Debug, Args)]
pub(crate) struct Rename {
    /// Which session
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Its new name: 1 to 64 printable characters
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

pub(super) const PIN_MANUAL: &str = "\
Exit codes: 3 no such session, or several

Example:
  decklog pin build";

pub(super) const UNPIN_MANUAL: &str = "\
Exit codes: 3 no such session, or several

Example:
  decklog unpin build";

/// Sessions, and nothing else
#[derive(Debug, Args)]
pub(crate) struct These {
    /// Which sessions
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
}

pub(super) const GROUP_MANUAL: &str = "\
Exit codes: 3 no such session, or several

Examples:
  decklog group nightly build test
  decklog group '' build  (out of its group)";

/// Put sessions into a group
#[derive(Debug, Args)]
pub(crate) struct Group {
    /// The group, of 1 to 64 printable characters; '' takes them out of theirs
    #[arg(value_name = "GROUP")]
    pub(crate) group: String,
    /// Which sessions
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
}

pub(super) const RM_MANUAL: &str = "\
`decklog restore` takes it back; `decklog ls --all` lists what left.

Exit codes: 3 no such session, or several, 4 one is alive (--force stops it first)

Examples:
  decklog rm build
  decklog rm --force build test
  decklog rm group:nightly";

/// Take sessions off the roster; their history and output stay
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// Which sessions
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
    /// Stop those that are alive first
    #[arg(long)]
    pub(crate) force: bool,
}

pub(super) const RESTORE_MANUAL: &str = "\
Exit codes: 3 no such session, or several, 4 a row on the roster has its name

Example:
  decklog restore build";

/// Put sessions back on the roster
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// Which sessions
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
}
