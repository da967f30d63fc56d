//! A log that is not what was written is never silently accepted: the verb says what is wrong, what is intact and what
//! to do, and nothing is overwritten.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::{Instance, Ran, kill_and_wait};

/// An instance whose jobs have ended and whose supervisor was killed.
fn written() -> Instance {
    let instance = Instance::new();
    let ids: Vec<String> = (0..5).map(|job| instance.exec(&format!("echo {job}"))).collect();
    instance.finished(&ids);
    instance.kill_supervisor();
    instance
}

fn db(instance: &Instance) -> PathBuf {
    instance.home().join("log/sled/db")
}

/// Every file of the log, with its bytes; less the lock, which says who looked last, and the supervisor's sign of life.
fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for item in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = item.path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if !path.ends_with("lock") && !path.ends_with("alive") {
            files.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

/// Asserts that no verb accepts this log, and that each says so.
#[track_caller]
fn refused(instance: &Instance) -> Ran {
    let ls = instance.run(&["ls"]);
    assert_ne!(ls.code, 0, "{ls:?}");
    assert!(ls.stderr.contains("damaged") && ls.stderr.contains("hint:"), "{ls:?}");
    assert_eq!(ls.text(), "");
    let dispatch = instance.run(&["dispatch", "--exec", "true"]);
    assert_ne!(dispatch.code, 0, "{dispatch:?}");
    let verify = instance.run(&["verify", "--json"]).code(1);
    assert_eq!(verify.json()["ok"], false, "{verify:?}");
    assert!(verify.json()["firstBad"]["what"].is_string(), "{verify:?}");
    ls
}

#[test]
fn a_deleted_file_is_missed() {
    for name in ["log/sled/db", "log/head"] {
        let instance = written();
        fs::remove_file(instance.home().join(name)).unwrap();
        let before = files_below(&instance.home().join("log"));
        let said = refused(&instance);
        assert!(said.stderr.contains(name.rsplit('/').next().unwrap()), "{said:?}");
        assert_eq!(files_below(&instance.home().join("log")), before, "{name}: nothing is written");
    }
}

#[test]
fn a_deleted_log_is_not_begun_anew_beside_its_jobs() {
    let instance = written();
    fs::remove_dir_all(instance.home().join("log")).unwrap();
    refused(&instance);
    assert!(!instance.home().join("log/sled").exists());
}

#[test]
fn a_truncated_file_is_missed() {
    let instance = written();
    let file = fs::OpenOptions::new().write(true).open(db(&instance)).unwrap();
    file.set_len(2_000).unwrap();
    refused(&instance);
}

/// A supervisor that begins from a snapshot reads none of the records that it stands for; damage there is said too.
#[test]
fn damage_below_a_snapshot_is_found_at_the_start() {
    let instance = written();
    instance.run(&["daemon", "start"]).code(0);
    instance.run(&["daemon", "stop"]).code(0);
    assert!(fs::read_dir(instance.home().join("log/snap")).unwrap().next().is_some(), "a snapshot is kept");
    let mut bytes = fs::read(db(&instance)).unwrap();
    // The very first record says which version wrote it; this is where its text lies.
    let text = b"0.1.0";
    let places: Vec<usize> =
        (0..bytes.len() - text.len()).filter(|at| bytes[*at..].starts_with(text)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at] ^= 1;
    }
    fs::write(db(&instance), bytes).unwrap();
    refused(&instance);
}

/// Flips bits wherever records are; each flip is refused, or found by verify, or harmless: never a changed answer.
#[test]
fn a_flipped_bit_is_found_or_harmless() {
    const FLIPS: usize = 12;
    let instance = written();
    // One supervisor that ends in good order, so that the log is all in place.
    instance.run(&["daemon", "stop"]);
    let truth = instance.run(&["history", "--json"]).code(0).text();
    kill_and_wait(instance.supervisor());
    let intact = fs::read(db(&instance)).unwrap();
    let used = intact.iter().rposition(|byte| *byte != 0).unwrap();
    let copy = instance.folder().join("log");
    copy_folder(&instance.home().join("log"), &copy);
    let mut found = 0;
    for flip in 0..FLIPS {
        let mut bytes = intact.clone();
        let at = used * (flip + 1) / (FLIPS + 1);
        bytes[at] ^= 1 << (flip % 8);
        fs::write(db(&instance), bytes).unwrap();
        let verify = instance.run(&["verify", "--json"]);
        if verify.json()["ok"] == true {
            // In sled's dead space: whatever is said is still the truth.
            let history = instance.run(&["history", "--json"]).code(0).text();
            assert!(same_beginning(&truth, &history), "a flip at {at} changed the answer");
            kill_and_wait(instance.supervisor());
        } else {
            found += 1;
            assert_eq!(verify.code, 1);
            let status = instance.run(&["daemon", "status", "--json"]);
            if status.code == 0 {
                kill_and_wait(status.json()["pid"].as_i64().unwrap() as i32);
            }
        }
        fs::remove_dir_all(instance.home().join("log")).unwrap();
        copy_folder(&copy, &instance.home().join("log"));
    }
    assert!(found > 0, "no flip hit a record");
}

/// The records of the first document, as they stand in the second, which may go on.
fn same_beginning(truth: &str, now: &str) -> bool {
    let parse = |text: &str| serde_json::from_str::<Vec<serde_json::Value>>(text).unwrap();
    let (truth, now) = (parse(truth), parse(now));
    now.len() >= truth.len() && now[..truth.len()] == truth
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(item.file_name());
        if item.path().is_dir() {
            copy_folder(&item.path(), &target);
        } else {
            fs::copy(item.path(), target).unwrap();
        }
    }
}
