//! Decoding and folding records, snapshots of the roster, and recovery from them.
//!
//! The work: a million records of the lives of 10,000 jobs (and of 100,000), always the same; see `lives`.
//!
//! Baselines, measured in the same rounds. For reading a log and folding it: decoding and folding the same bytes from
//! memory. For recovery (newest snapshot and a tail of 10,000 records): recovery without snapshots. Peer: none yet;
//! serde_json and SQLite come when they may be dependencies here.
//!
//! Budget: reading the log at least 0.5 of folding from memory; recovery with a snapshot at most 1/20 of that without
//! at 10 million records (`DECKLOG_BENCH_RECORDS=10000000`; at a million at most 1/5). In memory 4.8 M records/s over
//! 10,000 sessions and 1.8 M over 100,000 is what a prototype of this codec and fold reached.
//!
//! Criterion measures what has no baseline (its estimates and its own comparison with the last run). What is a ratio
//! is measured after that in interleaved rounds, since criterion never lets two functions take turns.

#![allow(clippy::print_stdout, reason = "a bench prints what it found")]

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput};
use decklog_benches::disk::{self, Scratch};
use decklog_benches::lives::{self, Lives};
use decklog_benches::producers::{lock, new_log};
use decklog_benches::rounds::{self, Ratio, count, interleave, median, span, timed};
use decklog_engine::event::Record;
use decklog_engine::evolve::evolve;
use decklog_engine::roster::{ROSTER_SCHEMA, Roster};
use decklog_storage::snapshots::{Bound, Snapshot, SnapshotHeader, Snapshots};
use decklog_storage::{Entry, Log as _, Options, SledLog, Stored};

const TAIL: usize = 10_000;
/// One append of this many fills about as many values as a busy supervisor's.
const RECORDS_AN_APPEND: usize = 20_000;

fn main() {
    let measuring = rounds::measuring();
    let default = if measuring { 1_000_000 } else { 20_000 };
    let records: usize = std::env::var("DECKLOG_BENCH_RECORDS")
        .map_or(default, |text| text.parse().expect("DECKLOG_BENCH_RECORDS is a number"));
    let few = make(if measuring { 10_000 } else { 100 }, records);
    let many = make(if measuring { 100_000 } else { 1_000 }, records);
    let payload_bytes: usize = few.iter().map(|stored| stored.entry.payload.len()).sum();
    println!(
        "{} records, {} bytes of payload each on average",
        count(records as f64),
        payload_bytes / records
    );

    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    in_memory(&mut criterion, &few, &many);
    snapshots(&mut criterion, &[&few, &many]);
    criterion.final_summary();

    recovery(&few, if measuring { 5 } else { 1 });
}

fn make(sessions: usize, records: usize) -> Vec<Stored> {
    let stored =
        |record: Record| Stored { seq: record.seq, entry: lives::entry(&record), commit_head: [0; 32] };
    Lives::of(sessions).take(records).map(stored).collect()
}

fn fold(records: &[Stored]) -> Roster {
    let mut roster = Roster::default();
    for stored in records {
        evolve(&mut roster, &lives::record(stored));
    }
    roster
}

fn in_memory(criterion: &mut Criterion, few: &[Stored], many: &[Stored]) {
    let mut group = criterion.benchmark_group("in memory");
    group.throughput(Throughput::Elements(few.len() as u64));
    group.bench_function("decode", |bencher| {
        bencher.iter(|| few.iter().for_each(|stored| drop(black_box(lives::record(stored)))));
    });
    for records in [few, many] {
        let sessions = fold(records).len();
        group.bench_function(format!("decode and fold, {sessions} sessions"), |bencher| {
            bencher.iter_with_large_drop(|| fold(records));
        });
    }
    group.finish();
}

fn snapshots(criterion: &mut Criterion, logs: &[&[Stored]]) {
    let mut group = criterion.benchmark_group("snapshot");
    for records in logs {
        let roster = fold(records);
        let bytes = roster.encode();
        println!("snapshot of {} sessions: {} bytes each", roster.len(), bytes.len() / roster.len());
        group.throughput(Throughput::Elements(roster.len() as u64));
        group.bench_function(format!("encode, {} sessions", roster.len()), |bencher| {
            bencher.iter_with_large_drop(|| roster.encode());
        });
        group.bench_function(format!("decode, {} sessions", roster.len()), |bencher| {
            bencher.iter_batched(|| (), |()| Roster::decode(&bytes), BatchSize::PerIteration);
        });
        // What the core does before it hands a copy to whoever writes it.
        group.bench_function(format!("copy, {} sessions", roster.len()), |bencher| {
            bencher.iter_with_large_drop(|| roster.clone());
        });
    }
    group.finish();
}

/// Cold but for the file cache: the log is opened anew each time, as a supervisor opens it.
fn recovery(records: &[Stored], count_of_rounds: usize) {
    let mut scratch = Scratch::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = scratch.fresh();
    let before_tail = records.len() - TAIL.min(records.len() / 2);
    write(&folder, records, before_tail);
    let raw_bytes: usize = records.iter().map(|stored| stored.entry.payload.len() + 31).sum();
    let log_bytes = disk::bytes_in(&folder.join("sled"));
    let expected = fold(records);

    let same = |(roster, seconds): (Roster, f64)| {
        assert!(roster == expected, "the log folds to what was appended");
        seconds
    };
    let mut memory = || same(timed(|| fold(records)));
    let mut opening = || timed(|| open(&folder)).1;
    let mut whole = || same(timed(|| recover(&folder, None)));
    let snapshots = Snapshots::open(&folder).expect("they are there");
    let mut with_snapshot = || same(timed(|| recover(&folder, Some(&snapshots))));
    let [memory, opening, whole, with_snapshot] =
        interleave(count_of_rounds, &mut [&mut memory, &mut opening, &mut whole, &mut with_snapshot]);
    let reading: Vec<f64> = whole.iter().zip(&opening).map(|(whole, opening)| whole - opening).collect();

    // Shares of speed: the baseline's time over ours.
    let cold = Ratio::of(&memory, &reading);
    let quick = Ratio::of(&whole, &with_snapshot);
    let budget = if records.len() >= 10_000_000 { 20.0 } else { 5.0 };
    let speed = |time: &[f64]| count(records.len() as f64 / median(time));
    println!(
        "| recovery, {} records, {count_of_rounds} rounds | time | records/s | ratio | budget |",
        records.len()
    );
    println!("|---|---|---|---|---|");
    println!("| fold from memory | {} | {} | 1 | |", span(median(&memory)), speed(&memory));
    println!("| open the log | {} | | | |", span(median(&opening)));
    println!(
        "| read and fold the log | {} | {} | {} of memory | {} |",
        span(median(&reading)),
        speed(&reading),
        cold.text(),
        cold.beside(0.5)
    );
    println!("| open and recover, no snapshot | {} | {} | 1 | |", span(median(&whole)), speed(&whole));
    println!(
        "| open and recover, snapshot and {TAIL} | {} | | {} times as fast | {} |",
        span(median(&with_snapshot)),
        quick.text(),
        quick.beside(budget)
    );
    println!(
        "\nsled's files: {:.2} of the bytes of a plain framed log ({} MB)",
        log_bytes as f64 / raw_bytes as f64,
        log_bytes / 1_000_000
    );
}

fn write(folder: &Path, records: &[Stored], snapshot_after: usize) {
    let mut log = new_log(folder);
    let mut next = 1;
    for part in [&records[..snapshot_after], &records[snapshot_after..]] {
        for some in part.chunks(RECORDS_AN_APPEND) {
            let entries: Vec<Entry> = some.iter().map(|stored| stored.entry.clone()).collect();
            next = log.append(next, &entries).expect("the disk takes it").seq + 1;
        }
        if next == snapshot_after as u64 + 1 {
            let head = log.head();
            let header = SnapshotHeader {
                state_schema: ROSTER_SCHEMA,
                seq: head.seq,
                at_ms: head.at_ms,
                hash: head.hash,
            };
            let snapshots = Snapshots::open(folder).expect("its folder can be made");
            let state = fold(&records[..snapshot_after]).encode();
            snapshots.write(&Snapshot { header, state }).expect("the disk takes it");
        }
    }
    log.close().expect("the disk takes it");
}

fn open(folder: &Path) -> SledLog {
    SledLog::open(&lock(folder), &Options::default()).expect("it was closed in good order")
}

/// What a supervisor does before it serves; from nothing if it is given no snapshots.
fn recover(folder: &Path, snapshots: Option<&Snapshots>) -> Roster {
    let log = open(folder);
    let reader = log.reader();
    let through = reader.head().seq;
    let found = snapshots.and_then(|snapshots| {
        let found = snapshots.newest(Bound::Seq(through), ROSTER_SCHEMA, &reader).expect("they can be read");
        Roster::decode(&found.snapshot?.state)
    });
    assert_eq!(snapshots.is_some(), found.is_some(), "the snapshot is good");
    let mut roster = found.unwrap_or_default();
    for stored in reader.read(roster.fleet().last_seq + 1, through) {
        evolve(&mut roster, &lives::record(&stored.expect("the log is whole")));
    }
    roster
}
