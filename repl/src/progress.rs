//! A line that says what is waited for: on standard error, only where that is a terminal, and gone afterwards.
//!
//! It must never reach a file or a pipe, and never be the only place where something is said.

use std::io::{self, IsTerminal as _};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::SigSet;

use crate::console;
use crate::render::text;

/// How often it is written anew.
const EACH: Duration = Duration::from_secs(1);
/// Where a terminal does not say how wide it is.
const COLUMNS_USUAL: usize = 80;

/// The line.
#[derive(Debug)]
pub(crate) struct Line {
    /// Whether there is somebody to read it.
    is_wanted: bool,
    is_shown: bool,
}

impl Line {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        Self { is_wanted: io::stderr().is_terminal() && !dumb, is_shown: false }
    }

    /// Says this in place of what it said before.
    pub(crate) fn say(&mut self, what: &str) {
        if self.is_wanted {
            let width = terminal_size::terminal_size_of(io::stderr()).map(|(width, _)| usize::from(width.0));
            console::error(&painted(what, width.filter(|width| *width > 0).unwrap_or(COLUMNS_USUAL)));
            self.is_shown = true;
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.is_shown {
            console::error("\r\x1b[K");
        }
    }
}

/// One line, whatever it says. The last column stays free: some terminals would begin another line.
fn painted(what: &str, width: usize) -> String {
    format!("\r{}\x1b[K", text::cut(&text::shown(what), width.saturating_sub(1)))
}

/// Does what takes a while. If it takes longer than this, a line says each second what is waited for.
pub(crate) fn saying<T>(
    after: Duration,
    what: impl FnMut() -> Option<String> + Send + 'static,
    work: impl FnOnce() -> T,
) -> T {
    let line = Line::new();
    if !line.is_wanted {
        return work();
    }
    let (working, worked) = mpsc::channel::<()>();
    let says = move || {
        // Signals are for the threads that do something about them.
        let _ = SigSet::all().thread_block();
        say_each(line, after, what, &worked);
    };
    // Without a thread it is done in silence.
    let teller = thread::Builder::new().name("progress".into()).spawn(says);
    let done = work();
    drop(working);
    // The line is gone before anything else is said.
    if let Ok(teller) = teller {
        let _ = teller.join();
    }
    done
}

fn say_each(
    mut line: Line,
    after: Duration,
    mut what: impl FnMut() -> Option<String>,
    worked: &Receiver<()>,
) {
    let mut pause = after;
    while worked.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        if let Some(what) = what() {
            line.say(&what);
        }
        pause = EACH;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_line_that_fits() {
        assert_eq!(painted("waiting for build", 80), "\rwaiting for build\x1b[K");
        assert_eq!(painted("waiting for a\nb\x1b[2J", 80), "\rwaiting for a␊b␛[2J\x1b[K");
        assert_eq!(painted("waiting for build", 12), "\rwaiting fo…\x1b[K");
    }
}
