//! Damage anywhere: every flipped bit that changes or loses a record is reported, none silently, and no panic
//! escapes. Flips in sled's dead space are harmless.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use decklog_storage::{Entry, Log as _, MemoryLog, OpenError, verify};

use crate::common::{Folder, append_in_chunks, copy_folder, entries, sized};

/// What became of one flip.
#[derive(Debug, PartialEq, Eq, Hash, Clone, Copy)]
enum Outcome {
    Harmless,
    RefusedAtOpen,
    FoundByReading,
}

/// SplitMix64, so that a failure names a seed that shows it again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// A store whose records come in small commits and in large ones with parts.
fn subject() -> (Folder, Vec<Entry>) {
    let folder = Folder::new();
    let mut log = folder.open();
    append_in_chunks(&mut log, &entries(1, 600), 5);
    for _ in 0..6 {
        log.append(log.head().seq + 1, &[sized(3_000_000, 20_000), sized(3_000_000, 3_000)]).unwrap();
    }
    drop(log);
    // Some of it behind a page table, some after it.
    let mut log = folder.open();
    append_in_chunks(&mut log, &(1..=300).map(|at| sized(3_000_000 + at, 100)).collect::<Vec<_>>(), 4);
    let all = log.reader().read(1, u64::MAX).map(|stored| stored.unwrap().entry).collect();
    drop(log);
    (folder, all)
}

/// Opens a store that may be damaged, and compares what it gives with what was appended.
fn outcome(folder: &Folder, original: &[Entry]) -> Outcome {
    let log = match folder.try_open() {
        Ok(log) => log,
        Err(OpenError::Damaged(damage)) => {
            assert!(damage.seq >= 1 && !damage.what.is_empty());
            // sled may have cut the damage away while it opened; that must not make it forgotten.
            assert!(matches!(folder.try_open(), Err(OpenError::Damaged(_))), "refused once, and then not");
            return Outcome::RefusedAtOpen;
        }
        Err(other) => panic!("not an answer to damage: {other:?}"),
    };
    let reader = log.reader();
    let report = verify(&reader, &mut |_| {});
    let intact = reader.read(1, report.intact_through()).map(|stored| stored.unwrap().entry);
    assert!(intact.zip(original).all(|(read, appended)| read == *appended), "changed and not noticed");
    match report.first_bad {
        None => {
            assert_eq!(report.records, original.len() as u64, "lost and not noticed");
            Outcome::Harmless
        }
        Some(ref damage) => {
            assert_eq!(damage.seq, report.intact_through() + 1);
            let read = reader.read(1, u64::MAX).take_while(Result::is_ok).count() as u64;
            assert_eq!(read, report.intact_through(), "reading and verifying disagree");
            // Nothing panics on the way back either.
            let _ = reader.read_back(u64::MAX).count();
            let _ = (1..=original.len() as u64).map(|seq| reader.hash_at(seq)).filter(Result::is_err).count();
            Outcome::FoundByReading
        }
    }
}

fn flip(path: &Path, offset: u64, bit: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ (1 << bit)], offset).unwrap();
}

#[test]
fn every_flipped_bit_in_db_that_costs_a_record_is_reported() {
    let (folder, original) = subject();
    let bytes = fs::read(folder.file("sled/db")).unwrap();
    let used: Vec<u64> = (0..bytes.len() as u64).filter(|&at| bytes[at as usize] != 0).collect();
    let seed = 20_261_120;
    let mut random = Random(seed);
    let (mut harmless, mut refused, mut found) = (0, 0, 0);
    for round in 0..400 {
        let offset = match round % 4 {
            0 => random.below(bytes.len() as u64),
            _ => used[random.below(used.len() as u64) as usize],
        };
        let bit = random.below(8);
        println!("seed {seed}, round {round}: bit {bit} of byte {offset}");
        let copy = Folder::new();
        copy_folder(&folder.path(), &copy.path());
        flip(&copy.file("sled/db"), offset, bit);
        match outcome(&copy, &original) {
            Outcome::Harmless => harmless += 1,
            Outcome::RefusedAtOpen => refused += 1,
            Outcome::FoundByReading => found += 1,
        }
    }
    println!("{harmless} harmless, {refused} refused at open, {found} found by reading");
    assert!(refused + found > 20, "the flips met records");
}

#[test]
fn every_flipped_bit_in_the_other_files_is_harmless_or_reported() {
    let (folder, original) = subject();
    let mut names: Vec<String> = vec!["head".into(), "sled/conf".into()];
    for item in fs::read_dir(folder.file("sled")).unwrap() {
        let name = item.unwrap().file_name().into_string().unwrap();
        names.extend(name.starts_with("snap.").then(|| format!("sled/{name}")));
    }
    assert_eq!(names.len(), 3, "{names:?}");
    let seed = 20_261_121;
    let mut random = Random(seed);
    for name in names {
        let length = fs::metadata(folder.file(&name)).unwrap().len();
        for round in 0..60 {
            let (offset, bit) = (random.below(length.min(5_000)), random.below(8));
            println!("seed {seed}, {name}, round {round}: bit {bit} of byte {offset}");
            let copy = Folder::new();
            copy_folder(&folder.path(), &copy.path());
            flip(&copy.file(&name), offset, bit);
            outcome(&copy, &original);
        }
    }
}

#[test]
fn every_flipped_bit_of_a_value_is_reported() {
    let entries = [entries(1, 30), vec![sized(3_000_000, 15_000), sized(3_000_000, 10)]].concat();
    let mut random = Random(7);
    for _ in 0..500 {
        let mut log = MemoryLog::new([7; 16]);
        append_in_chunks(&mut log, &entries, 4);
        log.disk().flip_bit(random.below(100) as usize, random.below(60_000) as usize);
        let report = verify(&log.reader(), &mut |_| {});
        let damage = report.first_bad.clone().expect("every bit of every value matters");
        assert_eq!(damage.seq, report.intact_through() + 1);
        assert!(log.reader().read_back(u64::MAX).any(|stored| stored.is_err()));
    }
}
