//! A person's lines on a terminal.

#![expect(
    clippy::disallowed_methods,
    reason = "the shell needs a terminal of its own, which `setsid` gives it"
)]

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::{Instance, Running, is_running, kill_and_wait, until};

const PROMPT: &str = "decklog › ";

/// A shell on a terminal, and what it has printed.
struct Terminal {
    shell: Running,
    keys: File,
    printed: Arc<Mutex<Vec<u8>>>,
    /// What was looked at already.
    read: usize,
}

impl Terminal {
    fn open(instance: &Instance, variables: &[(&str, &str)]) -> Self {
        let size = nix::pty::Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = nix::pty::openpty(Some(&size), None).unwrap();
        let mut command = Command::new("setsid");
        command.args(["--ctty", env!("CARGO_BIN_EXE_decklog")]).env_clear().current_dir(instance.folder());
        command.env("PATH", std::env::var("PATH").unwrap()).env("TERM", "xterm").env("NO_COLOR", "1");
        command.env("HOME", instance.folder()).env("DECKLOG_HOME", instance.home()).env("LANG", "C.UTF-8");
        command.envs(variables.iter().copied());
        command.stdin(Stdio::from(pty.slave.try_clone().unwrap()));
        command.stdout(Stdio::from(pty.slave.try_clone().unwrap())).stderr(Stdio::from(pty.slave));
        let shell = Running::of(command);
        let printed = Arc::new(Mutex::new(Vec::new()));
        let (mut screen, into) = (File::from(pty.master.try_clone().unwrap()), Arc::clone(&printed));
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(read @ 1..) = screen.read(&mut piece) {
                into.lock().unwrap().extend_from_slice(&piece[..read]);
            }
        });
        Self { shell, keys: File::from(pty.master), printed, read: 0 }
    }

    fn keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until this is printed, behind all that was waited for before; returns what came until then.
    #[track_caller]
    fn sees(&mut self, text: &str) -> String {
        let mut until_then = String::new();
        let printed = Arc::clone(&self.printed);
        let read = self.read;
        until(&format!("{text:?} on the terminal"), || {
            let printed = String::from_utf8_lossy(&printed.lock().unwrap()[read..]).into_owned();
            let found = printed.find(text);
            until_then = found.map_or(printed.clone(), |at| printed[..at].to_owned());
            found.is_some()
        });
        self.read += until_then.len() + text.len();
        until_then
    }

    /// Enters a line and waits until the prompt is back; returns what was printed.
    #[track_caller]
    fn line(&mut self, line: &str) -> String {
        self.keys(&format!("{line}\r"));
        // The line is drawn once more when it is entered; then the editor gives the terminal back.
        self.sees("\u{1b}[?2004l");
        let printed = self.sees("\u{1b}[?2004h");
        self.sees(PROMPT);
        printed
    }

    /// Leaves by Ctrl-D.
    fn leave(mut self) {
        self.keys("\u{4}");
        assert_eq!(self.shell.end().code, 0);
    }
}

#[test]
fn a_session_of_a_person() {
    let instance = Instance::new();
    let mut terminal = Terminal::open(&instance, &[]);
    terminal.sees(PROMPT);
    let printed = terminal.line("! echo begins; while [ ! -e go ]; do sleep 0.02; done; exit 3");
    assert!(printed.contains("dispatched "), "{printed:?}");
    let id = instance.json(&["ls", "--json"])[0]["id"].as_str().unwrap().to_owned();
    instance.until("its first line", || instance.row(&id)["summary"] == "begins");
    // Ctrl-C ends the verb, and neither the shell nor the job.
    terminal.keys(&format!("logs -f {}\r", &id[..8]));
    terminal.sees("begins");
    terminal.keys("\u{3}");
    terminal.sees(PROMPT);
    assert!(is_running(instance.row(&id)["pid"].as_i64().unwrap() as i32));
    // Ctrl-C clears a line.
    terminal.keys("stop nothing");
    terminal.sees("stop nothing");
    terminal.keys("\u{3}");
    terminal.sees(PROMPT);
    // What is no text does no harm.
    terminal.keys.write_all(b"a\xff").unwrap();
    terminal.sees("not UTF-8");
    terminal.sees(PROMPT);
    // Tab completes verbs and names.
    terminal.keys("sh\t");
    terminal.sees("show ");
    terminal.keys("ech\t");
    terminal.sees("show echo-begins");
    terminal.keys("\u{15}");
    // News come above what is being typed, and it comes back.
    terminal.keys("stop bui");
    terminal.sees("stop bui");
    fs::write(instance.folder().join("go"), "").unwrap();
    let news = terminal.sees(&format!("✗ {} echo-begins", &id[..8]));
    assert!(!news.contains("bui"), "{news:?}");
    terminal.sees("failed · exit 3 in ");
    terminal.sees("decklog › stop bui");
    terminal.keys("\u{15}");
    // Wrong lines are marked.
    let printed = terminal.line("stpo build");
    assert!(printed.contains("          ^^^^ no such verb; did you mean stop?"), "{printed:?}");
    terminal.line("! while [ ! -e ever ]; do sleep 0.02; done");
    let live = instance.json(&["ls", "--json", "s:working"])[0]["id"].as_str().unwrap().to_owned();
    terminal.leave();
    assert_eq!(instance.row(&live)["state"], "working", "leaving stops nothing");
    let kept = fs::read_to_string(instance.home().join("shell_history")).unwrap();
    assert_eq!(kept.lines().nth(2), Some("stpo build"), "{kept}");
}

#[test]
fn lines_that_come_together_are_done_one_by_one() {
    let instance = Instance::new();
    let mut terminal = Terminal::open(&instance, &[]);
    terminal.sees(PROMPT);
    // As typed ahead, without the marks of a paste; the last one is not entered.
    terminal.keys("dispatch --quiet --name a\\ b --exec 'true\r:'\r exit-code\u{15}show nobo");
    terminal.sees("show nobo");
    terminal.keys("dy\r");
    terminal.sees("no session");
    terminal.sees(PROMPT);
    assert_eq!(instance.row("a b")["command"], "true\n:");
    terminal.leave();
    let kept = fs::read_to_string(instance.home().join("shell_history")).unwrap();
    assert_eq!(kept, "dispatch --quiet --name a\\\\ b --exec 'true\\n:'\nshow nobody\n");
}

#[test]
fn a_supervisor_that_is_killed_is_missed_and_comes_back() {
    let instance = Instance::new();
    let mut terminal = Terminal::open(&instance, &[]);
    terminal.sees(PROMPT);
    terminal.line("dispatch --name first --exec true");
    // Who missed it must have heard it before.
    terminal.sees("first · done");
    terminal.line("! echo begins; while [ ! -e go ]; do sleep 0.02; done");
    let id = instance.json(&["ls", "--json", "s:working"])[0]["id"].as_str().unwrap().to_owned();
    instance.until("its first line", || instance.row(&id)["summary"] == "begins");
    instance.kill_supervisor();
    fs::write(instance.folder().join("go"), "").unwrap();
    terminal.line("version");
    // Any verb starts the next one, in this shell or another.
    instance.finished(std::slice::from_ref(&id));
    terminal.sees(&format!("supervisor is back (pid {})", instance.supervisor()));
    terminal.sees(&format!("✓ {} echo-begins", &id[..8]));
    terminal.leave();
}

#[test]
fn what_the_person_did_is_no_news() {
    let instance = Instance::new();
    let mut terminal = Terminal::open(&instance, &[]);
    terminal.sees(PROMPT);
    terminal.line("dispatch --name mine --exec 'sleep 1000'");
    terminal.line("dispatch --name other --exec 'while [ ! -e go ]; do sleep 0.02; done'");
    let printed = terminal.line("stop mine");
    assert!(printed.contains("mine · stopped"), "{printed:?}");
    fs::write(instance.folder().join("go"), "").unwrap();
    let before = terminal.sees("other · done");
    assert!(!before.contains("mine"), "{before:?}");
    let printed = terminal.line("\\quiet");
    assert!(printed.contains("news are off"), "{printed:?}");
    terminal.line("dispatch --quiet --name third --exec true");
    instance.run(&["wait", "third"]);
    assert!(terminal.line("\\quiet").contains("news are on"));
    terminal.line("dispatch --quiet --name fourth --exec 'sleep 0.3'");
    let before = terminal.sees("fourth · done");
    assert!(!before.contains("third ·"), "{before:?}");
    terminal.leave();
}

#[test]
fn a_terminal_that_can_do_little_is_enough() {
    let instance = Instance::new();
    let mut terminal = Terminal::open(&instance, &[("TERM", "dumb")]);
    terminal.sees(PROMPT);
    terminal.keys("dispatch --quiet --name job --exec true\r");
    terminal.sees(PROMPT);
    instance.finished(&["job".into()]);
    until("the news", || {
        terminal.keys("version\r");
        terminal.sees("decklog 0");
        terminal.sees(PROMPT).contains("job · done")
    });
    let printed = String::from_utf8_lossy(&terminal.printed.lock().unwrap()).into_owned();
    assert!(!printed.contains('\u{1b}'), "{printed:?}");
    terminal.leave();
}

#[test]
fn a_shell_that_is_killed_takes_nothing_with_it() {
    let instance = Instance::new();
    let mut terminal = Terminal::open(&instance, &[]);
    terminal.sees(PROMPT);
    terminal.line("dispatch --name job --exec 'sleep 1000'");
    terminal.keys("logs -f job\r");
    kill_and_wait_of(&terminal);
    assert_eq!(instance.row("job")["state"], "working");
    assert!(Path::new(&instance.home().join("shell_history")).exists());
}

fn kill_and_wait_of(terminal: &Terminal) {
    kill_and_wait(terminal.shell.pid());
}
