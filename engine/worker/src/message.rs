//! The control protocol: what a worker and a supervisor say to each other.
//!
//! Tiny, additive and frozen: a worker outlives the supervisor that started it, so an old worker must serve
//! every newer supervisor. A kind that one side does not know is ignored; a released field is never removed.

use serde::{Deserialize, Serialize};

use crate::{Config, ExitRecord, Raw, SpawnError};

/// The version that [`Hello`] carries. It rises when kinds are added; nothing is refused because of it.
pub const PROTOCOL_VERSION: u32 = 2;

/// What a supervisor tells a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ToWorker {
    /// The first frame on the connection that the worker was started with; ignored anywhere else.
    Config(Box<Config>),
    /// Whether this connection wants to hear of growth ([`FromWorker::Grew`]).
    Follow {
        /// Yes or no; a connection starts with no.
        on: bool,
    },
    /// Ask the job to end (SIGTERM, SIGCONT), and after the grace kill all that is left.
    Stop {
        /// How long it may take.
        grace_ms: u64,
    },
    /// Kill the job and everything under it now.
    Kill,
    /// The exit is recorded elsewhere: the worker may leave. Ignored before the end.
    ExitRecorded,
    /// Resize the terminal.
    Resize {
        /// New width.
        columns: u16,
        /// New height.
        rows: u16,
    },
    /// Type into the terminal. Ignored unless the run is [`crate::OutputMode::Tty`].
    Input {
        /// What is typed, at most [`crate::frame::MESSAGE_BYTES_MAX`] encoded.
        bytes: Raw,
    },
    /// Type a reply into the terminal, unless this one or a later one was typed before. Since version 2.
    Deliver {
        /// Which reply; they rise.
        id: u64,
        /// What is typed.
        bytes: Raw,
    },
    /// A kind of a newer supervisor.
    #[serde(other)]
    Unknown,
}

/// What a worker tells each connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FromWorker {
    /// The first frame on every connection: all that the worker knows. Only a worker that could not even make
    /// the run's folder says [`FromWorker::SpawnFailed`] alone, and leaves.
    Hello(Box<Hello>),
    /// The job runs.
    Running(StartedChild),
    /// The job could not be started. If the run's folder could be written, `exit` says the same.
    SpawnFailed {
        /// What could not be had, and why.
        error: SpawnError,
    },
    /// The job ended, its leftovers are swept and the exit file is on disk. Repeated on every connection.
    Exited {
        /// The same as in the exit file.
        exit: Box<ExitRecord>,
    },
    /// Output grew. Coalesced: only the latest end counts, and intermediate ones may never be told. A follower
    /// hears the last one before [`FromWorker::Exited`].
    Grew {
        /// The offset after the last byte.
        end: u64,
    },
    /// Output was dropped. A hint: the output files and the exit record are what counts.
    OutputDropped {
        /// First offset that is gone.
        from: u64,
        /// The offset after the last one that is gone.
        to: u64,
    },
    /// A stop or kill was received and acted on.
    StopAcknowledged,
    /// Typed input was refused whole, because the job does not read what was typed before.
    InputRefused,
    /// A reply was typed, now or before. It waits in the worker if the terminal is full.
    Delivered {
        /// Which.
        id: u64,
    },
    /// A reply was not typed, and will not be.
    DeliveryRefused {
        /// Which.
        id: u64,
        /// Why not.
        why: String,
    },
    /// A kind of a newer worker.
    #[serde(other)]
    Unknown,
}

/// All that a worker knows, said first on every connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL_VERSION`] of the worker.
    pub version: u32,
    /// The session that it holds.
    pub session: String,
    /// The run that it holds.
    pub run: u64,
    /// The worker's own pid.
    pub worker_pid: i32,
    /// Where the run is in its life.
    pub phase: Phase,
    /// The job's process, once it was started; kept after its end.
    #[serde(default)]
    pub child: Option<StartedChild>,
    /// The offset after the last byte of output.
    pub output_end: u64,
    /// How it ended, if it has.
    #[serde(default)]
    pub exit: Option<ExitRecord>,
    /// Width and height of its terminal, where it has one.
    #[serde(default)]
    pub terminal: Option<(u16, u16)>,
}

/// Where a run is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The worker prepares; the job is not started yet.
    Starting,
    /// The job was started and its end, with that of all under it, is not yet reached.
    Running,
    /// The end is recorded.
    Ended,
}

/// The job's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartedChild {
    /// Its pid, which is also its session and process group.
    pub pid: i32,
    /// Its start time in clock ticks since boot: together with the boot id, its identity.
    pub start_time: u64,
    /// When it was started, UTC milliseconds.
    pub started_at_ms: u64,
}
