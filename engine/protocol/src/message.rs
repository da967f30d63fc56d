//! Requests and replies. Additive: a field is only ever added, with a default; an unknown one is ignored.
//!
//! One connection serves one request: the client sends [`Hello`] and a [`Request`], the supervisor answers with
//! frames until it closes; the last message is the verdict.

use decklog_engine::dispatcher::LeftOut;
use decklog_engine::event::{Dispatched, JobCommand, OutputMode};
use decklog_engine::id::Seq;
use decklog_engine::raw::Raw;
use decklog_engine::time::Time;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::row::{EventRow, Row};

/// How a client begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// The client's [`crate::frame::PROTOCOL`].
    pub protocol: u32,
    /// The client's version.
    pub version: String,
    /// What the client is: `cli`, `shell`.
    pub via: String,
}

/// A place in the log's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Moment {
    /// After everything recorded at or before this time.
    Time(Time),
    /// After this record.
    Seq(Seq),
}

/// What a client wants. One verb each; the command line is the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Request {
    /// Start a session.
    Dispatch(DispatchRequest),
    /// End runs. Answered once they have ended.
    Stop {
        /// Ids, names, prefixes.
        targets: Vec<String>,
        /// How long each has to end by itself; the configured value where it is not said.
        grace_ms: Option<u64>,
    },
    /// Take rows off the roster.
    Remove {
        /// Ids, names, prefixes.
        targets: Vec<String>,
        /// Stop them first if they live.
        force: bool,
    },
    /// Put rows back on the roster.
    Restore {
        /// Ids, names, prefixes.
        targets: Vec<String>,
    },
    /// Start new runs.
    Respawn {
        /// Ids, names, prefixes.
        targets: Vec<String>,
        /// Stop them first if they live.
        force: bool,
    },
    /// Give a session another name.
    Rename {
        /// Id, name, prefix.
        target: String,
        /// The new name.
        name: String,
    },
    /// Let no timer take them.
    Pin {
        /// Ids, names, prefixes.
        targets: Vec<String>,
    },
    /// Let timers apply again.
    Unpin {
        /// Ids, names, prefixes.
        targets: Vec<String>,
    },
    /// Put them into a group, or with none out of theirs.
    Group {
        /// Ids, names, prefixes.
        targets: Vec<String>,
        /// The group.
        group: Option<String>,
    },
    /// Answer what a session asks, or type a line to a job. Answered once it is known how far it came.
    Reply {
        /// Id, name, prefix.
        target: String,
        /// What is replied.
        text: String,
    },
    /// Watch a session's terminal and, if it takes input and nobody else does, type into it. After this request the
    /// client may send [`FromAttached`] messages, and what is typed as frames of output.
    Attach {
        /// Id, name, prefix.
        target: String,
        /// Only watch.
        watch: bool,
        /// Width of the client's terminal.
        columns: u16,
        /// Its height.
        rows: u16,
    },
    /// A session's row and the end of its output: enough to draw its screen.
    Tail {
        /// Id, name, prefix.
        target: String,
    },
    /// What happened between two moments.
    Digest {
        /// After this; since a person last asked, where it is not said. Then being asked is remembered.
        since: Option<Moment>,
        /// Up to this; now, where it is not said.
        until: Option<Moment>,
    },
    /// The roster.
    List {
        /// Rows that left as well.
        all: bool,
        /// As it was then.
        at: Option<Moment>,
        /// Answer with the contract's JSON document.
        json: bool,
        /// Only rows that match all of these: words, and `n:`, `s:`, `group:` with a value.
        #[serde(default)]
        terms: Vec<String>,
        /// Only sessions of one of these directories and those below.
        #[serde(default)]
        folders: Vec<Raw>,
        /// Of those that have finished only the newest so many; the others are counted.
        #[serde(default)]
        finished_most: Option<u64>,
    },
    /// One session.
    Show {
        /// Id, name, prefix.
        target: String,
        /// As it was then.
        at: Option<Moment>,
    },
    /// The records that a session's state rests on.
    Why {
        /// Id, name, prefix.
        target: String,
    },
    /// A session's output.
    Logs {
        /// Id, name, prefix.
        target: String,
        /// Which run; the latest where it is not said.
        run: Option<u32>,
        /// Go on until the run ends.
        follow: bool,
        /// Only the last lines.
        lines: Option<u64>,
        /// Only what follows this offset: to go on after a supervisor that went away.
        #[serde(default)]
        from: Option<u64>,
        /// Only what came at this time or later, to about a second.
        #[serde(default)]
        since: Option<Moment>,
    },
    /// Wait for sessions.
    Wait {
        /// Ids, names, prefixes.
        targets: Vec<String>,
        /// One is enough.
        any: bool,
        /// These states; none given: finished or idle.
        states: Vec<String>,
        /// Go on while one is blocked.
        through_asks: bool,
    },
    /// The log.
    History {
        /// Only of this session.
        target: Option<String>,
        /// Not before.
        since: Option<Moment>,
        /// Not after.
        until: Option<Moment>,
        /// Only these kinds.
        kinds: Vec<String>,
        /// Only by this actor: its kind or its name.
        actor: Option<String>,
        /// Only the last so many.
        last: Option<u64>,
        /// Go on as records come.
        follow: bool,
    },
    /// Check every record, the chain, the snapshots and the fold.
    Verify {
        /// The chain head that is expected.
        expect: Option<String>,
    },
    /// How the supervisor does.
    Status,
    /// End the supervisor.
    Shutdown {
        /// What becomes of what lives.
        mode: Shutdown,
    },
}

impl Request {
    /// The roster as it is; of what has finished only the newest so many.
    pub fn roster(finished_most: Option<u64>) -> Self {
        let (terms, folders) = (Vec::new(), Vec::new());
        Self::List { all: false, at: None, json: false, terms, folders, finished_most }
    }

    /// The roster, and what left it: of what has finished only the newest so many.
    pub fn newest(finished_most: u64) -> Self {
        let (terms, folders, finished_most) = (Vec::new(), Vec::new(), Some(finished_most));
        Self::List { all: true, at: None, json: false, terms, folders, finished_most }
    }
}

/// What a client that is attached says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum FromAttached {
    /// Its terminal has this size now. The session's terminal follows the one client that controls it.
    Resize {
        /// Width.
        columns: u16,
        /// Height.
        rows: u16,
    },
    /// It wants to be the one that controls.
    TakeControl,
    /// Of a newer client.
    #[serde(other)]
    Unknown,
}

/// What becomes of what lives when the supervisor ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Shutdown {
    /// It is a reason to refuse.
    RefuseIfLive,
    /// It is stopped first.
    StopAll,
    /// It goes on, for the next supervisor.
    KeepWorkers,
}

/// A session to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DispatchRequest {
    /// What to run.
    pub command: JobCommand,
    /// Where its output goes.
    pub output: OutputMode,
    /// The working directory, absolute.
    pub cwd: Raw,
    /// The whole environment of the dispatching shell, in its order.
    pub environment: Vec<(Raw, Raw)>,
    /// Its name; made from the command where none is given.
    pub name: Option<String>,
    /// Its group.
    #[serde(default)]
    pub group: Option<String>,
    /// No timer takes it.
    #[serde(default)]
    pub pinned: bool,
    /// Dispatching the same key and command twice gives one session.
    #[serde(default)]
    pub key: Option<String>,
    /// Stop it after this long.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// Start it once these have finished: ids, names, prefixes.
    #[serde(default)]
    pub after: Vec<String>,
    /// However they finish.
    #[serde(default)]
    pub after_any: bool,
    /// Of those that wait for a slot the highest goes first.
    #[serde(default)]
    pub priority: i32,
    /// The dispatching shell's file mode mask, where the client knows it.
    #[serde(default)]
    pub umask: Option<u32>,
}

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

/// The body of a job's `Dispatched`, less what the supervisor finds out itself.
impl DispatchRequest {
    /// What is asked for, as the log will say it.
    pub fn dispatched(&self) -> Dispatched {
        let text = self.command.text();
        Dispatched {
            name: self.name.clone().unwrap_or(text),
            work: decklog_engine::event::Work::Job { command: self.command.clone(), output: self.output },
            cwd: self.cwd.clone(),
            place: None,
            environment: self.environment.iter().map(|(name, _)| name.clone()).collect(),
            group: self.group.clone(),
            pinned: self.pinned,
            parent: None,
            key: self.key.clone(),
            timeout_ms: self.timeout_ms,
            after: Vec::new(),
            after_any: self.after_any,
            priority: self.priority,
        }
    }
}
