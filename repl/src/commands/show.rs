//! `show`: one session, everything that is known of it.

use decklog_protocol::home::Home;
use decklog_protocol::message::{Moment, Reply, Request, ShortRow};

use crate::cli::Show;
use crate::client::{self, unexpected};
use crate::console::Console;
use crate::error::Failure;
use crate::render::show;
use crate::surroundings;

/// Shows one session.
pub(super) fn run(args: Show, console: &mut Console) -> Result<u8, Failure> {
    let home = surroundings::home()?;
    let row = one(&home, args.id, args.at)?;
    if args.json {
        console.json(&row.row)?;
    } else {
        console.screen(&show::screen(&row, &surroundings::when(), console.style()))?;
    }
    Ok(0)
}

/// The row of one session.
pub(super) fn one(home: &Home, target: String, at: Option<Moment>) -> Result<ShortRow, Failure> {
    let reply = client::ask_one(home, &Request::Show { target, at })?;
    let row = match reply {
        Reply::Rows { rows } => rows.into_iter().next(),
        _ => None,
    };
    row.ok_or_else(|| unexpected("no row came"))
}
