//! Reading the log: forwards, backwards, from a time on.
//!
//! Every read checks what it reads: the hash of each commit, the link to the one before it, that no record is
//! missing. It shows nothing that is not durable, and it never repairs.

use std::fmt;
use std::sync::Arc;

use sled::IVec;

use crate::commit::{self, Commit, Cursor};
use crate::entry::{Hash, Head, Stored};
use crate::keys;
use crate::source::{Damage, Source};

/// Why a read ended early.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The log is not what was appended.
    #[error(transparent)]
    Damaged(#[from] Damage),
}

/// Reads a log while it is being written. Cheap to clone. The store stays open while any reader lives.
#[derive(Clone)]
pub struct Reader {
    pub(crate) source: Arc<dyn Source>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reader").field("head", &self.head()).finish_non_exhaustive()
    }
}

impl Reader {
    /// The last record that is durable.
    pub fn head(&self) -> Head {
        self.source.durable()
    }

    /// The chain head of the empty log: what the first commit follows.
    pub fn genesis(&self) -> Hash {
        self.source.genesis()
    }

    /// The records `from` through `through`, in order, as far as they are durable now. Ends after an error.
    pub fn read(&self, from: u64, through: u64) -> Records {
        let commits = self.commits(from, through);
        Records { from: from.max(1), through: commits.through, commits, current: None }
    }

    /// The commits that hold the records `from` through `through`: a faster [`read`](Self::read), without a copy of
    /// each payload. The first and the last may hold records outside the range.
    pub fn commits(&self, from: u64, through: u64) -> Commits {
        let durable = self.head();
        Commits {
            source: Arc::clone(&self.source),
            through: through.min(durable.seq),
            durable,
            next_seq: from.max(1),
            previous: None,
            scan: None,
            ended: false,
        }
    }

    /// The records from `from` (or the head, if that is less) back to the first. Ends after an error.
    pub fn read_back(&self, from: u64) -> Backwards {
        Backwards {
            reader: self.clone(),
            next_seq: from.min(self.head().seq),
            expected: None,
            records: Vec::new(),
        }
    }

    /// The commit that holds record `seq`, if that is durable.
    pub fn commit_at(&self, seq: u64) -> Result<Option<Commit>, ReadError> {
        if seq == 0 || seq > self.head().seq {
            return Ok(None);
        }
        find(&*self.source, seq).map(Some).map_err(ReadError::from)
    }

    /// The hash of record `seq` (its commit's chain head; genesis for 0), if that is durable.
    pub fn hash_at(&self, seq: u64) -> Result<Option<Hash>, ReadError> {
        match seq {
            0 => Ok(Some(self.genesis())),
            _ => Ok(self.commit_at(seq)?.map(|commit| commit.head().hash)),
        }
    }

    /// The first durable record dated after `at_ms`, if there is one: everything before it happened by then.
    pub fn first_seq_after(&self, at_ms: u64) -> Result<Option<u64>, ReadError> {
        let end = self.head().seq + 1;
        let (mut low, mut high) = (1, end);
        while low < high {
            let commit = find(&*self.source, low + (high - low) / 2)?;
            if commit.head().at_ms <= at_ms {
                low = commit.last_seq() + 1;
            } else if commit.at_ms() > at_ms {
                high = commit.first_seq();
            } else {
                let found = commit.entries().find(|(_, entry)| entry.at_ms > at_ms);
                return Ok(found.map(|(seq, _)| seq));
            }
        }
        Ok(Some(low).filter(|&seq| seq < end))
    }
}

/// The records of a range. See [`Reader::read`].
pub struct Records {
    commits: Commits,
    current: Option<(Commit, Cursor)>,
    from: u64,
    through: u64,
}

impl Iterator for Records {
    type Item = Result<Stored, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((commit, cursor)) = &mut self.current {
                while let Some(stored) = cursor.next_stored(commit) {
                    if stored.seq > self.through {
                        return None;
                    }
                    if stored.seq >= self.from {
                        return Some(Ok(stored));
                    }
                }
            }
            match self.commits.next()? {
                Ok(commit) => self.current = Some((commit.clone(), Cursor::start(&commit))),
                Err(error) => {
                    self.current = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

type Scan = Box<dyn Iterator<Item = Result<(IVec, IVec), String>> + Send>;

/// The commits of a range. See [`Reader::commits`].
pub struct Commits {
    /// Before the source, which may close the store when it goes.
    scan: Option<Scan>,
    source: Arc<dyn Source>,
    durable: Head,
    next_seq: u64,
    through: u64,
    previous: Option<Hash>,
    ended: bool,
}

impl Iterator for Commits {
    type Item = Result<Commit, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended || self.next_seq > self.through {
            return None;
        }
        let result = self.advance();
        self.ended = result.is_err();
        Some(result.map_err(|what| damage(&*self.source, self.next_seq, what).into()))
    }
}

impl Commits {
    fn advance(&mut self) -> Result<Commit, String> {
        if self.scan.is_none() {
            self.start()?;
        }
        let scan = self.scan.as_mut().expect("started above");
        let commit = next_in_scan(scan, self.next_seq)?.ok_or_else(|| {
            format!("the log ends before it, though records through {} were acknowledged", self.durable.seq)
        })?;
        follows(&commit, self.next_seq, self.previous)?;
        let head = commit.head();
        if head.seq == self.durable.seq && head.hash != self.durable.hash {
            return Err("the last commit is not the one that was acknowledged".into());
        }
        self.next_seq = head.seq + 1;
        self.previous = Some(head.hash);
        Ok(commit)
    }

    /// Finds the commit that holds the first record wanted; the scan starts with it.
    fn start(&mut self) -> Result<(), String> {
        if self.next_seq == 1 {
            self.previous = Some(self.source.genesis());
        } else {
            self.next_seq = first_seq_of_commit(&*self.source, self.next_seq)?;
        }
        self.scan = Some(self.source.from(&keys::commit_key(self.next_seq)));
        Ok(())
    }
}

/// Records in reverse. See [`Reader::read_back`].
pub struct Backwards {
    reader: Reader,
    next_seq: u64,
    expected: Option<Hash>,
    records: Vec<Stored>,
}

impl Iterator for Backwards {
    type Item = Result<Stored, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.records.is_empty() && self.next_seq > 0 {
            match self.load() {
                Ok(records) => self.records = records,
                Err(damage) => {
                    self.next_seq = 0;
                    return Some(Err(damage.into()));
                }
            }
        }
        self.records.pop().map(Ok)
    }
}

impl Backwards {
    fn load(&mut self) -> Result<Vec<Stored>, Damage> {
        let source = &*self.reader.source;
        let commit = find(source, self.next_seq)?;
        if self.expected.is_some_and(|hash| commit.head().hash != hash || commit.last_seq() != self.next_seq)
        {
            return Err(damage(source, self.next_seq, "the chain breaks after this record".into()));
        }
        let mut cursor = Cursor::start(&commit);
        let wanted = self.next_seq;
        let records =
            std::iter::from_fn(|| cursor.next_stored(&commit)).take_while(|stored| stored.seq <= wanted);
        let records = records.collect();
        self.next_seq = commit.first_seq() - 1;
        self.expected = Some(commit.previous());
        Ok(records)
    }
}

/// The commit that holds `seq`, with all its pieces.
pub(crate) fn find(source: &dyn Source, seq: u64) -> Result<Commit, Damage> {
    let look = || {
        let first_seq = first_seq_of_commit(source, seq)?;
        let first = source.get(&keys::commit_key(first_seq))?.ok_or("the commit that holds it is missing")?;
        let commit = join(first_seq, first, |part| source.get(&keys::part_key(first_seq, part)))?;
        if commit.first_seq() != first_seq || commit.last_seq() < seq {
            return Err("the commit that holds it is missing".into());
        }
        Ok(commit)
    };
    look().map_err(|what| damage(source, seq, what))
}

fn first_seq_of_commit(source: &dyn Source, seq: u64) -> Result<u64, String> {
    let key = source.key_below(&keys::commit_key(seq + 1))?.ok_or("the commit that holds it is missing")?;
    keys::parse(&key).map(|(first_seq, _)| first_seq).ok_or_else(|| "a key is not one of ours".to_owned())
}

/// The next commit of a scan, or none at the end of the log.
pub(crate) fn next_in_scan(scan: &mut Scan, expected_seq: u64) -> Result<Option<Commit>, String> {
    let Some(item) = scan.next() else { return Ok(None) };
    let (key, first) = item?;
    if keys::parse(&key) != Some((expected_seq, 0)) {
        return Err(format!("the commit that starts with it is missing, and {key:?} follows"));
    }
    let commit = join(expected_seq, first, |part| match scan.next() {
        None => Ok(None),
        Some(item) => item.map(|(key, piece)| (key == keys::part_key(expected_seq, part)).then_some(piece)),
    });
    commit.map(Some)
}

/// Checks that a commit is the one after `previous`.
pub(crate) fn follows(commit: &Commit, expected_seq: u64, previous: Option<Hash>) -> Result<(), String> {
    if commit.first_seq() != expected_seq {
        return Err(format!(
            "a commit found under {expected_seq} says it starts with {}",
            commit.first_seq()
        ));
    }
    if previous.is_some_and(|hash| hash != commit.previous()) {
        return Err("the chain breaks before this record".into());
    }
    Ok(())
}

/// Puts a commit together from its pieces and checks it.
fn join(
    first_seq: u64,
    first: IVec,
    mut piece: impl FnMut(u16) -> Result<Option<IVec>, String>,
) -> Result<Commit, String> {
    let length = commit::length_in_header(&first)?;
    if length <= first.len() {
        return Commit::parse(first);
    }
    let mut bytes = first.to_vec();
    let mut part = 0;
    while bytes.len() < length {
        part += 1;
        let piece =
            piece(part)?.ok_or_else(|| format!("part {part} of the commit at {first_seq} is missing"))?;
        bytes.extend_from_slice(&piece);
    }
    Commit::parse(IVec::from(bytes))
}

pub(crate) fn damage(source: &dyn Source, seq: u64, what: String) -> Damage {
    Damage { seq, file: source.file(), what }
}
