//! The repository as ARCHITECTURE.md says it is: its arrows and its paths. And a few rules that a compiler cannot hold.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn architecture() -> String {
    fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap()
}

/// The manifests of all members, by package name, with the packages of ours that each depends on (dev-dependencies
/// are no arrows).
fn arrows_of_the_manifests() -> BTreeMap<String, BTreeSet<String>> {
    let members = [
        "engine",
        "engine/protocol",
        "engine/drivers",
        "engine/worker",
        "engine/supervisor",
        "storage",
        "repl",
    ];
    let mut arrows = BTreeMap::new();
    for member in members.into_iter().chain(["benches"]) {
        let manifest = fs::read_to_string(root().join(member).join("Cargo.toml")).unwrap();
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = ")).unwrap().trim_matches('"');
        let mut section = "";
        let mut targets = BTreeSet::new();
        for line in manifest.lines() {
            if line.starts_with('[') {
                section = line;
            }
            // A bench has nothing but dev-dependencies.
            let counts =
                section == "[dependencies]" || (member == "benches" && section == "[dev-dependencies]");
            if counts && line.starts_with("decklog-") {
                targets.insert(line.split(['.', ' ', '=']).next().unwrap().to_owned());
            }
        }
        arrows.insert(name.to_owned(), targets);
    }
    arrows
}

#[test]
fn the_arrows_are_those_of_the_architecture() {
    let text = architecture();
    let written: BTreeMap<String, BTreeSet<String>> = text
        .lines()
        .filter(|line| line.starts_with("decklog"))
        .filter_map(|line| line.split_once("->"))
        .map(|(from, to)| (from.trim().to_owned(), to.split_whitespace().map(str::to_owned).collect()))
        .collect();
    assert_eq!(written, arrows_of_the_manifests());
}

#[test]
fn every_path_that_the_architecture_names_exists() {
    let text = architecture();
    let is_path = |word: &&str| {
        let first = word.split('/').next().unwrap_or("");
        let top = ["engine", "storage", "repl", "benches", "fuzz", "tests", "docs"];
        top.contains(&first) && word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
    };
    let named: Vec<&str> = text.split('`').skip(1).step_by(2).filter(is_path).collect();
    assert!(named.len() > 20, "the page names its paths in backticks");
    for path in named {
        assert!(root().join(path).exists(), "ARCHITECTURE.md names {path}, which is not there");
    }
}

/// Every file of Rust source below the members' folders.
fn sources() -> Vec<PathBuf> {
    let mut sources = Vec::new();
    let mut folders: Vec<PathBuf> = ["engine", "storage", "repl", "benches", "fuzz", "tests"]
        .iter()
        .map(|top| root().join(top))
        .collect();
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = item.path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(path);
            }
        }
    }
    sources
}

#[test]
fn every_source_file_says_what_it_is_for() {
    for source in sources() {
        let text = fs::read_to_string(&source).unwrap();
        assert!(text.starts_with("//!"), "{} does not begin with what it is for", source.display());
    }
}

#[test]
fn no_test_is_ignored_and_nothing_is_left_to_do() {
    // Written apart, so that this file does not find itself.
    let marks = [concat!("#[", "ignore"), concat!("todo", "!("), concat!("unimplemented", "!(")];
    for source in sources() {
        let text = fs::read_to_string(&source).unwrap();
        for mark in marks {
            assert!(!text.contains(mark), "{} has {mark}", source.display());
        }
    }
}

/// A test file that no target names would never run.
#[test]
fn every_test_file_is_a_target_of_the_binary() {
    let manifest = fs::read_to_string(root().join("repl/Cargo.toml")).unwrap();
    for item in fs::read_dir(root().join("tests")).unwrap().flatten() {
        let name = item.file_name().into_string().unwrap();
        if Path::new(&name).extension().is_some_and(|extension| extension == "rs") {
            assert!(
                manifest.contains(&format!("../tests/{name}")),
                "repl/Cargo.toml does not name tests/{name}"
            );
        }
    }
}
