//! The processes under a worker: found, asked to end, killed.
//!
//! The worker is a child subreaper, so whatever a job leaves behind, in whatever session, becomes the worker's
//! direct child. Only direct, unreaped children are ever signalled: their pids cannot be anybody else's. Killing
//! them brings the next layer up, until none is left.

use std::fs;

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

use crate::{
    Exempt,
    identity::{all_pids, parent_of},
};

/// Who is there.
#[derive(Debug)]
pub(super) struct Found {
    /// The direct children that are to be swept; one that has ended and is not yet reaped is among them.
    pub(super) children: Vec<i32>,
    /// How many direct children are to be left alone.
    pub(super) exempt: usize,
}

/// Lists the direct children. The kernel can miss one while another one ends, so an empty answer alone proves
/// nothing: that there is nobody left is for the reaping to say.
pub(super) fn find(exempt: &Exempt) -> Found {
    let (exempted, children): (Vec<i32>, Vec<i32>) =
        direct_children().into_iter().partition(|pid| exempt.covers(*pid));
    Found { children, exempt: exempted.len() }
}

/// Sends a signal to a direct child, and to its process group if that is its own.
pub(super) fn signal(child: i32, signal: Signal) {
    let child = Pid::from_raw(child);
    // Errors mean that it has ended already; its SIGCHLD is on its way.
    if nix::unistd::getpgid(Some(child)) == Ok(child) {
        let _ = killpg(child, signal);
    }
    let _ = kill(child, signal);
}

fn direct_children() -> Vec<i32> {
    let own = std::process::id() as i32;
    match fs::read_to_string(format!("/proc/self/task/{own}/children")) {
        Ok(list) => list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect(),
        // A kernel without that list.
        Err(_) => {
            all_pids().unwrap_or_default().into_iter().filter(|pid| parent_of(*pid) == Some(own)).collect()
        }
    }
}
