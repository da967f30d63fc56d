//! Which process a pid means.
//!
//! A pid is an identity only together with its start time and the boot id: the kernel gives pids out again.

use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::sys;

/// A process that cannot be confused with a later one of the same pid, within one boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// The pid.
    pub pid: i32,
    /// Clock ticks from boot to its start (field 22 of `/proc/<pid>/stat`).
    pub start_time: u64,
}

impl ProcessIdentity {
    /// Whether this very process is still there (it may be a zombie).
    pub fn is_there(self) -> bool {
        process_identity(self.pid) == Some(self)
    }

    /// Kills this very process, if it is still there; says whether it was.
    pub fn kill(self) -> io::Result<bool> {
        // The descriptor first, then the check: the pid may be another's by now.
        let Ok(process) = sys::pidfd_open(self.pid) else { return Ok(false) };
        if !self.is_there() {
            return Ok(false);
        }
        sys::pidfd_kill(&process).map(|()| true)
    }
}

/// Who has this pid now; `None` if nobody.
pub fn process_identity(pid: i32) -> Option<ProcessIdentity> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    Some(ProcessIdentity { pid, start_time: stat_field(&stat, 22)? })
}

/// The id of this boot of the machine.
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// The parent's pid (field 4 of `/proc/<pid>/stat`).
pub(crate) fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    stat_field(&stat, 4)?.try_into().ok()
}

/// Where in its memory a process has its environment, start and end (fields 50 and 51 of `/proc/<pid>/stat`).
pub(crate) fn environment_place(pid: i32) -> Option<(u64, u64)> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    Some((stat_field(&stat, 50)?, stat_field(&stat, 51)?))
}

/// Every pid that `/proc` lists.
pub(crate) fn all_pids() -> io::Result<Vec<i32>> {
    let entries = fs::read_dir("/proc")?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// A numeric field after the command name, counted as proc(5) does. The name is in parentheses and may itself
/// hold spaces and parentheses, so fields are counted from the last one.
fn stat_field(stat: &[u8], number: usize) -> Option<u64> {
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    let after_name = std::str::from_utf8(&stat[name_end + 1..]).ok()?;
    after_name.split_ascii_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_forge_fields() {
        let stat = b"42 (evil) 9 9 (x) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 678 9";
        assert_eq!(stat_field(stat, 4), Some(7));
        assert_eq!(stat_field(stat, 22), Some(12345));
        assert_eq!(stat_field(b"42 (cut", 22), None);
    }

    #[test]
    fn this_process_is_itself() {
        let own = i32::try_from(std::process::id()).unwrap();
        let identity = process_identity(own).unwrap();
        assert!(identity.is_there());
        assert!(!ProcessIdentity { start_time: identity.start_time + 1, ..identity }.is_there());
        assert_eq!(process_identity(i32::MAX), None);
        assert_eq!(boot_id().unwrap().len(), 36);
    }
}
