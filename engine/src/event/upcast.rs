//! Bodies of earlier schemas, and what they are today. A log is readable for ever: nothing here is ever taken out.

use bincode::Decode;
use bincode::de::Decoder;
use bincode::error::DecodeError;

use super::{Event, EventKind, PolicyChanged};
use crate::policy::Policy;

/// The present fact that a stored body of an earlier schema is; `None` if there never was such a schema.
pub(crate) fn decode<D: Decoder<Context = ()>>(
    kind: EventKind,
    schema: u8,
    decoder: &mut D,
) -> Option<Result<Event, DecodeError>> {
    match (kind, schema) {
        (EventKind::PolicyChanged, 1) => {
            Some(PolicyChanged1::decode(decoder).map(|old| PolicyChanged { policy: old.policy() }.into()))
        }
        _ => None,
    }
}

/// Before output had a retention and conversations a cap: both had no end.
#[derive(Decode)]
struct PolicyChanged1 {
    finished_job_ms: u64,
    empty_row_ms: u64,
    idle_process_ms: u64,
    finished_conversation_ms: u64,
    stop_grace_ms: u64,
    live_jobs: u32,
    output_bytes_max: u64,
}

impl PolicyChanged1 {
    fn policy(self) -> Policy {
        Policy {
            finished_job_ms: self.finished_job_ms,
            empty_row_ms: self.empty_row_ms,
            idle_process_ms: self.idle_process_ms,
            finished_conversation_ms: self.finished_conversation_ms,
            stop_grace_ms: self.stop_grace_ms,
            live_jobs: self.live_jobs,
            output_bytes_max: self.output_bytes_max,
            output_retention_ms: u64::MAX,
            live_conversations: 0,
        }
    }
}
