//! `ls`: the roster. Watching it go on is in [`watch`].

use std::path::{Path, PathBuf};

use decklog_protocol::home::Home;
use decklog_protocol::message::{Reply, Request, ShortRow};
use decklog_protocol::row::Row;

use super::filter::Term;
use super::watch;
use crate::cli::Ls;
use crate::client::{self, Answers, IfNone, Incoming, Patience, Trouble, unexpected};
use crate::console::{self, Console};
use crate::error::Failure;
use crate::render::roster::{self, Extent};
use crate::render::table;
use crate::surroundings;

/// Lists the roster.
pub(super) fn run(args: &Ls, console: &mut Console) -> Result<u8, Failure> {
    let home = surroundings::home()?;
    let wanted = Wanted::of(args)?;
    if args.watch {
        return watch::run(&home, args, &wanted, console);
    }
    // The supervisor writes the document itself, unless rows have to be picked out of it.
    let as_document = args.json && wanted.is_everything();
    let request = Request::List { all: args.all, at: args.at, json: as_document };
    let listed = client::with_attempts(&request, || {
        listed(&mut client::ask(&home, &request, IfNone::Start, Patience::Soon)?)
    })?;
    match listed {
        Listed::Document(document) => {
            console.bytes(&document)?;
            if !document.ends_with(b"\n") {
                console.bytes(b"\n")?;
            }
        }
        Listed::Rows(mut rows) => {
            wanted.pick(&mut rows);
            if args.json {
                console.json(&rows.iter().map(|row| &row.row).collect::<Vec<_>>())?;
            } else {
                show(&rows, args, &wanted, console)?;
            }
        }
    }
    Ok(0)
}

enum Listed {
    Document(Vec<u8>),
    Rows(Vec<ShortRow>),
}

/// What the supervisor answers a list with.
fn listed(answers: &mut Answers) -> Result<Listed, Trouble> {
    loop {
        match answers.next()? {
            Some(Incoming::Document(document)) => return Ok(Listed::Document(document)),
            Some(Incoming::Reply(Reply::Rows { rows })) => return Ok(Listed::Rows(rows)),
            Some(Incoming::Reply(Reply::Progress { .. })) => {}
            _ => return Err(Trouble::Said(unexpected("a list was answered with something else"))),
        }
    }
}

/// The rows of this moment that are wanted.
pub(super) fn rows(home: &Home, args: &Ls, wanted: &Wanted) -> Result<Vec<ShortRow>, Failure> {
    let request = Request::List { all: args.all, at: args.at, json: false };
    let ask = || rows_once(home, args, wanted, IfNone::Start, Patience::Soon);
    let (rows, warnings) = client::with_attempts(&request, ask)?;
    for warning in &warnings {
        console::warning(warning);
    }
    Ok(rows)
}

/// The same, asked once; with what was warned of, which is not said.
pub(super) fn rows_once(
    home: &Home,
    args: &Ls,
    wanted: &Wanted,
    if_none: IfNone,
    patience: Patience,
) -> Result<(Vec<ShortRow>, Vec<String>), Trouble> {
    let request = Request::List { all: args.all, at: args.at, json: false };
    let mut answers = client::ask(home, &request, if_none, patience)?.keeping_warnings();
    match listed(&mut answers)? {
        Listed::Rows(mut rows) => {
            wanted.pick(&mut rows);
            Ok((rows, answers.warnings()))
        }
        Listed::Document(_) => Err(Trouble::Said(unexpected("rows were asked for, a document came"))),
    }
}

fn show(rows: &[ShortRow], args: &Ls, wanted: &Wanted, console: &mut Console) -> Result<(), Failure> {
    if rows.is_empty() {
        console::note(&wanted.nothing(extent(args)));
    }
    console.screen(&table::text(&roster::drawn(rows, args.group_by, extent(args), console.style())))?;
    Ok(())
}

/// Which rows are shown.
pub(super) fn extent(args: &Ls) -> Extent {
    if args.all { Extent::All } else { Extent::Folded }
}

/// What rows are picked by.
#[derive(Debug)]
pub(super) struct Wanted {
    terms: Vec<Term>,
    folders: Option<Vec<PathBuf>>,
}

impl Wanted {
    fn of(args: &Ls) -> Result<Self, Failure> {
        let terms = args.words.iter().map(|word| Term::parse(word)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { terms, folders: args.cwd.as_deref().map(folders).transpose()? })
    }

    /// Whether every row is wanted.
    fn is_everything(&self) -> bool {
        self.terms.is_empty() && self.folders.is_none()
    }

    fn pick(&self, rows: &mut Vec<ShortRow>) {
        rows.retain(|row| is_wanted(&row.row, &self.terms, self.folders.as_deref()));
    }

    /// What stands in place of rows where there are none.
    pub(super) fn nothing(&self, extent: Extent) -> String {
        if self.is_everything() { roster::nothing(extent) } else { "no row matches".into() }
    }
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
