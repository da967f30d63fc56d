//! The keys of the `hot` tree: a commit under its first seq, the rest of a large one under (first seq, part).
//!
//! Big-endian, so that sled's order is the log's order and the parts of a commit follow it.

use sled::IVec;

/// Where a commit, or the first piece of a large one, is kept.
pub(crate) fn commit_key(first_seq: u64) -> [u8; 8] {
    first_seq.to_be_bytes()
}

/// Where the `part`th further piece of a large commit is kept; the first is part 1.
pub(crate) fn part_key(first_seq: u64, part: u16) -> [u8; 10] {
    let mut key = [0; 10];
    key[..8].copy_from_slice(&first_seq.to_be_bytes());
    key[8..].copy_from_slice(&part.to_be_bytes());
    key
}

/// The key of piece `part` of a commit, 0 being its first.
pub(crate) fn piece_key(first_seq: u64, part: u16) -> IVec {
    match part {
        0 => IVec::from(&commit_key(first_seq)),
        _ => IVec::from(&part_key(first_seq, part)),
    }
}

/// Reads a key back: the first seq and the part, 0 for a commit's first piece.
pub(crate) fn parse(key: &[u8]) -> Option<(u64, u16)> {
    let first_seq = u64::from_be_bytes(key.get(..8)?.try_into().ok()?);
    match key[8..] {
        [] => Some((first_seq, 0)),
        [high, low] if (high, low) != (0, 0) => Some((first_seq, u16::from_be_bytes([high, low]))),
        _ => None,
    }
}
