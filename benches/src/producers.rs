//! Threads that append records and wait for each to be durable, and the two logs that they append to.
//!
//! Both logs are driven in exactly the same way, so that what differs is the log: records are numbered and queued
//! under one lock (in the supervisor that is the dispatcher), one thread persists them, and wakes who waits.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use decklog_storage::commit_thread::{Batch, CommitThread, Durability, Progress, Submitter};
use decklog_storage::{Entry, Lock, Options, SledLog};

use crate::rounds::now;

/// What one record carries.
pub const PAYLOAD_BYTES: usize = 256;
/// No more than this many records wait at a time: as in the supervisor.
const QUEUE: usize = 1024;
/// An append stops growing at this size: as in the commit thread.
const GROUP_BYTES_TARGET: usize = 1024 * 1024;
const SOME_TIME_MS: u64 = 1_790_000_000_000;

/// A log with one persisting thread behind a queue.
pub trait Target: Sync {
    /// Numbers a record and queues it; which number it got.
    fn send(&self, payload: Vec<u8>) -> u64;
    /// Returns once that record is durable.
    fn wait(&self, seq: u64);
}

/// How the producers behave.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// So many threads.
    pub producers: usize,
    /// Each goes on while fewer than this many of its records are not durable.
    pub in_flight: usize,
}

/// Durable records a second under a load that lasts that long.
pub fn rate(target: &impl Target, load: Load, lasting: Duration) -> f64 {
    let start = now();
    let acknowledged: u64 = thread::scope(|scope| {
        let produce = || {
            let payload = vec![0x5a; PAYLOAD_BYTES];
            let mut waiting = VecDeque::with_capacity(load.in_flight);
            let mut sent = 0;
            while start.elapsed() < lasting {
                while waiting.len() < load.in_flight {
                    waiting.push_back(target.send(payload.clone()));
                    sent += 1;
                }
                target.wait(waiting.pop_front().expect("something is in flight"));
            }
            for seq in waiting {
                target.wait(seq);
            }
            sent
        };
        let producers: Vec<_> = (0..load.producers).map(|_| scope.spawn(produce)).collect();
        producers.into_iter().map(|producer| producer.join().expect("no producer panics")).sum()
    });
    acknowledged as f64 / start.elapsed().as_secs_f64()
}

/// How far a log is durable, and who waits for more.
#[derive(Debug, Default)]
struct Durable {
    through: AtomicU64,
    waiting: Mutex<Vec<(u64, Thread)>>,
}

impl Durable {
    fn advance(&self, through: u64) {
        let mut waiting = self.waiting.lock().expect("nobody panics while holding it");
        self.through.store(through, Ordering::Release);
        waiting.retain(|(seq, thread)| {
            let still = *seq > through;
            if !still {
                thread.unpark();
            }
            still
        });
    }

    fn wait(&self, seq: u64) {
        if self.reached(seq) {
            return;
        }
        {
            let mut waiting = self.waiting.lock().expect("nobody panics while holding it");
            if self.reached(seq) {
                return;
            }
            waiting.push((seq, thread::current()));
        }
        while !self.reached(seq) {
            thread::park();
        }
    }

    fn reached(&self, seq: u64) -> bool {
        self.through.load(Ordering::Acquire) >= seq
    }
}

type Numbered = (u64, Vec<u8>);

/// The baseline: a file that grows, one write and one fdatasync for everything that waits. No key, no checksum, no
/// chain, no index.
#[derive(Debug)]
pub struct RawFile {
    queue: Mutex<(u64, Sender<Numbered>)>,
    durable: Arc<Durable>,
    thread: JoinHandle<()>,
}

impl RawFile {
    /// A new file at this path.
    pub fn create(path: &Path) -> RawFile {
        let file = File::create_new(path).expect("the path is fresh");
        let (sender, receiver) = bounded(QUEUE);
        let durable = Arc::new(Durable::default());
        let acknowledge = Arc::clone(&durable);
        let thread = thread::spawn(move || write_groups(file, &receiver, &acknowledge));
        RawFile { queue: Mutex::new((0, sender)), durable, thread }
    }

    /// Lets its thread end.
    pub fn close(self) {
        drop(self.queue);
        self.thread.join().expect("the disk takes it");
    }
}

fn write_groups(mut file: File, queue: &Receiver<Numbered>, durable: &Durable) {
    let mut group = Vec::with_capacity(2 * GROUP_BYTES_TARGET);
    while let Ok(first) = queue.recv() {
        group.clear();
        let mut last = 0;
        let mut next = Some(first);
        while let Some((seq, payload)) = next {
            group.extend((payload.len() as u32).to_be_bytes());
            group.extend(&payload);
            last = seq;
            next = if group.len() < GROUP_BYTES_TARGET { queue.try_recv().ok() } else { None };
        }
        file.write_all(&group).expect("the disk takes it");
        file.sync_data().expect("the disk takes it");
        durable.advance(last);
    }
}

impl Target for RawFile {
    fn send(&self, payload: Vec<u8>) -> u64 {
        let mut queue = self.queue.lock().expect("nobody panics while holding it");
        queue.0 += 1;
        queue.1.send((queue.0, payload)).expect("its thread lives");
        queue.0
    }

    fn wait(&self, seq: u64) {
        self.durable.wait(seq);
    }
}

/// The real log behind its commit thread.
#[derive(Debug)]
pub struct Ours {
    queue: Mutex<(u64, Submitter)>,
    durable: Arc<Durable>,
    thread: CommitThread<SledLog>,
}

impl Ours {
    /// A new log in this folder.
    pub fn create(folder: &Path) -> Ours {
        let log = new_log(folder);
        let durable = Arc::new(Durable::default());
        let acknowledge = Arc::clone(&durable);
        let progress = move |progress| match progress {
            Progress::Durable(head) => acknowledge.advance(head.seq),
            Progress::Failed(error) => panic!("the disk takes it: {error}"),
        };
        let (submitter, thread) = CommitThread::start(log, QUEUE, progress).expect("a thread can be started");
        Ours { queue: Mutex::new((0, submitter)), durable, thread }
    }

    /// Lets its thread settle and end.
    pub fn close(self) {
        drop(self.queue);
        drop(self.thread.join().expect("the disk takes it"));
    }
}

impl Target for Ours {
    fn send(&self, payload: Vec<u8>) -> u64 {
        let entry = Entry { at_ms: SOME_TIME_MS, kind: 1, schema: 1, stream: [7; 16], payload };
        let mut queue = self.queue.lock().expect("nobody panics while holding it");
        queue.0 += 1;
        let batch = Batch { first_seq: queue.0, entries: vec![entry], durability: Durability::Now };
        queue.1.try_send(batch).expect("there is room for all that may be in flight");
        queue.0
    }

    fn wait(&self, seq: u64) {
        self.durable.wait(seq);
    }
}

/// A new log, always with the same identity.
pub fn new_log(folder: &Path) -> SledLog {
    fs::create_dir_all(folder).expect("the folder can be made");
    let options = Options { uuid: Some([9; 16]), ..Options::default() };
    SledLog::open(&lock(folder), &options).expect("a new log opens")
}

/// The lock of a log that nobody else has.
pub fn lock(folder: &Path) -> Lock {
    Lock::acquire(folder, "a bench").expect("nobody else has it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_logs_acknowledge_everything() {
        let folder = tempfile::tempdir().unwrap();
        let load = Load { producers: 4, in_flight: 3 };
        let raw = RawFile::create(&folder.path().join("raw"));
        assert!(rate(&raw, load, Duration::from_millis(20)) > 0.0);
        let last = raw.queue.lock().unwrap().0;
        raw.close();
        let bytes = fs::metadata(folder.path().join("raw")).unwrap().len();
        assert_eq!(bytes, last * (PAYLOAD_BYTES as u64 + 4));
        let ours = Ours::create(&folder.path().join("ours"));
        assert!(rate(&ours, load, Duration::from_millis(20)) > 0.0);
        assert_eq!(ours.queue.lock().unwrap().0, ours.durable.through.load(Ordering::Acquire));
        ours.close();
    }
}
