//! `<dir>/reserve`: room kept for the day the disk is full, so that the log can still be opened and say so.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::posix_fallocate;

use crate::files;

/// How much is kept: sled takes a segment of 512 KiB at a time and rewrites some at open.
pub(crate) const RESERVE_BYTES: i64 = 8 * 1024 * 1024;

fn path_in(dir: &Path) -> PathBuf {
    dir.join("reserve")
}

/// Sets the room aside, if it is not. Returns whether it is there now; it is not when the disk has no room for it.
pub(crate) fn keep(dir: &Path) -> io::Result<bool> {
    let path = path_in(dir);
    if fs::metadata(&path).is_ok_and(|found| found.len() == RESERVE_BYTES as u64) {
        return Ok(true);
    }
    let file = files::open_or_create(&path)?;
    match posix_fallocate(&file, 0, RESERVE_BYTES).map_err(io::Error::from) {
        Ok(()) => Ok(true),
        Err(error) => {
            fs::remove_file(&path)?;
            if files::is_full(&error) { Ok(false) } else { Err(error) }
        }
    }
}

/// Gives the room back to the disk. Returns whether there was any.
pub(crate) fn spend(dir: &Path) -> io::Result<bool> {
    match fs::remove_file(path_in(dir)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
