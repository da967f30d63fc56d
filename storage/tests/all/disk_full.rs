//! A full disk: an error and not a panic, nothing acknowledged is lost, and the reserve lets the log open and say so.
//!
//! The disk is a small memory file system in a namespace of its own. Where a system does not let its users make
//! one, the test says so and checks nothing.

#![allow(clippy::disallowed_methods, reason = "the test runs itself again on a small disk")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use decklog_storage::{AppendError, Lock, Log as _, Note, OpenError, Options, SledLog, verify};

use crate::common::{Folder, sized};

const ROLE: &str = "DECKLOG_STORAGE_TEST_SMALL_DISK";
const MOUNT: &str = "mount -t tmpfs -o size=24m none \"$1\" || exit 77; shift; exec \"$@\"";

#[test]
fn a_full_disk_loses_nothing_and_the_log_can_still_say_so() {
    again_on_a_small_disk("disk_full::on_a_small_disk");
}

#[test]
fn what_is_set_aside_is_there_when_others_fill_the_disk() {
    again_on_a_small_disk("disk_full::on_a_small_disk_that_others_fill");
}

/// Says, past whatever captures a test's output, that nothing was checked.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: a full disk: {why}");
}

/// Runs one test of this binary again, on a small disk.
fn again_on_a_small_disk(test: &str) {
    let folder = Folder::new();
    fs::create_dir_all(folder.path()).unwrap();
    let ran = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(ROLE, folder.path())
        .output();
    match ran {
        Ok(output) if output.status.success() => {}
        Ok(output)
            if output.status.code() == Some(77) || !output.stderr.is_empty() && output.stdout.is_empty() =>
        {
            skipped(&format!("no small disk to be had: {}", String::from_utf8_lossy(&output.stderr)));
        }
        Ok(output) => panic!(
            "{}\n{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) => skipped(&error.to_string()),
    }
}

fn open(dir: &Path, spend_reserve: bool) -> Result<SledLog, OpenError> {
    let lock = Lock::acquire(dir, "a test").unwrap();
    SledLog::open(&lock, &Options { spend_reserve, ..Options::default() })
}

/// Not a test of its own: what runs on the small disk.
#[test]
fn on_a_small_disk() {
    let Some(dir) = std::env::var_os(ROLE).map(PathBuf::from) else { return };
    let ballast = dir.join("ballast");
    fs::write(&ballast, vec![1; 10 * 1024 * 1024]).unwrap();
    let dir = dir.join("log");
    let mut log = open(&dir, false).unwrap();
    assert_eq!(log.notes(), []);
    assert_eq!(fs::metadata(dir.join("reserve")).unwrap().len(), 8 * 1024 * 1024);
    let error = loop {
        let seq = log.head().seq + 1;
        if let Err(error) = log.append(seq, &[sized(seq, 5_000), sized(seq, 700)]) {
            break error;
        }
    };
    assert!(matches!(error, AppendError::Full { .. }), "{error:?}");
    let acknowledged = log.head().seq;
    assert!(acknowledged > 100);
    assert!(matches!(log.append(acknowledged + 1, &[sized(u64::MAX, 1)]), Err(AppendError::Dead)));
    drop(log);

    // To the last byte.
    let filler = dir.join("../filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}

    let mut log = open(&dir, true).unwrap();
    assert!(log.notes().contains(&Note::ReserveSpent), "{:?}", log.notes());
    let found = log.head().seq;
    assert!(found >= acknowledged);
    log.append(found + 1, &[sized(1_000_000, 300)]).unwrap();
    drop(log);

    let log = open(&dir, false).unwrap();
    assert_eq!(verify(&log.reader(), &mut |_| {}).records, found + 1);
    drop(log);

    fs::remove_file(filler).unwrap();
    fs::remove_file(ballast).unwrap();
    let log = open(&dir, false).unwrap();
    assert_eq!(log.notes(), []);
    assert!(dir.join("reserve").exists());
}

/// Not a test of its own: what runs on the small disk.
#[test]
fn on_a_small_disk_that_others_fill() {
    let Some(dir) = std::env::var_os(ROLE).map(PathBuf::from) else { return };
    let filler = dir.join("filler");
    let fill = || {
        let mut file = fs::File::options().create(true).append(true).open(&filler).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
    };
    let dir = dir.join("log");
    let mut log = open(&dir, false).unwrap();
    assert!(log.room().secure().unwrap());
    fill();
    // Others have taken all there was; what was set aside is still the log's.
    for seq in 1..=500 {
        log.append(seq, &[sized(seq, 2_000)]).unwrap();
    }
    while log.room().secure().unwrap() {
        let seq = log.head().seq + 1;
        log.append(seq, &[sized(seq, 5_000)]).unwrap();
    }
    // It says so before an append fails.
    let seq = log.head().seq + 1;
    log.append(seq, &[sized(seq, 5_000)]).unwrap();
    drop(log);

    // A reserve that opening needed is kept again, as much of it as there is room for.
    let log = open(&dir, false).unwrap();
    assert_eq!(log.head().seq, seq);
    assert!(!log.room().secure().unwrap());
    fs::remove_file(&filler).unwrap();
    assert!(log.room().secure().unwrap());
    assert_eq!(fs::metadata(dir.join("reserve")).unwrap().len(), 8 * 1024 * 1024);
    assert_eq!(verify(&log.reader(), &mut |_| {}).records, seq);
}

/// The reserve that opening itself spends, when sled cannot even open.
#[test]
fn a_store_without_a_reserve_makes_one() {
    let (folder, _) = Folder::with_records(10);
    fs::remove_file(folder.file("reserve")).unwrap();
    let log = folder.open();
    assert_eq!(log.notes(), []);
    assert!(folder.file("reserve").exists());
}
