//! The log's faulty twin: the same bytes in memory, with a disk that can be cut off at any point.
//!
//! For simulations and for tests. What was written, what a sync made durable and what was acknowledged are kept
//! apart, so that a test can ask what the disk would hold now: after a kill, or after a power cut.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use sled::IVec;

use crate::entry::{Entry, Hash, Head};
use crate::log::{AppendError, Log};
use crate::pack::{self, Packed};
use crate::reader::Reader;
use crate::sled_log::{OpenError, genesis_of, tail};
use crate::source::Source;

/// What goes wrong with one append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Writing fails: nothing of it reaches the disk.
    WriteFails,
    /// There is no room: nothing of it reaches the disk.
    DiskFull,
    /// It is written, and then the sync fails: a power cut may or may not lose it.
    SyncFails,
    /// The disk says it synced and did not: acknowledged, and a power cut loses it.
    SyncLies,
}

type Map = BTreeMap<IVec, IVec>;

#[derive(Debug)]
struct State {
    /// What a power cut leaves.
    synced: Map,
    synced_head: Head,
    /// What was written since, append by append.
    unsynced: Vec<Vec<(IVec, IVec)>>,
    /// What readers see.
    written: Map,
    acknowledged: Head,
    faults: VecDeque<(u64, Fault)>,
    random: Option<(u64, u64)>,
    appends: u64,
}

/// The disk under a [`MemoryLog`]; it outlives the log.
#[derive(Clone, Debug)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
    genesis: Hash,
}

/// A log in memory. It keeps every rule of [`Log`], and fails when told to.
#[derive(Debug)]
pub struct MemoryLog {
    disk: MemoryDisk,
    dead: bool,
}

impl MemoryLog {
    /// An empty log of the store with this id.
    pub fn new(uuid: [u8; 16]) -> MemoryLog {
        let genesis = genesis_of(&uuid);
        let empty = Head { seq: 0, at_ms: 0, hash: genesis };
        MemoryDisk::with(genesis, Map::new(), empty).into_log()
    }

    /// The disk under it.
    pub fn disk(&self) -> MemoryDisk {
        self.disk.clone()
    }
}

impl Log for MemoryLog {
    fn head(&self) -> Head {
        self.disk.acknowledged()
    }

    fn append(&mut self, first_seq: u64, entries: &[Entry]) -> Result<Head, AppendError> {
        if self.dead {
            return Err(AppendError::Dead);
        }
        let mut state = self.disk.lock();
        let packed = pack::pack(state.acknowledged, first_seq, entries)?;
        let result = state.append(packed);
        drop(state);
        self.dead = result.is_err();
        result
    }

    fn reader(&self) -> Reader {
        Reader { source: Arc::new(self.disk.clone()) }
    }
}

impl State {
    fn append(&mut self, Packed { values, head }: Packed) -> Result<Head, AppendError> {
        let fault = self.next_fault();
        match fault {
            Some(Fault::WriteFails) => return Err(failed("writing")),
            Some(Fault::DiskFull) => {
                return Err(AppendError::Full { source: "no space left (simulated)".into() });
            }
            _ => {}
        }
        self.written.extend(values.iter().cloned());
        self.unsynced.push(values);
        match fault {
            Some(Fault::SyncFails) => return Err(failed("syncing")),
            Some(Fault::SyncLies) => {}
            _ => {
                self.synced.extend(self.unsynced.drain(..).flatten());
                self.synced_head = head;
            }
        }
        self.acknowledged = head;
        Ok(head)
    }

    fn next_fault(&mut self) -> Option<Fault> {
        self.appends += 1;
        if self.faults.front().is_some_and(|&(append, _)| append <= self.appends) {
            return self.faults.pop_front().map(|(_, fault)| fault);
        }
        let (random, one_in) = self.random.as_mut()?;
        if !next_random(random).is_multiple_of(*one_in) {
            return None;
        }
        let all = [Fault::WriteFails, Fault::DiskFull, Fault::SyncFails];
        Some(all[(next_random(random) % all.len() as u64) as usize])
    }
}

impl MemoryDisk {
    fn with(genesis: Hash, map: Map, head: Head) -> MemoryDisk {
        let state = State {
            synced: map.clone(),
            synced_head: head,
            unsynced: Vec::new(),
            written: map,
            acknowledged: head,
            faults: VecDeque::new(),
            random: None,
            appends: 0,
        };
        MemoryDisk { state: Arc::new(Mutex::new(state)), genesis }
    }

    fn into_log(self) -> MemoryLog {
        MemoryLog { disk: self, dead: false }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no append panics while it holds the disk")
    }

    /// The last record that was acknowledged.
    pub fn acknowledged(&self) -> Head {
        self.lock().acknowledged
    }

    /// Lets the append after `skip` more ones go wrong. Faults are met in the order in which they were set.
    pub fn set_fault(&self, skip: u64, fault: Fault) {
        let mut state = self.lock();
        let append = state.appends + 1 + skip;
        state.faults.push_back((append, fault));
    }

    /// Lets about one append in `one_in` fail (to write, for want of room, or to sync), as `seed` says.
    pub fn set_random_faults(&self, seed: u64, one_in: u64) {
        self.lock().random = Some((seed, one_in.max(1)));
    }

    /// The log as a new process finds it after this one was killed: everything that was written is there.
    pub fn after_kill(&self) -> Result<MemoryLog, OpenError> {
        let state = self.lock();
        self.reopen(state.written.clone(), state.acknowledged)
    }

    /// The log as it is found after a power cut: what was synced, and as `seed` says some of the appends that were
    /// not, each whole, in order. If a sync lied, this fails as damage, or with more luck does not.
    pub fn after_power_cut(&self, seed: u64) -> Result<MemoryLog, OpenError> {
        let state = self.lock();
        let mut map = state.synced.clone();
        let mut random = seed;
        let kept = (next_random(&mut random) % (state.unsynced.len() as u64 + 1)) as usize;
        map.extend(state.unsynced[..kept].iter().flatten().cloned());
        // The head file is synced after the records and may lag: it says anything between these two.
        let lags = next_random(&mut random).is_multiple_of(2);
        let recorded = if lags { state.synced_head } else { state.acknowledged };
        self.reopen(map, recorded)
    }

    /// Flips one bit of what was written, for tests of reading damage.
    pub fn flip_bit(&self, value: usize, bit: usize) {
        let mut state = self.lock();
        let count = state.written.len().max(1);
        if let Some(bytes) = state.written.values_mut().nth(value % count) {
            let mut flipped = bytes.to_vec();
            let bit = bit % (flipped.len() * 8);
            flipped[bit / 8] ^= 1 << (bit % 8);
            *bytes = IVec::from(flipped);
        }
    }

    fn reopen(&self, map: Map, recorded: Head) -> Result<MemoryLog, OpenError> {
        let empty = Head { seq: 0, at_ms: 0, hash: self.genesis };
        let disk = MemoryDisk::with(self.genesis, map, empty);
        let tail = tail::check(&disk, recorded).map_err(|damage| {
            disk.lock().acknowledged = recorded;
            tail::first_damage(&Reader { source: Arc::new(disk.clone()) }, damage)
        })?;
        {
            let mut state = disk.lock();
            for key in &tail.torn {
                state.written.remove(key);
                state.synced.remove(key);
            }
            state.acknowledged = tail.head;
            state.synced_head = tail.head;
        }
        Ok(disk.into_log())
    }
}

impl Source for MemoryDisk {
    fn durable(&self) -> Head {
        self.acknowledged()
    }

    fn genesis(&self) -> Hash {
        self.genesis
    }

    fn file(&self) -> PathBuf {
        PathBuf::from("memory")
    }

    fn get(&self, key: &[u8]) -> Result<Option<IVec>, String> {
        Ok(self.lock().written.get(key).cloned())
    }

    fn key_below(&self, key: &[u8]) -> Result<Option<IVec>, String> {
        Ok(self.lock().written.range(..IVec::from(key)).next_back().map(|(key, _)| key.clone()))
    }

    fn from(&self, key: &[u8]) -> Box<dyn Iterator<Item = Result<(IVec, IVec), String>> + Send> {
        let (disk, mut next) = (self.clone(), IVec::from(key));
        Box::new(std::iter::from_fn(move || {
            let (key, value) =
                disk.lock().written.range(next.clone()..).next().map(|(k, v)| (k.clone(), v.clone()))?;
            next = IVec::from([&key[..], &[0]].concat());
            Some(Ok((key, value)))
        }))
    }
}

fn failed(step: &'static str) -> AppendError {
    AppendError::Failed { step, source: "simulated".into() }
}

/// The next number of a SplitMix64 sequence.
fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
