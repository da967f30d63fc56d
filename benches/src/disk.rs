//! Folders on a disk that syncs: on a memory file system every ratio here would be fiction.

use std::path::{Path, PathBuf};

use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use tempfile::TempDir;

/// A folder of its own for each use, below one that goes when this does.
///
/// Nothing is removed before that: ext4 is slow to make files for minutes after many were removed.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    used: u32,
}

impl Scratch {
    /// In `TMPDIR` if that is set, else in the folder that cargo keeps for benches.
    pub fn new(cargo_folder: &str) -> Scratch {
        let parent = std::env::var_os("TMPDIR").map_or_else(|| PathBuf::from(cargo_folder), PathBuf::from);
        let kind = statfs(&parent).expect("the folder for temporary files is there").filesystem_type();
        assert!(
            kind != TMPFS_MAGIC,
            "{} is in memory: set TMPDIR to a folder on a disk, or what is measured is not durable",
            parent.display()
        );
        let folder = TempDir::with_prefix_in("decklog-bench-", &parent).expect("it can be written to");
        println!("in {}\n", parent.display());
        Scratch { folder, used: 0 }
    }

    /// A path where nothing is yet.
    pub fn fresh(&mut self) -> PathBuf {
        self.used += 1;
        self.folder.path().join(self.used.to_string())
    }
}

/// The bytes of all files below a folder.
pub fn bytes_in(folder: &Path) -> u64 {
    let items = std::fs::read_dir(folder).expect("the folder is there").flatten();
    let bytes = items.map(|item| match item.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_in(&item.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    bytes.sum()
}
