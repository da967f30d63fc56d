//! Attached to sessions, on real terminals: what is typed reaches them, what they draw is seen, and nothing stays behind.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod support;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;
use support::{Instance, until};

const DETACH: &str = "\x1cd";
const TAKE_CONTROL: &str = "\x1ct";

/// What a person's terminal got.
struct Seen {
    screen: vt100::Parser,
    bytes: Vec<u8>,
}

/// A person at a terminal on which a verb runs.
struct Person {
    master: File,
    terminal: OwnedFd,
    before: Termios,
    seen: Arc<Mutex<Seen>>,
    child: Child,
}

impl Person {
    /// With a terminal of this size, and these words typed in it.
    fn at(instance: &Instance, columns: u16, rows: u16, words: &[&str]) -> Self {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let slave = || Stdio::from(pty.slave.try_clone().unwrap());
        let mut command = instance.command(words);
        command.stdin(slave()).stdout(slave()).stderr(slave()).env("TERM", "xterm-256color");
        let screen = vt100::Parser::new(rows.try_into().unwrap(), columns.try_into().unwrap(), 0);
        let seen = Arc::new(Mutex::new(Seen { screen, bytes: Vec::new() }));
        let before = tcgetattr(&pty.slave).unwrap();
        let child = command.spawn().unwrap();
        let master = File::from(pty.master);
        let mut reader = master.try_clone().unwrap();
        let seen_by_thread = Arc::clone(&seen);
        thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(read @ 1..) = reader.read(&mut buffer) {
                let mut seen = seen_by_thread.lock().unwrap();
                seen.screen.process(&buffer[..read]);
                seen.bytes.extend_from_slice(&buffer[..read]);
            }
        });
        Self { master, terminal: pty.slave, before, seen, child }
    }

    fn types(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    /// The screen as text.
    fn screen(&self) -> String {
        self.seen.lock().unwrap().screen.screen().contents()
    }

    fn bytes(&self) -> Vec<u8> {
        self.seen.lock().unwrap().bytes.clone()
    }

    /// Waits until this is on the screen.
    #[track_caller]
    fn sees(&self, text: &str) {
        self.sees_when(text, |screen| screen.contains(text));
    }

    /// Waits until this was shown, be it for a moment.
    #[track_caller]
    fn is_told(&self, text: &str) {
        self.sees_when(text, |_| self.bytes().windows(text.len()).any(|window| window == text.as_bytes()));
    }

    #[track_caller]
    fn sees_when(&self, what: &str, wanted: impl Fn(&str) -> bool) {
        let mut last = String::new();
        let watch = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until(what, || {
                last = self.screen();
                wanted(&last)
            });
        }));
        assert!(watch.is_ok(), "in vain: {what:?} on this screen:\n{last}");
    }

    /// The terminal gets another size, and the client hears of it as from a window.
    fn resizes(&mut self, columns: u16, rows: u16) {
        let path = fs::read_link(format!("/proc/self/fd/{}", self.terminal.as_raw_fd())).unwrap();
        stty(&path, columns, rows);
        let (rows, columns) = (rows.try_into().unwrap(), columns.try_into().unwrap());
        self.seen.lock().unwrap().screen.set_size(rows, columns);
        self.signals(Signal::SIGWINCH);
    }

    fn signals(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Waits for the end of the verb, and looks whether the terminal is as it was; the exit code, or 128 + the signal.
    #[track_caller]
    fn ends(&mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt as _;
        let mut status = None;
        until("the verb has ended", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert_eq!(tcgetattr(&self.terminal).unwrap(), self.before, "the terminal is set up as before");
        let status = status.unwrap();
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
    }

    /// That nothing is left of the session on the terminal.
    #[track_caller]
    fn has_its_terminal_back(&self) {
        self.sees_when("its own screen", |_| !self.seen.lock().unwrap().screen.screen().alternate_screen());
        let seen = self.seen.lock().unwrap();
        let screen = seen.screen.screen();
        assert!(!screen.hide_cursor() && !screen.bracketed_paste() && !screen.application_cursor());
        assert!(!screen.application_keypad());
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a terminal is resized by the tool for it")]
fn stty(path: &PathBuf, columns: u16, rows: u16) {
    let words = ["cols".to_owned(), columns.to_string(), "rows".to_owned(), rows.to_string()];
    let resized = Command::new("stty").arg("-F").arg(path).args(words).status().unwrap();
    assert!(resized.success());
}

/// Dispatches a line of shell with a full terminal.
fn dispatch_tty(instance: &Instance, name: &str, script: &str) -> String {
    instance.ok(&["dispatch", "--quiet", "--tty", "--name", name, "--exec", script]).trim().to_owned()
}

#[test]
fn what_is_typed_reaches_the_session_and_leaving_does_not_end_it() {
    let instance = Instance::new();
    let id = dispatch_tty(&instance, "echo", "echo ready; exec cat");
    let mut person = Person::at(&instance, 80, 24, &["attach", "echo"]);
    person.sees("ready");
    person.types("typed\r");
    person.sees("typed\ntyped");
    person.types(DETACH);
    assert_eq!(person.ends(), 0);
    person.has_its_terminal_back();
    person.sees(&format!("detached from {} echo; it goes on: decklog attach {}", &id[..8], &id[..8]));
    assert_eq!(instance.row("echo")["state"], "working");

    // Another time it is all still there, and Ctrl-C and Ctrl-D are the session's.
    let mut person = Person::at(&instance, 80, 24, &["attach", "echo"]);
    person.sees("typed\ntyped");
    person.types("\x04");
    assert_eq!(person.ends(), 0);
    person.sees("echo ended: exit 0 in ");
    person.has_its_terminal_back();
}

#[test]
fn the_session_has_the_size_of_the_terminal_that_controls_it() {
    let instance = Instance::new();
    dispatch_tty(&instance, "size", "trap 'stty size' WINCH; stty size; while :; do sleep 0.05; done");
    let mut person = Person::at(&instance, 91, 27, &["attach", "size"]);
    person.sees("27 91");
    person.resizes(70, 20);
    person.sees("20 70");
    person.types(DETACH);
    assert_eq!(person.ends(), 0);
}

#[test]
fn of_two_clients_one_watches_until_it_takes_control() {
    let instance = Instance::new();
    dispatch_tty(
        &instance,
        "two",
        "trap 'stty size' WINCH; echo ready; while :; do read -r line && echo \"got $line\"; done",
    );
    let mut first = Person::at(&instance, 80, 24, &["attach", "two"]);
    first.sees("ready");
    let mut second = Person::at(&instance, 60, 20, &["attach", "two"]);
    second.is_told("watching: 80x24, your terminal has 60x20");
    second.types("ignored\r");
    second.is_told("you only watch");
    first.types("one\r");
    first.sees("got one");
    second.sees("got one");
    assert!(!first.screen().contains("ignored"));
    second.types(TAKE_CONTROL);
    second.is_told("you control now");
    first.is_told("somebody else controls now");
    second.sees("20 60");
    second.types("two\r");
    first.sees("got two");
    // The first controls again when the second is gone.
    second.types(DETACH);
    assert_eq!(second.ends(), 0);
    first.is_told("you control now");
    first.types("three\r");
    first.sees("got three");
}

#[test]
fn a_full_screen_is_drawn_whole_and_its_end_shows_what_was_before() {
    let instance = Instance::new();
    let script = r"printf 'before'; read -r _; printf '\033[?1049h\033[2J\033[3;10HTITLE\033[10;1H\033[7mbar\033[0m\033[?25l\033[?1000h\033[?2004h'
        read -r _; printf '\033[?1049lafter'; read -r _";
    dispatch_tty(&instance, "full", script);
    instance.until("its first words", || instance.row("full")["summary"] == "before");
    assert_ne!(instance.ok(&["reply", "full", ""]), "");
    instance.until("it has drawn", || instance.ok(&["peek", "full"]).contains("bar"));
    let mut person = Person::at(&instance, 80, 24, &["attach", "full"]);
    person.sees("TITLE");
    assert_eq!(person.screen().trim_end(), format!("\n\n         TITLE{}bar", "\n".repeat(7)));
    let modes = |person: &Person| {
        let seen = person.seen.lock().unwrap();
        let screen = seen.screen.screen();
        (screen.hide_cursor(), screen.bracketed_paste(), screen.mouse_protocol_mode())
    };
    assert_eq!(modes(&person), (true, true, vt100::MouseProtocolMode::PressRelease));
    person.types("\r");
    person.sees("after");
    assert!(person.screen().starts_with("before"), "{}", person.screen());
    person.types(DETACH);
    assert_eq!(person.ends(), 0);
    person.has_its_terminal_back();
}

#[test]
fn a_supervisor_that_is_killed_is_replaced_under_the_client() {
    let instance = Instance::new();
    dispatch_tty(&instance, "goes-on", "while read -r line; do echo \"got $line\"; done");
    let mut person = Person::at(&instance, 80, 24, &["attach", "goes-on"]);
    person.types("one\r");
    person.sees("got one");
    instance.kill_supervisor();
    person.is_told("the supervisor was gone, another one goes on");
    person.types("two\r");
    person.sees("got two");
    assert_eq!(person.screen().matches("got one").count(), 1);
    person.types(DETACH);
    assert_eq!(person.ends(), 0);
    assert_eq!(instance.ok(&["logs", "goes-on"]).matches("got two").count(), 1);
}

#[test]
fn a_signal_puts_the_terminal_back() {
    let instance = Instance::new();
    dispatch_tty(&instance, "job", r"printf '\033[?1000h\033[?25l\033[?1hready'; exec cat");
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT] {
        let mut person = Person::at(&instance, 80, 24, &["attach", "job"]);
        person.sees("ready");
        person.signals(signal);
        assert_eq!(person.ends(), 128 + signal as i32);
        person.has_its_terminal_back();
    }
    assert_eq!(instance.row("job")["state"], "working");
}

#[test]
fn nothing_but_what_is_drawn_reaches_the_terminal() {
    let instance = Instance::new();
    let script = r"printf 'ready\n'; read -r _; printf 'a\033]0;title\007b\033]52;c;aGk=\033\\c\033[8;5;5td\033Pq~\033\\e\302\2350;x\302\234f\033[3J\n'; exec cat";
    dispatch_tty(&instance, "hostile", script);
    let mut person = Person::at(&instance, 80, 24, &["attach", "hostile"]);
    person.sees("ready");
    person.types("\r");
    person.sees("abcdef");
    person.types(DETACH);
    assert_eq!(person.ends(), 0);
    let bytes = person.bytes();
    let has = |what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
    for harmful in [b"\x1b]".as_slice(), b"title", b"aGk=", b"5;5t", b"\x1bP", b"\xc2\x9d", b"\x1b[3J"] {
        assert!(!has(harmful), "{:?}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn who_types_is_heard_amid_a_flood() {
    let instance = Instance::new();
    dispatch_tty(&instance, "flood", "trap 'exit 3' INT; echo ready; read -r _; yes");
    let mut person = Person::at(&instance, 80, 24, &["attach", "flood"]);
    person.sees("ready");
    person.types("\r");
    person.sees("y\ny\ny");
    person.types("\x03");
    assert_eq!(person.ends(), 0);
    person.sees("flood ended: exit 3");
    assert!(person.bytes().len() < 64 << 20, "what cannot be followed is not shown");
}

#[test]
fn a_job_without_a_terminal_is_only_watched() {
    let instance = Instance::new();
    instance.dispatch(
        "lines",
        "printf 'one\\ntwo\\n'; while [ ! -e go ]; do sleep 0.02; done; printf 'three\\nfour\\n'; sleep 600",
    );
    let mut person = Person::at(&instance, 60, 12, &["attach", "lines"]);
    person.is_told("watching lines: Ctrl-\\ d detaches");
    person.types("\x03");
    person.is_told("lines reads no input");
    fs::write(instance.folder().join("go"), "").unwrap();
    person.sees("one\ntwo\nthree\nfour");
    person.types(DETACH);
    assert_eq!(person.ends(), 0);
    let said = instance.fails(4, &["reply", "lines", "hello"]);
    assert!(said.contains("no-input") && said.contains("--tty"), "{said}");
}

#[test]
fn a_reply_is_typed_once_and_kept_in_the_log() {
    let instance = Instance::new();
    dispatch_tty(&instance, "asks", "echo ready; while read -r line; do echo \"got $line.\"; done");
    instance.until("it is ready", || instance.row("asks")["summary"] == "ready");
    let reply_id = instance.ok(&["reply", "asks", "yes, do"]);
    assert!(reply_id.trim().parse::<u64>().is_ok(), "{reply_id}");
    instance.until("it arrives", || instance.ok(&["peek", "asks"]).contains("got yes, do."));
    instance.kill_supervisor();
    let file = instance.folder().join("answer");
    fs::write(&file, "from a file\n").unwrap();
    instance.ok(&["reply", "asks", "--file", file.to_str().unwrap()]);
    let mut piped = instance.command(&["reply", "asks", "--file", "-"]);
    piped.stdin(File::open(&file).unwrap());
    assert_eq!(support::Running::of(piped).end().code, 0);
    let output = || instance.ok(&["logs", "asks"]);
    instance.until("both arrive", || output().matches("got from a file.").count() == 2);
    assert_eq!(output().matches("got yes, do.").count(), 1);
    let kinds = instance.ok(&["history", "asks", "--json", "--kind", "Replied,Delivered"]);
    assert_eq!((kinds.matches("\"Replied\"").count(), kinds.matches("\"Delivered\"").count()), (3, 3));
    assert!(kinds.contains("yes, do"));

    assert!(instance.fails(2, &["reply", "asks"]).contains("there is nothing to say"));
    instance.fails(3, &["reply", "nobody", "yes"]);
    fs::write(&file, b"\xff").unwrap();
    instance.fails(2, &["reply", "asks", "--file", file.to_str().unwrap()]);
    instance.ok(&["stop", "asks"]);
    assert!(instance.fails(4, &["reply", "asks", "yes"]).contains("not-running"));
}

#[test]
fn peek_shows_the_end_of_the_screen() {
    let instance = Instance::new();
    instance.dispatch(
        "lines",
        "for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo \"line $n\"; echo; done; printf '1%%\\r2%%'; sleep 600",
    );
    instance.until("all is printed", || instance.ok(&["peek", "lines"]).contains("2%"));
    let peeked = instance.ok(&["peek", "lines"]);
    let lines: Vec<_> = peeked.lines().collect();
    assert!(lines[0].starts_with("  ◐ ") && lines[0].contains("  lines  working  "), "{peeked}");
    assert_eq!(lines[1..].first().copied(), Some("    line 6"), "{peeked}");
    assert_eq!(lines[8], "    2%", "{peeked}");
    let json = instance.json(&["peek", "lines", "--json"]);
    assert_eq!((&json["name"], &json["state"]), (&"lines".into(), &"working".into()));
    assert_eq!(json["screen"].as_array().unwrap().last().unwrap(), "2%");
    assert!(json["columns"].is_u64() && json["rows"].is_u64() && json["waitingFor"].is_null());
    instance.ok(&["stop", "lines"]);
    let json = instance.json(&["peek", "lines", "--json"]);
    assert_eq!((&json["state"], &json["columns"]), (&"stopped".into(), &serde_json::Value::Null));
    assert_eq!(json["screen"].as_array().unwrap().last().unwrap(), "2%");
    assert_eq!(instance.row("lines")["runs"], 1, "nothing was started");
    instance.fails(3, &["peek", "nobody"]);
}

#[test]
fn a_dispatch_may_be_attached_to_at_once() {
    let instance = Instance::new();
    let words =
        ["dispatch", "--tty", "--attach", "--name", "now", "--exec", "echo ready; read -r line; exit 7"];
    let mut person = Person::at(&instance, 80, 24, &words);
    person.sees("ready");
    person.types("x\r");
    assert_eq!(person.ends(), 0);
    person.sees("now ended: exit 7 in ");
    person.sees("dispatched ");
    let mut short =
        Person::at(&instance, 80, 24, &["dispatch", "--attach", "--name", "short", "--exec", "true"]);
    assert_eq!(short.ends(), 0);
    short.sees("short ended: exit 0");
}

#[test]
fn without_a_terminal_nothing_is_done() {
    let instance = Instance::new();
    let said = instance.fails(2, &["dispatch", "--attach", "--exec", "true"]);
    assert!(said.contains("there is no terminal"), "{said}");
    assert_eq!(instance.json(&["ls", "--all", "--json"]), serde_json::json!([]));
    instance.dispatch("job", "true");
    let said = instance.fails(2, &["attach", "job"]);
    assert!(said.contains("decklog logs -f job") && said.contains("decklog reply job TEXT"), "{said}");
    instance.fails(2, &["dispatch", "--tty", "--pipes", "--exec", "true"]);
}

/// The size is the worker's to say, and a new supervisor has not heard it yet when the first client comes.
#[test]
fn a_new_supervisor_knows_the_size_of_the_terminal_before_it_shows_it() {
    let instance = Instance::new();
    instance.ok(&["dispatch", "--tty", "--quiet", "--name", "wide", "--exec", "cat"]);
    let mut person = Person::at(&instance, 117, 33, &["attach", "wide"]);
    person.types("here\r");
    person.sees("here");
    instance.until("it has the size", || instance.json(&["peek", "wide", "--json"])["columns"] == 117);
    person.types(DETACH);
    assert_eq!(person.ends(), 0);
    for _ in 0..10 {
        instance.kill_supervisor();
        let peeked = instance.json(&["peek", "wide", "--json"]);
        assert_eq!((&peeked["columns"], &peeked["rows"]), (&117.into(), &33.into()), "{peeked:#}");
    }
}
