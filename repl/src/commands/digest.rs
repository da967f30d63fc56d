//! `digest`: what happened since you last looked, or between two moments.

use decklog_protocol::digest::{Counts, Digest as Found};
use decklog_protocol::message::{Reply, Request, ShortRow};
use decklog_protocol::row::Row;
use serde::Serialize;

use crate::cli::Digest;
use crate::client::{self, unexpected};
use crate::console::Console;
use crate::error::Failure;
use crate::render::digest;
use crate::surroundings;

/// Sums up.
pub(super) fn run(args: &Digest, console: &mut Console) -> Result<u8, Failure> {
    let home = surroundings::home()?;
    let request = Request::Digest { since: args.since, until: args.until };
    let Reply::Digest(found) = client::ask_one(&home, &request)? else {
        return Err(unexpected("a digest was answered with something else"));
    };
    if args.json {
        console.json(&Document::of(&found))?;
    } else {
        let remembered = args.since.is_none();
        console.screen(&digest::screen(&found, remembered, &surroundings::when(), console.style()))?;
    }
    Ok(0)
}

/// What is printed as JSON: rows as every other verb prints them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    since: &'a Option<String>,
    until: &'a str,
    since_seq: u64,
    until_seq: u64,
    counts: Counts,
    blocked: Vec<&'a Row>,
    failed: Vec<&'a Row>,
    stopped: Vec<&'a Row>,
    done: Vec<&'a Row>,
}

impl<'a> Document<'a> {
    fn of(found: &'a Found) -> Self {
        let rows = |rows: &'a [ShortRow]| rows.iter().map(|one| &one.row).collect();
        Self {
            since: &found.since,
            until: &found.until,
            since_seq: found.since_seq,
            until_seq: found.until_seq,
            counts: found.counts,
            blocked: rows(&found.blocked),
            failed: rows(&found.failed),
            stopped: rows(&found.stopped),
            done: rows(&found.done),
        }
    }
}
