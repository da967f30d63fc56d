//! One commit: the bytes that carry a run of records and one link of the chain (FORMAT.md, "A commit").
//!
//! Pure: bytes in, records out and back. It never touches a store. A [`Commit`] value is always whole and checked:
//! its hash holds and its entries add up.

use sha2::{Digest as _, Sha256};
use sled::IVec;

use crate::entry::{Entry, Hash, Head, Stored, Stream};

/// The version of the layout written here.
pub(crate) const COMMIT_VERSION: u8 = 1;
/// Set in every commit of an append but its last.
const FLAG_CONTINUES: u8 = 1;

const HEADER_BYTES: usize = 56;
const ENTRY_HEADER_BYTES: usize = 27;
const HASH_BYTES: usize = 32;

/// What a commit costs beside its entries.
pub(crate) const COMMIT_OVERHEAD_BYTES: usize = HEADER_BYTES + HASH_BYTES;

/// How many bytes an entry takes in a commit.
pub(crate) fn encoded_bytes(entry: &Entry) -> usize {
    ENTRY_HEADER_BYTES + entry.payload.len()
}

/// Lays out one commit after `previous`. Returns its bytes and the head after it.
pub(crate) fn encode(previous: &Head, entries: &[Entry], continues: bool) -> (Vec<u8>, Head) {
    let first = entries.first().expect("pack never makes an empty commit");
    let bytes_total = COMMIT_OVERHEAD_BYTES + entries.iter().map(encoded_bytes).sum::<usize>();
    let mut bytes = Vec::with_capacity(bytes_total);
    bytes.push(COMMIT_VERSION);
    bytes.push(if continues { FLAG_CONTINUES } else { 0 });
    bytes.extend(u16::try_from(entries.len()).expect("pack bounds the entries of a commit").to_be_bytes());
    bytes.extend(u32::try_from(bytes_total).expect("pack bounds the bytes of a commit").to_be_bytes());
    bytes.extend((previous.seq + 1).to_be_bytes());
    bytes.extend(first.at_ms.to_be_bytes());
    bytes.extend(previous.hash);
    for entry in entries {
        let delta = u32::try_from(entry.at_ms - first.at_ms).expect("pack bounds the time a commit spans");
        bytes.extend(entry.kind.to_be_bytes());
        bytes.push(entry.schema);
        bytes.extend(delta.to_be_bytes());
        bytes.extend(entry.stream);
        bytes.extend(u32::try_from(entry.payload.len()).expect("pack bounds payloads").to_be_bytes());
        bytes.extend(&entry.payload);
    }
    let hash: Hash = Sha256::digest(&bytes).into();
    bytes.extend(hash);
    assert_eq!(bytes.len(), bytes_total, "a commit is as long as its header says");
    let last = entries.last().expect("not empty, as above");
    (bytes, Head { seq: previous.seq + entries.len() as u64, at_ms: last.at_ms, hash })
}

/// How long the whole commit is whose first bytes these are.
pub(crate) fn length_in_header(bytes: &[u8]) -> Result<usize, String> {
    if bytes.len() < COMMIT_OVERHEAD_BYTES {
        return Err(format!("a commit of {} bytes is shorter than any can be", bytes.len()));
    }
    Ok(u32_at(bytes, 4) as usize)
}

/// A commit that was read: whole, its own hash checked, its entries well formed. That it follows on from the commit
/// before it is for the reader to check.
#[derive(Clone, Debug)]
pub struct Commit {
    bytes: IVec,
    last_at_ms: u64,
}

impl Commit {
    /// Checks the bytes of a whole commit.
    pub(crate) fn parse(bytes: IVec) -> Result<Commit, String> {
        let length = length_in_header(&bytes)?;
        if length != bytes.len() {
            return Err(format!("a commit of {length} bytes by its header has {}", bytes.len()));
        }
        if bytes[0] != COMMIT_VERSION {
            return Err(format!("commit version {} is unknown", bytes[0]));
        }
        let body = &bytes[..length - HASH_BYTES];
        let hash: Hash = Sha256::digest(body).into();
        if hash[..] != bytes[length - HASH_BYTES..] {
            return Err("the hash of a commit does not hold".into());
        }
        let mut commit = Commit { bytes, last_at_ms: 0 };
        commit.last_at_ms = commit.walk()?;
        Ok(commit)
    }

    /// Checks that the entries fill the commit exactly and never run back in time; returns the last one's time.
    fn walk(&self) -> Result<u64, String> {
        let end = self.bytes.len() - HASH_BYTES;
        let (mut offset, mut count, mut at_ms) = (HEADER_BYTES, 0_usize, self.at_ms());
        while offset < end {
            if end - offset < ENTRY_HEADER_BYTES {
                return Err("an entry of a commit is cut short".into());
            }
            let payload_bytes = u32_at(&self.bytes, offset + 23) as usize;
            let entry_at_ms = self.at_ms().checked_add(u64::from(u32_at(&self.bytes, offset + 3)));
            at_ms = entry_at_ms.filter(|&next| next >= at_ms).ok_or("the times of a commit run backwards")?;
            offset += ENTRY_HEADER_BYTES + payload_bytes;
            count += 1;
        }
        if offset != end || count == 0 || count != self.count() {
            return Err(format!("a commit says it has {} entries, which its bytes do not", self.count()));
        }
        if self.first_seq() == 0 || self.first_seq().checked_add(count as u64).is_none() {
            return Err("the sequence numbers of a commit cannot be".into());
        }
        Ok(at_ms)
    }

    /// The first record in it.
    pub fn first_seq(&self) -> u64 {
        u64_at(&self.bytes, 8)
    }

    /// The last record in it.
    pub fn last_seq(&self) -> u64 {
        self.first_seq() + self.count() as u64 - 1
    }

    /// How many records it holds.
    pub fn count(&self) -> usize {
        usize::from(u16::from_be_bytes([self.bytes[2], self.bytes[3]]))
    }

    /// The time of its first record.
    pub fn at_ms(&self) -> u64 {
        u64_at(&self.bytes, 16)
    }

    /// The chain head before it.
    pub fn previous(&self) -> Hash {
        hash_at(&self.bytes, 24)
    }

    /// The log's head after it.
    pub fn head(&self) -> Head {
        Head {
            seq: self.last_seq(),
            at_ms: self.last_at_ms,
            hash: hash_at(&self.bytes, self.bytes.len() - HASH_BYTES),
        }
    }

    /// Whether more commits of the same append follow.
    pub fn continues(&self) -> bool {
        self.bytes[1] & FLAG_CONTINUES != 0
    }

    /// Its records, in order, with their sequence numbers.
    pub fn entries(&self) -> impl Iterator<Item = (u64, EntryRef<'_>)> {
        let mut cursor = Cursor::start(self);
        std::iter::from_fn(move || cursor.next(self))
    }
}

/// A record inside a [`Commit`], not copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryRef<'a> {
    /// See [`Entry::at_ms`].
    pub at_ms: u64,
    /// See [`Entry::kind`].
    pub kind: u16,
    /// See [`Entry::schema`].
    pub schema: u8,
    /// See [`Entry::stream`].
    pub stream: Stream,
    /// See [`Entry::payload`].
    pub payload: &'a [u8],
}

impl EntryRef<'_> {
    /// A copy that stands alone.
    pub fn to_entry(self) -> Entry {
        let EntryRef { at_ms, kind, schema, stream, payload } = self;
        Entry { at_ms, kind, schema, stream, payload: payload.to_vec() }
    }
}

/// A place between two entries of a commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    offset: usize,
    seq: u64,
}

impl Cursor {
    pub(crate) fn start(commit: &Commit) -> Cursor {
        Cursor { offset: HEADER_BYTES, seq: commit.first_seq() }
    }

    /// The entry here, and on to the next.
    pub(crate) fn next<'a>(&mut self, commit: &'a Commit) -> Option<(u64, EntryRef<'a>)> {
        let (bytes, at) = (&commit.bytes, self.offset);
        if at >= bytes.len() - HASH_BYTES {
            return None;
        }
        let end = at + ENTRY_HEADER_BYTES + u32_at(bytes, at + 23) as usize;
        let entry = EntryRef {
            at_ms: commit.at_ms() + u64::from(u32_at(bytes, at + 3)),
            kind: u16::from_be_bytes([bytes[at], bytes[at + 1]]),
            schema: bytes[at + 2],
            stream: bytes[at + 7..at + 23].try_into().expect("sixteen bytes"),
            payload: &bytes[at + ENTRY_HEADER_BYTES..end],
        };
        let seq = self.seq;
        *self = Cursor { offset: end, seq: seq + 1 };
        Some((seq, entry))
    }

    pub(crate) fn next_stored(&mut self, commit: &Commit) -> Option<Stored> {
        let (seq, entry) = self.next(commit)?;
        Some(Stored { seq, entry: entry.to_entry(), commit_head: commit.head().hash })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn hash_at(bytes: &[u8], at: usize) -> Hash {
    bytes[at..at + HASH_BYTES].try_into().expect("thirty-two bytes")
}
