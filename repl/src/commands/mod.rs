//! Verbs: one small file each. A verb asks the supervisor, shows what it says, and returns an exit code.
//!
//! [`run`] takes the words of a line and returns its exit code; whoever has such a line calls it.

mod attach;
mod change;
mod completions;
mod daemon;
mod demo;
mod digest;
mod dispatch;
mod doctor;
mod filter;
mod history;
mod logs;
mod ls;
mod man;
mod peek;
mod reply;
mod show;
mod usage;
mod verify;
mod wait;
mod watch;
mod why;

use std::ffi::OsString;

use clap::Parser as _;

use crate::cli::{Cli, Verb};
use crate::console::{self, Console};
use crate::error::Failure;
use crate::shell;

pub(crate) use filter::check_one as check_term;

/// Runs one verb: the program's name and its words. Says on standard error why it failed, if it does.
pub(crate) fn run(words: impl IntoIterator<Item = OsString>) -> u8 {
    let words: Vec<OsString> = words.into_iter().collect();
    let cli = match Cli::try_parse_from(&words) {
        Ok(cli) => cli,
        Err(error) => return usage::report(&error, &words),
    };
    let Some(verb) = cli.verb else { return shell::enter(cli.color) };
    let mut console = Console::new(cli.color);
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
        Verb::Digest(args) => digest::run(&args, console),
        Verb::Verify(args) => verify::run(&args, console),
        Verb::Daemon(args) => daemon::run(args.verb, console),
        Verb::Demo => demo::run(console),
        Verb::Doctor(args) => doctor::run(&args, console),
        Verb::Completions(args) => completions::run(&args, console),
        Verb::Man(args) => man::run(&args, console),
        Verb::Help(args) => Ok(usage::help(args.verb)),
        Verb::Version => {
            console.line(concat!("decklog ", env!("CARGO_PKG_VERSION")))?;
            Ok(0)
        }
    }
}
