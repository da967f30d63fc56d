//! Records to append and stores to append them to.

use std::path::{Path, PathBuf};

use decklog_storage::{Entry, Lock, Log, OpenError, Options, Reader, SledLog, Stored};
use tempfile::TempDir;

/// A folder for one store, gone after the test.
pub(crate) struct Folder {
    folder: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn try_open(&self) -> Result<SledLog, OpenError> {
        let lock = Lock::acquire(&self.path(), "a test").unwrap();
        SledLog::open(&lock, &Options { uuid: Some([7; 16]), ..Options::default() })
    }

    pub(crate) fn open(&self) -> SledLog {
        self.try_open().unwrap()
    }

    /// A store with `count` records in many commits, closed.
    pub(crate) fn with_records(count: u64) -> (Folder, Vec<Entry>) {
        let folder = Folder::new();
        let entries = entries(1, count);
        let mut log = folder.open();
        append_in_chunks(&mut log, &entries, 7);
        log.close().unwrap();
        (folder, entries)
    }
}

/// The record that tests append as number `seq`: different for each, sized unevenly.
pub(crate) fn entry(seq: u64) -> Entry {
    let length = (seq * 37 % 300) as usize;
    let payload = (0..length).map(|at| (seq as usize * 31 + at * 7) as u8).collect();
    let stream = if seq.is_multiple_of(5) { [0; 16] } else { [(seq % 11) as u8 + 1; 16] };
    Entry {
        at_ms: 1_000_000 + seq / 3 * 10,
        kind: (seq % 40) as u16,
        schema: (seq % 3) as u8,
        stream,
        payload,
    }
}

pub(crate) fn entries(from: u64, through: u64) -> Vec<Entry> {
    (from..=through).map(entry).collect()
}

pub(crate) fn sized(at_ms: u64, bytes: usize) -> Entry {
    let payload = (0..bytes).map(|at| (at * 13 % 251) as u8).collect();
    Entry { at_ms, kind: 1, schema: 1, stream: [3; 16], payload }
}

pub(crate) fn append_in_chunks(log: &mut impl Log, entries: &[Entry], chunk: usize) {
    for chunk in entries.chunks(chunk) {
        log.append(log.head().seq + 1, chunk).unwrap();
    }
}

pub(crate) fn read_all(reader: &Reader) -> Vec<Stored> {
    reader.read(1, u64::MAX).collect::<Result<_, _>>().unwrap()
}

pub(crate) fn assert_holds(reader: &Reader, entries: &[Entry]) {
    let read = read_all(reader);
    assert_eq!(read.len(), entries.len());
    for ((seq, entry), stored) in (1..).zip(entries).zip(read) {
        assert_eq!((stored.seq, &stored.entry), (seq, entry));
    }
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy_folder(&item.path(), &target);
        } else if item.file_name() != "reserve" {
            std::fs::copy(item.path(), target).unwrap();
        }
    }
}
