//! A writer that is killed at any instant loses nothing that it acknowledged.
//!
//! The writer is this test binary again, told by the environment what to be.

#![allow(clippy::disallowed_methods, reason = "the test is about a process that is killed")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use decklog_storage::{Lock, Log as _, Options, SledLog, verify};

use crate::common::{Folder, assert_holds, entries};

const ROLE: &str = "DECKLOG_STORAGE_TEST_WRITER_IN";

/// Not a test of its own: the child's half. Appends for ever and says what is acknowledged.
#[test]
fn writer() {
    let Some(folder) = std::env::var_os(ROLE) else { return };
    let lock = Lock::acquire(&PathBuf::from(folder), "the writer").unwrap();
    let mut log = SledLog::open(&lock, &Options { uuid: Some([7; 16]), ..Options::default() }).unwrap();
    println!("ready {}", log.head().seq);
    loop {
        let first_seq = log.head().seq + 1;
        let head = log.append(first_seq, &entries(first_seq, first_seq + first_seq % 60)).unwrap();
        println!("acknowledged {}", head.seq);
        std::io::stdout().flush().unwrap();
    }
}

#[test]
fn a_killed_writer_loses_nothing_acknowledged() {
    let folder = Folder::new();
    let mut acknowledged = 0;
    for round in 0..20_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::writer", "--nocapture"])
            .env(ROLE, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed after another number of acknowledgements each time, in the midst of what follows.
        let enough = round * 7 % 23 + 1;
        let mut seen = 0;
        while seen < enough {
            let line = lines.next().expect("the writer writes until it is killed").unwrap();
            if let Some(seq) = line.strip_prefix("acknowledged ") {
                acknowledged = seq.parse().unwrap();
                seen += 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            if let Some(seq) = line.strip_prefix("acknowledged ") {
                acknowledged = seq.parse().unwrap();
            }
        }
        let log = folder.open();
        assert!(log.head().seq >= acknowledged, "round {round}: {:?} after {acknowledged}", log.head());
        assert!(verify(&log.reader(), &mut |_| {}).is_intact());
    }
    let log = folder.open();
    assert_holds(&log.reader(), &entries(1, log.head().seq));
}
