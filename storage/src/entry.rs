//! What the log keeps: the plain data that callers hand in and get back.
//!
//! Nothing here knows how a record is laid out on disk; see `commit` for that.

/// Identifies what a record is about. The log compares streams and never interprets them; all zeros is the fleet.
pub type Stream = [u8; 16];

/// One link of the chain: a SHA-256.
pub type Hash = [u8; 32];

/// One record as a caller hands it in. What kind, schema and payload mean is the engine's affair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it happened, in milliseconds since 1970, by the caller's clock. Never less than the entry before it.
    pub at_ms: u64,
    /// Which kind of event the payload is.
    pub kind: u16,
    /// Which version of that kind.
    pub schema: u8,
    /// The session it is about; zeros for the fleet.
    pub stream: Stream,
    /// The event itself, at most [`PAYLOAD_BYTES_MAX`](crate::PAYLOAD_BYTES_MAX) bytes.
    pub payload: Vec<u8>,
}

/// One record as the log gives it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its place in the log; the first record is 1 and there are no gaps.
    pub seq: u64,
    /// What was appended.
    pub entry: Entry,
    /// The chain head of the commit that holds it: the record's hash.
    pub commit_head: Hash,
}

/// How far the log reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last record; 0 for an empty log.
    pub seq: u64,
    /// The time of the last record; 0 for an empty log.
    pub at_ms: u64,
    /// The chain head after it; the genesis hash for an empty log.
    pub hash: Hash,
}
