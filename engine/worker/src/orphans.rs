//! What a killed worker leaves behind.
//!
//! While a worker lives, it is the reaper of all its job's descendants and sweeps them itself. If it was
//! SIGKILLed, they went to init, and only their environment still says whose they are: every process of a run
//! inherits `DECKLOG_RUN`.
//!
//! **Where this can miss**: a process that was started with a cleared environment, or that overwrote its
//! own, or that runs as another user. It can never hit a stranger: a process is killed through a descriptor
//! whose environment was read after the descriptor was opened.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    thread,
    time::Duration,
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    unistd::geteuid,
};

use crate::{
    Exempt,
    identity::{all_pids, environment_place},
    sys,
};

/// A process that carries a run's tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// Its pid, when it was seen.
    pub pid: i32,
    /// Its command name.
    pub name: String,
}

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Those that were killed.
    pub killed: Vec<Orphan>,
    /// Those that were still there after the last round.
    pub alive: Vec<Orphan>,
}

const ROUNDS_MAX: usize = 50;
const ROUND_MS: u16 = 200;
/// A program can take a while to be loaded from a slow disk.
const EXEC_LOOKS_MAX: usize = 500;
const EXEC_PAUSE: Duration = Duration::from_millis(1);

/// The processes of ours that carry `run_tag` (see [`crate::layout::run_tag`]) and are not exempt. Reads all of
/// `/proc`: some milliseconds for some hundreds of processes; more if one is just being replaced by `exec`.
pub fn find_orphans(run_tag: &str, exempt: &Exempt) -> io::Result<Vec<Orphan>> {
    let own = std::process::id() as i32;
    let mut found = Vec::new();
    for pid in all_pids()?.into_iter().filter(|pid| *pid != own) {
        if carries(pid, run_tag) && !exempt.covers(pid) {
            found.push(Orphan { pid, name: name_of(pid) });
        }
    }
    Ok(found)
}

/// Kills them, again and again until none is found, for at most ten seconds. Call it only while holding the
/// session's lock: then no worker can be starting a job with this tag. Blocks.
pub fn sweep_orphans(run_tag: &str, exempt: &Exempt) -> io::Result<Swept> {
    let mut killed = BTreeMap::new();
    for _ in 0..ROUNDS_MAX {
        let found = find_orphans(run_tag, exempt)?;
        if found.is_empty() {
            return Ok(Swept { killed: killed.into_values().collect(), alive: Vec::new() });
        }
        let mut dying = Vec::new();
        for orphan in found {
            // The descriptor first, then the check again: the pid may be another's by now.
            let Ok(process) = sys::pidfd_open(orphan.pid) else { continue };
            if carries(orphan.pid, run_tag) && sys::pidfd_kill(&process).is_ok() {
                dying.push(process);
                killed.insert(orphan.pid, orphan);
            }
        }
        wait_for_all(&dying)?;
    }
    let alive = find_orphans(run_tag, exempt)?;
    killed.retain(|pid, _| alive.iter().all(|orphan| orphan.pid != *pid));
    Ok(Swept { killed: killed.into_values().collect(), alive })
}

/// Waits until each process has ended, or the round is over.
fn wait_for_all(dying: &[OwnedFd]) -> io::Result<()> {
    for process in dying {
        let mut descriptor = [PollFd::new(std::os::fd::AsFd::as_fd(process), PollFlags::POLLIN)];
        if poll(&mut descriptor, PollTimeout::from(ROUND_MS))? == 0 {
            break;
        }
    }
    Ok(())
}

fn carries(pid: i32, run_tag: &str) -> bool {
    let is_ours =
        || fs::metadata(format!("/proc/{pid}")).is_ok_and(|found| found.uid() == geteuid().as_raw());
    if !is_ours() {
        return false;
    }
    environment_of(pid).is_some_and(|environment| {
        let wanted = [b"DECKLOG_RUN=", run_tag.as_bytes()].concat();
        environment.split(|byte| *byte == 0).any(|entry| entry == wanted)
    })
}

/// The environment that a process was started with; `None` if it has none, or is no program (any more).
///
/// In the middle of `exec` a process is a program without an environment, and must not be taken for one that
/// was started without: that one has a place for it in memory, which is empty and stays where it is.
fn environment_of(pid: i32) -> Option<Vec<u8>> {
    let mut empty_place = None;
    for _ in 0..EXEC_LOOKS_MAX {
        let environment = read_in_one_call(&format!("/proc/{pid}/environ")).ok()?;
        if !environment.is_empty() {
            return Some(environment);
        }
        // Zombies and kernel threads have no program.
        fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        let (start, end) = environment_place(pid)?;
        let place = (start != 0 && start == end).then_some(start);
        if place.is_some() && place == empty_place {
            return None;
        }
        empty_place = place;
        thread::sleep(EXEC_PAUSE);
    }
    None
}

/// One call of the system sees one program's environment. Of two, the second could find that the process has
/// become another program since, and end early.
fn read_in_one_call(path: &str) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let len = File::open(path)?.read(&mut buffer)?;
        if len < buffer.len() {
            buffer.truncate(len);
            return Ok(buffer);
        }
        buffer.resize(buffer.len() * 2, 0);
    }
}

fn name_of(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim_end().to_owned()
}
