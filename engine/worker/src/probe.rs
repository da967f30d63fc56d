//! What became of a run, from its files and its lock alone.
//!
//! Nothing here is inferred: an exit is what an exit file says, and a run without one, whose lock is free, is
//! lost. Whoever gets a lock in the answer holds the session until it lets go.

use std::io;

use thiserror::Error;

use crate::{ExitReadError, ExitRecord, Lock, Meta, layout::JobDir, read_exit, read_meta};

/// What was found of a run.
#[derive(Debug)]
pub enum Found {
    /// A worker, or a supervisor that is just starting one, holds the session: connect, and if that fails,
    /// probe again.
    Held,
    /// The worker never came as far as starting anything, and never will.
    NeverStarted {
        /// The session is now held by the caller.
        lock: Lock,
    },
    /// The exit is on file. See [`ExitRecord::is_final`] for what may be left to do.
    Ended {
        /// The session is now held by the caller.
        lock: Lock,
        /// How it ended.
        exit: Box<ExitRecord>,
    },
    /// The worker died without recording an exit. Its job may live on: see [`crate::sweep_orphans`].
    Dead {
        /// The session is now held by the caller.
        lock: Lock,
        /// Who held the run.
        meta: Meta,
    },
    /// There is an exit file or a meta that cannot be trusted; the run started, perhaps, and is lost.
    Damaged {
        /// The session is now held by the caller.
        lock: Lock,
        /// Who held the run, if that can be read.
        meta: Option<Meta>,
        /// What is wrong, in words.
        why: String,
    },
}

/// Why it could not be found out.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// The lock cannot be tried.
    #[error("the session's lock cannot be tried")]
    Lock(#[source] io::Error),
    /// A file of the run cannot be read.
    #[error("the run's files cannot be read")]
    Read(#[source] io::Error),
}

/// Finds out what became of a run.
pub fn probe(job_dir: &JobDir, run: u64) -> Result<Found, ProbeError> {
    let Some(lock) = Lock::try_take(&job_dir.lock()).map_err(ProbeError::Lock)? else {
        return Ok(Found::Held);
    };
    let run_dir = job_dir.run(run);
    let meta = match read_meta(&run_dir) {
        Ok(meta) => Ok(meta),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(format!("meta: {error}")),
        // An unexpected end of JSON is reported as the end of a file.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(format!("meta: {error}")),
        Err(error) => return Err(ProbeError::Read(error)),
    };
    match (read_exit(&run_dir), meta) {
        (Ok(Some(exit)), _) => Ok(Found::Ended { lock, exit: Box::new(exit) }),
        (Ok(None), Ok(None)) => Ok(Found::NeverStarted { lock }),
        (Ok(None), Ok(Some(meta))) => Ok(Found::Dead { lock, meta }),
        (Ok(None), Err(why)) => Ok(Found::Damaged { lock, meta: None, why }),
        (Err(ExitReadError::Io(error)), _) => Err(ProbeError::Read(error)),
        (Err(error), meta) => Ok(Found::Damaged { lock, meta: meta.ok().flatten(), why: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_the_files_say_is_what_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let job_dir = JobDir::new(folder.path().join("ab"));
        job_dir.create().unwrap();
        assert!(matches!(probe(&job_dir, 1).unwrap(), Found::NeverStarted { .. }));

        let held = Lock::try_take(&job_dir.lock()).unwrap();
        assert!(matches!(probe(&job_dir, 1).unwrap(), Found::Held));
        drop(held);

        fs::create_dir(job_dir.run(1).path()).unwrap();
        assert!(matches!(probe(&job_dir, 1).unwrap(), Found::NeverStarted { .. }));
        fs::write(job_dir.run(1).meta(), "").unwrap();
        assert!(matches!(probe(&job_dir, 1).unwrap(), Found::Damaged { meta: None, .. }));
        fs::write(job_dir.run(1).meta(), "{}").unwrap();
        assert!(matches!(probe(&job_dir, 1).unwrap(), Found::Damaged { meta: None, .. }));
        fs::write(job_dir.run(1).exit(), "torn").unwrap();
        assert!(matches!(probe(&job_dir, 1).unwrap(), Found::Damaged { .. }));
    }
}
