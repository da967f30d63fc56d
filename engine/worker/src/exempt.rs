//! What a sweep leaves alone: this instance's own supervisor and workers.
//!
//! A verb inside a session may start the supervisor, which then starts workers; both are then descendants of a
//! job and must outlive it. They are known by what cannot be pretended: they hold the flock of their own file
//! in this instance. A name, a command line or an environment alone exempts nobody.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, path::Path};

use serde::{Deserialize, Serialize};

use crate::{Raw, layout::JobDir, lock::process_holds};

/// The files by which this instance's own processes are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exempt {
    /// The folder that holds every job's folder.
    #[serde(default)]
    pub jobs_root: Option<Raw>,
    /// The lock that the supervisor of this instance holds while it lives.
    #[serde(default)]
    pub supervisor_lock: Option<Raw>,
}

impl Exempt {
    /// Whether `pid` is this instance's supervisor, or a worker of one of its sessions.
    pub fn covers(&self, pid: i32) -> bool {
        self.is_supervisor(pid) || self.is_worker(pid)
    }

    fn is_supervisor(&self, pid: i32) -> bool {
        self.supervisor_lock.as_ref().is_some_and(|lock| process_holds(pid, lock.as_path()))
    }

    fn is_worker(&self, pid: i32) -> bool {
        let Some(jobs_root) = &self.jobs_root else { return false };
        let Ok(command_line) = fs::read(format!("/proc/{pid}/cmdline")) else { return false };
        let mut words = command_line.split(|byte| *byte == 0).skip(1);
        if words.next() != Some(b"worker") {
            return false;
        }
        let Some(folder) = words.next().map(|word| Path::new(OsStr::from_bytes(word))) else { return false };
        folder.parent() == Some(jobs_root.as_path()) && process_holds(pid, &JobDir::new(folder).lock())
    }
}
