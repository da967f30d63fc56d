//! Wishes and observations: everything that [`crate::decide`] turns into facts.

use alloc::string::String;
use alloc::vec::Vec;

use crate::actor::Actor;
use crate::event::{Dispatched, Event, ExitStatus, ProcessName};
use crate::id::SessionId;
use crate::time::Time;

/// A wish for a new session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// The identity that it will have: random, handed in.
    pub id: SessionId,
    /// Whether the name was given. One that was not is made unique; one that is taken is refused.
    pub name_given: bool,
    /// What is asked for.
    pub dispatched: Dispatched,
}

/// A wish about a session that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// End its run, and everything that it started.
    Stop {
        /// How long it has to end by itself; the policy's value where it is not said.
        grace_ms: Option<u64>,
    },
    /// Take it off the roster.
    Delete {
        /// Stop it first if it lives.
        force: bool,
    },
    /// Put it back on the roster.
    Restore,
    /// Start a new run.
    Respawn {
        /// Stop it first if it lives.
        force: bool,
    },
    /// Give it another name.
    Rename {
        /// The name.
        name: String,
    },
    /// Let no timer take it.
    Pin,
    /// Let timers apply again.
    Unpin,
    /// Put it into a group, or with `None` out of its group.
    Group {
        /// The group.
        group: Option<String>,
    },
    /// Type a line into its terminal.
    Reply {
        /// The line; several, if it has line breaks.
        text: String,
    },
}

impl Command {
    /// The verb of the command line.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Stop { .. } => "stop",
            Self::Delete { .. } => "rm",
            Self::Restore => "restore",
            Self::Respawn { .. } => "respawn",
            Self::Rename { .. } => "rename",
            Self::Pin => "pin",
            Self::Unpin => "unpin",
            Self::Group { .. } => "group",
            Self::Reply { .. } => "reply",
        }
    }
}

/// What a worker, or its files, say about a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// Its process runs.
    Started {
        /// The session's own process.
        process: ProcessName,
        /// The process that holds it.
        worker: ProcessName,
        /// When it started.
        at: Time,
    },
    /// Its worker lives (found by a new supervisor).
    Held {
        /// The session's own process, if it was started already.
        process: Option<ProcessName>,
        /// The process that holds it.
        worker: Option<ProcessName>,
        /// When the session's own process started.
        started_at: Option<Time>,
    },
    /// No worker lives, and none ever began to start it.
    NeverStarted,
    /// Its program could not be started.
    SpawnFailed {
        /// What could not be done, and why.
        text: String,
    },
    /// Its process ended.
    Ended(Ended),
    /// Its worker is gone and left no word of how the process ended.
    Gone(Gone),
    /// The worker has passed this reply on: now, or when it was told so before.
    Delivered {
        /// Which.
        reply_id: u64,
    },
    /// The session does not have this reply, and will not get it.
    DeliveryFailed {
        /// Which.
        reply_id: u64,
        /// Why not.
        text: String,
    },
    /// Bytes of its output were not kept.
    OutputDropped {
        /// The offset of the first missing byte.
        from: u64,
        /// The offset after the last.
        to: u64,
    },
}

/// How and when a process ended, and what it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// When.
    pub at: Time,
    /// When it had started.
    pub started_at: Option<Time>,
    /// How many bytes it printed.
    pub output_end: u64,
    /// How many of them were not kept.
    pub output_dropped: u64,
    /// Its last non-blank line.
    pub last_line: Option<String>,
    /// The worker was told to end by the system, and ended it.
    pub worker_told_to_end: bool,
    /// A wish to stop had reached the worker before.
    pub stop_reached: bool,
}

/// What was found where a worker should have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// In words.
    pub evidence: String,
    /// It ran under another boot of the machine.
    pub other_boot: bool,
    /// How many processes of the run were still alive (they have been ended).
    pub orphans: u32,
    /// How many bytes of its output were found.
    pub output_end: u64,
    /// The last non-blank line of them.
    pub last_line: Option<String>,
}

/// A record to be: what `decide` knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Which session it is of; `None` for the fleet.
    pub session: Option<SessionId>,
    /// Which run.
    pub run: Option<u32>,
    /// When it was true, if not now.
    pub happened_at: Option<Time>,
    /// Who caused it, if not the one who caused the step.
    pub actor: Option<Actor>,
    /// The fact.
    pub event: Event,
}

impl Fact {
    /// A fact about a session.
    pub fn of(session: SessionId, event: impl Into<Event>) -> Self {
        Self { session: Some(session), run: None, happened_at: None, actor: None, event: event.into() }
    }

    /// A fact about one run of a session.
    pub fn of_run(session: SessionId, run: u32, event: impl Into<Event>) -> Self {
        Self { run: Some(run), ..Self::of(session, event) }
    }

    /// A fact about the fleet.
    pub fn of_fleet(event: impl Into<Event>) -> Self {
        Self { session: None, run: None, happened_at: None, actor: None, event: event.into() }
    }

    /// The same, true at another time than it is entered.
    #[must_use]
    pub fn at(mut self, happened_at: Time) -> Self {
        self.happened_at = Some(happened_at);
        self
    }

    /// The same, caused by somebody else than who caused the step.
    #[must_use]
    pub fn by(mut self, actor: Actor) -> Self {
        self.actor = Some(actor);
        self
    }
}

/// Why a wish was not granted, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// The rule that stopped it.
    pub rule: &'static str,
    /// What happened, in one sentence.
    pub text: String,
    /// What to do instead.
    pub hints: Vec<String>,
}
