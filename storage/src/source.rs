//! What a reader reads from: ordered keys and values, whoever keeps them, and what damage is.
//!
//! A source hands out bytes and never judges them; `Source` is implemented by the sled store and by the memory log.

use std::path::PathBuf;

use sled::IVec;

use crate::entry::{Hash, Head};

/// The first place where the log is not what was appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log is damaged at record {seq}, in {}: {what}", file.display())]
pub struct Damage {
    /// The first record that is lost or changed; everything before it is intact as far as was read.
    pub seq: u64,
    /// The file it is in.
    pub file: PathBuf,
    /// What was found.
    pub what: String,
}

impl Damage {
    /// The last record before the damage.
    pub fn intact_through(&self) -> u64 {
        self.seq.saturating_sub(1)
    }
}

/// Keys in order with their values.
pub(crate) trait Source: Send + Sync {
    /// The last record that is durable.
    fn durable(&self) -> Head;
    /// The chain head of the empty log.
    fn genesis(&self) -> Hash;
    /// Where the bytes are, for naming in errors.
    fn file(&self) -> PathBuf;
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<IVec>, String>;
    /// The greatest key below `key`.
    fn key_below(&self, key: &[u8]) -> Result<Option<IVec>, String>;
    /// Everything from `key` on, in order.
    fn from(&self, key: &[u8]) -> Box<dyn Iterator<Item = Result<(IVec, IVec), String>> + Send>;
}
