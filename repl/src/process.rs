//! Processes of others, looked at from outside.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs() {
        assert!(is_running(std::process::id() as i32) && !is_stopped(std::process::id() as i32));
        assert!(!is_running(i32::MAX));
    }
}
