//! `peek`: what a session is doing, in a few lines.

use decklog_protocol::home::Home;
use decklog_protocol::message::{Reply, Request, ShortRow};
use decklog_protocol::row::AskRow;
use serde::Serialize;

use crate::cli::Peek;
use crate::client::{self, IfNone, Incoming, Patience, Trouble, unexpected};
use crate::console::Console;
use crate::error::Failure;
use crate::render::peek;
use crate::screen::Screen;
use crate::surroundings;

/// The size of a terminal that is gone.
const USUAL_SIZE: (u16, u16) = (80, 24);
/// What a program begins with that draws on a whole screen: it means each byte as it is.
const FULL_SCREEN: [&[u8]; 3] = [b"\x1b[?1049h", b"\x1b[?1047h", b"\x1b[?47h"];

/// Shows a session's row and the end of its screen.
pub(super) fn run(args: Peek, console: &mut Console) -> Result<u8, Failure> {
    let home = surroundings::home()?;
    let tail = tail(&home, args.id)?;
    let lines = tail.lines();
    if args.json {
        let row = &tail.row.row;
        console.json(&Peeked {
            id: &row.id,
            name: &row.name,
            state: &row.state,
            summary: row.summary.as_deref(),
            waiting_for: row.waiting_for.as_ref(),
            columns: tail.size.map(|size| size.0),
            rows: tail.size.map(|size| size.1),
            screen: &lines,
        })?;
    } else {
        console.screen(&peek::screen(&tail.row, &lines, console.style()))?;
    }
    Ok(0)
}

/// What is known of a session at a glance.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Peeked<'a> {
    id: &'a str,
    name: &'a str,
    state: &'a str,
    summary: Option<&'a str>,
    waiting_for: Option<&'a AskRow>,
    columns: Option<u16>,
    rows: Option<u16>,
    screen: &'a [String],
}

/// The end of a session's output.
struct Tail {
    row: ShortRow,
    size: Option<(u16, u16)>,
    output: Vec<u8>,
}

fn tail(home: &Home, target: String) -> Result<Tail, Failure> {
    let request = Request::Tail { target };
    client::with_attempts(&request, || {
        let mut answers = client::ask(home, &request, IfNone::Start, Patience::Soon)?;
        let mut tail = None;
        let mut output = Vec::new();
        while let Some(answer) = answers.next()? {
            match answer {
                Incoming::Reply(Reply::Tail { row, columns, rows }) => tail = Some((*row, columns.zip(rows))),
                Incoming::Output(bytes) => output.extend(bytes),
                Incoming::Reply(_) | Incoming::Document(_) => {}
            }
        }
        let (row, size) = tail.ok_or_else(|| Trouble::Said(unexpected("no row came")))?;
        Ok(Tail { row, size, output })
    })
}

impl Tail {
    /// Its screen, without the empty lines at the end.
    fn lines(&self) -> Vec<String> {
        let (columns, rows) = self.size.unwrap_or(USUAL_SIZE);
        let mut screen = Screen::new(columns, rows);
        let is_full_screen =
            FULL_SCREEN.iter().any(|begin| self.output.windows(begin.len()).any(|window| window == *begin));
        if is_full_screen {
            screen.feed(&self.output);
        } else {
            // A terminal that cannot be typed into adds no carriage returns; one more does no harm.
            for line in self.output.split_inclusive(|byte| *byte == b'\n') {
                match line.strip_suffix(b"\n") {
                    Some(line) => {
                        screen.feed(line);
                        screen.feed(b"\r\n");
                    }
                    None => screen.feed(line),
                }
            }
        }
        let mut lines = screen.lines();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples::{job, short};

    fn lines(output: &[u8]) -> Vec<String> {
        let row = short(job("7c5dcf5d", "build", "working", 3));
        Tail { row, size: Some((20, 4)), output: output.to_vec() }.lines()
    }

    #[test]
    fn lines_begin_at_the_left_whatever_breaks_them() {
        assert_eq!(lines(b"one\ntwo\r\nthree\n"), ["one", "two", "three"]);
        assert_eq!(lines(b"1%\r50%\r99%\ndone"), ["99%", "done"]);
        assert_eq!(lines(b""), [""; 0]);
    }

    #[test]
    fn a_full_screen_is_as_it_was_drawn() {
        assert_eq!(lines(b"$ vi\n\x1b[?1049h\x1b[2;3Ha\nb"), ["", "  a", "   b"]);
    }
}
