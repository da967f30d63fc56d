//! Starting a worker.
//!
//! Spawning and telling are two steps, so that a worker can be on its way while the supervisor makes its
//! intent durable: the job starts only when the whole [`Config`](crate::Config) has arrived on the control
//! connection, and a worker whose connection ends before that leaves without a trace.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{self, Path},
    process::{Child, Command, Stdio},
};

use crate::{Lock, layout::JobDir};

/// A worker that waits for its config.
#[derive(Debug)]
pub struct Spawned {
    /// The worker's pid.
    pub pid: i32,
    /// To be reaped by the supervisor once the control connection has ended; dropping it reaps nothing.
    pub child: Child,
    /// The control connection. Send [`ToWorker::Config`](crate::ToWorker::Config), then listen.
    pub control: UnixStream,
}

/// Starts `exe` (normally `/proc/self/exe`, as the path may have been replaced) in its role as the worker of
/// the session whose lock is handed over.
///
/// The environment is empty, standard error goes nowhere. Nothing runs between fork and exec, so the standard
/// library uses `posix_spawn`, whose cost does not grow with the supervisor. Takes about 0.2 ms.
#[allow(clippy::disallowed_methods, reason = "the one place where workers are started")]
pub fn spawn(exe: &Path, job_dir: &JobDir, lock: Lock) -> io::Result<Spawned> {
    let (control, workers_end) = UnixStream::pair()?;
    let child = Command::new(exe)
        .arg("worker")
        .arg(path::absolute(job_dir.path())?)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(workers_end)))
        .stdout(lock.into_stdio())
        .stderr(Stdio::null())
        .spawn()?;
    let pid = i32::try_from(child.id()).expect("pids are positive and fit");
    Ok(Spawned { pid, child, control })
}
