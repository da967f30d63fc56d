//! Running a line: a verb is a process of its own, of this same binary, in the foreground.
//!
//! Why a process: Ctrl-C must end `logs -f` and `wait` and leave the shell; so must a broken pipe, a panic, and
//! `daemon run`, which is the supervisor until it ends. Shell and verb are one group of processes, so that Ctrl-Z stops
//! both. The shell blocks the signals that the terminal's keys send; a verb takes them again as its first act.

use std::io::IsTerminal as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::termios::{self, SetArg, Termios};

use super::lines::Line;
use crate::cli::ColorWhen;
use crate::client;
use crate::console::{self, Console};
use crate::error::{Failure, Kind};
use crate::role;
use crate::surroundings;

const HELP: &str = "\
In the shell a line is a verb and its words; `decklog` before them may be left out.

  ! CMD                 dispatch a job: CMD as it is typed, for sh
  s:failed, n:NAME ..   list: as ls with these words
  cd DIR                another directory for what is dispatched from here on
  \\quiet                news above the prompt off, or on again
  exit, Ctrl-D          leave; sessions go on

  Tab completes; Ctrl-R searches what was typed; Ctrl-C clears the line, or ends the verb that runs.";

/// The signals of the terminal's keys: they are for the verb that runs.
fn of_keys() -> SigSet {
    SigSet::from_iter([Signal::SIGINT, Signal::SIGQUIT])
}

/// From here on keys do not end this process. Before any thread is started: each has what its maker had.
pub(super) fn outlive_keys() -> Result<(), Failure> {
    of_keys()
        .thread_block()
        .map_err(|error| Failure::new(Kind::Failed, format!("cannot block signals: {error}")))
}

/// This process does one verb for the shell that started it.
pub(crate) fn begin_verb() {
    client::speak_as_shell();
    let _ = of_keys().thread_unblock();
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obeyed {
    /// It was done, or failed: its exit code.
    Done(u8),
    /// It asks to leave.
    Leave,
    /// It asks for news, or for none.
    Quiet,
    /// It asks to go on after failures.
    KeepGoing,
}

/// Who runs lines.
#[derive(Debug)]
pub(super) struct Runner {
    color: ColorWhen,
    /// The terminal as it was before the first verb; `None` in a script.
    terminal: Option<Termios>,
    /// Where verbs run, by the name that the person knows.
    directory: PathBuf,
    before: Option<PathBuf>,
}

impl Runner {
    /// For lines that a person types.
    pub(super) fn on_terminal(color: ColorWhen) -> Result<Self, Failure> {
        let terminal = termios::tcgetattr(std::io::stdin()).ok();
        Ok(Self { terminal, ..Self::of_script(color)? })
    }

    /// For the lines of a script.
    pub(super) fn of_script(color: ColorWhen) -> Result<Self, Failure> {
        Ok(Self { color, terminal: None, directory: surroundings::working_directory()?, before: None })
    }

    /// Does what a line asks for.
    pub(super) fn obey(&mut self, line: Line) -> Result<Obeyed, Failure> {
        match line {
            Line::Nothing => Ok(Obeyed::Done(0)),
            Line::Leave => Ok(Obeyed::Leave),
            Line::Quiet => Ok(Obeyed::Quiet),
            Line::KeepGoing => Ok(Obeyed::KeepGoing),
            Line::Directory(to) => self.go_to(to.as_deref()),
            Line::Verb(words) => self.run(&words).map(Obeyed::Done),
            Line::Help => {
                let code = self.run(&["help".into()])?;
                let mut console = Console::new(self.color);
                console.screen(&format!("\n{HELP}\n"))?;
                console.flush()?;
                Ok(Obeyed::Done(code))
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where the shell runs verbs")]
    fn run(&self, words: &[String]) -> Result<u8, Failure> {
        // Not the path that was typed: the file there may be another by now.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("decklog").arg(role::IN_SHELL).args(color_words(self.color)).args(words);
        command.env("PWD", &self.directory);
        if self.terminal.is_none() {
            // What comes there are the lines of the script.
            command.stdin(Stdio::null());
        }
        let status = command
            .status()
            .map_err(|error| Failure::new(Kind::Failed, format!("the verb cannot be run: {error}")))?;
        if let Some(terminal) = &self.terminal {
            // A verb that was killed may have left it as only that verb needs it.
            let _ = termios::tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, terminal);
            if status.signal().is_some() && std::io::stderr().is_terminal() {
                // The next prompt would stand on what was printed last.
                console::error("\n");
            }
        }
        let signal = status.signal().map(|signal| 128 + signal);
        Ok(status.code().or(signal).unwrap_or_default() as u8)
    }

    /// Changes the directory of this process and of every verb from here on.
    fn go_to(&mut self, to: Option<&str>) -> Result<Obeyed, Failure> {
        let target = match to {
            Some("-") => {
                self.before.clone().ok_or_else(|| Failure::usage("there was no directory before this one"))?
            }
            Some(path) => self.directory.join(with_home(path)?),
            None => with_home("~")?,
        };
        let gone = std::env::set_current_dir(&target).and_then(|()| std::env::current_dir());
        let arrived = gone.map_err(|error| {
            Failure::new(Kind::Failed, format!("cannot go to {}: {error}", target.display()))
        })?;
        self.before = Some(std::mem::replace(&mut self.directory, arrived));
        Ok(Obeyed::Done(0))
    }
}

/// A path with `~` in its place.
pub(super) fn with_home(path: &str) -> Result<PathBuf, Failure> {
    let rest = match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest.trim_start_matches('/'),
        _ => return Ok(PathBuf::from(path)),
    };
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let home = home.ok_or_else(|| Failure::usage("HOME is not set").hint("cd DIR goes to DIR"))?;
    Ok(Path::new(&home).join(rest))
}

/// What every verb is told of colours.
pub(super) fn color_words(color: ColorWhen) -> Option<&'static str> {
    match color {
        ColorWhen::Auto => None,
        ColorWhen::Always => Some("--color=always"),
        ColorWhen::Never => Some("--color=never"),
    }
}
