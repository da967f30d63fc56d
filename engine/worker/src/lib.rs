//! The worker: the small process that holds ONE session's run.
//!
//! It owns the job's PTY or pipes, the job itself, its output files and its exit status, so that the
//! supervisor can be killed at any instant and no byte of output and no exit code is lost.
//!
//! Two parties use this crate:
//!
//! - the hidden role `decklog worker <job dir>` calls [`main`]: single-threaded, a poll loop, no runtime;
//! - the supervisor uses everything else: [`spawn()`] a worker, [`probe()`] what became of one, [`connect`] to
//!   one that lives, speak [`frame`]s of [`ToWorker`] and [`FromWorker`], read its output with
//!   [`OutputReader`], and sweep what a killed worker left behind ([`sweep_orphans`]). All of these are plain
//!   synchronous functions; those that can take longer than a few file reads say so.
//!
//! This crate must never: know events or the log, infer success, or signal a process that it cannot name with
//! certainty (its own unreaped child, or a pidfd whose process was checked after it was opened).
//!
//! Start reading at [`layout`] (what lies where), then `role` (the life of a worker).

pub mod frame;
pub mod layout;

mod config;
mod exempt;
mod exit;
mod identity;
mod lock;
mod message;
mod meta;
mod orphans;
mod probe;
mod raw;
mod reader;
mod role;
mod socket;
mod spawn;
mod sys;
mod times;

pub use config::{Config, OutputMode};
pub use exempt::Exempt;
pub use exit::{
    DROPPED_RANGES_MAX, DroppedRange, ExitReadError, ExitRecord, Reason, SpawnError, SpawnStage, read_exit,
};
pub use identity::{ProcessIdentity, boot_id, process_identity};
pub use lock::Lock;
pub use message::{FromWorker, Hello, PROTOCOL_VERSION, Phase, StartedChild, ToWorker};
pub use meta::{Meta, read_meta};
pub use orphans::{Orphan, Swept, find_orphans, sweep_orphans};
pub use probe::{Found, ProbeError, probe};
pub use raw::Raw;
pub use reader::{Chunk, OutputReader};
pub use role::main;
pub use socket::connect;
pub use spawn::{Spawned, spawn};
pub use sys::{close_all_but_standard, trim_memory};
pub use times::{Since, output_since};
