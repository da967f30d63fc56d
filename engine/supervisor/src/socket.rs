//! The supervisor's socket. Reached and bound without regard to how long its path is: an address holds 107 bytes, a
//! path may be longer, so both go through `/proc/self/fd/<folder>/name`.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::libc;

/// A bound socket, and what is needed to know it again.
#[derive(Debug)]
pub(crate) struct Bound {
    path: PathBuf,
    inode: u64,
}

/// Binds the socket, in place of whatever an earlier supervisor left there. Only the holder of the instance's lock may
/// call this: no other supervisor can be alive.
pub(crate) fn bind(path: &Path) -> io::Result<(UnixListener, Bound)> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let handle: File = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(folder)?;
    let through = PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()));
    let fresh = format!("{}.{}", name.to_string_lossy(), std::process::id());
    let _ = fs::remove_file(folder.join(&fresh));
    let listener = UnixListener::bind(through.join(&fresh))?;
    fs::set_permissions(folder.join(&fresh), fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    // One step: a client finds the old socket or the new one, never none.
    fs::rename(folder.join(&fresh), path)?;
    let inode = fs::symlink_metadata(path)?.ino();
    Ok((listener, Bound { path: path.into(), inode }))
}

impl Bound {
    /// Whether the path still leads to this socket.
    pub(crate) fn is_there(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|metadata| metadata.ino() == self.inode)
    }

    /// Takes the socket away, if it is still this one.
    pub(crate) fn remove(&self) {
        if self.is_there() {
            let _ = fs::remove_file(&self.path);
        }
    }
}
