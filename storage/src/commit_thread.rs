//! The commit thread: persists batches in order and says how far. It decides nothing and never retries.
//!
//! A caller on an async thread takes a [`Permit`] and sends with it; neither ever blocks. What waits is committed
//! together: one append and one sync for all of it. After any failure the thread says so once and ends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, after, bounded, never, select, tick};

use crate::entry::{Entry, Head};
use crate::log::{AppendError, Log, Refusal};
use crate::pack::{APPEND_BYTES_MAX, check_size};

/// How long a batch that is not urgent waits for company, and how far the `head` file may lag.
pub const SOON: Duration = Duration::from_millis(100);
/// An append stops growing at this size; what is left waits for the next.
const GROUP_BYTES_TARGET: usize = 1024 * 1024;
/// The largest batch. With all that may be gathered before it, it still fits one append.
pub const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
const _: () = assert!(GROUP_BYTES_TARGET + BATCH_BYTES_MAX <= APPEND_BYTES_MAX);

/// When a batch must be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// As soon as the disk allows: somebody waits for it.
    Now,
    /// Within [`SOON`] or with the next urgent batch: it could be observed again.
    Within100Ms,
}

/// Records that belong together: all of them are kept, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The number of the first record; they follow on from the batch before.
    pub first_seq: u64,
    /// The records.
    pub entries: Vec<Entry>,
    /// When it must be durable.
    pub durability: Durability,
}

/// What the commit thread reports, on its own thread.
#[derive(Debug)]
pub enum Progress {
    /// Everything through this head is durable.
    Durable(Head),
    /// An append failed. Nothing more comes, and nothing more is taken.
    Failed(AppendError),
}

/// Why a batch was not taken. It was not queued, not even in part; it comes back if another try may help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// As many batches wait as may. The next [`Progress`] makes room.
    #[error("the log's queue is full")]
    Full(Batch),
    /// The commit thread has ended.
    #[error("the log has stopped taking records")]
    Stopped(Batch),
    /// The batch breaks the log's limits.
    #[error("the batch was refused")]
    Refused(#[from] Refusal),
}

/// Hands batches to the commit thread. There is one, because there is one writer; dropping it lets the thread
/// commit what waits and end.
#[derive(Debug)]
pub struct Submitter {
    batches: Sender<Waiting>,
    slots: Arc<Slots>,
}

/// A place in the queue, held until it is used or dropped.
#[derive(Debug)]
pub struct Permit<'a> {
    submitter: &'a Submitter,
    used: bool,
}

#[derive(Debug)]
struct Waiting {
    batch: Batch,
    bytes: usize,
}

/// Counts permits and waiting batches together, so that a permit is a promise.
#[derive(Debug)]
struct Slots {
    taken: AtomicUsize,
    capacity: usize,
}

impl Slots {
    fn take(&self) -> bool {
        let more = |taken| (taken < self.capacity).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    fn give_back(&self) {
        self.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Submitter {
    /// Takes a place in the queue, if one is free.
    pub fn try_reserve(&self) -> Option<Permit<'_>> {
        self.slots.take().then(|| Permit { submitter: self, used: false })
    }

    /// Queues a batch, if there is room. Never blocks.
    pub fn try_send(&self, batch: Batch) -> Result<(), SubmitError> {
        match self.try_reserve() {
            Some(permit) => permit.send(batch),
            None => Err(SubmitError::Full(batch)),
        }
    }

    /// How many more batches would be taken now.
    pub fn room(&self) -> usize {
        self.slots.capacity - self.slots.taken.load(Ordering::Acquire)
    }

    /// Lets the thread commit what waits and end; its [`CommitThread::join`] returns when it has.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Permit<'_> {
    /// Queues a batch in this place. Never blocks and is never full.
    pub fn send(mut self, batch: Batch) -> Result<(), SubmitError> {
        let bytes = check_size(batch.first_seq, &batch.entries, BATCH_BYTES_MAX)?;
        self.submitter.batches.try_send(Waiting { batch, bytes }).map_err(|error| {
            assert!(error.is_disconnected(), "a permit is a place in the channel");
            SubmitError::Stopped(error.into_inner().batch)
        })?;
        self.used = true;
        Ok(())
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.used {
            self.submitter.slots.give_back();
        }
    }
}

/// The running thread.
#[derive(Debug)]
pub struct CommitThread<L> {
    handle: JoinHandle<L>,
}

impl<L: Log + 'static> CommitThread<L> {
    /// Starts it. At most `capacity` batches wait at a time. `on_progress` is called on the thread itself and must
    /// not block.
    pub fn start(
        log: L,
        capacity: usize,
        on_progress: impl FnMut(Progress) + Send + 'static,
    ) -> io::Result<(Submitter, CommitThread<L>)> {
        assert!(capacity > 0, "a queue without room would refuse everything");
        let (sender, batches) = bounded(capacity);
        let slots = Arc::new(Slots { taken: AtomicUsize::new(0), capacity });
        let worker = Worker {
            log,
            batches,
            slots: Arc::clone(&slots),
            report: on_progress,
            unsettled: false,
            ticks: tick(SOON),
        };
        let handle = thread::Builder::new().name("decklog-commit".into()).spawn(move || worker.run())?;
        Ok((Submitter { batches: sender, slots }, CommitThread { handle }))
    }

    /// Waits for its end, which comes when the submitter is gone or an append failed, and gives the log back.
    pub fn join(self) -> thread::Result<L> {
        self.handle.join()
    }
}

struct Worker<L, F> {
    log: L,
    batches: Receiver<Waiting>,
    slots: Arc<Slots>,
    report: F,
    /// Whether the log has something to settle.
    unsettled: bool,
    ticks: Receiver<std::time::Instant>,
}

/// What one append will hold.
#[derive(Default)]
struct Group {
    first_seq: u64,
    entries: Vec<Entry>,
    bytes: usize,
    urgent: bool,
    /// A batch that does not follow on: the caller's mistake, and the end.
    refusal: Option<Refusal>,
}

impl<L: Log, F: FnMut(Progress)> Worker<L, F> {
    fn run(mut self) -> L {
        if let Err(error) = self.serve() {
            (self.report)(Progress::Failed(error));
        }
        self.log
    }

    fn serve(&mut self) -> Result<(), AppendError> {
        while let Some(first) = self.wait_for_first()? {
            let group = self.gather(first);
            let head = self.log.append(group.first_seq, &group.entries)?;
            self.unsettled = true;
            (self.report)(Progress::Durable(head));
            if let Some(refusal) = group.refusal {
                return Err(refusal.into());
            }
            if self.ticks.try_recv().is_ok() {
                self.settle()?;
            }
        }
        self.settle()
    }

    /// The next batch, or none when nothing will come any more. Settles the log when nothing comes for a while.
    fn wait_for_first(&mut self) -> Result<Option<Waiting>, AppendError> {
        loop {
            let ticks = if self.unsettled { self.ticks.clone() } else { never() };
            select! {
                recv(self.batches) -> first => return Ok(first.ok()),
                recv(ticks) -> _ => self.settle()?,
            }
        }
    }

    /// Collects what one append takes: everything that waits, and what comes in time if nothing is urgent.
    fn gather(&self, first: Waiting) -> Group {
        let mut group = Group { first_seq: first.batch.first_seq, ..Group::default() };
        self.add(&mut group, first);
        let deadline = after(SOON);
        while group.bytes < GROUP_BYTES_TARGET && group.refusal.is_none() {
            if let Ok(next) = self.batches.try_recv() {
                self.add(&mut group, next);
            } else if group.urgent {
                break;
            } else {
                select! {
                    recv(self.batches) -> next => match next {
                        Ok(next) => self.add(&mut group, next),
                        Err(_) => break,
                    },
                    recv(deadline) -> _ => break,
                }
            }
        }
        group
    }

    fn add(&self, group: &mut Group, Waiting { batch, bytes }: Waiting) {
        self.slots.give_back();
        let expected = group.first_seq + group.entries.len() as u64;
        if batch.first_seq != expected {
            group.refusal = Some(Refusal::OutOfOrder { expected, found: batch.first_seq });
            return;
        }
        group.urgent |= batch.durability == Durability::Now;
        group.bytes += bytes;
        group.entries.extend(batch.entries);
    }

    fn settle(&mut self) -> Result<(), AppendError> {
        self.unsettled = false;
        self.log.settle()
    }
}
