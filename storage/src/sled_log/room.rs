//! Room for the log on a disk that others fill: some of it is set aside behind the end of sled's file, where nobody else
//! can take it, so that appends go on when the disk is full; and `reserve` is made again when there is room.
//!
//! Setting room aside changes neither the file's length nor a byte of it.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};

use crate::files;

use super::reserve;

/// How much is set aside behind the end of sled's file: some ten thousand records.
const AHEAD_BYTES: u64 = 4 * 1024 * 1024;
/// When less than this is left of it, more is set aside.
const AHEAD_BYTES_LEAST: u64 = AHEAD_BYTES / 2;
/// What the system counts a file's blocks in.
const BLOCK_BYTES: u64 = 512;

/// What there is left for the log. Cheap to ask, from any thread.
#[derive(Clone, Debug)]
pub struct Room {
    /// Locked while room is set aside: two that try at once would take it from each other.
    db: Arc<Mutex<File>>,
    dir: PathBuf,
}

impl Room {
    pub(super) fn new(db: File, dir: PathBuf) -> Room {
        Room { db: Arc::new(Mutex::new(db)), dir }
    }

    /// Sees to it that there is room for what has yet to be recorded, and for the day the disk is full. False: the disk
    /// has none to give. What was set aside before is still there then, for the outcomes of what runs; nothing new
    /// should be begun.
    pub fn secure(&self) -> io::Result<bool> {
        let db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(ahead_of(&db)? && reserve::keep(&self.dir)?)
    }

    /// Sets room aside behind the end of sled's file, if little is left of it.
    pub(super) fn secure_ahead(&self) -> io::Result<bool> {
        ahead_of(&self.db.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn ahead_of(db: &File) -> io::Result<bool> {
    let found = db.metadata()?;
    let ahead = (found.blocks() * BLOCK_BYTES).saturating_sub(found.len());
    if ahead >= AHEAD_BYTES_LEAST {
        return Ok(true);
    }
    let (from, bytes) = (found.len() as i64, AHEAD_BYTES as i64);
    match fallocate(db, FallocateFlags::FALLOC_FL_KEEP_SIZE, from, bytes) {
        // A file system that cannot do this is trusted to have room.
        Ok(()) | Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => Ok(true),
        Err(error) if files::is_full(&error.into()) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
