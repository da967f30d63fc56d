//! `ls`: the roster.

use std::path::{Path, PathBuf};

use decklog_protocol::message::{Reply, Request, ShortRow};
use decklog_protocol::row::Row;

use super::filter::Term;
use crate::cli::Ls;
use crate::client::{self, IfNone, Incoming, Patience, Trouble, unexpected};
use crate::console::{self, Console};
use crate::error::Failure;
use crate::render::roster::{self, Extent};
use crate::surroundings;

/// Lists the roster.
pub(super) fn run(args: &Ls, console: &mut Console) -> Result<u8, Failure> {
    let home = surroundings::home()?;
    let terms = args.words.iter().map(|word| Term::parse(word)).collect::<Result<Vec<_>, _>>()?;
    let folders = args.cwd.as_deref().map(folders).transpose()?;
    let everything = args.words.is_empty() && folders.is_none();
    // The supervisor writes the document itself, unless rows have to be picked out of it.
    let as_document = args.json && everything;
    let request = Request::List { all: args.all, at: args.at, json: as_document };
    let listed = client::with_attempts(&request, || {
        let mut answers = client::ask(&home, &request, IfNone::Start, Patience::Soon)?;
        loop {
            match answers.next()? {
                Some(Incoming::Document(document)) => return Ok(Listed::Document(document)),
                Some(Incoming::Reply(Reply::Rows { rows })) => return Ok(Listed::Rows(rows)),
                Some(Incoming::Reply(Reply::Progress { .. })) => {}
                _ => return Err(Trouble::Said(unexpected("a list was answered with something else"))),
            }
        }
    })?;
    match listed {
        Listed::Document(document) => {
            console.bytes(&document)?;
            if !document.ends_with(b"\n") {
                console.bytes(b"\n")?;
            }
        }
        Listed::Rows(mut rows) => {
            rows.retain(|row| is_wanted(&row.row, &terms, folders.as_deref()));
            if args.json {
                console.json(&rows.iter().map(|row| &row.row).collect::<Vec<_>>())?;
            } else {
                show(&rows, args, everything, console)?;
            }
        }
    }
    Ok(0)
}

enum Listed {
    Document(Vec<u8>),
    Rows(Vec<ShortRow>),
}

fn show(rows: &[ShortRow], args: &Ls, everything: bool, console: &mut Console) -> Result<(), Failure> {
    let extent = if args.all { Extent::All } else { Extent::Folded };
    if rows.is_empty() {
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

fn is_wanted(row: &Row, terms: &[Term], folders: Option<&[PathBuf]>) -> bool {
    let inside = |folders: &[PathBuf]| folders.iter().any(|folder| Path::new(&row.cwd).starts_with(folder));
    terms.iter().all(|term| term.matches(row)) && folders.is_none_or(inside)
}
