//! The catalogue of facts. **To add an event, start here**: a line in the `catalogue!` table, a body, its arm in
//! [`crate::evolve`], and a stored example in `tests/stored_events.rs`.
//!
//! Past tense, versioned, additive. A released body never changes: a new shape is a new schema number and an upcast
//! in [`crate::codec`].

use alloc::string::String;
use alloc::vec::Vec;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::actor::{Actor, Cause};
use crate::id::{AskId, RunKey, Seq, SessionId};
use crate::policy::Policy;
use crate::raw::Raw;
use crate::time::Time;
use crate::words::words;

/// How soon a record must be on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Within 100 ms: an observation that the worker's files can yield again.
    Soon,
    /// Before anything follows from it: intents, decisions, outcomes, what a person said.
    Now,
}

macro_rules! catalogue {
    ($( $number:literal $schema:literal $durability:ident $name:ident: $doc:literal ),* $(,)?) => {
        /// A fact: what changed in the life of a session or of the fleet.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(untagged)]
        #[allow(missing_docs, reason = "each body documents itself")]
        pub enum Event { $( #[doc = $doc] $name($name) ),* }

        /// The name of a fact, and its number in the log.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u16)]
        pub enum EventKind { $( #[doc = $doc] $name = $number ),* }

        impl EventKind {
            /// Every kind, in catalogue order.
            pub const ALL: &[Self] = &[ $( Self::$name ),* ];

            /// The kind with this number; `None` if this version knows none.
            pub fn from_number(number: u16) -> Option<Self> {
                match number { $( $number => Some(Self::$name), )* _ => None }
            }

            /// The name as the contract spells it: `RunIntended`.
            pub fn name(self) -> &'static str {
                match self { $( Self::$name => stringify!($name) ),* }
            }

            /// The schema number that bodies of this kind are written with.
            pub fn schema(self) -> u8 {
                match self { $( Self::$name => $schema ),* }
            }

            /// How soon a record of this kind must be durable.
            pub fn durability(self) -> Durability {
                match self { $( Self::$name => Durability::$durability ),* }
            }
        }

        impl Event {
            /// Which kind this fact is.
            pub fn kind(&self) -> EventKind {
                match self { $( Self::$name(_) => EventKind::$name ),* }
            }

            pub(crate) fn encode_body<E: bincode::enc::Encoder>(
                &self,
                encoder: &mut E,
            ) -> Result<(), bincode::error::EncodeError> {
                match self { $( Self::$name(body) => Encode::encode(body, encoder) ),* }
            }

            pub(crate) fn decode_body<D: bincode::de::Decoder<Context = ()>>(
                kind: EventKind,
                decoder: &mut D,
            ) -> Result<Self, bincode::error::DecodeError> {
                Ok(match kind { $( EventKind::$name => Self::$name(Decode::decode(decoder)?) ),* })
            }

            /// The fact of this kind with this JSON body.
            pub fn from_data<'de, D: serde::Deserializer<'de>>(kind: EventKind, data: D) -> Result<Self, D::Error> {
                Ok(match kind { $( EventKind::$name => Self::$name(Deserialize::deserialize(data)?) ),* })
            }
        }

        $( impl From<$name> for Event { fn from(body: $name) -> Self { Self::$name(body) } } )*
    };
}

catalogue! {
    // life
    1 1 Now Dispatched: "A session was asked for.",
    2 1 Now Queued: "It waits; no process.",
    3 1 Now Admitted: "What it waited for is there.",
    4 1 Now RunIntended: "A run will be started; nothing is started before this is durable.",
    5 1 Soon Started: "The session's own process runs.",
    6 1 Soon Adopted: "A new supervisor found the run alive.",
    7 1 Now SpawnFailed: "The program could not be started.",
    8 1 Now Exited: "The process ended.",
    9 1 Now Lost: "The process and its worker are gone, and nothing says how it ended.",
    10 1 Now Finished: "An outcome was decided.",
    11 1 Now StopRequested: "The run is to end; recorded before anything is signalled.",
    12 1 Now Stopped: "It was stopped.",
    13 1 Now Reaped: "A timer took the process or the row.",
    14 1 Now Respawned: "A new run was asked for.",
    15 1 Now Deleted: "A person took the row off the roster.",
    16 1 Now Restored: "The row is back on the roster.",
    // conversation
    32 1 Now Prompted: "Somebody said what to do next.",
    33 1 Soon TurnStarted: "The agent works on a prompt.",
    34 1 Now TurnEnded: "The agent stopped working on it.",
    35 1 Now Blocked: "An ask was opened.",
    36 1 Now Replied: "An ask was answered.",
    37 1 Now AskWithdrawn: "An ask no longer waits for an answer.",
    38 1 Soon BackgroundStarted: "Work of the agent goes on beside its turns.",
    39 1 Soon BackgroundEnded: "Such work ended.",
    40 1 Soon Attached: "A client watches.",
    41 1 Soon Detached: "It no longer does.",
    42 1 Soon Seen: "A person looked at the outcome.",
    43 1 Soon OutputDropped: "Bytes of the output were not kept.",
    // fleet
    96 1 Now SupervisorStarted: "A supervisor began its epoch.",
    97 1 Now SupervisorStopped: "A supervisor ended in good order.",
    98 1 Soon Slept: "The machine slept.",
    99 1 Soon ClockStepped: "The wall clock and elapsed time parted.",
    100 1 Now PolicyChanged: "The values that rules use.",
    101 1 Now Renamed: "A session has another name.",
    102 1 Now Pinned: "No timer takes it.",
    103 1 Now Unpinned: "Timers apply again.",
    104 1 Now Grouped: "A session joined or left a group.",
    105 1 Now Refused: "A rule stopped an attempt that matters to an audit.",
}

/// A fact with everything around it that the log keeps, except the chain hash, which the log itself computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the log.
    pub seq: Seq,
    /// When it was entered. Never earlier than the record before it.
    pub at: Time,
    /// When it was true, if that is another time.
    pub happened_at: Option<Time>,
    /// Who caused it.
    pub actor: Actor,
    /// Which session it is of; `None` for the fleet.
    pub session: Option<SessionId>,
    /// Which run of the session, where it concerns one.
    pub run: Option<u32>,
    /// What led to it.
    pub cause: Cause,
    /// The fact.
    pub event: Event,
}

impl Record {
    /// When it was true.
    pub fn true_at(&self) -> Time {
        self.happened_at.unwrap_or(self.at)
    }

    /// The run it concerns, if it concerns one.
    pub fn run_key(&self) -> Option<RunKey> {
        Some(RunKey { session: self.session?, run: self.run? })
    }
}

words! {
    /// What a session is.
    SessionKind {
        /// A conversation with an agent.
        Conversation = "conversation",
        /// A shell command.
        Job = "job",
    }
}

words! {
    /// Where a job's output goes on its way to the files.
    OutputMode {
        /// One PTY without output translation; nothing to read, no controlling terminal.
        Pty = "pty",
        /// Two pipes; nothing to read.
        Pipes = "pipes",
    }
}

/// What a job runs.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum JobCommand {
    /// A line for `sh -c`.
    Shell(Raw),
    /// A program and its arguments.
    Program(Vec<Raw>),
}

impl JobCommand {
    /// One line for people: the shell line, or the arguments separated by spaces and quoted where they need it.
    pub fn text(&self) -> String {
        match self {
            Self::Shell(line) => line.text().into_owned(),
            Self::Program(arguments) => {
                let quoted: Vec<String> = arguments.iter().map(|argument| quote(&argument.text())).collect();
                quoted.join(" ")
            }
        }
    }
}

fn quote(argument: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%^".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.into()
    } else {
        alloc::format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

/// What a session was dispatched to do.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Work {
    /// Run a command.
    #[serde(rename_all = "camelCase")]
    Job {
        /// The command.
        command: JobCommand,
        /// Where its output goes.
        output: OutputMode,
    },
    /// Talk with an agent.
    #[serde(rename_all = "camelCase")]
    Conversation {
        /// The agent's profile.
        agent: String,
        /// The first prompt, if there was one.
        prompt: Option<String>,
    },
}

impl Work {
    /// Job or conversation.
    pub fn kind(&self) -> SessionKind {
        match self {
            Self::Job { .. } => SessionKind::Job,
            Self::Conversation { .. } => SessionKind::Conversation,
        }
    }
}

/// Where in a git repository a session was dispatched.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The work tree's top folder (of a bare repository: its own folder).
    pub repo: Raw,
    /// The branch; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// The commit of HEAD, in hex; `None` when there is none yet.
    pub base_commit: Option<String>,
}

/// A session was asked for. Everything that a run of it needs, except values of its environment, which never enter
/// the log.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dispatched {
    /// Its name on the roster.
    pub name: String,
    /// What it is to do.
    pub work: Work,
    /// The working directory.
    pub cwd: Raw,
    /// The git repository it is in.
    pub place: Option<Place>,
    /// The names of its environment's variables.
    pub environment: Vec<Raw>,
    /// The group it is in.
    pub group: Option<String>,
    /// Whether no timer takes it.
    pub pinned: bool,
    /// The session that dispatched it.
    pub parent: Option<SessionId>,
    /// The key that makes dispatching it twice harmless.
    pub key: Option<String>,
    /// Its process is stopped after this many waking milliseconds.
    pub timeout_ms: Option<u64>,
}

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
    }
}

/// A timer took the process or the row.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reaped {
    /// Which of the two.
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

/// Somebody said what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prompted {
    /// The prompt's own identity: it is delivered at most once.
    pub prompt_id: u64,
    /// What was said.
    pub text: String,
}

/// The agent works on a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TurnStarted {}

/// Why an agent stopped working on a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TurnEnd {
    /// It says that it is finished.
    Claimed,
    /// A client interrupted it.
    Interrupted,
    /// It refused, ran out of tokens, or failed: in its own words.
    Failed(String),
}

/// The agent stopped working on a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TurnEnded {
    /// Why.
    pub end: TurnEnd,
}

words! {
    /// What an ask is about.
    AskKind {
        /// May this tool be used?
        Permission = "permission",
        /// A question to a person.
        Question = "question",
        /// Credentials are missing.
        Credentials = "credentials",
        /// An error that a person must look at.
        Error = "error",
        /// A --verify command that failed.
        Verification = "verification",
    }
}

/// An ask was opened.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blocked {
    /// The ask's identity.
    pub ask_id: AskId,
    /// What it is about.
    pub kind: AskKind,
    /// Its exact text.
    pub text: String,
    /// The tool that wants to run.
    pub tool: Option<String>,
    /// The answers that may be chosen.
    pub options: Vec<String>,
}

/// An ask was answered.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replied {
    /// Which ask; `None` for a prompt-like reply.
    pub ask_id: Option<AskId>,
    /// The reply's own identity: it is delivered at most once.
    pub reply_id: u64,
    /// What was answered.
    pub text: String,
}

/// An ask no longer waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AskWithdrawn {
    /// Which.
    pub ask_id: AskId,
}

/// Work of the agent goes on beside its turns.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct BackgroundStarted {
    /// The agent's own name for it.
    pub key: String,
}

/// Such work ended.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct BackgroundEnded {
    /// The agent's own name for it.
    pub key: String,
}

/// A client watches.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Attached {
    /// The client's number within the supervisor's epoch.
    pub client: u64,
}

/// A client no longer watches.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Detached {
    /// The client's number within the supervisor's epoch.
    pub client: u64,
}

/// A person looked at the outcome.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Seen {}

/// Bytes of the output were not kept: of a limit, or of a full disk.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct OutputDropped {
    /// The offset of the first byte that is missing.
    pub from: u64,
    /// The offset after the last.
    pub to: u64,
}

/// A supervisor began its epoch.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SupervisorStarted {
    /// Its version.
    pub version: String,
    /// The kernel's id of this boot.
    pub boot_id: String,
    /// Its process number.
    pub pid: u32,
    /// Which supervisor of this log it is, from 1.
    pub epoch: u64,
    /// The last moment at which the one before it is known to have lived.
    pub watched_until: Option<Time>,
}

/// A supervisor ended in good order.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct SupervisorStopped {
    /// Why, in words.
    pub text: String,
}

/// The machine slept.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Slept {
    /// For how many milliseconds. Sleep is not idle time.
    pub ms: u64,
}

/// The wall clock and elapsed time parted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClockStepped {
    /// By how many milliseconds the wall clock was moved.
    pub ms: i64,
    /// How far the log's own time leapt forward because of it. A leap is not idle time.
    pub leapt_ms: u64,
}

/// The values that rules use from here on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct PolicyChanged {
    /// All of them.
    pub policy: Policy,
}

/// A session has another name.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Renamed {
    /// The new name.
    pub name: String,
}

/// No timer takes it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Pinned {}

/// Timers apply again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Unpinned {}

/// A session joined or left a group.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Grouped {
    /// The group; `None` to leave the one it was in.
    pub group: Option<String>,
}

/// A rule stopped an attempt that matters to an audit.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Refused {
    /// The verb that was tried.
    pub verb: String,
    /// The rule that stopped it.
    pub rule: String,
}
