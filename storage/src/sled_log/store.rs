//! sled's trees as a reader sees them. Every call that can meet damage is guarded against sled's panics.

use std::fmt;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use sled::{Db, IVec, Tree};

use crate::entry::{Hash, Head};
use crate::lock::Lock;
use crate::panics;
use crate::source::Source;

pub(crate) struct Store {
    /// Taken out only to be closed.
    trees: Option<(Tree, Db)>,
    durable: RwLock<Head>,
    genesis: Hash,
    file: PathBuf,
    /// Held as long as sled is open.
    _lock: Lock,
}

impl Store {
    pub(crate) fn new(db: Db, hot: Tree, genesis: Hash, file: PathBuf, lock: Lock) -> Store {
        let durable = RwLock::new(Head { seq: 0, at_ms: 0, hash: genesis });
        Store { trees: Some((hot, db)), durable, genesis, file, _lock: lock }
    }

    pub(crate) fn hot(&self) -> &Tree {
        &self.trees.as_ref().expect("only drop takes the trees").0
    }

    pub(crate) fn set_durable(&self, head: Head) {
        *self.durable.write().unwrap_or_else(PoisonError::into_inner) = head;
    }

    fn guarded<T>(&self, call: impl FnOnce(&Tree) -> sled::Result<T>) -> Result<T, String> {
        panics::catch(|| call(self.hot()))?.map_err(|error| error.to_string())
    }
}

impl Source for Store {
    fn durable(&self) -> Head {
        *self.durable.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn genesis(&self) -> Hash {
        self.genesis
    }

    fn file(&self) -> PathBuf {
        self.file.clone()
    }

    fn get(&self, key: &[u8]) -> Result<Option<IVec>, String> {
        self.guarded(|hot| hot.get(key))
    }

    fn key_below(&self, key: &[u8]) -> Result<Option<IVec>, String> {
        self.guarded(|hot| hot.get_lt(key)).map(|found| found.map(|(key, _)| key))
    }

    fn from(&self, key: &[u8]) -> Box<dyn Iterator<Item = Result<(IVec, IVec), String>> + Send> {
        let mut range = self.hot().range(IVec::from(key)..);
        let mut ended = false;
        Box::new(std::iter::from_fn(move || {
            if ended {
                return None;
            }
            let item = match panics::catch(|| range.next()) {
                Ok(item) => item.map(|item| item.map_err(|error| error.to_string())),
                Err(panic) => Some(Err(panic)),
            };
            ended = !matches!(item, Some(Ok(_)));
            item
        }))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let trees = self.trees.take();
        let _ = panics::catch(|| drop(trees));
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").field("file", &self.file).finish_non_exhaustive()
    }
}
