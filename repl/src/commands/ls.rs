//! `ls`: the roster.

use std::path::PathBuf;

use decklog_protocol::message::{Reply, Request, ShortRow};

use super::filter;
use crate::cli::Ls;
use crate::client::{self, IfNone, Incoming, Patience, Trouble, unexpected};
use crate::console::{self, Console};
use crate::error::Failure;
use crate::render::roster::{self, Extent};
use crate::surroundings;

/// Lists the roster.
pub(super) fn run(args: &Ls, console: &mut Console) -> Result<u8, Failure> {
    let home = surroundings::home()?;
    let request = request(args)?;
    let listed = client::with_attempts(&request, || {
        let mut listed = Listed::default();
        let mut answers = client::ask(&home, &request, IfNone::Start, Patience::Soon)?;
        while let Some(answer) = answers.next()? {
            match answer {
                Incoming::Document(part) => listed.document.extend_from_slice(&part),
                Incoming::Reply(Reply::Roster { rows, left_out }) => {
                    listed.rows.extend(rows);
                    listed.left_out = left_out;
                }
                Incoming::Reply(Reply::Progress { .. }) => {}
                _ => return Err(Trouble::Said(unexpected("a list was answered with something else"))),
            }
        }
        Ok(listed)
    })?;
    if args.json {
        console.bytes(&listed.document)?;
        console.bytes(b"\n")?;
    } else {
        show(&listed.rows, listed.left_out, args, console)?;
    }
    Ok(0)
}

/// The supervisor picks the rows, and writes the document.
fn request(args: &Ls) -> Result<Request, Failure> {
    filter::check(&args.words)?;
    let folders = args.cwd.as_deref().map(folders).transpose()?.unwrap_or_default();
    Ok(Request::List {
        all: args.all,
        at: args.at,
        json: args.json,
        terms: args.words.clone(),
        folders: folders.iter().map(|folder| surroundings::raw(folder.as_os_str())).collect(),
        finished_most: (!args.all && !args.json).then_some(roster::FINISHED_SHOWN),
    })
}

/// What came: a document, or rows.
#[derive(Default)]
struct Listed {
    document: Vec<u8>,
    rows: Vec<ShortRow>,
    left_out: u64,
}

fn show(rows: &[ShortRow], left_out: u64, args: &Ls, console: &mut Console) -> Result<(), Failure> {
    let extent = if args.all { Extent::All } else { Extent::Listed { left_out } };
    if rows.is_empty() {
        let everything = args.words.is_empty() && args.cwd.is_none();
        let nothing = if everything { roster::nothing(extent) } else { "no row matches".into() };
        console::note(&nothing);
    }
    console.screen(&roster::screen(rows, extent, console.style()))?;
    Ok(())
}

/// The directory by the name given, and by its own.
fn folders(given: &std::ffi::OsStr) -> Result<Vec<PathBuf>, Failure> {
    let given = surroundings::absolute(given)?;
    let own = std::fs::canonicalize(&given).ok().filter(|own| *own != given);
    Ok([given].into_iter().chain(own).collect())
}
