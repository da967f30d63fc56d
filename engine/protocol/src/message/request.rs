//! What a client asks for: one verb each.

use decklog_engine::event::{Dispatched, JobCommand, OutputMode};
use decklog_engine::id::Seq;
use decklog_engine::raw::Raw;
use decklog_engine::time::Time;
use serde::{Deserialize, Serialize};

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
