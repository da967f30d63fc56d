//! `fill HOME N`: a fresh instance whose roster has N finished jobs, without running any of them, and a configuration
//! that lets them stay. For measurements of what grows with a roster.

#![allow(clippy::print_stderr, reason = "a tool of the benches says what it did")]

use std::path::PathBuf;
use std::process::ExitCode;

use decklog_benches::lives;
use decklog_benches::producers::new_log;
use decklog_storage::{Entry, Log as _};

const STAYS: &str = "[timers]\nfinished_job = \"36500d\"\n[retention]\noutput = \"36500d\"\n";
const RECORDS_AN_APPEND: usize = 1_000;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let home = arguments.next().map(PathBuf::from);
    let sessions = arguments.next().and_then(|number| number.to_str()?.parse().ok());
    let (Some(home), Some(sessions)) = (home, sessions) else {
        eprintln!("usage: fill HOME N");
        return ExitCode::from(2);
    };
    let folder = home.join("log");
    if folder.exists() {
        eprintln!("{} is there already", folder.display());
        return ExitCode::FAILURE;
    }
    std::fs::create_dir_all(&home).expect("the folder can be made");
    std::fs::write(home.join("config.toml"), STAYS).expect("the disk takes it");
    let mut log = new_log(&folder);
    let entries: Vec<Entry> = lives::finished(sessions).map(|record| lives::entry(&record)).collect();
    let mut next = 1;
    for some in entries.chunks(RECORDS_AN_APPEND) {
        next = log.append(next, some).expect("the disk takes it").seq + 1;
    }
    log.close().expect("the disk takes it");
    eprintln!("{} records of {sessions} jobs", next - 1);
    ExitCode::SUCCESS
}
