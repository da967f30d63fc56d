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
    let request =
        Request::Logs { target: args.id.clone(), run: args.run, follow: args.follow, lines: args.lines };
    let patience = if args.follow { Patience::Unlimited } else { Patience::Soon };
    let colors = console.style().color;
    let filter = (console.is_terminal() && !args.raw).then(|| TerminalFilter::new(colors));
    let mut printer = Printer { filter, at: 0, printed_to: 0, flushes: args.follow };
    let mut restarts = 0;
    loop {
        let before = printer.printed_to;
        let answers = client::ask(&home, &request, IfNone::Start, patience);
        match answers.and_then(|answers| printer.print_all(answers, console)) {
            Ok(printed) => {
                printed?;
                return Ok(0);
            }
            // Output is offset-addressed from the start of the run: what was printed is passed over. That needs the
            // whole of it, so not when only the last lines were wanted.
            Err(Trouble::Ended) if args.lines.is_none() && restarts < RESTARTS => {
                restarts = if printer.printed_to > before { 0 } else { restarts + 1 };
                printer.at = 0;
            }
            Err(trouble) => return Err(trouble.into()),
        }
    }
}

struct Printer {
    filter: Option<TerminalFilter>,
    /// The offset of what comes next.
    at: u64,
    /// Everything before this offset was printed.
    printed_to: u64,
    /// Whether each piece is passed on at once.
    flushes: bool,
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
                Incoming::Output(bytes) => self.piece(&bytes, console),
                Incoming::Reply(Reply::Dropped { from, to }) => self.dropped(from, to, console),
                Incoming::Reply(Reply::Closed) => return Err(Trouble::Closed),
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
        let passed_over = self.printed_to.saturating_sub(self.at).min(bytes.len() as u64);
        self.at += bytes.len() as u64;
        self.printed_to = self.printed_to.max(self.at);
        let bytes = &bytes[passed_over as usize..];
        match &mut self.filter {
            Some(filter) => console.screen(&filter.piece(bytes))?,
            None => console.bytes(bytes)?,
        }
        if self.flushes {
            console.flush()?;
        }
        Ok(())
    }

    fn dropped(&mut self, from: u64, to: u64, console: &mut Console) -> Result<(), Failure> {
        self.at += to.saturating_sub(from);
        if self.at > self.printed_to {
            self.printed_to = self.at;
            console.flush()?;
            let missing = text::bytes(to.saturating_sub(from));
            console::note(&format!("… {missing} of output from byte {from} on were not kept"));
        }
        Ok(())
    }
}
