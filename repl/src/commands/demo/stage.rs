//! A throw-away instance: its folder, its verbs, and its end. Whatever happens, nothing that was started stays.

use std::fs::{self, DirBuilder};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use decklog_protocol::home::Home;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use serde::de::DeserializeOwned;

use crate::clock::Deadline;
use crate::error::{Failure, Kind};
use crate::process;

const PAUSE: Duration = Duration::from_millis(2);
/// What was told to end has this long before it is killed.
const SWEPT_WITHIN: Duration = Duration::from_secs(5);

/// The instance.
#[derive(Debug)]
pub(super) struct Stage {
    folder: PathBuf,
    /// Held while a process is started, and for ever once the end has begun: nothing is started after that.
    gate: Arc<Mutex<()>>,
}

impl Stage {
    /// Makes the folder, and sees to it that Ctrl-C ends everything as well.
    pub(super) fn set() -> Result<Self, Failure> {
        // From here on a signal waits until there is somebody to take it.
        let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
        let blocked = signals.thread_block();
        blocked.map_err(|error| failed(format!("signals cannot be blocked: {error}")))?;
        let folder = std::env::temp_dir().join(format!("decklog-demo-{}", std::process::id()));
        let made = DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(|error| failed(format!("cannot make {}: {error}", folder.display())))?;
        let stage = Self { folder, gate: Arc::default() };
        stage.end_on(signals);
        Ok(stage)
    }

    /// The folder of everything: the instance, and what the jobs record themselves.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the instance keeps its things.
    pub(super) fn home(&self) -> Home {
        Home::separate(self.folder.join("home"))
    }

    /// What a verb prints and how it exits.
    pub(super) fn verb(&self, words: &[&str]) -> Result<Output, Failure> {
        let child = {
            let _started = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
            self.command(words).spawn()
        };
        let output = child.and_then(std::process::Child::wait_with_output);
        output.map_err(|error| failed(format!("decklog {} cannot be started: {error}", words.join(" "))))
    }

    /// What a verb prints; it must exit with 0.
    pub(super) fn say(&self, words: &[&str]) -> Result<String, Failure> {
        let output = self.verb(words)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(failed(format!("decklog {} ended with {}: {}", words.join(" "), output.status, said.trim())))
    }

    /// The JSON that a verb prints; it must exit with 0.
    pub(super) fn json<T: DeserializeOwned>(&self, words: &[&str]) -> Result<T, Failure> {
        let text = self.say(words)?;
        serde_json::from_str(&text).map_err(|error| failed(format!("decklog {}: {error}", words.join(" "))))
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where the demo starts verbs")]
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command.args(words).current_dir(&self.folder);
        command.env("DECKLOG_HOME", self.folder.join("home")).env("PWD", &self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Signals are taken by a thread, which ends everything before it ends this process. Every thread and child
    /// inherits that they are blocked; the supervisor undoes it for itself and for what it starts.
    fn end_on(&self, signals: SigSet) {
        let (folder, gate) = (self.folder.clone(), self.gate.clone());
        thread::spawn(move || {
            let Ok(signal) = signals.wait() else { return };
            let _never_opened_again = gate.lock();
            clear(&folder);
            std::process::exit(128 + signal as i32);
        });
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // In good order first: that is also how anybody else would end an instance.
        let _ = self.verb(&["daemon", "stop", "--any"]);
        let gate = self.gate.clone();
        let _never_opened_again = gate.lock();
        clear(&self.folder);
    }
}

/// Waits until something holds.
pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) -> Result<(), Failure> {
    let deadline = Deadline::after(Duration::from_secs(20));
    while !holds() {
        if deadline.passed() {
            return Err(failed(format!("it took too long: {what}")));
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// Kills what still runs of the instance, and removes its folder.
fn clear(folder: &Path) {
    let deadline = Deadline::after(SWEPT_WITHIN);
    loop {
        let left = processes_of(folder);
        for pid in &left {
            let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
        if left.is_empty() || deadline.passed() {
            break;
        }
        thread::sleep(PAUSE);
    }
    let _ = fs::remove_dir_all(folder);
}

/// The processes that have the folder's unique path among their words or variables: its supervisor, workers, jobs.
fn processes_of(folder: &Path) -> Vec<i32> {
    let own = std::process::id() as i32;
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let path = folder.as_os_str().as_bytes();
    let has_path = |pid: &i32| {
        ["environ", "cmdline"].iter().any(|file| {
            let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            // The whole name, not the beginning of another demo's.
            bytes
                .windows(path.len() + 1)
                .any(|window| window.starts_with(path) && matches!(window.last(), Some(0 | b'/')))
        })
    };
    pids.filter(|pid| *pid != own && process::is_running(*pid) && has_path(pid)).collect()
}

/// The demo could not go on.
pub(super) fn failed(text: impl Into<String>) -> Failure {
    Failure::new(Kind::Failed, text)
}
