//! `logs`: a session's output.

use decklog_protocol::message::{Reply, Request};

use crate::cli::Logs;
use crate::client::{self, Answers, IfNone, Incoming, Patience, Trouble, unexpected};
use crate::console::{self, Console};
use crate::error::Failure;
use crate::render::log::TerminalFilter;
use crate::render::text;
use crate::surroundings;

/// A supervisor that was killed is started again, and followed again, so often without a byte in between.
const RESTARTS: u32 = 10;

/// Prints a session's output; with --follow as it comes.
pub(super) fn run(args: &Logs, console: &mut Console) -> Result<u8, Failure> {
    let home = surroundings::home()?;
    let mut request = Request::Logs {
        target: args.id.clone(),
        run: args.run,
        follow: args.follow,
        lines: args.lines,
        from: None,
        since: args.since,
    };
    let patience = if args.follow { Patience::Unlimited } else { Patience::Soon };
    let colors = console.style().color;
    let filter = (console.is_terminal() && !args.raw).then(|| TerminalFilter::new(colors));
    let mut printer =
        Printer { filter, begun: None, flushes: args.follow, raw: args.raw, at_line_start: true };
    let mut restarts = 0;
    loop {
        let before = printer.begun;
        let answers = client::ask(&home, &request, IfNone::Start, patience);
        match answers.and_then(|answers| printer.print_all(answers, console)) {
            Ok(printed) => {
                printed?;
                return Ok(0);
            }
            Err(Trouble::Closed) if !client::comes_back(&home) => return Err(Trouble::Closed.into()),
            // The next supervisor goes on where this one went away: with the same run, at the next byte.
            Err(Trouble::Ended | Trouble::Closed) if restarts < RESTARTS => {
                restarts = if printer.begun == before { restarts + 1 } else { 0 };
                if let (Some((begun, next)), Request::Logs { run, from, .. }) = (printer.begun, &mut request)
                {
                    (*run, *from) = (Some(begun), Some(next));
                }
            }
            Err(trouble) => return Err(trouble.into()),
        }
    }
}

struct Printer {
    filter: Option<TerminalFilter>,
    /// The run, and the offset of the next byte of it; `None` until the first answer.
    begun: Option<(u32, u64)>,
    /// Whether each piece is passed on at once.
    flushes: bool,
    /// The bytes and nothing else.
    raw: bool,
    at_line_start: bool,
}

impl Printer {
    /// Prints what comes. The outer error is the supervisor's, the inner one is of printing.
    fn print_all(
        &mut self,
        mut answers: Answers,
        console: &mut Console,
    ) -> Result<Result<(), Failure>, Trouble> {
        while let Some(answer) = answers.next()? {
            let printed = match answer {
                Incoming::Reply(Reply::Begins { run, offset }) => {
                    self.begun = Some((run, offset));
                    Ok(())
                }
                Incoming::Output(bytes) => self.piece(&bytes, console),
                Incoming::Reply(Reply::Dropped { from, to }) => self.dropped(from, to, console),
                Incoming::Reply(_) | Incoming::Document(_) => {
                    Err(unexpected("something else came amid output"))
                }
            };
            if printed.is_err() {
                return Ok(printed);
            }
        }
        let rest = self.filter.as_mut().map(TerminalFilter::end).unwrap_or_default();
        Ok(console.screen(&rest).map_err(Failure::from))
    }

    fn piece(&mut self, bytes: &[u8], console: &mut Console) -> Result<(), Failure> {
        self.advance(bytes.len() as u64);
        match &mut self.filter {
            Some(filter) => console.screen(&filter.piece(bytes))?,
            None => console.bytes(bytes)?,
        }
        self.at_line_start = bytes.last().map_or(self.at_line_start, |last| *last == b'\n');
        if self.flushes {
            console.flush()?;
        }
        Ok(())
    }

    fn dropped(&mut self, from: u64, to: u64, console: &mut Console) -> Result<(), Failure> {
        self.advance(to.saturating_sub(from));
        let missing = text::bytes(to.saturating_sub(from));
        let marker = format!("… {missing} of output from byte {from} on were not kept");
        // What stood before it and what comes after it are no one line.
        match &mut self.filter {
            Some(filter) => console.screen(&filter.end())?,
            None if !self.raw && !self.at_line_start => console.line("")?,
            None => {}
        }
        if !self.raw {
            console.line(&marker)?;
            self.at_line_start = true;
        }
        console.flush()?;
        if !console.is_terminal() {
            console::note(&marker);
        }
        Ok(())
    }

    fn advance(&mut self, bytes: u64) {
        if let Some((_, next)) = &mut self.begun {
            *next += bytes;
        }
    }
}
