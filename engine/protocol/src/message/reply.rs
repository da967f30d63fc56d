//! What a client is told: parts of an answer, verdicts, and the shapes that both are made of.

use decklog_engine::dispatcher::LeftOut;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::row::{EventRow, Row};

/// What the supervisor says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Reply {
    /// It runs, is queued, or could not be started: the row says which.
    Dispatched {
        /// The row.
        row: Box<Row>,
        /// Its short id.
        short: String,
        /// It was there already: same key, same command.
        existing: bool,
    },
    /// Granted, and come about.
    Done {
        /// The rows.
        rows: Vec<ShortRow>,
        /// What held already.
        notes: Vec<String>,
    },
    /// These rows.
    Rows {
        /// The rows, oldest dispatch first.
        rows: Vec<ShortRow>,
    },
    /// The roster, or a part of it: more of it may follow, until [`Reply::End`].
    Roster {
        /// The rows, oldest dispatch first.
        rows: Vec<ShortRow>,
        /// What was left out besides.
        left_out: LeftOut,
    },
    /// How far a reply came.
    Delivered {
        /// The reply's id.
        reply_id: u64,
        /// `delivered`, `failed` or `unknown`.
        state: String,
        /// Why it came no further.
        text: String,
    },
    /// Attached. The end of the output follows, from which the screen is drawn; then [`Reply::Live`], and from there on
    /// what the session prints as it prints it, until its run ends.
    Attached {
        /// The row.
        row: Box<ShortRow>,
        /// Whether it can be typed to.
        takes_input: bool,
        /// Width of the session's terminal.
        columns: u16,
        /// Its height.
        rows: u16,
    },
    /// Who controls has changed, or is told for the first time.
    Control {
        /// This client does.
        yours: bool,
        /// How many clients are attached.
        clients: u64,
    },
    /// The session's terminal has another size.
    Resized {
        /// Width.
        columns: u16,
        /// Height.
        rows: u16,
    },
    /// What was typed was refused whole: the session does not read what was typed before.
    InputRefused,
    /// The end of a session's output follows.
    Tail {
        /// The row.
        row: Box<ShortRow>,
        /// Width of its terminal, while it lives and has one.
        columns: Option<u16>,
        /// Height.
        rows: Option<u16>,
    },
    /// What happened between two moments.
    Digest(Box<Digest>),
    /// Why a row is what it is.
    Why {
        /// The row.
        row: Box<Row>,
        /// Its short id.
        short: String,
        /// The records that its state rests on, oldest first.
        events: Vec<EventRow>,
    },
    /// The wait is over.
    Waited {
        /// How.
        reached: Reached,
        /// The rows.
        rows: Vec<ShortRow>,
    },
    /// One record; others follow.
    Event(Box<EventRow>),
    /// From here on records are new (history -f).
    Live,
    /// Output follows, of this run and from this offset on.
    Begins {
        /// The run.
        run: u32,
        /// The offset of the first byte.
        offset: u64,
    },
    /// Bytes of the output that were not kept.
    Dropped {
        /// The offset of the first.
        from: u64,
        /// The offset after the last.
        to: u64,
    },
    /// How far a long verb is.
    Progress {
        /// Records done.
        done: u64,
        /// Of so many.
        total: u64,
    },
    /// What `verify` found.
    Verified(Verified),
    /// How the supervisor does.
    Status(Status),
    /// The supervisor ends.
    Closed,
    /// All was said.
    End,
    /// A target names no session, or several; nothing was done.
    Unresolved {
        /// Everything that is wrong.
        unresolved: Vec<UnresolvedTarget>,
    },
    /// A rule stopped it; nothing was done.
    Refused {
        /// Everything that is refused.
        refusals: Vec<RefusedWish>,
    },
    /// It failed.
    Failed {
        /// What happened, in one sentence.
        text: String,
        /// What to do.
        hints: Vec<String>,
    },
    /// Something to know, beside the answer: for standard error.
    Warning {
        /// What.
        text: String,
    },
}

/// A row, and the id that people see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShortRow {
    /// The short id.
    pub short: String,
    /// The row.
    pub row: Row,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reached {
    /// What was waited for is there.
    Goal,
    /// One of them is blocked.
    Blocked,
    /// What was waited for cannot come by itself any more.
    Never,
}

/// A target that names no session, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnresolvedTarget {
    /// What is wrong with it, in one sentence.
    pub text: String,
    /// What it could have meant: full ids and names.
    pub candidates: Vec<(String, String)>,
}

/// Why a wish was not granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedWish {
    /// The rule.
    pub rule: String,
    /// What happened, in one sentence.
    pub text: String,
    /// What to do.
    pub hints: Vec<String>,
}

/// JSON of `verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// Nothing is wrong.
    pub ok: bool,
    /// How many records were checked.
    pub records: u64,
    /// The chain head of the last intact record, in hex.
    pub head: String,
    /// The first thing that is wrong.
    pub first_bad: Option<FirstBad>,
    /// How many snapshots were checked against a re-fold.
    pub snapshots_checked: u64,
    /// Whether the log folds to the live roster; null when there is no live one to compare with.
    pub fold_equal: Option<bool>,
    /// How long it took.
    pub duration_ms: u64,
}

/// Where a log is damaged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirstBad {
    /// The first sequence number that is not intact; null where the damage is not in a record.
    pub seq: Option<u64>,
    /// The file.
    pub file: String,
    /// What is wrong.
    pub what: String,
}

/// JSON of `daemon status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whether a supervisor runs.
    pub running: bool,
    /// Its process number.
    pub pid: Option<u32>,
    /// Its version.
    pub version: Option<String>,
    /// Which supervisor of this log it is.
    pub epoch: Option<u64>,
    /// When it started (RFC 3339).
    pub started_at: Option<String>,
    /// The instance's folder.
    pub home: String,
    /// Its socket.
    pub socket: String,
    /// Sessions.
    pub sessions: Option<SessionCounts>,
    /// Workers that are connected or being connected.
    pub workers: Option<u64>,
    /// The log.
    pub log: Option<LogStatus>,
}

/// How many sessions there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionCounts {
    /// On the roster.
    pub total: u64,
    /// With a process that is starting or alive.
    pub live: u64,
    /// With an open ask.
    pub blocked: u64,
    /// That wait to be started.
    #[serde(default)]
    pub queued: u64,
}

/// How the log is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogStatus {
    /// How many records are durable.
    pub records: u64,
    /// The chain head, in hex.
    pub head: String,
    /// Bytes on disk.
    pub bytes: u64,
}
