//! `ls`: the roster. Watching it go on is in [`watch`].

use std::path::PathBuf;

use decklog_engine::dispatcher::LeftOut;
use decklog_protocol::home::Home;
use decklog_protocol::message::{Request, ShortRow};

use super::filter;
use super::watch;
use crate::cli::Ls;
use crate::client::{self, Answers, IfNone, Patience, Trouble};
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
    // The supervisor picks the rows, and writes the document.
    let request = wanted.request(args.json);
    let ask = || client::ask(&home, &request, IfNone::Start, Patience::Soon);
    if args.json {
        console.bytes(&client::with_attempts(&request, || ask()?.document())?)?;
        console.bytes(b"\n")?;
    } else {
        let listed = client::with_attempts(&request, || Listed::of(&mut ask()?))?;
        show(&listed, args, &wanted, console)?;
    }
    Ok(0)
}

/// The rows to show, and how many finished ones were left out.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Listed {
    /// The rows.
    pub(super) rows: Vec<ShortRow>,
    left_out: LeftOut,
}

impl Listed {
    fn of(answers: &mut Answers) -> Result<Self, Trouble> {
        let mut rows = Vec::new();
        let left_out = answers.roster(&mut rows)?;
        Ok(Self { rows, left_out })
    }

    /// Which rows are shown.
    pub(super) fn extent(&self, args: &Ls) -> Extent {
        if args.all { Extent::All } else { Extent::Listed { left_out: self.left_out } }
    }
}

/// The rows of this moment that are wanted.
pub(super) fn rows(home: &Home, wanted: &Wanted) -> Result<Listed, Failure> {
    let ask = || rows_once(home, wanted, IfNone::Start, Patience::Soon);
    let (listed, warnings) = client::with_attempts(&wanted.request(false), ask)?;
    for warning in &warnings {
        console::warning(warning);
    }
    Ok(listed)
}

/// The same, asked once; with what was warned of, which is not said.
pub(super) fn rows_once(
    home: &Home,
    wanted: &Wanted,
    if_none: IfNone,
    patience: Patience,
) -> Result<(Listed, Vec<String>), Trouble> {
    let mut answers = client::ask(home, &wanted.request(false), if_none, patience)?.keeping_warnings();
    let listed = Listed::of(&mut answers)?;
    Ok((listed, answers.warnings()))
}

fn show(listed: &Listed, args: &Ls, wanted: &Wanted, console: &mut Console) -> Result<(), Failure> {
    let extent = listed.extent(args);
    if listed.rows.is_empty() {
        console::note(&wanted.nothing(extent));
    }
    console.screen(&table::text(&roster::drawn(&listed.rows, args.group_by, extent, console.style())))?;
    Ok(())
}

/// What rows are picked by.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    args: &'a Ls,
    folders: Vec<PathBuf>,
}

impl<'a> Wanted<'a> {
    fn of(args: &'a Ls) -> Result<Self, Failure> {
        filter::check(&args.words)?;
        Ok(Self { args, folders: args.cwd.as_deref().map(folders).transpose()?.unwrap_or_default() })
    }

    /// How the supervisor is asked for them. People are shown only the newest of what has finished; JSON never folds.
    fn request(&self, json: bool) -> Request {
        Request::List {
            all: self.args.all,
            at: self.args.at,
            json,
            terms: self.args.words.clone(),
            folders: self.folders.iter().map(|folder| surroundings::raw(folder.as_os_str())).collect(),
            finished_most: (!self.args.all && !self.args.json).then_some(roster::FINISHED_SHOWN),
        }
    }

    /// What stands in place of rows where there are none.
    pub(super) fn nothing(&self, extent: Extent) -> String {
        let everything = self.args.words.is_empty() && self.folders.is_empty();
        if everything { roster::nothing(extent) } else { "no row matches".into() }
    }
}

/// The directory by the name given, and by its own.
fn folders(given: &std::ffi::OsStr) -> Result<Vec<PathBuf>, Failure> {
    let given = surroundings::absolute(given)?;
    let own = std::fs::canonicalize(&given).ok().filter(|own| *own != given);
    Ok([given].into_iter().chain(own).collect())
}
