//! The one place that prints. Standard output is data; everything else goes to standard error.
//!
//! It must never let a control character that came from a session reach a terminal: what it is given is either
//! rendered (see [`crate::render`]), or bytes for something that is no terminal.

use std::io::{self, IsTerminal as _, StdoutLock, Write};

use serde::Serialize;

use crate::cli::ColorWhen;
use crate::render::style::Style;
use crate::render::text;

/// Where a verb prints.
#[derive(Debug)]
pub(crate) struct Console {
    out: StdoutLock<'static>,
    buffer: Vec<u8>,
    color: bool,
    terminal: bool,
}

/// What is printed is passed on when there is this much of it.
const BUFFER_BYTES: usize = 64 << 10;
/// What a terminal has that does not say.
const ROWS_USUAL: usize = 24;

impl Console {
    /// Standard output, in colour as asked for.
    pub(crate) fn new(color: ColorWhen) -> Self {
        let terminal = io::stdout().is_terminal();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let color = match color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => terminal && !no_color && !dumb,
        };
        Self { out: io::stdout().lock(), buffer: Vec::new(), color, terminal }
    }

    /// Whether a person reads this on a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// How screens are drawn here.
    pub(crate) fn style(&self) -> Style {
        let width = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        Style {
            color: self.color,
            width: if self.terminal { width().filter(|width| *width > 0) } else { None },
        }
    }

    /// How many lines the terminal has.
    pub(crate) fn rows() -> usize {
        let rows = terminal_size::terminal_size_of(io::stdout()).map(|(_, rows)| usize::from(rows.0));
        rows.filter(|rows| *rows > 0).unwrap_or(ROWS_USUAL)
    }

    /// Prints a screen: text that was rendered, and ends with a line break.
    pub(crate) fn screen(&mut self, text: &str) -> io::Result<()> {
        self.bytes(text.as_bytes())
    }

    /// Prints one line of text.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        self.bytes(text.as_bytes())?;
        self.bytes(b"\n")
    }

    /// Prints bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    /// Prints a JSON document on a line of its own.
    pub(crate) fn json(&mut self, document: &impl Serialize) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(document)?;
        bytes.push(b'\n');
        self.bytes(&bytes)
    }

    /// Passes on what was printed so far.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let written = self.out.write_all(&self.buffer).and_then(|()| self.out.flush());
        self.buffer.clear();
        written
    }
}

/// Says something beside the answer.
pub(crate) fn note(text: &str) {
    error(&format!("{}\n", text::shown(text)));
}

/// Warns of something.
pub(crate) fn warning(text: &str) {
    note(&format!("warning: {text}"));
}

/// Says why a verb failed: a whole message. Nobody can be told if standard error is gone.
pub(crate) fn error(message: &str) {
    let _ = io::stderr().lock().write_all(message.as_bytes());
}
