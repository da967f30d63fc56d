//! The one door through which records enter: the [`Log`] trait and how an append can fail.
//!
//! An append is whole or absent, and durable when it returns. A log whose append failed is finished: whether that
//! append reached the disk is known only after opening it again.

use std::error::Error;

use crate::entry::{Entry, Head};
use crate::reader::Reader;

/// An append-only log with one writer.
pub trait Log: Send {
    /// The last record that is durable.
    fn head(&self) -> Head;

    /// Appends `entries` as the records from `first_seq` on, all or none, and returns once they are durable.
    fn append(&mut self, first_seq: u64, entries: &[Entry]) -> Result<Head, AppendError>;

    /// Makes durable what an acknowledgement does not wait for (the `head` file). Called when nothing waits and
    /// about every 100 ms otherwise; losing the call loses no record.
    fn settle(&mut self) -> Result<(), AppendError> {
        Ok(())
    }

    /// A reader of everything durable, now and later.
    fn reader(&self) -> Reader;
}

/// Why an append failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The caller's mistake: nothing was written and the log goes on.
    #[error("the append was refused")]
    Refused(#[from] Refusal),
    /// The disk is full. Nothing acknowledged is lost; free some space and open the log again.
    #[error("the disk is full: free some space and start again; nothing acknowledged is lost")]
    Full {
        /// What the system said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Writing or syncing failed. Whether the records are on disk is known after opening the log again.
    #[error("{step} failed: the log takes nothing more until it is opened again")]
    Failed {
        /// The step that failed.
        step: &'static str,
        /// What the system said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// An earlier append failed.
    #[error("an earlier append failed: open the log again")]
    Dead,
}

/// An append that breaks the log's rules. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is nothing to append.
    #[error("an append needs at least one record")]
    Empty,
    /// The numbers do not follow on.
    #[error("the next record is {expected}, not {found}")]
    OutOfOrder {
        /// What the log would take next.
        expected: u64,
        /// What it was handed.
        found: u64,
    },
    /// A record is older than the one before it.
    #[error("record {seq} is dated before the record it follows")]
    TimeRunsBackwards {
        /// The record that is too old.
        seq: u64,
    },
    /// One payload is over the limit.
    #[error("the payload of record {seq} has {bytes} bytes; the limit is {}", crate::pack::PAYLOAD_BYTES_MAX)]
    PayloadTooLarge {
        /// The record.
        seq: u64,
        /// How large its payload is.
        bytes: usize,
    },
    /// All the payloads together are over the limit.
    #[error("the append has {bytes} bytes; the limit is {limit}")]
    AppendTooLarge {
        /// How large the append is.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
}
