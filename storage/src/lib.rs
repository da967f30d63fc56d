//! decklog's log: records kept in order, for ever, in sled.
//!
//! This crate knows records, not sessions. It never reads a clock, never looks into a payload, never decides
//! anything: it keeps what it is handed and says how far that is durable. It owns files and one thread.
//!
//! Start with [`Entry`] and [`Log`]; [`SledLog`] is the real one, [`MemoryLog`] its faulty twin for simulations,
//! [`Reader`] reads either. [`commit_thread`] is what a supervisor runs. FORMAT.md describes every byte.

mod entry;

mod commit;
mod keys;
mod pack;

mod log;
mod source;

mod reader;
mod verify;

mod files;
mod lock;
mod panics;

mod memory;
mod sled_log;

pub mod commit_thread;
pub mod snapshots;

pub use commit::{Commit, EntryRef};
pub use entry::{Entry, Hash, Head, Stored, Stream};
pub use lock::{Lock, LockError, read_lock};
pub use log::{AppendError, Log, Refusal};
pub use memory::{Fault, MemoryDisk, MemoryLog};
pub use pack::{APPEND_BYTES_MAX, PAYLOAD_BYTES_MAX, VALUE_BYTES_MAX};
pub use reader::{Backwards, Commits, ReadError, Reader, Records};
pub use sled_log::{FORMAT_VERSION, Note, OpenError, Options, Room, SledLog};
pub use source::Damage;
pub use verify::{VerifyReport, verify};
