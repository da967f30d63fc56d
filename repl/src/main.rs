//! The binary: which role this process plays, and nothing else.
//!
//! The role `worker` is decided before anything is initialised: it must stay tiny and single-threaded. Everything else
//! is a client that says one verb (start at [`commands`]), the shell that runs such clients (start at [`shell`]), or the
//! supervisor in the foreground (`daemon run`).
//!
//! A client never touches the log or a job's files: it asks the supervisor (see [`client`]) and shows what it says.

mod attach;
mod cli;
mod client;
mod clock;
mod commands;
mod console;
mod error;
mod keyboard;
mod process;
mod progress;
mod render;
mod role;
mod screen;
mod shell;
mod surroundings;

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_else(|| OsString::from("decklog"));
    let mut arguments = arguments.peekable();
    if arguments.peek().is_some_and(|first| first == role::WORKER) {
        return role::worker(arguments.nth(1));
    }
    if arguments.next_if(|first| first == role::IN_SHELL).is_some() {
        shell::begin_verb();
    }
    ExitCode::from(commands::run(std::iter::once(program).chain(arguments)))
}
