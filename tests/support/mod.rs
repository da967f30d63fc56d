//! An instance for one test: a fresh DECKLOG_HOME, the real binary with a deadline, and an end that leaves nothing
//! running even when the test fails. Tests wait for states, never for time.

#![expect(clippy::disallowed_methods, reason = "tests start the binary, and bound how long it may take")]
#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// A verb, or a state that is waited for, takes no longer than this on the slowest machine.
const DEADLINE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(5);

/// A separate instance.
pub(crate) struct Instance {
    folder: TempDir,
    home: PathBuf,
}

/// What a verb said, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; 128 + the signal if it was killed.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) stdout: Vec<u8>,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Ran {
    /// Standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("what people read is UTF-8")
    }

    /// The same, after asserting the exit code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// The JSON document on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Instance {
    /// A fresh one.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("decklog-test-").tempdir().unwrap();
        let home = folder.path().join("home");
        Self { folder, home }
    }

    /// One whose home is this folder.
    pub(crate) fn at(home: PathBuf) -> Self {
        let mut instance = Self::new();
        instance.home = home;
        instance
    }

    /// One whose home has a path that no socket address holds.
    pub(crate) fn with_long_path() -> Self {
        let mut instance = Self::new();
        instance.home = instance.folder().join("a-long-name-".repeat(8)).join("another-".repeat(12));
        fs::create_dir_all(&instance.home).unwrap();
        instance
    }

    /// Its DECKLOG_HOME.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// A folder of the test's own; verbs run in it.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The binary with these words, not started yet.
    pub(crate) fn command<W: AsRef<OsStr>>(&self, words: &[W]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_decklog"));
        command.args(words).env_clear().current_dir(self.folder());
        let binaries = Path::new(env!("CARGO_BIN_EXE_decklog")).parent().expect("a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", binaries.display()));
        command.env("HOME", self.folder()).env("DECKLOG_HOME", &self.home).env("LANG", "C.UTF-8");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The same, started by a shell that does this line first: a umask, a limit.
    pub(crate) fn command_after<W: AsRef<OsStr>>(&self, line: &str, words: &[W]) -> Command {
        let plain = self.command(words);
        let mut command = shell(&format!("{line}; exec \"$0\" \"$@\""));
        command.arg(plain.get_program()).args(plain.get_args()).current_dir(self.folder());
        command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts a verb.
    pub(crate) fn start<W: AsRef<OsStr>>(&self, words: &[W]) -> Running {
        Running::of(self.command(words))
    }

    /// Runs a verb to its end.
    pub(crate) fn run<W: AsRef<OsStr>>(&self, words: &[W]) -> Ran {
        self.start(words).end()
    }

    /// Runs a verb that must succeed and say nothing on standard error; returns what it prints.
    pub(crate) fn ok<W: AsRef<OsStr>>(&self, words: &[W]) -> String {
        let ran = self.run(words);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
        ran.text()
    }

    /// Runs a verb that must succeed; returns the JSON that it prints.
    pub(crate) fn json<W: AsRef<OsStr>>(&self, words: &[W]) -> Value {
        let ran = self.run(words);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.json()
    }

    /// Runs a verb that must fail with this code and print nothing; returns what it says on standard error.
    pub(crate) fn fails<W: AsRef<OsStr>>(&self, code: i32, words: &[W]) -> String {
        let ran = self.run(words);
        assert_eq!((ran.code, ran.text().as_str()), (code, ""), "{ran:?}");
        assert_ne!(ran.stderr, "", "a failure says why");
        ran.stderr
    }

    /// Dispatches a line of shell under a name; returns the full id.
    pub(crate) fn dispatch(&self, name: &str, script: &str) -> String {
        self.ok(&["dispatch", "--quiet", "--name", name, "--exec", script]).trim().to_owned()
    }

    /// Dispatches a line of shell under a made name; returns the full id.
    #[track_caller]
    pub(crate) fn exec(&self, line: &str) -> String {
        self.ok(&["dispatch", "--quiet", "--exec", line]).trim().to_owned()
    }

    /// Waits until these sessions are finished, however they finished.
    #[track_caller]
    pub(crate) fn finished(&self, ids: &[String]) {
        let ran = self.run(&[&["wait".to_owned()], ids].concat());
        assert!(matches!(ran.code, 0 | 1), "{ran:?}");
    }

    /// The row of a session, once it is as wanted.
    #[track_caller]
    pub(crate) fn row_when(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut row = Value::Null;
        self.until(what, || {
            row = self.row(id);
            wanted(&row)
        });
        row
    }

    /// Dispatches a job that goes on until it is told to end, and waits until it runs.
    pub(crate) fn dispatch_until_told(&self, name: &str) {
        let script = format!("echo begins; while [ ! -e {name}.go ]; do sleep 0.02; done; echo ends");
        self.dispatch(name, &script);
        self.until("its first line", || self.row(name)["summary"] == "begins");
    }

    /// Lets a job of [`Self::dispatch_until_told`] end.
    pub(crate) fn tell(&self, name: &str) {
        fs::write(self.folder().join(format!("{name}.go")), "").unwrap();
    }

    /// The row of a session.
    pub(crate) fn row(&self, id: &str) -> Value {
        self.json(&["show", "--json", id])
    }

    /// The supervisor's process.
    pub(crate) fn supervisor(&self) -> i32 {
        let pid = self.json(&["daemon", "status", "--json"])["pid"].as_i64();
        pid.expect("a supervisor runs") as i32
    }

    /// Kills the supervisor as a crash would.
    pub(crate) fn kill_supervisor(&self) {
        kill_and_wait(self.supervisor());
    }

    /// How many folders of sessions there are, less that of the worker that is kept for the next dispatch.
    pub(crate) fn job_folders(&self) -> usize {
        let folders = fs::read_dir(self.home.join("jobs")).unwrap().flatten();
        folders.filter(|folder| folder.path().join("environment").exists()).count()
    }

    /// What runs besides the supervisor and the worker that it keeps for the next dispatch.
    pub(crate) fn strays(&self) -> Vec<i32> {
        let supervisor = self.supervisor();
        let waits = |pid: i32| {
            let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = words.split(|byte| *byte == 0).skip(1).map(OsStr::from_bytes);
            let folder = words.next().filter(|word| *word == "worker").and_then(|_| words.next());
            folder.is_some_and(|folder| !Path::new(folder).join("environment").exists())
        };
        let all = processes_of(self.folder()).into_iter();
        all.filter(|pid| *pid != supervisor && !waits(*pid)).collect()
    }

    /// Waits until something holds.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, holds: impl FnMut() -> bool) {
        until(&format!("{what}, in {}", self.folder().display()), holds);
    }
}

/// A line of shell, whose words come after it, not started yet.
pub(crate) fn shell(line: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", line]);
    command
}

/// Waits until something holds.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < DEADLINE, "in vain: {what}");
        thread::sleep(PAUSE);
    }
}

/// Says, past whatever captures a test's output, that something could not be checked here.
pub(crate) fn skipped(what: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}");
}

/// Runs one test of this binary again, as the role of its own name, on a memory file system of this size (`8m`) that is
/// mounted on `folder` in a namespace of its own. False, and said so, where this system lets nobody make one.
#[track_caller]
pub(crate) fn on_a_disk_of(size: &str, folder: &Path, test: &str) -> bool {
    const MOUNT: &str = "mount -t tmpfs -o size=\"$1\" none \"$2\" || exit 77; shift 2; exec \"$@\"";
    let ran = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh", size])
        .arg(folder)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(DISK, folder)
        .output();
    let (text, began) = match &ran {
        Ok(output) => {
            let text = [&output.stdout[..], &output.stderr].concat();
            (String::from_utf8_lossy(&text).into_owned(), !output.stdout.is_empty())
        }
        Err(error) => (error.to_string(), false),
    };
    match ran {
        Ok(output) if began => assert!(output.status.success(), "{text}"),
        _ => skipped(&format!("{test}: no small disk to be had: {text}")),
    }
    began
}

/// The folder of the small disk, in the role of [`on_a_disk_of`].
pub(crate) fn small_disk() -> Option<PathBuf> {
    std::env::var_os(DISK).map(PathBuf::from)
}

const DISK: &str = "DECKLOG_TEST_DISK";

/// Kills a process by its number and waits until it is gone.
#[track_caller]
pub(crate) fn kill_and_wait(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    until("a killed process is gone", || !is_running(pid));
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

impl Drop for Instance {
    fn drop(&mut self) {
        // What is left is ended by pid: supervisor, workers and jobs all have the folder's unique path in their words
        // or variables.
        let begin = Instant::now();
        loop {
            let mut left = processes_of(self.folder());
            left.extend(processes_of(&self.home));
            for pid in &left {
                let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
            }
            if left.is_empty() || begin.elapsed() > DEADLINE {
                return;
            }
            thread::sleep(PAUSE);
        }
    }
}

/// A verb that runs on a terminal of its own: with its input and output, so that keys can be pressed and what it shows be
/// looked at while it runs.
pub(crate) struct OnTerminal {
    pub(crate) running: Running,
    terminal: fs::File,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl OnTerminal {
    /// Starts it on a terminal of this size.
    pub(crate) fn start(mut command: Command, columns: u16, rows: u16) -> Self {
        // Closed in whatever another test starts meanwhile: its end is seen when this verb has ended.
        let open = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let master = nix::pty::posix_openpt(open).unwrap();
        nix::pty::grantpt(&master).unwrap();
        nix::pty::unlockpt(&master).unwrap();
        let path = nix::pty::ptsname_r(&master).unwrap();
        let slave = || {
            let mut options = fs::OpenOptions::new();
            options.read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(&path).unwrap()
        };
        let terminal = slave();
        set_size(&terminal, columns, rows);
        command.stdin(slave()).stdout(slave()).stderr(terminal);
        if !command.get_envs().any(|(name, _)| name == "TERM") {
            command.env("TERM", "xterm-256color");
        }
        let master = fs::File::from(std::os::fd::OwnedFd::from(master));
        let running = Running::of(command);
        let terminal = master;
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut reads, keeps) = (terminal.try_clone().unwrap(), shown.clone());
        let reader = thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(read @ 1..) = reads.read(&mut piece) {
                keeps.lock().unwrap().extend_from_slice(&piece[..read]);
            }
        });
        Self { running, terminal, shown, reader: Some(reader) }
    }

    /// Everything that it has shown so far.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// What it painted last: the lines after the cursor went home.
    pub(crate) fn painted(&self) -> String {
        let shown = self.shown();
        let last = shown.rsplit("\u{1b}[H").find(|frame| frame.contains("\u{1b}[J")).unwrap_or_default();
        last.replace("\u{1b}[K", "").replace("\u{1b}[J", "").replace("\r\n", "\n")
    }

    /// Waits until what it painted last is as wanted.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) {
        let begin = Instant::now();
        while !wanted(&self.painted()) {
            assert!(begin.elapsed() < DEADLINE, "in vain: {what}: {:?}", self.shown());
            thread::sleep(PAUSE);
        }
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }

    /// Gives it another size, as a window does.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        set_size(&self.terminal, columns, rows);
        // It leads no session of its own, so the terminal does not tell it.
        kill(Pid::from_raw(self.running.pid()), Signal::SIGWINCH).unwrap();
    }

    /// How the terminal is set.
    pub(crate) fn modes(&self) -> nix::sys::termios::Termios {
        nix::sys::termios::tcgetattr(&self.terminal).unwrap()
    }

    /// Waits for its end; returns its exit code.
    pub(crate) fn end(mut self) -> (i32, String) {
        let status = self.running.wait();
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        // Its side of the terminal is closed: what it showed can be read to its end.
        self.reader.take().into_iter().for_each(|reader| reader.join().unwrap());
        (code, self.shown())
    }
}

fn set_size(terminal: &fs::File, columns: u16, rows: u16) {
    let mut stty = Command::new("stty");
    stty.args(["rows", &rows.to_string(), "cols", &columns.to_string()]);
    assert!(stty.stdin(terminal.try_clone().unwrap()).status().unwrap().success());
}

/// A verb that runs. One that is not waited for is killed.
pub(crate) struct Running {
    child: Child,
    stdout: Option<thread::JoinHandle<Vec<u8>>>,
    stderr: Option<thread::JoinHandle<Vec<u8>>>,
}

impl Running {
    /// Starts it.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().map(read_all);
        let stderr = child.stderr.take().map(read_all);
        Self { child, stdout, stderr }
    }

    /// Starts it with its standard output and its standard error on one terminal.
    pub(crate) fn all_on_terminal(mut command: Command) -> Self {
        let pty = nix::pty::openpty(None, None).unwrap();
        for end in [&pty.master, &pty.slave] {
            // Else what another test starts meanwhile holds it open.
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        let slave = pty.slave.try_clone().unwrap();
        command.stdout(Stdio::from(pty.slave)).stderr(Stdio::from(slave)).env("TERM", "xterm-256color");
        let mut running = Self::of(command);
        running.stdout = Some(read_all(fs::File::from(pty.master)));
        running
    }

    /// Starts it with its standard output on a terminal of this width.
    pub(crate) fn on_terminal(mut command: Command, columns: u16) -> Self {
        let size = nix::pty::Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = nix::pty::openpty(Some(&size), None).unwrap();
        command.stdout(Stdio::from(pty.slave)).env("TERM", "xterm-256color");
        let mut running = Self::of(command);
        running.stdout = Some(read_all(fs::File::from(pty.master)));
        running
    }

    /// Its process.
    pub(crate) fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ran {
        let status = self.wait();
        let joined = |thread: Option<thread::JoinHandle<Vec<u8>>>| {
            thread.map(|thread| thread.join().unwrap()).unwrap_or_default()
        };
        let stdout = joined(self.stdout.take());
        let stderr = String::from_utf8_lossy(&joined(self.stderr.take())).into_owned();
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        Ran { code, stdout, stderr }
    }

    fn wait(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < DEADLINE, "it did not end");
            thread::sleep(PAUSE);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_all(mut from: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A terminal whose other side is closed ends with an error.
        let _ = from.read_to_end(&mut bytes);
        bytes
    })
}

/// Whether a process runs: one that has ended and was not waited for does not.
pub(crate) fn is_running(pid: i32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(['Z', 'X']))
}

/// The processes with this folder's path among their words or variables.
pub(crate) fn processes_of(folder: &Path) -> Vec<i32> {
    let own = std::process::id() as i32;
    let path = folder.as_os_str().as_bytes();
    let has_path = |pid: &i32| {
        ["environ", "cmdline"].iter().any(|file| {
            let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            bytes.windows(path.len()).any(|window| window == path)
        })
    };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| *pid != own && is_running(*pid) && has_path(pid)).collect()
}
