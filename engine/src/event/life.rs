//! Bodies of the facts of a session's life, from waiting to leaving the roster.

use alloc::string::String;
use alloc::vec::Vec;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::id::SessionId;
use crate::time::Time;
use crate::words::words;

words! {
    /// What a queued session waits for.
    WakeKind {
        /// A free slot.
        Slot = "slot",
        /// Other sessions.
        After = "after",
        /// The end of a usage limit.
        Limit = "limit",
        /// A time.
        Schedule = "schedule",
    }
}

/// It waits; no process.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Queued {
    /// What for.
    pub wake: WakeKind,
    /// Until when, where that is known.
    pub until: Option<Time>,
    /// For which sessions.
    pub ids: Vec<SessionId>,
}

/// What it waited for is there.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Admitted {}

/// A run will be started; nothing is started before this is durable.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct RunIntended {}

/// A process, named so that it cannot be mistaken for a later one with the same number (on one boot).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessName {
    /// The process number.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub start_ticks: u64,
}

/// The session's own process runs.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Started {
    /// The session's own process.
    pub process: ProcessName,
    /// The process that holds it.
    pub worker: ProcessName,
}

/// A new supervisor found the run alive.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Adopted {
    /// The session's own process, if the worker had started it.
    pub process: Option<ProcessName>,
    /// The process that holds it.
    pub worker: Option<ProcessName>,
    /// When the session's own process started, if it had.
    pub started_at: Option<Time>,
}

/// The program could not be started.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct SpawnFailed {
    /// What could not be done, and why.
    pub text: String,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExitStatus {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl ExitStatus {
    /// The code that a shell would report: the code, or 128 + signal.
    pub fn shell_code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// The process ended. `happenedAt` is when.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exited {
    /// How.
    pub status: ExitStatus,
    /// How many bytes it had printed.
    pub output_end: u64,
    /// How many of them were not kept.
    pub output_dropped: u64,
    /// Its last non-blank line, without control characters; at most 200 characters.
    pub last_line: Option<String>,
    /// The worker was told to end by the system, and ended it.
    pub worker_told_to_end: bool,
    /// A wish to stop had reached the worker before: else it ended by itself, whatever was wished meanwhile.
    pub stop_reached: bool,
    /// When it had started: the worker's word, for where no `Started` was recorded.
    pub started_at: Option<Time>,
}

/// The process and its worker are gone, and nothing says how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lost {
    /// What was found, in words.
    pub evidence: String,
    /// How many bytes of its output were found.
    pub output_end: u64,
    /// The last non-blank line of them.
    pub last_line: Option<String>,
}

words! {
    /// What came of a run or turn.
    OutcomeKind {
        /// It did what it was to do, as far as its exit code or its agent says.
        Done = "done",
        /// It did not.
        Failed = "failed",
        /// It was stopped.
        Stopped = "stopped",
    }
}

words! {
    /// Why an outcome is what it is.
    ReasonKind {
        /// The exit code.
        Exit = "exit",
        /// A signal that we did not ask for.
        Signal = "signal",
        /// It ran past its --timeout.
        Timeout = "timeout",
        /// It went past its --budget.
        Budget = "budget",
        /// It could not be started.
        Spawn = "spawn",
        /// Its worker vanished.
        Lost = "lost",
        /// The machine, or everything of ours on it, went down.
        Shutdown = "shutdown",
        /// The agent said so.
        Agent = "agent",
        /// A session that it waited for did not end well.
        Dependency = "dependency",
        /// Its --verify command failed.
        Verify = "verify",
        /// Somebody asked for it.
        Request = "request",
    }
}

/// An outcome was decided.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finished {
    /// Which.
    pub outcome: OutcomeKind,
    /// Why.
    pub reason: ReasonKind,
    /// Why, in words.
    pub text: String,
}

words! {
    /// What is to follow once a run that was told to stop has ended.
    AfterStop {
        /// Nothing: stop was what was wanted.
        Stay = "stay",
        /// It counts as failed: it ran past its --timeout.
        FailTimeout = "failTimeout",
        /// Nothing, and its outcome stays: only the process goes (a timer reaped it).
        KeepOutcome = "keepOutcome",
        /// The row leaves (rm --force).
        Delete = "delete",
        /// A new run starts (respawn --force).
        Respawn = "respawn",
    }
}

/// The run is to end; recorded before anything is signalled.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StopRequested {
    /// How long it has to end by itself before everything that it started is killed.
    pub grace_ms: u64,
    /// What follows once it has ended.
    pub then: AfterStop,
}

/// It was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stopped {
    /// Why, in words.
    pub text: String,
}

words! {
    /// What a timer took.
    ReapedWhat {
        /// The process; the row stays.
        Process = "process",
        /// The row; history stays.
        Row = "row",
        /// What it printed, and its environment; history stays.
        Output = "output",
    }
}

words! {
    /// The rules that wait for a deadline. See [`crate::timers`].
    TimerRule {
        /// A finished job leaves the roster.
        FinishedJob = "finished_job",
        /// A row never prompted leaves.
        EmptyRow = "empty_row",
        /// A finished conversation's process is reaped.
        IdleProcess = "idle_process",
        /// A finished conversation leaves the roster.
        FinishedConversation = "finished_conversation",
        /// A run past its --timeout is stopped.
        RunTimeout = "timeout",
        /// The output of what has finished is kept for so long.
        OutputRetention = "output",
    }
}

/// A timer took the process, the row or the output.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reaped {
    /// Which of them.
    pub what: ReapedWhat,
    /// By which rule.
    pub rule: TimerRule,
    /// When that rule's deadline was, in the log's time; not later than the record.
    pub due: Time,
}

/// A new run was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Respawned {}

/// A person took the row off the roster. History stays.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Deleted {}

/// The row is back on the roster.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Restored {}
