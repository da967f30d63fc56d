//! Signs of life: a file whose time says until when this supervisor watched, so that the next one knows from when on
//! nobody did.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use decklog_engine::time::Time;

use crate::{clock, files};

/// How often.
pub(crate) const EVERY: Duration = Duration::from_secs(5);

/// The file.
#[derive(Debug, Clone)]
pub(crate) struct Heartbeat {
    path: PathBuf,
}

impl Heartbeat {
    pub(crate) fn new(log: &Path) -> Self {
        Self { path: log.join("alive") }
    }

    /// When the last supervisor beat last.
    pub(crate) fn last(&self) -> Option<Time> {
        let metadata = fs::metadata(&self.path).ok()?;
        let ms = metadata.mtime().checked_mul(1000)?.checked_add(metadata.mtime_nsec() / 1_000_000)?;
        u64::try_from(ms).ok().map(Time)
    }

    /// Beats. False if there is no place to: the instance's folder is gone.
    pub(crate) fn beat(&self) -> bool {
        if !self.path.exists() && files::write_private(&self.path, b"").is_err() {
            return self.path.parent().is_some_and(Path::exists);
        }
        let wall = clock::wall();
        let now = std::time::UNIX_EPOCH + Duration::from_millis(wall.0);
        File::options().write(true).open(&self.path).and_then(|file| file.set_modified(now)).is_ok()
    }
}
