//! The few system calls that no safe wrapper offers, each as small as can be.
//!
//! Everything unsafe of this crate is here; nothing here decides anything.
#![allow(unsafe_code, reason = "system calls without a safe wrapper; each block says why it is sound")]

use std::{
    io,
    os::{
        fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::Command,
};

/// What reaping found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaped {
    /// A child that has ended, and its raw wait status.
    Child(i32, i32),
    /// There are children, none of which has ended.
    NoneYet,
    /// There is no child at all.
    NoChildren,
}

/// Reaps one ended child, whichever, without waiting.
///
/// Raw, because the safe wrapper cannot express death by a real-time signal.
pub(crate) fn reap_any() -> Reaped {
    let mut status = 0;
    // SAFETY: `status` is a valid place for the one integer that the call writes.
    match unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) } {
        0 => Reaped::NoneYet,
        -1 => Reaped::NoChildren,
        pid => Reaped::Child(pid, status),
    }
}

/// Closes every descriptor above the standard three, whatever the starter leaked. Only for the beginning of a process:
/// nothing of its own may be open yet.
pub fn close_all_but_standard() {
    // SAFETY: called before this process has opened anything of its own, so nothing owns these descriptors.
    unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
}

/// Ignores SIGPIPE in this process; started jobs get it back (see [`before_exec`]).
pub(crate) fn ignore_sigpipe() {
    // SAFETY: ignoring a signal installs no handler that could run anything.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// What a job's process does between fork and exec.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BeforeExec {
    /// Make standard input the controlling terminal.
    pub(crate) controlling_terminal: bool,
    pub(crate) umask: Option<u32>,
    pub(crate) open_files_soft: Option<u64>,
}

/// Gives the command a session of its own, default signals, and what else was asked for.
pub(crate) fn before_exec(command: &mut Command, wish: BeforeExec) {
    let act = move || {
        // SAFETY: only async-signal-safe calls, on local values, in the single thread of the forked child.
        unsafe {
            let mut none = std::mem::zeroed::<libc::sigset_t>();
            libc::sigemptyset(&raw mut none);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
            // Fails, harmlessly, for the two that cannot be changed and those that the C library keeps.
            for signal in 1..=64 {
                libc::signal(signal, libc::SIG_DFL);
            }
            check(libc::setsid())?;
            if wish.controlling_terminal {
                check(libc::ioctl(0, libc::TIOCSCTTY, 0))?;
            }
            if let Some(mask) = wish.umask {
                libc::umask(mask);
            }
            if let Some(soft) = wish.open_files_soft {
                let mut limit = std::mem::zeroed::<libc::rlimit>();
                check(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit))?;
                limit.rlim_cur = limit.rlim_max.min(soft);
                check(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit))?;
            }
        }
        Ok(())
    };
    // SAFETY: `act` allocates nothing, takes no lock and touches only its own copy of `wish`.
    unsafe { command.pre_exec(act) };
}

/// Sets the size of a terminal.
pub(crate) fn set_window_size(terminal: &impl AsFd, columns: u16, rows: u16) -> io::Result<()> {
    let size = libc::winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the request reads one `winsize`, which lives until the call returns.
    check(unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCSWINSZ, &raw const size) })
}

/// The size of a terminal: width and height.
pub(crate) fn window_size(terminal: &impl AsFd) -> io::Result<(u16, u16)> {
    let mut size = libc::winsize { ws_col: 0, ws_row: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the request writes one `winsize`, which lives until the call returns.
    check(unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) })?;
    Ok((size.ws_col, size.ws_row))
}

/// A descriptor of process `pid`, which stays that process's whatever becomes of the pid.
pub(crate) fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: plain integers in; a new descriptor that nobody else owns, or -1, out.
    unsafe {
        let descriptor = libc::syscall(libc::SYS_pidfd_open, pid, 0) as i32;
        check(descriptor)?;
        Ok(OwnedFd::from_raw_fd(descriptor))
    }
}

/// Kills the process behind a descriptor.
pub(crate) fn pidfd_kill(process: &impl AsFd) -> io::Result<()> {
    let descriptor = process.as_fd().as_raw_fd();
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the descriptor is borrowed for the call, and a null info asks for the default one.
    check(unsafe { libc::syscall(libc::SYS_pidfd_send_signal, descriptor, libc::SIGKILL, no_info, 0) as i32 })
}

/// Gives freed memory back to the system, after something large (a config) is done with.
pub fn trim_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: only releases free pages of the allocator.
    unsafe {
        libc::malloc_trim(0);
    }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
