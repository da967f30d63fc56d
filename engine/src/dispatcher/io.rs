//! What goes into the dispatcher and what comes out of it: one closed set of causes, one of effects.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Answer, WaitGoal};
use crate::actor::Actor;
use crate::command::{Command, Dispatch, Observation};
use crate::event::{OutputMode, Work};
use crate::id::{RunKey, Seq, SessionId};
use crate::policy::Policy;
use crate::session::Session;

/// Names the one who waits for an answer. The shell around the dispatcher chooses it; it is never recorded.
pub type Token = u64;

/// Every cause of change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A client wishes a new session. Answered once it runs, is queued, or its failure is recorded.
    Dispatch {
        /// Who waits for the answer.
        token: Token,
        /// Who wishes it.
        actor: Actor,
        /// What is wished.
        wish: Box<Dispatch>,
        /// The sessions that it waits for: ids, names or prefixes, put into the wish once they are resolved.
        after: Vec<String>,
    },
    /// A client wishes something of sessions that exist: of all of them or of none.
    Command {
        /// Who waits for the answer.
        token: Token,
        /// Who wishes it.
        actor: Actor,
        /// Ids, names or prefixes.
        targets: Vec<String>,
        /// What is wished.
        command: Command,
    },
    /// A client looks.
    Look {
        /// Who waits for the answer.
        token: Token,
        /// At what.
        at: Look,
    },
    /// A client waits for sessions.
    Wait {
        /// Who waits for the answer.
        token: Token,
        /// Ids, names or prefixes.
        targets: Vec<String>,
        /// For what.
        goal: WaitGoal,
    },
    /// A client attaches to a session's terminal. Answered with the session.
    Attach {
        /// Who waits for the answer.
        token: Token,
        /// Who attaches.
        actor: Actor,
        /// Id, name or prefix.
        target: String,
        /// The client's number within the epoch.
        client: u64,
    },
    /// A client that was attached has gone.
    Detach {
        /// Who was attached.
        actor: Actor,
        /// To which session.
        session: SessionId,
        /// The client's number within the epoch.
        client: u64,
    },
    /// A person has read what happened so far.
    Looked {
        /// Who.
        actor: Actor,
    },
    /// A client no longer waits.
    Gone {
        /// Who.
        token: Token,
    },
    /// A worker, or its files, say something about a run.
    Observed {
        /// Which run.
        run: RunKey,
        /// What.
        observation: Observation,
    },
    /// The configuration was read.
    Policy {
        /// Its values.
        policy: Policy,
    },
    /// The supervisor is to end.
    Shutdown {
        /// Who waits for the answer, if anybody does.
        token: Option<Token>,
        /// Who wishes it.
        actor: Actor,
        /// What becomes of what lives.
        mode: ShutdownMode,
        /// Why, in words.
        text: String,
    },
    /// The log holds everything up to here.
    Durable {
        /// The last durable record.
        seq: Seq,
    },
    /// Time passed.
    Tick,
}

/// What a client looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// The rows of the roster.
    Listed {
        /// Of those that have finished only the newest so many; the others are counted.
        finished_most: Option<usize>,
    },
    /// Every session ever logged.
    All,
    /// These: ids, names or prefixes.
    These(Vec<String>),
    /// Only the counts.
    Counts,
}

/// What becomes of what lives when the supervisor ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShutdownMode {
    /// It is a reason to refuse.
    RefuseIfLive,
    /// It is stopped first.
    StopAll,
    /// It goes on, for the next supervisor.
    KeepWorkers,
}

/// What is to be done in the world. Each is idempotent: after a crash, recovery orders it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Find out what became of a run of an earlier supervisor, and observe it.
    Probe(RunKey),
    /// Start this run.
    Launch(Launch),
    /// End this run and everything that it started.
    Stop {
        /// Which.
        run: RunKey,
        /// How long it has to end by itself.
        grace_ms: u64,
    },
    /// Type this into a run's terminal, unless that was done before.
    Deliver {
        /// Which run.
        run: RunKey,
        /// Which reply.
        reply_id: u64,
        /// What is typed.
        bytes: Vec<u8>,
    },
    /// Remove what this session printed, and its environment.
    RemoveOutput(SessionId),
    /// The end of this run is in the log: its worker may leave.
    Recorded(RunKey),
    /// Tell a client.
    Answer {
        /// Whom.
        token: Token,
        /// What.
        answer: Answer,
    },
    /// End the supervisor.
    Exit,
}

/// What a worker needs to start a run, less the environment, which is not in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Which run.
    pub run: RunKey,
    /// The session, as it was dispatched.
    pub session: Arc<Session>,
    /// How many bytes of output are kept.
    pub output_bytes_max: u64,
}

impl Launch {
    /// Where a job's output goes.
    pub fn output_mode(&self) -> OutputMode {
        match &self.session.dispatched.work {
            Work::Job { output, .. } => *output,
            Work::Conversation { .. } => OutputMode::Pipes,
        }
    }
}
