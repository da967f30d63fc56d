//! Snapshots are caches: the newest good one is found, a bad one is named and passed over.

use std::fs;

use decklog_storage::snapshots::{Bound, Snapshot, SnapshotHeader, Snapshots};
use decklog_storage::{Log as _, MemoryLog};

use crate::common::{Folder, append_in_chunks, entries, entry};

const SCHEMA: u32 = 3;

struct Subject {
    folder: Folder,
    log: MemoryLog,
    snapshots: Snapshots,
}

impl Subject {
    /// A log of 100 records with a snapshot at each of `seqs`.
    fn with(seqs: &[u64]) -> Subject {
        let mut log = MemoryLog::new([7; 16]);
        append_in_chunks(&mut log, &entries(1, 100), 7);
        let folder = Folder::new();
        let snapshots = Snapshots::open(&folder.path()).unwrap();
        let subject = Subject { folder, log, snapshots };
        for &seq in seqs {
            subject.snapshots.write(&subject.snapshot(seq)).unwrap();
        }
        subject
    }

    fn snapshot(&self, seq: u64) -> Snapshot {
        let hash = self.log.reader().hash_at(seq).unwrap().unwrap_or([9; 32]);
        let header = SnapshotHeader { state_schema: SCHEMA, seq, at_ms: entry(seq).at_ms, hash };
        Snapshot { header, state: vec![seq as u8; 1_000 + seq as usize] }
    }

    /// The seq of the newest good one, and how many were skipped.
    fn newest(&self, bound: Bound) -> (Option<u64>, usize) {
        let found = self.snapshots.newest(bound, SCHEMA, &self.log.reader()).unwrap();
        if let Some(snapshot) = &found.snapshot {
            assert_eq!(*snapshot, self.snapshot(snapshot.header.seq));
        }
        (found.snapshot.map(|snapshot| snapshot.header.seq), found.skipped.len())
    }

    fn seqs(&self) -> Vec<u64> {
        self.snapshots.list().unwrap().0.iter().map(|header| header.seq).collect()
    }
}

#[test]
fn the_newest_within_a_bound_is_found() {
    let subject = Subject::with(&[20, 50, 80]);
    assert_eq!(subject.seqs(), [20, 50, 80]);
    for (seq, expected) in [(u64::MAX, Some(80)), (80, Some(80)), (79, Some(50)), (20, Some(20)), (19, None)]
    {
        assert_eq!(subject.newest(Bound::Seq(seq)), (expected, 0));
    }
    let at_ms = entry(50).at_ms;
    assert_eq!(subject.newest(Bound::Time(at_ms)), (Some(50), 0));
    assert_eq!(subject.newest(Bound::Time(at_ms - 1)), (Some(20), 0));
    assert_eq!(subject.newest(Bound::Time(0)), (None, 0));
}

#[test]
fn every_flipped_bit_and_every_cut_is_skipped() {
    let subject = Subject::with(&[20, 50]);
    let path = subject.folder.file(&format!("snap/{:020}", 50));
    let good = fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, bytes).unwrap();
        assert_eq!(subject.newest(Bound::Seq(100)), (Some(20), 1), "byte {at}");
    }
    for length in (0..good.len()).step_by(13) {
        fs::write(&path, &good[..length]).unwrap();
        assert_eq!(subject.newest(Bound::Seq(100)), (Some(20), 1), "{length} bytes");
    }
    fs::write(&path, good).unwrap();
    assert_eq!(subject.newest(Bound::Seq(100)), (Some(50), 0));
}

#[test]
fn one_of_another_history_or_schema_is_skipped() {
    let subject = Subject::with(&[20]);
    let mut foreign = subject.snapshot(50);
    foreign.header.hash = [1; 32];
    subject.snapshots.write(&foreign).unwrap();
    let mut newer = subject.snapshot(60);
    newer.header.state_schema = SCHEMA + 1;
    subject.snapshots.write(&newer).unwrap();
    subject.snapshots.write(&subject.snapshot(101)).unwrap();
    assert_eq!(subject.newest(Bound::Seq(u64::MAX)), (Some(20), 3));
}

#[test]
fn what_an_interrupted_write_leaves_is_no_snapshot() {
    let subject = Subject::with(&[20]);
    fs::write(subject.folder.file(&format!("snap/{:020}.new", 90)), b"half").unwrap();
    assert_eq!(subject.newest(Bound::Seq(100)), (Some(20), 0));
    subject.snapshots.write(&subject.snapshot(90)).unwrap();
    assert_eq!(subject.seqs(), [20, 90]);
}

#[test]
fn pruning_keeps_the_newest_and_spreads_the_rest() {
    let subject = Subject::with(&[10, 20, 30, 40, 50, 60, 70, 80, 90, 91, 92, 100]);
    assert_eq!(subject.snapshots.prune(5).unwrap(), 7);
    let left = subject.seqs();
    assert_eq!((left.len(), left.last()), (5, Some(&100)));
    let gaps: Vec<u64> =
        std::iter::once(&0).chain(&left).zip(&left).map(|(before, after)| after - before).collect();
    assert!(gaps.iter().all(|gap| (10..=40).contains(gap)), "{left:?}");
    assert_eq!(subject.snapshots.prune(0).unwrap(), 4);
    assert_eq!(subject.seqs(), [100]);
}
