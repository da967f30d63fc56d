//! What lies where: the one place that knows the names inside a job's folder.
//!
//! ```text
//! jobs/<id>/            0700, made by the supervisor
//!   lock                flock: who holds it holds the session
//!   tmp/                the job's own scratch folder
//!   <run>/              0700, made by the worker
//!     meta              who holds this run (see `Meta`)
//!     exit              how it ended (see `ExitRecord`); `exit.tmp` is its space, reserved before the start
//!     sock              the worker's control socket
//!     times             when output came, about once a second (see `times.rs`); older workers write none
//!     out.<offset>      raw output from that offset on, 16 hex digits; a gap between files is dropped output
//! ```
//!
//! Only paths: this module never touches the file system, except to make a folder when asked.

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// The folder of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobDir(PathBuf);

impl JobDir {
    /// The job folder at `path`, which should be absolute: a worker changes its own working directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Makes the folder (0700) unless it is there; its parent must exist.
    pub fn create(&self) -> io::Result<()> {
        make_private_folder(&self.0)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The session's lock file.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// The job's scratch folder.
    pub fn tmp(&self) -> PathBuf {
        self.0.join("tmp")
    }

    /// The folder of one run.
    pub fn run(&self, run: u64) -> RunDir {
        RunDir(self.0.join(run.to_string()))
    }
}

/// The folder of one run of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir(PathBuf);

impl RunDir {
    /// The run folder at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Who holds the run.
    pub fn meta(&self) -> PathBuf {
        self.0.join("meta")
    }

    /// How the run ended.
    pub fn exit(&self) -> PathBuf {
        self.0.join("exit")
    }

    /// The reserved space that becomes `exit`.
    pub fn exit_reserved(&self) -> PathBuf {
        self.0.join("exit.tmp")
    }

    /// The worker's control socket. Its path may be too long for a socket address: use [`crate::connect`].
    pub fn sock(&self) -> PathBuf {
        self.0.join(SOCK)
    }

    /// When output came.
    pub fn times(&self) -> PathBuf {
        self.0.join("times")
    }

    /// The output file that starts at `offset`.
    pub fn segment(&self, offset: u64) -> PathBuf {
        self.0.join(format!("{SEGMENT_PREFIX}{offset:016x}"))
    }
}

/// The control socket's name inside a run's folder.
pub(crate) const SOCK: &str = "sock";

const SEGMENT_PREFIX: &str = "out.";

/// The start offset that an output file's name carries; `None` for any other file.
pub fn segment_offset(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_prefix(SEGMENT_PREFIX)?;
    if digits.len() != 16 {
        return None;
    }
    u64::from_str_radix(digits, 16).ok()
}

/// What `DECKLOG_RUN` says inside a run: the tag by which a dead worker's orphans are found.
pub fn run_tag(session: &str, run: u64) -> String {
    format!("{session}.{run}")
}

pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_name_gives_back_its_offset() {
        let run = JobDir::new("/jobs/ab").run(3);
        for offset in [0, 1, 0xfeed, u64::MAX] {
            let path = run.segment(offset);
            let name = path.file_name().unwrap().to_str().unwrap();
            assert_eq!(segment_offset(name), Some(offset));
        }
        for other in ["out.", "out.12", "exit", "out.00000000000000zz", "out.00000000000000001"] {
            assert_eq!(segment_offset(other), None, "{other}");
        }
        assert_eq!(run.path(), Path::new("/jobs/ab/3"));
    }
}
