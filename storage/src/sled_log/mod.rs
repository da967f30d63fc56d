//! The log in sled: one value a commit, a real sync before each acknowledgement.
//!
//! Here is the append. `open` has the opening, `head_file` and `reserve` the files beside sled, `room` what is kept for a
//! full disk, `store` the reading, `tail` what an opened log must end with. FORMAT.md says what is where, and what is synced when.

mod head_file;
mod meta;
mod open;
mod reserve;
mod room;
mod store;
pub(crate) mod tail;

use std::error::Error;
use std::fs::File;
use std::io;
use std::sync::Arc;

use sled::Batch;

use crate::entry::{Entry, Head};
use crate::files;
use crate::log::{AppendError, Log};
use crate::pack::{self, Packed};
use crate::panics;
use crate::reader::Reader;
use crate::source::Source as _;

use head_file::HeadFile;
pub use meta::FORMAT_VERSION;
pub(crate) use meta::genesis_of;
pub use open::{Note, OpenError, Options};
pub use room::Room;
use store::Store;

/// The log in a folder. One at a time, under its [`Lock`](crate::Lock).
#[derive(Debug)]
pub struct SledLog {
    store: Arc<Store>,
    /// Our own handle of sled's file: sled's flush is no sync.
    db: File,
    head_file: HeadFile,
    room: Room,
    dead: bool,
    notes: Vec<Note>,
}

impl SledLog {
    /// What was found and put right while opening. Nothing here lost a record.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The store's id.
    pub fn uuid(&self) -> [u8; 16] {
        self.head_file.uuid()
    }

    /// What there is left for this log on its disk.
    pub fn room(&self) -> Room {
        self.room.clone()
    }

    /// Settles and closes. Dropping does the same without saying how it went. sled's files are let go once every
    /// reader is gone too.
    pub fn close(mut self) -> Result<(), AppendError> {
        self.settle()
    }

    fn write(&mut self, Packed { values, head }: Packed) -> Result<Head, AppendError> {
        // Without it the append goes on: the system says so itself if there is no room for it.
        let _ = self.room.secure_ahead();
        let hot = self.store.hot();
        let written = panics::catch(|| {
            if let [(key, value)] = &values[..] {
                hot.insert(key, value)?;
            } else {
                let mut batch = Batch::default();
                for (key, value) in values {
                    batch.insert(key, value);
                }
                hot.apply_batch(batch)?;
            }
            hot.flush()
        });
        written.map_err(|panic| failed("writing to sled", panic))?.map_err(failed_in_sled)?;
        self.db.sync_data().map_err(|error| failed_on_disk("syncing sled's file", error))?;
        self.head_file.write(head).map_err(|error| failed_on_disk("writing the head file", error))?;
        self.store.set_durable(head);
        Ok(head)
    }
}

impl Log for SledLog {
    fn head(&self) -> Head {
        self.store.durable()
    }

    fn append(&mut self, first_seq: u64, entries: &[Entry]) -> Result<Head, AppendError> {
        if self.dead {
            return Err(AppendError::Dead);
        }
        let packed = pack::pack(self.head(), first_seq, entries)?;
        let result = self.write(packed);
        self.dead = result.is_err();
        result
    }

    fn settle(&mut self) -> Result<(), AppendError> {
        let result = self.head_file.sync().map_err(|error| failed_on_disk("syncing the head file", error));
        self.dead |= result.is_err();
        result
    }

    fn reader(&self) -> Reader {
        Reader { source: self.store.clone() }
    }
}

impl Drop for SledLog {
    fn drop(&mut self) {
        // Losing this loses no record: the head file may lag.
        let _ = self.settle();
    }
}

fn failed(step: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> AppendError {
    AppendError::Failed { step, source: source.into() }
}

fn failed_on_disk(step: &'static str, error: io::Error) -> AppendError {
    if files::is_full(&error) { AppendError::Full { source: error.into() } } else { failed(step, error) }
}

fn failed_in_sled(error: sled::Error) -> AppendError {
    match error {
        sled::Error::Io(error) => failed_on_disk("writing to sled", error),
        other => failed("writing to sled", other),
    }
}
