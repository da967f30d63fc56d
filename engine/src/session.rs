//! One session: separate axes, and the one word that is derived from them.
//!
//! A row that mixes what the process does with what a person must do ends up showing false rows. So the fold keeps
//! the axes apart, and [`Session::state`] is a pure function of them.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bincode::{Decode, Encode};

use crate::actor::Actor;
use crate::event::{
    AfterStop, AskKind, Dispatched, ExitStatus, OutcomeKind, OutputMode, ProcessName, ReasonKind,
    SessionKind, WakeKind, Work,
};
use crate::id::{AskId, RunKey, Seq, SessionId};
use crate::time::{Awake, Time};
use crate::words::words;

words! {
    /// What the session's process does.
    Process {
        /// There is none, and this run never had one.
        None = "none",
        /// A run is intended; its process is not known to run yet.
        Starting = "starting",
        /// It runs.
        Alive = "alive",
        /// It ended, and how is known.
        Exited = "exited",
        /// It is gone, and how it ended is not known.
        Lost = "lost",
    }
}

words! {
    /// What the agent of a conversation does.
    Turn {
        /// Nothing.
        Idle = "idle",
        /// It works on a prompt.
        Running = "running",
        /// It waits for an answer.
        RequiresAction = "requires_action",
        /// Its driver cannot tell.
        Unknown = "unknown",
    }
}

words! {
    /// The displayed state: the first that holds, in this order of [`Session::state`].
    State {
        /// Waits for a slot, a predecessor, a limit or a time; no process.
        Queued = "queued",
        /// An ask is open.
        Blocked = "blocked",
        /// The process is alive and nobody can tell what it does.
        Unknown = "unknown",
        /// Starting or alive, and has work.
        Working = "working",
        /// The latest run or turn failed.
        Failed = "failed",
        /// The latest run was stopped.
        Stopped = "stopped",
        /// The latest run or turn is done.
        Done = "done",
        /// Nothing to do.
        Idle = "idle",
    }
}

impl State {
    /// Done, failed or stopped: an outcome stands.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Stopped)
    }
}

words! {
    /// How a row left the roster.
    LeftWhy {
        /// A timer took it.
        Reaped = "reaped",
        /// A person took it.
        Deleted = "deleted",
    }
}

/// When and where in the log something was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct Stamp {
    /// The record.
    pub seq: Seq,
    /// When it was entered.
    pub at: Time,
}

/// What a queued session waits for.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Wake {
    /// What kind of thing.
    pub kind: WakeKind,
    /// Until when, where that is known.
    pub until: Option<Time>,
    /// For which sessions.
    pub ids: Vec<SessionId>,
    /// Since when.
    pub since: Stamp,
}

/// An outcome and why it is what it is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Outcome {
    /// Which.
    pub kind: OutcomeKind,
    /// Why.
    pub reason: ReasonKind,
    /// Why, in words.
    pub text: String,
    /// Who caused it.
    pub by: String,
    /// When it was decided.
    pub stamp: Stamp,
}

/// How and when a row left the roster.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Left {
    /// How.
    pub why: LeftWhy,
    /// Who.
    pub by: String,
    /// When.
    pub stamp: Stamp,
}

/// A wish to end the present run.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct StopWish {
    /// What follows.
    pub then: AfterStop,
    /// How long it has before it is killed.
    pub grace_ms: u64,
    /// Who wished it.
    pub by: Actor,
    /// When.
    pub stamp: Stamp,
}

/// One life of the session's process: the latest.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Run {
    /// Its number, from 1.
    pub number: u32,
    /// When it was intended.
    pub intended: Stamp,
    /// When it was recorded as started, and by which event.
    pub started: Option<Stamp>,
    /// When its process started, by the worker's clock.
    pub started_at: Option<Time>,
    /// The session's own process.
    pub process: Option<ProcessName>,
    /// The process that holds it.
    pub worker: Option<ProcessName>,
    /// How it ended.
    pub status: Option<ExitStatus>,
    /// When it ended, by the worker's clock.
    pub ended_at: Option<Time>,
    /// Where its end is recorded.
    pub ended: Option<Stamp>,
    /// How many bytes it printed, known once it ended.
    pub output_end: Option<u64>,
    /// How many of them were not kept.
    pub output_dropped: u64,
    /// Its last non-blank line, known once it ended.
    pub last_line: Option<String>,
}

/// What a blocked session waits for.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Ask {
    /// Its identity.
    pub id: AskId,
    /// What it is about.
    pub kind: AskKind,
    /// Its exact text.
    pub text: String,
    /// The tool that wants to run.
    pub tool: Option<String>,
    /// The answers that may be chosen.
    pub options: Vec<String>,
    /// Since when.
    pub since: Stamp,
}

words! {
    /// How far a reply is on its way.
    DeliveryState {
        /// It is recorded.
        Replied = "replied",
        /// It is to be passed on.
        Intended = "intended",
        /// The session has it.
        Delivered = "delivered",
        /// It was not passed on, and will not be.
        Failed = "failed",
        /// Nobody can say.
        Unknown = "unknown",
    }
}

/// A reply on its way to a session. It is passed on at most once.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Delivery {
    /// The reply.
    pub reply_id: u64,
    /// How far it is.
    pub state: DeliveryState,
    /// What is replied; once it is no longer on its way, why it came no further.
    pub text: String,
}

impl Delivery {
    /// Whether it is on its way.
    pub fn is_open(&self) -> bool {
        matches!(self.state, DeliveryState::Replied | DeliveryState::Intended)
    }

    /// What is typed into a terminal: as if the return key was pressed at the end of each line.
    pub fn typed(&self) -> Vec<u8> {
        let mut bytes = self.text.replace('\n', "\r").into_bytes();
        bytes.push(b'\r');
        bytes
    }
}

/// One session of the roster: listed, or gone from the list and still known.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an axis of its own, and no two of them exclude each other"
)]
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Session {
    /// Its identity.
    pub id: SessionId,
    /// Its present name.
    pub name: String,
    /// Its present group.
    pub group: Option<String>,
    /// What it was asked to do, as it was asked; less the names of its environment, which only the log keeps.
    pub dispatched: Arc<Dispatched>,
    /// When it was asked for.
    pub created: Stamp,
    /// The latest record that concerns it.
    pub updated: Stamp,

    /// Axis: the process.
    pub process: Process,
    /// Axis: the turn.
    pub turn: Turn,
    /// Axis: the outcome of the latest run or turn.
    pub outcome: Option<Outcome>,
    /// Axis: what it waits for before a process starts.
    pub wake: Option<Wake>,
    /// Axis: whether a person looked at the outcome.
    pub seen: bool,
    /// Axis: whether timers leave it alone.
    pub pinned: bool,
    /// How it left the roster; `None` while it is listed.
    pub left: Option<Left>,

    /// The latest run.
    pub run: Option<Run>,
    /// The wish to end that run.
    pub stop: Option<StopWish>,
    /// The open asks, oldest first.
    pub asks: Vec<Ask>,
    /// Work of the agent beside its turns, by the agent's own names for it.
    pub background: Vec<String>,
    /// The replies that are on their way, and the latest that no longer is.
    pub deliveries: Vec<Delivery>,
    /// The clients that watch.
    pub attached: Vec<u64>,
    /// A prompt was recorded.
    pub prompted: bool,
    /// The prompts whose turn has not ended.
    pub prompts_open: u32,
    /// What it printed was removed, and its environment with it.
    pub output_gone: bool,
    /// What its row timers count from.
    pub row_basis: Awake,
    /// What its process timers count from.
    pub process_basis: Awake,
}

impl Session {
    /// Job or conversation.
    pub fn kind(&self) -> SessionKind {
        self.dispatched.work.kind()
    }

    /// Whether it has a terminal that it can be typed to.
    pub fn takes_input(&self) -> bool {
        matches!(self.dispatched.work, Work::Job { output: OutputMode::Tty, .. })
    }

    /// Whether a process is starting or alive.
    pub fn is_live(&self) -> bool {
        matches!(self.process, Process::Starting | Process::Alive)
    }

    /// Whether the row is on the roster.
    pub fn is_listed(&self) -> bool {
        self.left.is_none()
    }

    /// Whether it counts against the cap of live sessions of its kind: a job while it lives, a conversation while it
    /// starts or works.
    pub fn holds_slot(&self) -> bool {
        self.is_live() && self.state() == State::Working
    }

    /// The replies that are on their way.
    pub fn open_deliveries(&self) -> impl DoubleEndedIterator<Item = &Delivery> {
        self.deliveries.iter().filter(|delivery| delivery.is_open())
    }

    /// This reply, if it is on its way.
    pub fn open_delivery(&self, reply_id: u64) -> Option<&Delivery> {
        self.open_deliveries().find(|delivery| delivery.reply_id == reply_id)
    }

    /// Whether it has something to do: a job while it lives; a conversation with an open prompt, a running turn or
    /// background work.
    pub fn has_work(&self) -> bool {
        self.kind() == SessionKind::Job
            || matches!(self.turn, Turn::Running | Turn::RequiresAction)
            || self.prompts_open > 0
            || !self.background.is_empty()
    }

    /// The displayed state: the first that holds.
    pub fn state(&self) -> State {
        if self.wake.is_some() && !self.is_live() {
            return State::Queued;
        }
        if !self.asks.is_empty() {
            return State::Blocked;
        }
        if self.process == Process::Alive && self.turn == Turn::Unknown {
            return State::Unknown;
        }
        if self.is_live() && self.has_work() {
            return State::Working;
        }
        match self.outcome.as_ref().map(|outcome| outcome.kind) {
            Some(OutcomeKind::Failed) => State::Failed,
            Some(OutcomeKind::Stopped) => State::Stopped,
            Some(OutcomeKind::Done) => State::Done,
            None => State::Idle,
        }
    }

    /// The state as it is known while no supervisor watches: what was alive may have ended.
    pub fn state_unwatched(&self) -> State {
        if self.is_live() { State::Unknown } else { self.state() }
    }

    /// The identity of the latest run.
    pub fn run_key(&self) -> Option<RunKey> {
        self.run.as_ref().map(|run| RunKey { session: self.id, run: run.number })
    }

    /// When the latest run ended, or the outcome was decided without one; `None` while it lives, and where its end was not
    /// seen by anybody.
    pub fn finished_at(&self) -> Option<Time> {
        if self.is_live() || self.process == Process::Lost {
            return None;
        }
        let ended = self.run.as_ref().and_then(|run| run.ended_at);
        ended.or(self.outcome.as_ref().map(|outcome| outcome.stamp.at))
    }

    /// The records that the state rests on, oldest first: what `why` prints.
    pub fn grounds(&self) -> Vec<Seq> {
        let mut seqs = Vec::new();
        if let Some(wake) = &self.wake {
            seqs.push(wake.since.seq);
        }
        if let Some(run) = &self.run {
            seqs.push(run.intended.seq);
            seqs.extend(run.started.map(|stamp| stamp.seq));
            seqs.extend(run.ended.map(|stamp| stamp.seq));
        }
        seqs.extend(self.stop.as_ref().map(|stop| stop.stamp.seq));
        seqs.extend(self.asks.iter().map(|ask| ask.since.seq));
        seqs.extend(self.outcome.as_ref().map(|outcome| outcome.stamp.seq));
        seqs.extend(self.left.as_ref().map(|left| left.stamp.seq));
        if seqs.is_empty() {
            seqs.push(self.created.seq);
        }
        seqs.sort_unstable();
        seqs.dedup();
        seqs
    }
}
