//! The values that rules use. They come from the configuration and enter the log, so that a replay uses those of its day.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Durations in milliseconds, counts and sizes that `decide` and `timers` work with.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// A finished job leaves the roster after this long.
    pub finished_job_ms: u64,
    /// A conversation that was never prompted leaves after this long.
    pub empty_row_ms: u64,
    /// A finished conversation's process is reaped after this long.
    pub idle_process_ms: u64,
    /// A finished conversation leaves the roster after this long.
    pub finished_conversation_ms: u64,
    /// How long a stopped run has to end by itself before it is killed, where the request does not say.
    pub stop_grace_ms: u64,
    /// How many jobs may be starting or alive at once; 0 is no cap.
    pub live_jobs: u32,
    /// How many bytes of a run's output are kept.
    pub output_bytes_max: u64,
    /// What a session printed is removed this long after it finished.
    pub output_retention_ms: u64,
    /// How many conversations may be starting or working at once; 0 is no cap.
    pub live_conversations: u32,
}

impl Default for Policy {
    fn default() -> Self {
        const MINUTE: u64 = 60_000;
        const DAY: u64 = 24 * 60 * MINUTE;
        Self {
            finished_job_ms: 5 * MINUTE,
            empty_row_ms: 5 * MINUTE,
            idle_process_ms: 60 * MINUTE,
            finished_conversation_ms: 14 * DAY,
            stop_grace_ms: 10_000,
            live_jobs: 0,
            output_bytes_max: 256 << 20,
            output_retention_ms: 30 * DAY,
            live_conversations: 8,
        }
    }
}
