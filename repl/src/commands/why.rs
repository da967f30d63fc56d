//! `why`: the events that a session's state rests on.

use decklog_protocol::message::{Reply, Request};

use crate::cli::Why;
use crate::client::{self, unexpected};
use crate::console::Console;
use crate::error::Failure;
use crate::render::why;
use crate::surroundings;

/// Says why a session is what it is.
pub(super) fn run(args: Why, console: &mut Console) -> Result<u8, Failure> {
    let home = surroundings::home()?;
    let Reply::Why { row, events, .. } = client::ask_one(&home, &Request::Why { target: args.id })? else {
        return Err(unexpected("why was answered with something else"));
    };
    if args.json {
        console.json(&events)?;
    } else {
        console.screen(&why::screen(&row, &events, &surroundings::when(), console.style()))?;
    }
    Ok(0)
}
