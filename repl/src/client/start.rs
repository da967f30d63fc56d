//! Starting the supervisor, so that it outlives this process, its terminal and its working directory.

use std::ffi::OsString;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use decklog_protocol::home::Home;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::SigSet;

use super::connection::Connection;
use super::{Trouble, holder, none_runs, silent, timed_out, unreachable};
use crate::clock::Deadline;
use crate::error::{Failure, Kind};
use crate::role;

/// A supervisor reads its whole log before it is ready.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Another client's supervisor may listen a little later than ours gives way to it.
const CONNECTED_WITHIN: Duration = Duration::from_secs(10);
/// A supervisor that gives up its place without having listened at it is replaced within this.
const START_AGAIN_AFTER: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

/// What became of starting one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Started {
    /// It listens.
    Ready,
    /// Another one holds the instance.
    Already,
}

/// Starts a supervisor, or finds that another client did, and connects to it. One that holds the instance and cannot be
/// reached, for its socket was removed, ends as soon as it notices: until then starting is tried again.
pub(super) fn start_and_connect(home: &Home) -> Result<Connection, Trouble> {
    start()?;
    let deadline = Deadline::after(CONNECTED_WITHIN);
    let mut again = Deadline::after(START_AGAIN_AFTER);
    loop {
        match Connection::open(&home.socket()) {
            Ok(connection) => return Ok(connection),
            Err(error) if none_runs(&error) && !deadline.passed() => {
                if again.passed() {
                    start()?;
                    again = Deadline::after(START_AGAIN_AFTER);
                }
                thread::sleep(PAUSE);
            }
            Err(error) if timed_out(&error) => return Err(Trouble::Silent(silent(home, None))),
            Err(error) => {
                let holder = holder(home).filter(|_| none_runs(&error));
                return Err(Trouble::Said(
                    holder.map_or_else(|| unreachable(home, &error), |holder| holder.unheard(home)),
                ));
            }
        }
    }
}

/// Starts a supervisor and waits until it is ready, or says why not.
pub(crate) fn start() -> Result<Started, Trouble> {
    let mut child = spawn().map_err(|error| {
        Trouble::Said(Failure::new(Kind::NoSupervisor, format!("the supervisor cannot be started: {error}")))
    })?;
    let said = child.stdout.take().map(first_line).unwrap_or_default();
    let started = match said.as_str() {
        "ready" => Started::Ready,
        "already" => Started::Already,
        _ => return Err(why_not(child, &said)),
    };
    reap_in_time(child);
    Ok(started)
}

/// It is a child of this process, which may go on longer than it (`history -f`): its end is waited for, so that no
/// zombie stays.
fn reap_in_time(mut child: Child) {
    drop(child.stderr.take());
    // Without a thread there is a zombie until this process ends, and no more harm than that.
    let _ = thread::Builder::new().name("reaper".into()).spawn(move || {
        // Signals are for the threads that do something about them.
        let _ = SigSet::all().thread_block();
        child.wait()
    });
}

#[expect(clippy::disallowed_methods, reason = "the one place where a client starts the supervisor")]
fn spawn() -> std::io::Result<Child> {
    let kept = std::env::vars_os().filter(|(name, _)| is_kept(name));
    // Not the path that was typed: the file there may be another by now.
    Command::new("/proc/self/exe")
        .arg0("decklog")
        .args(["daemon", "run", "--detached"])
        .env_clear()
        .envs(kept)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// What a supervisor may inherit: nothing of one shell that would leak into the sessions of another.
fn is_kept(name: &OsString) -> bool {
    const KEPT: [&str; 7] = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "DECKLOG_HOME"];
    let Some(name) = name.to_str() else { return false };
    KEPT.contains(&name) || name.starts_with("LC_") || name.starts_with("XDG_")
}

/// What it says before it closes its output, or says nothing more in time.
fn first_line(mut stdout: ChildStdout) -> String {
    let deadline = Deadline::after(READY_WITHIN);
    let mut said = Vec::new();
    let mut piece = [0; 64];
    while !said.contains(&b'\n') {
        let remaining = PollTimeout::try_from(deadline.remaining()).unwrap_or(PollTimeout::MAX);
        let readable = poll(&mut [PollFd::new(stdout.as_fd(), PollFlags::POLLIN)], remaining);
        match readable {
            Err(nix::errno::Errno::EINTR) => continue,
            Ok(1..) => {}
            _ => break,
        }
        match stdout.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(read) => said.extend_from_slice(&piece[..read]),
        }
    }
    String::from_utf8_lossy(&said).trim().to_owned()
}

/// What it said on standard error, in our words.
fn why_not(mut child: Child, said: &str) -> Trouble {
    let no_supervisor = |text: String| Failure::new(Kind::NoSupervisor, text);
    if matches!(child.try_wait(), Ok(None)) && !said.is_empty() {
        return Trouble::Said(no_supervisor(format!("the supervisor said `{said}` instead of `ready`")));
    }
    let deadline = Deadline::after(CONNECTED_WITHIN);
    while matches!(child.try_wait(), Ok(None)) {
        if deadline.passed() {
            let pid = child.id();
            let failure = no_supervisor(format!("the supervisor (pid {pid}) does not get ready"));
            return Trouble::Said(failure.hint("decklog daemon logs may tell what it does"));
        }
        thread::sleep(PAUSE);
    }
    let mut text = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let mut bytes = Vec::new();
        let _ = stderr.read_to_end(&mut bytes);
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    let ended = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
    relayed(&text, &ended)
}

/// The sentences and hints of a supervisor that could not start.
fn relayed(text: &str, ended: &str) -> Trouble {
    let lines = || text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let sentences: Vec<_> = lines().filter(|line| !line.starts_with("hint: ")).collect();
    let sentences = sentences.join("\n");
    let hinted =
        |failure| lines().filter_map(|line| line.strip_prefix("hint: ")).fold(failure, Failure::hint);
    match sentences.strip_prefix(role::DAMAGED) {
        Some(sentences) => Trouble::Damaged(hinted(Failure::new(Kind::Failed, sentences))),
        None if sentences.is_empty() => {
            Trouble::Said(Failure::new(Kind::NoSupervisor, format!("the supervisor ended at once ({ended})")))
        }
        None => Trouble::Said(hinted(Failure::new(Kind::NoSupervisor, sentences))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_supervisor_says_is_passed_on() {
        let damaged = "damaged: record 41 does not match its checksum\n\nhint: decklog verify says more\n";
        let failure = Failure::from(relayed(damaged, "exit status: 1"));
        assert_eq!(failure.code(), 1);
        insta::assert_snapshot!(failure.message(), @r"
        record 41 does not match its checksum

        hint: decklog verify says more
        ");
        assert_eq!(Failure::from(relayed("cannot make /x: denied\n", "")).code(), 5);
        insta::assert_snapshot!(Failure::from(relayed("", "signal: 9 (SIGKILL)")).message(), @"the supervisor ended at once (signal: 9 (SIGKILL))");
    }

    #[test]
    fn a_shell_does_not_leak_into_the_supervisor() {
        let kept: Vec<_> =
            ["PATH", "LC_ALL", "XDG_STATE_HOME", "DECKLOG_HOME", "DECKLOG_SESSION", "VIRTUAL_ENV", "TERM"]
                .into_iter()
                .filter(|name| is_kept(&OsString::from(name)))
                .collect();
        assert_eq!(kept, ["PATH", "LC_ALL", "XDG_STATE_HOME", "DECKLOG_HOME"]);
    }
}
