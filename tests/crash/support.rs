//! What every end-to-end test needs: an instance of its own, the real binary, and an end for everything that it started.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// A state that has not come by then will not come. Generous: the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A separate instance in a folder of its own. Dropping it ends every process that belongs to it.
pub(crate) struct Instance {
    folder: TempDir,
}

/// What a run of the binary gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Asserts the exit code; shows everything if it is another.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The one JSON document on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Instance {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::Builder::new().prefix("decklog-test-").tempdir().expect("a temp folder") }
    }

    /// The folder that is `DECKLOG_HOME`.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A folder for a test's own files.
    pub(crate) fn work(&self) -> PathBuf {
        let work = self.folder.path().join("work");
        fs::create_dir_all(&work).expect("a folder can be made");
        work
    }

    /// The binary with these arguments, in a cleared environment.
    #[allow(clippy::disallowed_methods, reason = "the one place where tests start the binary")]
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_decklog"));
        command.args(arguments).env_clear().current_dir(self.work()).stdin(Stdio::null());
        let binaries = Path::new(env!("CARGO_BIN_EXE_decklog")).parent().expect("a folder");
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", binaries.display());
        command.env("PATH", path).env("HOME", self.folder.path()).env("DECKLOG_HOME", self.home());
        command
    }

    /// Runs the binary to its end.
    #[track_caller]
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Ran {
        let mut command = self.command(arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        finish(child)
    }

    /// Runs a verb that must succeed and gives its JSON document.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.run(arguments).code(0).json()
    }

    /// Dispatches a shell line; gives its full id.
    #[track_caller]
    pub(crate) fn dispatch(&self, line: &str) -> String {
        self.run(&["dispatch", "--quiet", "--exec", line]).code(0).stdout.trim().to_owned()
    }

    /// The row of a session.
    #[track_caller]
    pub(crate) fn row(&self, id: &str) -> Value {
        self.json(&["show", id, "--json"])
    }

    /// Waits until the row of a session is as wanted.
    #[track_caller]
    pub(crate) fn row_when(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut row = Value::Null;
        until(what, || {
            row = self.row(id);
            wanted(&row)
        });
        row
    }

    /// Waits until these sessions are finished, however they finished.
    #[track_caller]
    pub(crate) fn finished(&self, ids: &[String]) {
        let mut arguments = vec!["wait", "--timeout", "60s"];
        arguments.extend(ids.iter().map(String::as_str));
        let ran = self.run(&arguments);
        assert!(matches!(ran.code, 0 | 1), "{ran:?}");
    }

    /// The supervisor's process number. One is started if there is none.
    #[track_caller]
    pub(crate) fn supervisor(&self) -> i32 {
        self.run(&["ls"]).code(0);
        let status = self.json(&["daemon", "status", "--json"]);
        status["pid"].as_i64().expect("a running supervisor has a pid") as i32
    }

    /// Kills the supervisor and waits until it is gone.
    #[track_caller]
    pub(crate) fn kill_supervisor(&self) {
        kill_and_wait(self.supervisor());
    }

    /// Every process that was started by or for this instance: known by its folder, which no other has.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let folder = self.folder.path().as_os_str().as_encoded_bytes();
        let names = |bytes: &[u8]| bytes.windows(folder.len()).any(|window| window == folder);
        let own = std::process::id() as i32;
        let items = fs::read_dir("/proc").expect("/proc is there").flatten();
        items
            .filter_map(|item| item.file_name().to_str()?.parse::<i32>().ok())
            .filter(|pid| *pid != own && !is_zombie(*pid))
            .filter(|pid| {
                let file = |name| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
                names(&file("environ")) || names(&file("cmdline"))
            })
            .collect()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // Again and again: what is being killed may just be starting something.
        for _ in 0..50 {
            let processes = self.processes();
            if processes.is_empty() {
                return;
            }
            for pid in processes {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            thread::yield_now();
        }
    }
}

/// Waits for a process that was started with piped output.
#[track_caller]
pub(crate) fn finish(mut child: Child) -> Ran {
    let read = |stream: Option<Box<dyn std::io::Read + Send>>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            stream.map(|mut stream| stream.read_to_end(&mut bytes));
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let stdout = read(child.stdout.take().map(|stream| Box::new(stream) as _));
    let stderr = read(child.stderr.take().map(|stream| Box::new(stream) as _));
    let status = exit_of(&mut child);
    let code = status.code().unwrap_or(-1);
    Ran {
        code,
        stdout: stdout.join().expect("the reader ends"),
        stderr: stderr.join().expect("the reader ends"),
    }
}

#[track_caller]
fn exit_of(child: &mut Child) -> ExitStatus {
    let mut status = None;
    let ended = holds_within(DEADLINE, || {
        status = child.try_wait().expect("our own child can be waited for");
        status.is_some()
    });
    if !ended {
        let _ = child.kill();
        panic!("the binary did not end");
    }
    status.expect("it ended")
}

/// Waits until something holds.
#[track_caller]
pub(crate) fn until(what: &str, holds: impl FnMut() -> bool) {
    assert!(holds_within(DEADLINE, holds), "not within {DEADLINE:?}: {what}");
}

#[allow(clippy::disallowed_methods, reason = "a deadline for what must come, never a measure of how fast")]
fn holds_within(deadline: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < deadline {
        if holds() {
            return true;
        }
        thread::park_timeout(Duration::from_millis(2));
    }
    false
}

/// Whether a process is there and not just a zombie.
pub(crate) fn is_alive(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists() && !is_zombie(pid)
}

fn is_zombie(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, fields)| fields.trim_start().starts_with(['Z', 'X']))
}

/// Kills a process by its number and waits until it is gone.
#[track_caller]
pub(crate) fn kill_and_wait(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it is there");
    until("a killed process is gone", || !is_alive(pid));
}

/// A number that a row has.
#[track_caller]
pub(crate) fn number(row: &Value, key: &str) -> i64 {
    row[key].as_i64().unwrap_or_else(|| panic!("{key} is no number: {row:#}"))
}

/// The time that a row has, in milliseconds since 1970.
#[track_caller]
pub(crate) fn time(row: &Value, key: &str) -> i64 {
    let text = row[key].as_str().unwrap_or_else(|| panic!("{key} is no time: {row:#}"));
    text.parse::<jiff::Timestamp>().expect("RFC 3339").as_millisecond()
}
