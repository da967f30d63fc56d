//! The tests of the log, in one binary. Each file is about one promise.

#![allow(clippy::unwrap_used)]

mod common;

mod commit_thread;
mod contract;
mod damage;
mod disk_full;
mod format;
mod kill;
mod lock;
mod memory;
mod opening;
mod properties;
mod snapshots;

/// A test file that no `mod` line names would never run.
#[test]
fn every_test_file_is_named_here() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all");
    let this = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    for item in std::fs::read_dir(folder).unwrap() {
        let name = item.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(module == "main" || this.contains(&format!("mod {module};")), "{name} is never run");
    }
}
