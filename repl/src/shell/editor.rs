//! The line that is being typed: completion, hints, colours, and when it is whole. What each of them says is decided in
//! [`super::complete`] and [`super::lines`]; this binds them to the line editor, and keeps account of what it draws.

use std::borrow::Cow;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use decklog_protocol::home::Home;
use decklog_protocol::message::Request;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::history::MemHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{ColorMode, CompletionType, Config, Context, Editor, Helper};

use super::complete::{self, Known};
use super::history::LINES_MAX;
use super::listener::{Desk, rows_quietly};
use super::{lines, verb};
use crate::error::{Failure, Kind};
use crate::render::style::{Paint, Style};
use crate::render::text;

/// Of what has finished only the newest is offered.
const OFFERED_MOST: u64 = 500;
/// Nobody waits longer for what Tab offers.
const OFFERED_WITHIN: Duration = Duration::from_millis(500);

/// The editor of lines of a shell.
pub(super) type LineEditor = Editor<Typist, MemHistory>;

/// An editor with these lines to go back to.
pub(super) fn open(
    home: Home,
    style: Style,
    desk: Arc<Desk>,
    history: Vec<String>,
) -> Result<LineEditor, Failure> {
    let config = Config::builder()
        .max_history_size(LINES_MAX)
        .map_err(broken)?
        .history_ignore_dups(true)
        .map_err(broken)?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        // Else it would not say what it draws. There is no colour where we paint none.
        .color_mode(ColorMode::Forced)
        .build();
    let mut editor =
        Editor::with_history(config.clone(), MemHistory::with_config(&config)).map_err(broken)?;
    for line in history {
        editor.add_history_entry(line).map_err(broken)?;
    }
    editor.set_helper(Some(Typist {
        home,
        style,
        desk,
        verbs: lines::verbs(),
        hinter: HistoryHinter::new(),
    }));
    Ok(editor)
}

/// What the line editor cannot do.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(super) fn broken(error: ReadlineError) -> Failure {
    Failure::new(Kind::Failed, format!("no line can be read from this terminal: {error}"))
        .hint("decklog VERB does one verb without the shell")
}

/// Who helps to type.
pub(super) struct Typist {
    home: Home,
    style: Style,
    desk: Arc<Desk>,
    verbs: Vec<String>,
    hinter: HistoryHinter,
}

impl Helper for Typist {}

impl Completer for Typist {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        self.desk.screen().leave();
        let place = complete::place(&line[..pos]);
        let sessions = place.needs_sessions().map(|left| self.sessions(left)).unwrap_or_default();
        let folders = place.folder().map(folders).unwrap_or_default();
        let candidates = place.candidates(&sessions, &folders).into_iter();
        let pair = |one: complete::Candidate| Pair {
            display: text::shown(&one.shown).into_owned(),
            replacement: one.replacement,
        };
        Ok((place.start, candidates.map(pair).collect()))
    }
}

impl Typist {
    /// The sessions of the roster, newest first; then those that left.
    fn sessions(&self, left: bool) -> Vec<Known> {
        let request = if left { Request::newest(OFFERED_MOST) } else { Request::roster(None) };
        let rows = rows_quietly(&self.home, &request, OFFERED_WITHIN);
        let known = rows.into_iter().rev().map(|row| Known {
            short: row.short,
            name: row.row.name,
            group: row.row.group,
            left: row.row.left.is_some(),
        });
        known.collect()
    }
}

/// The folders in a folder, as they are typed.
fn folders(typed: &str) -> Vec<String> {
    let Ok(path) = verb::with_home(if typed.is_empty() { "." } else { typed }) else { return Vec::new() };
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names.into_iter().map(|name| format!("{typed}{name}/")).collect()
}

impl Hinter for Typist {
    type Hint = String;

    /// Without colour a hint could not be told from what was typed.
    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<String> {
        let hint = self.style.color.then(|| self.hinter.hint(line, pos, context)).flatten()?;
        (text::shown(&hint) == hint).then_some(hint)
    }
}

/// What the editor draws passes here.
impl Highlighter for Typist {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, default: bool) -> Cow<'b, str> {
        self.desk.screen().prompt_is_drawn(default);
        Cow::Borrowed(prompt)
    }

    fn highlight<'l>(&self, line: &'l str, pos: usize) -> Cow<'l, str> {
        let painted = self.painted(line);
        self.desk.screen().line_is_drawn(line, &painted, pos);
        painted
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        self.desk.screen().hint_is_drawn(hint);
        Cow::Owned(self.style.paint(Paint::Dim, hint))
    }

    fn highlight_char(&self, line: &str, pos: usize, kind: CmdKind) -> bool {
        if kind == CmdKind::ForcedRefresh {
            self.desk.screen().end();
        } else {
            self.desk.screen().line_is_drawn(line, &self.painted(line), pos);
        }
        self.style.color && kind != CmdKind::MoveCursor
    }
}

impl Typist {
    /// The line with its verb standing out.
    fn painted<'l>(&self, line: &'l str) -> Cow<'l, str> {
        let words = lines::split(line).words;
        let word = words.iter().find(|word| word.text != "decklog");
        match word {
            Some(word) if self.is_verb(&word.text) => {
                let painted = self.style.paint(Paint::Bold, &line[word.span.clone()]);
                Cow::Owned(format!("{}{painted}{}", &line[..word.span.start], &line[word.span.end..]))
            }
            _ => Cow::Borrowed(line),
        }
    }

    fn is_verb(&self, word: &str) -> bool {
        self.verbs.iter().any(|verb| verb == word) || lines::OWN.contains(&word) || word == "!"
    }
}

impl Validator for Typist {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let (_, is_whole) = lines::lines_of(context.input());
        Ok(if is_whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}
