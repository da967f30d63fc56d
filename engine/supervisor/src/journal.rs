//! The supervisor's own log file: what an operator reads when something is odd. Not the record log.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use decklog_protocol::moment::rfc3339;

use crate::{clock, files};

/// Past this size the journal begins anew, and the old one is kept once beside it.
const BYTES_MAX: u64 = 4 << 20;

/// Writes lines with the time and process number before them. Losing one loses no fact.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    file: Option<Arc<File>>,
}

impl Journal {
    pub(crate) fn open(path: &Path) -> Self {
        if std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > BYTES_MAX) {
            let _ = std::fs::rename(path, path.with_extension("log.1"));
        }
        Self { file: files::append_private(path).ok().map(Arc::new) }
    }

    pub(crate) fn file(&self) -> Option<&File> {
        self.file.as_deref()
    }

    pub(crate) fn note(&self, text: impl AsRef<str>) {
        if let Some(mut file) = self.file.as_deref() {
            let line = format!("{} [{}] {}\n", rfc3339(clock::wall()), std::process::id(), text.as_ref());
            let _ = file.write_all(line.as_bytes());
        }
    }
}
