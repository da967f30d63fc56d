//! The session's lock: who holds it holds the session.
//!
//! It is a flock, which belongs to an open file and not to a process. The supervisor takes it and hands the
//! open file to the worker, so at no instant is a session with a live (or just starting) worker unlocked.
//! Nothing here ever unlocks: a lock ends when the last descriptor of its open file is closed. That can be a
//! moment later than expected: a child of this process that has not yet come to its `exec` has a copy of each.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::Path,
    process::Stdio,
};

/// A held lock; dropping it lets go, unless a worker has inherited it.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    /// Takes the lock at `path` (made with mode 0600 if missing). `None`: somebody else holds it.
    pub fn try_take(path: &Path) -> io::Result<Option<Self>> {
        // Read and write, because some file systems map flock to locks that need it.
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// What a worker was handed, if it is the open file at `path` and holds the lock (or can take it).
    pub(crate) fn inherited(descriptor: OwnedFd, path: &Path) -> io::Result<Option<Self>> {
        let file = File::from(descriptor);
        let (own, expected) = (file.metadata()?, fs::metadata(path)?);
        if (own.dev(), own.ino()) != (expected.dev(), expected.ino()) {
            return Ok(None);
        }
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    pub(crate) fn into_stdio(self) -> Stdio {
        Stdio::from(self.0)
    }
}

impl AsFd for Lock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether process `pid` holds the flock of the file at `path` through one of its own descriptors.
///
/// The kernel says so in `/proc/<pid>/fdinfo`, which, unlike trying the lock, disturbs nobody.
pub(crate) fn process_holds(pid: i32, path: &Path) -> bool {
    let Ok(expected) = fs::metadata(path) else { return false };
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    descriptors.flatten().any(|entry| {
        let same = fs::metadata(entry.path())
            .is_ok_and(|found| (found.dev(), found.ino()) == (expected.dev(), expected.ino()));
        same && fs::read_to_string(format!("/proc/{pid}/fdinfo/{}", entry.file_name().to_string_lossy()))
            .is_ok_and(|info| {
                info.lines()
                    .any(|line| line.starts_with("lock:") && line.contains("FLOCK") && line.contains("WRITE"))
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time_and_the_kernel_says_who() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let own = i32::try_from(std::process::id()).unwrap();
        let lock = Lock::try_take(&path).unwrap().unwrap();
        assert!(process_holds(own, &path));
        assert!(Lock::try_take(&path).unwrap().is_none());
        drop(lock);
        assert!(!process_holds(own, &path));
        assert!(Lock::try_take(&path).unwrap().is_some());
    }
}
