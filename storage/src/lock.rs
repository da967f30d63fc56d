//! One supervisor a store: an exclusive lock on `<dir>/lock`, with the holder's own words in it.
//!
//! The lock is the system's (flock), so it ends with its holder, however that ends. The text is for people and for
//! `read_lock`; it proves nothing by itself.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::files;

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Somebody else has it.
    #[error("the log in {} is in use by {by}", dir.display())]
    Held {
        /// The folder that is locked.
        dir: PathBuf,
        /// What the holder said of itself.
        by: String,
    },
    /// The lock file could not be made or written.
    #[error("cannot lock the log in {}", dir.display())]
    Io {
        /// The folder to lock.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The exclusive right to a log's folder. Held until the last clone is dropped; an open store keeps one.
#[derive(Clone, Debug)]
pub struct Lock {
    dir: Arc<Path>,
    _held: Arc<Held>,
}

#[derive(Debug)]
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // Said outright: a process that is just being forked has a copy of the file, and closing ours would leave
        // the lock with it until it runs its program.
        let _ = self.0.unlock();
    }
}

impl Lock {
    /// Takes the lock, making the folder if need be. `text` says who holds it, for whoever finds it held.
    pub fn acquire(dir: &Path, text: &str) -> Result<Lock, LockError> {
        let failed = |source| LockError::Io { dir: dir.to_owned(), source };
        files::create_folder(dir).map_err(failed)?;
        let mut file = files::open_or_create(&path_in(dir)).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut by = String::new();
                let _ = file.read_to_string(&mut by);
                let by = if by.trim().is_empty() { "another process".into() } else { by.trim().into() };
                return Err(LockError::Held { dir: dir.to_owned(), by });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).and_then(|()| file.write_all(text.as_bytes())).map_err(failed)?;
        Ok(Lock { dir: dir.into(), _held: Arc::new(Held(file)) })
    }

    /// The folder that is locked.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// What the holder of the lock said of itself, or none if nobody holds it now.
pub fn read_lock(dir: &Path) -> io::Result<Option<String>> {
    let path = path_in(dir);
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => fs::read_to_string(path).map(Some),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn path_in(dir: &Path) -> PathBuf {
    dir.join("lock")
}
