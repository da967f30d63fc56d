//! Checks a whole log, from genesis to its head. It reads everything and changes nothing.

use crate::entry::Head;
use crate::reader::{ReadError, Reader};
use crate::source::Damage;

/// What [`verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// How many records were read and are as they were appended.
    pub records: u64,
    /// The head after the last intact record.
    pub head: Head,
    /// The first damage, if there is any. Nothing after it was checked.
    pub first_bad: Option<Damage>,
}

impl VerifyReport {
    /// The last record up to which everything is intact.
    pub fn intact_through(&self) -> u64 {
        self.head.seq
    }

    /// Whether the whole log is as it was appended.
    pub fn is_intact(&self) -> bool {
        self.first_bad.is_none()
    }
}

/// Reads the log from its first record to the head that is durable now, checking every hash and link. `progress` is
/// told the last record checked, commit by commit.
pub fn verify(reader: &Reader, progress: &mut dyn FnMut(u64)) -> VerifyReport {
    let mut head = Head { seq: 0, at_ms: 0, hash: reader.genesis() };
    let mut first_bad = None;
    for commit in reader.commits(1, u64::MAX) {
        match commit {
            Ok(commit) if commit.at_ms() >= head.at_ms => {
                head = commit.head();
                progress(head.seq);
            }
            Ok(_) => {
                let what = "it is dated before the record it follows".to_owned();
                first_bad = Some(Damage { seq: head.seq + 1, file: reader.source.file(), what });
                break;
            }
            Err(ReadError::Damaged(damage)) => first_bad = Some(damage),
        }
    }
    VerifyReport { records: head.seq, head, first_bad }
}
