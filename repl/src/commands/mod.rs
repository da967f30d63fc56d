//! Verbs: one small file each. A verb asks the supervisor, shows what it says, and returns an exit code.
//!
//! [`run`] takes the words of a line and returns its exit code; whoever has such a line calls it.

mod attach;
mod change;
mod daemon;
mod demo;
mod dispatch;
mod filter;
mod history;
mod logs;
mod ls;
mod peek;
mod reply;
mod show;
mod usage;
mod verify;
mod wait;
mod why;

use std::ffi::OsString;

use clap::Parser as _;

use crate::cli::{Cli, Ls, Verb};
use crate::console::{self, Console};
use crate::error::Failure;

/// Runs one verb: the program's name and its words. Says on standard error why it failed, if it does.
pub(crate) fn run(words: impl IntoIterator<Item = OsString>) -> u8 {
    let words: Vec<OsString> = words.into_iter().collect();
    let cli = match Cli::try_parse_from(&words) {
        Ok(cli) => cli,
        Err(error) => return usage::report(&error, &words),
    };
    let mut console = Console::new(cli.color);
    let verb = cli.verb.unwrap_or_else(|| Verb::Ls(Ls::default()));
    let result = run_verb(verb, &mut console).and_then(|code| {
        console.flush()?;
        Ok(code)
    });
    result.unwrap_or_else(|failure| {
        // What was said before it failed stays said.
        let _ = console.flush();
        console::error(&failure.message());
        failure.code()
    })
}

fn run_verb(verb: Verb, console: &mut Console) -> Result<u8, Failure> {
    match verb {
        Verb::Dispatch(args) => dispatch::run(args, console),
        Verb::Ls(args) => ls::run(&args, console),
        Verb::Show(args) => show::run(args, console),
        Verb::Why(args) => why::run(args, console),
        Verb::Peek(args) => peek::run(args, console),
        Verb::Attach(args) => attach::run(&args, console),
        Verb::Reply(args) => reply::run(args, console),
        Verb::Logs(args) => logs::run(&args, console),
        Verb::Wait(args) => wait::run(args),
        Verb::Stop(args) => change::stop(args, console),
        Verb::Respawn(args) => change::respawn(args, console),
        Verb::Rename(args) => change::rename(args, console),
        Verb::Pin(args) => change::pin(args, console),
        Verb::Unpin(args) => change::unpin(args, console),
        Verb::Group(args) => change::group(args, console),
        Verb::Rm(args) => change::rm(args, console),
        Verb::Restore(args) => change::restore(args, console),
        Verb::History(args) => history::run(args, console),
        Verb::Verify(args) => verify::run(&args, console),
        Verb::Daemon(args) => daemon::run(args.verb, console),
        Verb::Demo => demo::run(console),
        Verb::Help(args) => Ok(usage::help(args.verb)),
        Verb::Version => {
            console.line(concat!("decklog ", env!("CARGO_PKG_VERSION")))?;
            Ok(0)
        }
    }
}
