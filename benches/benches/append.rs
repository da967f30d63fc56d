//! Durable appends of 256-byte records through the commit thread and sled.
//!
//! Baseline (measured in the same rounds): a plain growing file with the same queue, the same grouping and one
//! fdatasync a group; nothing preallocated, no checksum, no index. No database can be faster by much.
//! Peer: SQLite WAL with synchronous=FULL comes when it may be a dependency here.
//!
//! Budget, as a share of the baseline: one writer that waits for each record at least 0.65; 64 producers, one record
//! in flight each, at least 0.70 (goal 1.0); 64 producers with 16 each have no budget yet.
//!
//! Not criterion: it measures one function to the end before it begins the next, and a shared disk is another disk
//! by then (the baseline alone drifts by 1.9). Here the contenders take turns, and each ratio is of one round.

#![allow(clippy::print_stdout, reason = "a bench prints what it found")]

use std::path::Path;
use std::time::Duration;

use decklog_benches::disk::Scratch;
use decklog_benches::producers::{Load, Ours, RawFile, rate};
use decklog_benches::rounds::{self, Ratio};

struct Case {
    name: &'static str,
    load: Load,
    at_least: Option<f64>,
}

const CASES: [Case; 3] = [
    Case { name: "1 writer, 1 a commit", load: Load { producers: 1, in_flight: 1 }, at_least: Some(0.65) },
    Case { name: "64 producers", load: Load { producers: 64, in_flight: 1 }, at_least: Some(0.70) },
    Case { name: "64 producers x 16 in flight", load: Load { producers: 64, in_flight: 16 }, at_least: None },
];

fn main() {
    let (count, lasting) =
        if rounds::measuring() { (9, Duration::from_secs(1)) } else { (1, Duration::from_millis(20)) };
    let mut scratch = Scratch::new(env!("CARGO_TARGET_TMPDIR"));
    let raw = |path: &Path, load| {
        let log = RawFile::create(path);
        let rate = rate(&log, load, lasting);
        log.close();
        rate
    };
    let ours = |path: &Path, load| {
        let log = Ours::create(path);
        let rate = rate(&log, load, lasting);
        log.close();
        rate
    };

    // The cases take turns too, so that no case has the disk at its worst to itself.
    let mut results = CASES.map(|_| (Vec::new(), Vec::new()));
    for round in 0..count {
        for (case, (raws, ourss)) in CASES.iter().zip(&mut results) {
            let (first, second) = (scratch.fresh(), scratch.fresh());
            if round % 2 == 0 {
                raws.push(raw(&first, case.load));
                ourss.push(ours(&second, case.load));
            } else {
                ourss.push(ours(&first, case.load));
                raws.push(raw(&second, case.load));
            }
        }
    }

    println!(
        "| durable appends, 256 bytes, {count} rounds | raw + fdatasync /s | decklog /s | ratio | budget |"
    );
    println!("|---|---|---|---|---|");
    for (case, (raws, ourss)) in CASES.iter().zip(&results) {
        let ratio = Ratio::of(ourss, raws);
        let budget = case.at_least.map_or("none".into(), |budget| ratio.beside(budget));
        let (raw, ours) = (rounds::median(raws), rounds::median(ourss));
        println!(
            "| {} | {} | {} | {} | {budget} |",
            case.name,
            rounds::count(raw),
            rounds::count(ours),
            ratio.text()
        );
    }
}
