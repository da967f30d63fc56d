//! The control socket of a run, bound and reached without regard to how long its path is.
//!
//! A socket address holds 107 bytes of path, a job's folder may be deeper: both sides go through
//! `/proc/self/fd/<folder>/sock`.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::AsRawFd,
        unix::{
            fs::{OpenOptionsExt, PermissionsExt},
            net::{UnixListener, UnixStream},
        },
    },
    path::PathBuf,
};

use crate::layout::{RunDir, SOCK};

/// Connects to the worker that holds this run. `NotFound` or `ConnectionRefused`: it is not there, or not yet
/// (the lock tells which, see [`crate::probe()`]).
pub fn connect(run_dir: &RunDir) -> io::Result<UnixStream> {
    let folder = open_folder(run_dir)?;
    UnixStream::connect(through(&folder))
}

/// Binds the run's socket, private from its first moment by the caller's umask and the folder around it. One that a dead worker left is replaced.
pub(crate) fn listen(run_dir: &RunDir) -> io::Result<UnixListener> {
    let folder = open_folder(run_dir)?;
    match fs::remove_file(run_dir.sock()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(through(&folder))?;
    fs::set_permissions(through(&folder), fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn open_folder(run_dir: &RunDir) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY | libc::O_PATH).open(run_dir.path())
}

fn through(folder: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{SOCK}", folder.as_raw_fd()))
}
