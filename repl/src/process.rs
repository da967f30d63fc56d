//! Processes: of others, looked at from outside; and what this one inherited.

use nix::unistd::close;

/// Whether a process of this number runs: one that has ended and was not waited for does not.
pub(crate) fn is_running(pid: i32) -> bool {
    state(pid).is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// Whether a process was stopped by a signal, or by whoever traces it.
pub(crate) fn is_stopped(pid: i32) -> bool {
    state(pid).is_some_and(|state| matches!(state, 'T' | 't'))
}

/// The kernel's letter for what a process does.
fn state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next().and_then(|rest| rest.chars().next())
}

/// Closes every descriptor beyond the standard streams. Whoever started this may hold a lock by one, or wait for the end
/// of what it leads to: a supervisor that kept it, and handed it to each of its jobs, would hold it for ever.
///
/// To be called before this process has opened anything itself.
pub(crate) fn let_inherited_go() {
    let Ok(open) = std::fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<i32> = open.flatten().filter_map(|item| item.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // The one that listed them is closed by now: closing it again is an error that means nothing.
        let _ = close(descriptor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs() {
        assert!(is_running(std::process::id() as i32) && !is_stopped(std::process::id() as i32));
        assert!(!is_running(i32::MAX));
    }
}
