//! From an append to the keys and values that hold it: cutting records into commits, large commits into pieces.
//!
//! Pure. Its one promise to sled: no value is over [`VALUE_BYTES_MAX`], because sled puts larger pages into blob
//! files that it never syncs.

use sled::IVec;

use crate::commit::{self, COMMIT_OVERHEAD_BYTES, encoded_bytes};
use crate::entry::{Entry, Head};
use crate::keys;
use crate::log::Refusal;

/// No value in sled is larger.
pub const VALUE_BYTES_MAX: usize = 6 * 1024;
/// No record's payload is larger.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;
/// The payloads and headers of one append are together no larger.
pub const APPEND_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What one append writes, and the head after it.
pub(crate) struct Packed {
    pub(crate) values: Vec<(IVec, IVec)>,
    pub(crate) head: Head,
}

/// Whether these records may go into one append, whatever their numbers: what a submitter asks early, so that the
/// commit thread never meets the answer no.
pub(crate) fn check_size(first_seq: u64, entries: &[Entry], limit: usize) -> Result<usize, Refusal> {
    if entries.is_empty() {
        return Err(Refusal::Empty);
    }
    for (seq, entry) in (first_seq..).zip(entries) {
        let bytes = entry.payload.len();
        if bytes > PAYLOAD_BYTES_MAX {
            return Err(Refusal::PayloadTooLarge { seq, bytes });
        }
    }
    let bytes = entries.iter().map(encoded_bytes).sum();
    if bytes > limit { Err(Refusal::AppendTooLarge { bytes, limit }) } else { Ok(bytes) }
}

/// Lays out an append after `head`.
pub(crate) fn pack(head: Head, first_seq: u64, entries: &[Entry]) -> Result<Packed, Refusal> {
    check_size(first_seq, entries, APPEND_BYTES_MAX)?;
    if first_seq != head.seq + 1 {
        return Err(Refusal::OutOfOrder { expected: head.seq + 1, found: first_seq });
    }
    let mut before_ms = head.at_ms;
    for (seq, entry) in (first_seq..).zip(entries) {
        if entry.at_ms < before_ms {
            return Err(Refusal::TimeRunsBackwards { seq });
        }
        before_ms = entry.at_ms;
    }

    let mut packed = Packed { values: Vec::new(), head };
    let mut rest = entries;
    while !rest.is_empty() {
        let (group, after) = rest.split_at(group_length(rest));
        let (bytes, next) = commit::encode(&packed.head, group, !after.is_empty());
        for (part, piece) in (0..).zip(bytes.chunks(VALUE_BYTES_MAX)) {
            packed.values.push((keys::piece_key(packed.head.seq + 1, part), IVec::from(piece)));
        }
        packed.head = next;
        rest = after;
    }
    assert!(
        packed.values.iter().all(|(_, value)| value.len() <= VALUE_BYTES_MAX),
        "no value goes to a blob file"
    );
    Ok(packed)
}

/// How many of these entries the next commit takes: as many as one value holds, and at least one.
fn group_length(entries: &[Entry]) -> usize {
    let first_ms = entries[0].at_ms;
    let mut bytes = COMMIT_OVERHEAD_BYTES;
    let fits = |entry: &&Entry| {
        bytes += encoded_bytes(entry);
        bytes <= VALUE_BYTES_MAX && u32::try_from(entry.at_ms - first_ms).is_ok()
    };
    entries.iter().take_while(fits).count().max(1)
}
