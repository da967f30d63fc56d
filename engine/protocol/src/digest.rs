//! What happened between two moments, summed up.

use serde::{Deserialize, Serialize};

use crate::message::ShortRow;

/// Of each kind at most so many rows are listed; all are counted.
pub const ROWS_MOST: usize = 100;

/// What happened between two moments.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Digest {
    /// After this (RFC 3339); null for the beginning of the log.
    pub since: Option<String>,
    /// Up to this (RFC 3339).
    pub until: String,
    /// The last record before the period.
    pub since_seq: u64,
    /// The last record of it.
    pub until_seq: u64,
    /// How many there are of everything.
    pub counts: Counts,
    /// Sessions that wait for a person at the end of the period; the longest wait first.
    pub blocked: Vec<ShortRow>,
    /// Sessions that failed in the period, newest first.
    pub failed: Vec<ShortRow>,
    /// Sessions that were stopped in the period, newest first.
    pub stopped: Vec<ShortRow>,
    /// Sessions that were done in the period, newest first.
    pub done: Vec<ShortRow>,
}

/// Counts of sessions and of what happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Dispatched in the period.
    pub dispatched: u64,
    /// Blocked at its end.
    pub blocked: u64,
    /// Failed in the period.
    pub failed: u64,
    /// Stopped in it.
    pub stopped: u64,
    /// Done in it.
    pub done: u64,
    /// Working at its end.
    pub working: u64,
    /// Queued at its end.
    pub queued: u64,
    /// Rows that timers took off the roster in the period.
    pub reaped: u64,
    /// Rows that people took off it.
    pub removed: u64,
    /// Supervisors that began in the period.
    pub supervisors: u64,
    /// Supervisors that ended without saying so: killed, or crashed, or the machine went down.
    pub killed_supervisors: u64,
    /// Attempts that a rule stopped.
    pub refused: u64,
}
