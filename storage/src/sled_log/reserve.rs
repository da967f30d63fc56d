//! `<dir>/reserve`: room kept for the day the disk is full, so that the log can still be opened and say so.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::fcntl::posix_fallocate;

use crate::files;

/// How much is kept: sled takes a segment of 512 KiB at a time and rewrites some at open.
pub(crate) const RESERVE_BYTES: i64 = 8 * 1024 * 1024;
/// Where there is no room for all of it, a part of it at least.
const RESERVE_BYTES_LEAST: i64 = RESERVE_BYTES / 16;

fn path_in(dir: &Path) -> PathBuf {
    dir.join("reserve")
}

/// Sets the room aside, if it is not. Returns whether all of it is there now; on a disk that is nearly full it is as
/// much as there is room for.
pub(crate) fn keep(dir: &Path) -> io::Result<bool> {
    let path = path_in(dir);
    let had = fs::metadata(&path).map_or(0, |found| found.len() as i64);
    if had == RESERVE_BYTES {
        return Ok(true);
    }
    let file = files::open_or_create(&path)?;
    let mut bytes = RESERVE_BYTES;
    while bytes >= RESERVE_BYTES_LEAST.max(had) {
        match posix_fallocate(&file, 0, bytes).map_err(io::Error::from) {
            Ok(()) => return Ok(bytes == RESERVE_BYTES),
            Err(error) if files::is_full(&error) => file.set_len(had as u64)?,
            Err(error) => {
                fs::remove_file(&path)?;
                return Err(error);
            }
        }
        bytes /= 2;
    }
    if had == 0 {
        fs::remove_file(&path)?;
    }
    Ok(false)
}

/// Gives the room back to the disk. Returns whether there was any.
pub(crate) fn spend(dir: &Path) -> io::Result<bool> {
    match fs::remove_file(path_in(dir)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
