//! The shell: a bare `decklog`. On a terminal a person types lines; else the lines of a script are read; where nobody
//! says anything it is the roster.
//!
//! A line is a verb, word for word as on the command line (see [`lines`]); each runs as a process of its own (see
//! [`verb`]), so that nothing that a verb does can end the shell. While a person types, news are printed above the prompt
//! (see [`listener`]). The shell itself changes nothing, holds no session, and ends none when it is left.

mod complete;
mod editor;
mod history;
mod lines;
mod listener;
mod news;
mod screen;
mod script;
mod verb;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use decklog_protocol::home::Home;
use decklog_protocol::message::{Reply, Request};
use rustyline::error::ReadlineError;

use crate::cli::ColorWhen;
use crate::client;
use crate::commands;
use crate::console::{self, Console};
use crate::error::Failure;
use crate::render::style::{Paint, Style};
use crate::render::text;
use crate::surroundings;

use editor::LineEditor;
use history::HistoryFile;
use lines::Line;
use listener::Desk;
use verb::{Obeyed, Runner};

pub(crate) use verb::begin_verb;

/// The prompt waits no longer than this for what it says.
const COUNTED_WITHIN: Duration = Duration::from_millis(150);
/// Verbs that say themselves how sessions ended: that is no news after them.
const TELL_ENDS: [&str; 5] = ["stop", "kill", "wait", "rm", "delete"];

/// Does what a bare `decklog` is for; returns the exit code.
pub(crate) fn enter(color: ColorWhen) -> u8 {
    // A line of a shell opens no other one.
    let purpose = if client::speaks_as_shell() { script::Purpose::Roster } else { script::purpose() };
    let result = match purpose {
        script::Purpose::Terminal => Shell::open(color).and_then(Shell::converse),
        script::Purpose::Script(lines) => script::run(lines, color),
        script::Purpose::Roster => Ok(roster(color)),
    };
    result.unwrap_or_else(|failure| {
        console::error(&failure.message());
        failure.code()
    })
}

fn roster(color: ColorWhen) -> u8 {
    let words = ["decklog", "ls"].into_iter().chain(verb::color_words(color));
    commands::run(words.map(Into::into))
}

/// A shell that a person types in.
struct Shell {
    home: Home,
    color: ColorWhen,
    editor: LineEditor,
    history: Option<HistoryFile>,
    runner: Runner,
    desk: Arc<Desk>,
}

impl Shell {
    fn open(color: ColorWhen) -> Result<Self, Failure> {
        client::speak_as_shell();
        verb::outlive_keys()?;
        let home = surroundings::home()?;
        let history = HistoryFile::at(home.shell_history());
        let typed = history.load().unwrap_or_else(|error| {
            console::warning(&format!("{} cannot be read: {error}", home.shell_history().display()));
            Vec::new()
        });
        let desk = Desk::new(home.clone(), color);
        Ok(Self {
            editor: editor::open(home.clone(), style(color), Arc::clone(&desk), typed)?,
            history: Some(history),
            runner: Runner::on_terminal(color)?,
            desk,
            home,
            color,
        })
    }

    /// Reads lines and does what they ask for, until one asks to leave.
    fn converse(mut self) -> Result<u8, Failure> {
        self.desk.listen();
        loop {
            self.print(&self.desk.take())?;
            let prompt = Prompt::new(self.blocked());
            let raw = prompt.text();
            let painted = prompt.painted(style(self.color));
            self.desk.begin_line(&raw, &painted);
            let line = self.editor.readline(&(raw.as_str(), painted.as_str()));
            self.desk.end_line();
            match line {
                Ok(typed) => {
                    self.remember(&typed);
                    let (lines, _) = lines::lines_of(&typed);
                    let column = (lines.len() == 1).then(|| text::width(&raw));
                    for line in lines {
                        if self.obey(line, column)? == Obeyed::Leave {
                            return Ok(0);
                        }
                    }
                }
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return Ok(0),
                Err(ReadlineError::Io(error)) if error.kind() == ErrorKind::InvalidData => {
                    console::note("what came is not UTF-8; the line was dropped");
                }
                Err(error) => return Err(editor::broken(error)),
            }
        }
    }

    /// Does what a line asks for. What is wrong with it is marked: below it, if it still stands behind the prompt.
    fn obey(&mut self, line: &str, column: Option<usize>) -> Result<Obeyed, Failure> {
        let read = match lines::read(line) {
            Ok(read) => read,
            Err(pointed) => {
                let width = style(self.color).width.unwrap_or(usize::MAX);
                let column =
                    column.filter(|column| column + text::width(line) < width && !line.contains('\n'));
                console::error(&match column {
                    Some(column) => pointed.mark(line, column) + "\n",
                    None => pointed.below(line, "  "),
                });
                return Ok(Obeyed::Done(2));
            }
        };
        let tells_ends = match &read {
            Line::Verb(words) if TELL_ENDS.contains(&words[0].as_str()) => words[1..].to_vec(),
            _ => Vec::new(),
        };
        let obeyed = self.runner.obey(read).unwrap_or_else(|failure| {
            console::error(&failure.message());
            Obeyed::Done(failure.code())
        });
        if !tells_ends.is_empty() {
            self.desk.was_told(&tells_ends);
        }
        let note = match obeyed {
            Obeyed::Quiet if self.desk.switch() => "news are off (\\quiet switches them on again)\n",
            Obeyed::Quiet => "news are on\n",
            Obeyed::KeepGoing => "lines that are typed always go on after failures\n",
            Obeyed::Done(_) | Obeyed::Leave => "",
        };
        self.print(note)?;
        Ok(obeyed)
    }

    /// Keeps a line for later. A file that cannot be written is said once.
    fn remember(&mut self, typed: &str) {
        let is_new = self.editor.add_history_entry(typed).unwrap_or(false);
        let Some(history) = self.history.as_ref().filter(|_| is_new) else { return };
        if let Err(error) = history.append(typed) {
            let path = self.home.shell_history();
            console::warning(&format!("{} cannot be written: {error}", path.display()));
            self.history = None;
        }
    }

    /// How many sessions need the person, if a supervisor runs and says so at once.
    fn blocked(&self) -> u64 {
        let reply = listener::ask_quietly(&self.home, &Request::Status, COUNTED_WITHIN);
        match reply {
            Some(Reply::Status(status)) => status.sessions.map_or(0, |sessions| sessions.blocked),
            _ => 0,
        }
    }

    fn print(&self, text: &str) -> Result<(), Failure> {
        let mut console = Console::new(self.color);
        console.screen(text)?;
        Ok(console.flush()?)
    }
}

fn style(color: ColorWhen) -> Style {
    Console::new(color).style()
}

/// What stands before the line that is being typed.
#[derive(Debug, Clone, Copy)]
struct Prompt {
    blocked: u64,
}

impl Prompt {
    fn new(blocked: u64) -> Self {
        Self { blocked }
    }

    fn text(self) -> String {
        self.painted(Style { color: false, width: None })
    }

    /// The same; what needs the person has the colour of what is blocked.
    fn painted(self, style: Style) -> String {
        match self.blocked {
            0 => "decklog › ".into(),
            blocked => format!("decklog {} › ", style.paint(Paint::Yellow, &format!("{blocked} blocked"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_says_what_needs_you() {
        assert_eq!(Prompt::new(0).text(), "decklog › ");
        assert_eq!(Prompt::new(2).text(), "decklog 2 blocked › ");
        let painted = Prompt::new(2).painted(Style { color: true, width: None });
        assert_eq!(painted, "decklog \u{1b}[33m2 blocked\u{1b}[0m › ");
    }
}
