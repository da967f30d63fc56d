//! Folders and files that belong to the user alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Makes a folder and the missing ones above it, each 0700.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Why a folder is not safe: it is another user's, or users of `others` (mode bits) may write to it.
pub(crate) fn not_private(path: &Path, others: u32) -> io::Result<Option<String>> {
    let metadata = fs::metadata(path)?;
    let own = nix::unistd::geteuid().as_raw();
    Ok(if metadata.uid() != own {
        Some(format!("{} belongs to user {}, not to you", path.display(), metadata.uid()))
    } else if metadata.mode() & others != 0 {
        Some(format!("{} can be written by others (mode {:o})", path.display(), metadata.mode() & 0o777))
    } else {
        None
    })
}

/// Writes a file whole or not at all, 0600. Not synced.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = private(OpenOptions::new().create(true).truncate(true).write(true), &temporary)?;
    file.write_all(bytes)?;
    fs::rename(&temporary, path)
}

/// Opens a file for appending, 0600.
pub(crate) fn append_private(path: &Path) -> io::Result<File> {
    private(OpenOptions::new().create(true).append(true), path)
}

fn private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.mode(0o600).open(path)
}

/// The bytes of all files below a folder.
pub(crate) fn bytes_in(folder: &Path) -> u64 {
    let Ok(items) = fs::read_dir(folder) else { return 0 };
    items
        .flatten()
        .map(|item| match item.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_in(&item.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
