//! The commit thread: order, company, room, and the end after a failure. Nothing here sleeps: a gate in front of
//! the log's sync opens when the test says so.

use crossbeam_channel::{Receiver, Sender, unbounded};
use decklog_storage::commit_thread::{
    BATCH_BYTES_MAX, Batch, CommitThread, Durability, Progress, SubmitError, Submitter,
};
use decklog_storage::{AppendError, Entry, Fault, Head, Log, MemoryLog, PAYLOAD_BYTES_MAX, Reader, Refusal};

use crate::common::{Folder, assert_holds, entries, entry, sized};

/// A log that says when an append has come, and finishes it when told.
struct Gated {
    log: MemoryLog,
    arrived: Sender<usize>,
    go: Receiver<()>,
    settled: Sender<()>,
}

impl Log for Gated {
    fn head(&self) -> Head {
        self.log.head()
    }

    fn append(&mut self, first_seq: u64, entries: &[Entry]) -> Result<Head, AppendError> {
        self.arrived.send(entries.len()).unwrap();
        self.go.recv().unwrap();
        self.log.append(first_seq, entries)
    }

    fn settle(&mut self) -> Result<(), AppendError> {
        self.settled.send(()).unwrap();
        self.log.settle()
    }

    fn reader(&self) -> Reader {
        self.log.reader()
    }
}

/// A commit thread and the test's ends of everything it touches.
struct Subject {
    submitter: Submitter,
    thread: CommitThread<Gated>,
    progress: Receiver<Progress>,
    arrived: Receiver<usize>,
    go: Sender<()>,
    settled: Receiver<()>,
    reader: Reader,
}

impl Subject {
    fn over(log: MemoryLog, capacity: usize) -> Subject {
        let reader = log.reader();
        let (arrived_in, arrived) = unbounded();
        let (go, go_out) = unbounded();
        let (settled_in, settled) = unbounded();
        let (progress_in, progress) = unbounded();
        let gated = Gated { log, arrived: arrived_in, go: go_out, settled: settled_in };
        let report = move |told| progress_in.send(told).unwrap();
        let (submitter, thread) = CommitThread::start(gated, capacity, report).unwrap();
        Subject { submitter, thread, progress, arrived, go, settled, reader }
    }

    fn new(capacity: usize) -> Subject {
        Subject::over(MemoryLog::new([7; 16]), capacity)
    }

    fn durable(&self) -> u64 {
        match self.progress.recv().unwrap() {
            Progress::Durable(head) => head.seq,
            Progress::Failed(error) => panic!("{error}"),
        }
    }
}

fn batch(from: u64, through: u64, durability: Durability) -> Batch {
    Batch { first_seq: from, entries: entries(from, through), durability }
}

fn now(from: u64, through: u64) -> Batch {
    batch(from, through, Durability::Now)
}

fn soon(from: u64, through: u64) -> Batch {
    batch(from, through, Durability::Within100Ms)
}

#[test]
fn nothing_is_durable_before_its_sync() {
    let subject = Subject::new(8);
    subject.submitter.try_send(now(1, 3)).unwrap();
    assert_eq!(subject.arrived.recv().unwrap(), 3);
    assert!(subject.progress.is_empty());
    assert_eq!(subject.reader.head().seq, 0);
    subject.go.send(()).unwrap();
    assert_eq!(subject.durable(), 3);
    assert_eq!(subject.reader.head().seq, 3);
}

#[test]
fn what_waits_during_a_sync_goes_into_the_next_together_and_in_order() {
    let subject = Subject::new(64);
    subject.submitter.try_send(now(1, 1)).unwrap();
    subject.arrived.recv().unwrap();
    for seq in 2..=40 {
        let batch = if seq % 3 == 0 { soon(seq, seq) } else { now(seq, seq) };
        subject.submitter.try_send(batch).unwrap();
    }
    subject.go.send(()).unwrap();
    assert_eq!(subject.durable(), 1);
    assert_eq!(subject.arrived.recv().unwrap(), 39);
    subject.go.send(()).unwrap();
    assert_eq!(subject.durable(), 40);
    assert_holds(&subject.reader, &entries(1, 40));
}

#[test]
fn what_is_not_urgent_goes_with_the_next_urgent_batch() {
    let subject = Subject::new(8);
    subject.submitter.try_send(soon(1, 2)).unwrap();
    subject.submitter.try_send(soon(3, 3)).unwrap();
    subject.submitter.try_send(now(4, 4)).unwrap();
    assert_eq!(subject.arrived.recv().unwrap(), 4);
    subject.go.send(()).unwrap();
    assert_eq!(subject.durable(), 4);
}

#[test]
fn what_is_not_urgent_does_not_wait_for_ever() {
    let subject = Subject::new(8);
    subject.submitter.try_send(soon(1, 2)).unwrap();
    subject.go.send(()).unwrap();
    assert_eq!(subject.durable(), 2);
}

#[test]
fn a_full_queue_refuses_and_the_next_progress_makes_room() {
    let subject = Subject::new(3);
    subject.submitter.try_send(now(1, 1)).unwrap();
    subject.arrived.recv().unwrap();
    for seq in 2..=4 {
        subject.submitter.try_send(now(seq, seq)).unwrap();
    }
    assert_eq!(subject.submitter.room(), 0);
    assert!(matches!(subject.submitter.try_send(now(5, 5)), Err(SubmitError::Full(_))));
    assert!(subject.submitter.try_reserve().is_none());
    subject.go.send(()).unwrap();
    subject.go.send(()).unwrap();
    assert_eq!((subject.durable(), subject.durable()), (1, 4));
    assert_eq!(subject.submitter.room(), 3);
    let permit = subject.submitter.try_reserve().unwrap();
    assert_eq!(subject.submitter.room(), 2);
    permit.send(now(5, 5)).unwrap();
    subject.go.send(()).unwrap();
    assert_eq!(subject.durable(), 5);
    drop(subject.submitter.try_reserve().unwrap());
    assert_eq!(subject.submitter.room(), 3);
}

#[test]
fn a_failure_is_said_once_and_is_the_end() {
    let log = MemoryLog::new([7; 16]);
    let disk = log.disk();
    let subject = Subject::over(log, 8);
    disk.set_fault(1, Fault::SyncFails);
    subject.submitter.try_send(now(1, 2)).unwrap();
    subject.go.send(()).unwrap();
    assert_eq!(subject.durable(), 2);
    subject.submitter.try_send(now(3, 4)).unwrap();
    subject.go.send(()).unwrap();
    assert!(matches!(subject.progress.recv().unwrap(), Progress::Failed(AppendError::Failed { .. })));
    assert_eq!(subject.progress.recv().map(drop), Err(crossbeam_channel::RecvError));
    let log = subject.thread.join().unwrap();
    assert!(matches!(subject.submitter.try_send(now(3, 4)), Err(SubmitError::Stopped(_))));
    assert_eq!(log.head().seq, 2);
}

#[test]
fn a_batch_that_does_not_follow_on_is_the_end_and_costs_no_other() {
    let subject = Subject::new(8);
    subject.submitter.try_send(soon(1, 2)).unwrap();
    subject.submitter.try_send(now(4, 4)).unwrap();
    subject.go.send(()).unwrap();
    assert_eq!(subject.durable(), 2);
    let Progress::Failed(AppendError::Refused(refusal)) = subject.progress.recv().unwrap() else { panic!() };
    assert_eq!(refusal, Refusal::OutOfOrder { expected: 3, found: 4 });
    subject.thread.join().unwrap();
}

#[test]
fn a_batch_over_a_limit_is_refused_before_it_is_queued() {
    let subject = Subject::new(8);
    let refused = |entries| {
        let batch = Batch { first_seq: 1, entries, durability: Durability::Now };
        assert!(matches!(subject.submitter.try_send(batch), Err(SubmitError::Refused(_))));
        assert_eq!(subject.submitter.room(), 8);
    };
    refused(vec![]);
    refused(vec![entry(1), sized(2_000_000, PAYLOAD_BYTES_MAX + 1)]);
    refused(vec![sized(1, PAYLOAD_BYTES_MAX); BATCH_BYTES_MAX / PAYLOAD_BYTES_MAX]);
}

#[test]
fn the_head_file_is_settled_when_nothing_comes() {
    let subject = Subject::new(8);
    subject.submitter.try_send(now(1, 1)).unwrap();
    subject.go.send(()).unwrap();
    assert_eq!(subject.durable(), 1);
    subject.settled.recv().unwrap();
}

#[test]
fn shutting_down_commits_what_waits_and_gives_the_log_back() {
    let subject = Subject::new(64);
    for seq in 1..=50 {
        subject.submitter.try_send(soon(seq, seq)).unwrap();
        subject.go.send(()).unwrap();
    }
    subject.submitter.shutdown();
    let log = subject.thread.join().unwrap();
    assert_eq!(log.head().seq, 50);
    assert_holds(&log.reader(), &entries(1, 50));
    assert!(!subject.settled.is_empty());
}

#[test]
fn it_runs_over_sled() {
    let folder = Folder::new();
    let (progress_in, progress) = unbounded();
    let report = move |told| progress_in.send(told).unwrap();
    let (submitter, thread) = CommitThread::start(folder.open(), 16, report).unwrap();
    let mut last = 0;
    let mut wait = || match progress.recv().unwrap() {
        Progress::Durable(head) => {
            assert!(head.seq > last);
            last = head.seq;
        }
        Progress::Failed(error) => panic!("{error}"),
    };
    for seq in 1..=300 {
        while submitter.room() == 0 {
            wait();
        }
        submitter.try_send(if seq % 4 == 0 { now(seq, seq) } else { soon(seq, seq) }).unwrap();
    }
    submitter.shutdown();
    drop(thread.join().unwrap());
    assert_holds(&folder.open().reader(), &entries(1, 300));
}
