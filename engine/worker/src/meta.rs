//! `meta`: who holds a run. Written before the job is started, so that no run without it ever ran.
//!
//! Written by renaming, not synced: after a power cut its boot id would differ anyway.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
};

use serde::{Deserialize, Serialize};

use crate::{Phase, ProcessIdentity, StartedChild, boot_id, layout::RunDir};

/// The holder of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// [`crate::PROTOCOL_VERSION`] of the worker.
    pub version: u32,
    /// The boot in which it ran.
    pub boot_id: String,
    /// The worker's process.
    pub worker: ProcessIdentity,
    /// The session that it holds.
    pub session: String,
    /// The run that it holds.
    pub run: u64,
    /// [`Phase::Starting`] until the job was started. After a crash that means "perhaps started": the job is
    /// started first and this is rewritten next.
    pub phase: Phase,
    /// The job's process, once known.
    #[serde(default)]
    pub child: Option<StartedChild>,
}

impl Meta {
    /// Whether the machine has not been started anew since; if it has, nothing of the run can be alive.
    pub fn is_of_this_boot(&self) -> bool {
        boot_id().is_ok_and(|id| id == self.boot_id)
    }

    pub(crate) fn write(&self, run_dir: &RunDir) -> io::Result<()> {
        let temporary = run_dir.path().join("meta.tmp");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        fs::rename(temporary, run_dir.meta())
    }
}

/// The run's meta; `None` if the run never came that far.
pub fn read_meta(run_dir: &RunDir) -> io::Result<Option<Meta>> {
    match fs::read(run_dir.meta()) {
        Ok(json) => Ok(Some(serde_json::from_slice(&json)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
