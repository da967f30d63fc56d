//! The roster: all of it or some rows, for people or as a document; now or as it was.

use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use decklog_engine::dispatcher::{Answer, Input, LeftOut, Look, Shown, fold};
use decklog_engine::raw::Raw;
use decklog_engine::session::Session;
use decklog_engine::time::Time;
use decklog_protocol::filter::{NotATerm, Term};
use decklog_protocol::frame::Frame;
use decklog_protocol::home::Home;
use decklog_protocol::message::{Moment, Reply, ShortRow};
use decklog_protocol::row::Row;

use super::Server;
use super::out::Out;
use super::rows::{ROWS_AT_ONCE, row, row_now};
use crate::store::StoreError;
use crate::{clock, tasks};

/// So many rows go out together. What waits for a client that reads slowly is a multiple of it.
const ROWS_A_FRAME: usize = 32;

/// Which rows are wanted.
pub(super) struct Selection {
    terms: Vec<Term>,
    folders: Vec<PathBuf>,
    /// Of those that have finished only the newest so many.
    finished_most: Option<usize>,
}

impl Selection {
    pub(super) fn read(
        terms: &[String],
        folders: Vec<Raw>,
        finished_most: Option<u64>,
    ) -> Result<Self, NotATerm> {
        Ok(Self {
            terms: terms.iter().map(|term| Term::parse(term)).collect::<Result<_, _>>()?,
            folders: folders.into_iter().map(|raw| decklog_worker::Raw(raw.0).as_path().into()).collect(),
            finished_most: finished_most.map(|most| most as usize),
        })
    }

    fn is_everything(&self) -> bool {
        self.terms.is_empty() && self.folders.is_empty()
    }

    fn wants(&self, row: &Row) -> bool {
        let inside = self.folders.iter().any(|folder| Path::new(&row.cwd).starts_with(folder));
        self.terms.iter().all(|term| term.matches(row)) && (self.folders.is_empty() || inside)
    }
}

/// The sessions to be listed, and what their rows are made of. A row is made when it is sent: all of them at once would
/// take more memory than the roster itself.
struct Listing {
    sessions: Vec<Shown>,
    left_out: LeftOut,
    /// The moment, for ages.
    at: Time,
    watched: bool,
    /// Where what still runs is summed up from; of the past nothing is.
    home: Option<Home>,
}

impl Listing {
    fn row(&self, shown: &Shown) -> ShortRow {
        match &self.home {
            Some(home) => row_now(home, shown, self.at),
            None => row(shown, self.at, self.watched),
        }
    }

    /// Keeps the sessions that are wanted, and of those that have finished only the newest.
    fn pick(&mut self, selection: &Selection) {
        let sessions = mem::take(&mut self.sessions);
        let wanted = |shown: &Shown| selection.is_everything() || selection.wants(&self.row(shown).row);
        self.sessions = sessions.into_iter().filter(wanted).collect();
        self.left_out = fold(&mut self.sessions, |shown| &shown.session, selection.finished_most);
    }

    /// Sends every row, some at a time. Blocks.
    fn send(&self, json: bool, send: &mut dyn FnMut(Frame) -> bool) {
        let mut parts = self.sessions.chunks(ROWS_A_FRAME).peekable();
        let mut open: &[u8] = b"[";
        while let Some(part) = parts.next() {
            let rows: Vec<ShortRow> = part.iter().map(|shown| self.row(shown)).collect();
            let frame = if json {
                Frame::Document(document(&rows, mem::replace(&mut open, b","), parts.peek().is_none()))
            } else {
                Frame::message(&Reply::Roster { rows, left_out: self.left_out })
            };
            if !send(frame) {
                return;
            }
        }
        if self.sessions.is_empty() {
            let nothing = Reply::Roster { rows: Vec::new(), left_out: self.left_out };
            send(if json { Frame::Document(b"[]".to_vec()) } else { Frame::message(&nothing) });
        }
    }
}

/// A part of an array: what stands before its first row, its rows, and the end of the array if it is the last.
fn document(rows: &[ShortRow], open: &[u8], last: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(rows.len() * 1536);
    for (place, one) in rows.iter().enumerate() {
        bytes.extend_from_slice(if place == 0 { open } else { b"," });
        serde_json::to_writer(&mut bytes, &one.row).expect("rows have string keys");
    }
    if last {
        bytes.push(b']');
    }
    bytes
}

impl Server {
    pub(super) async fn list(
        &self,
        out: &mut Out,
        all: bool,
        at: Option<Moment>,
        json: bool,
        selection: Selection,
    ) -> io::Result<()> {
        let listing = match at {
            None => match self.present(all, selection).await {
                Some(listing) => listing,
                None => return out.closing().await,
            },
            Some(moment) => match self.past(all, moment, selection).await {
                Ok(listing) => listing,
                Err(error) => return out.fail(error.to_string()).await,
            },
        };
        let many = listing.sessions.len() > ROWS_AT_ONCE;
        out.stream(move |send| listing.send(json, send)).await?;
        let sent = out.last(&Reply::End).await;
        if many {
            // What a long list took is given back to the system: it is asked for seldom, and the supervisor stays.
            tasks::blocking(decklog_worker::trim_memory).await;
        }
        sent
    }

    /// The rows as they are; `None` if the supervisor ends.
    async fn present(&self, all: bool, selection: Selection) -> Option<Listing> {
        let everything = selection.is_everything();
        let finished_most = selection.finished_most.filter(|_| everything);
        let look = if all { Look::All } else { Look::Listed { finished_most } };
        let (sessions, left_out) = match self.handle.ask(|token| Input::Look { token, at: look }).await? {
            Answer::Roster { sessions, left_out } => (sessions, left_out),
            Answer::Sessions { sessions } => (sessions, LeftOut::default()),
            _ => return None,
        };
        let (at, home) = (clock::wall(), Some(self.home.clone()));
        let mut listing = Listing { sessions, left_out, at, watched: true, home };
        if everything && (!all || selection.finished_most.is_none()) {
            return Some(listing);
        }
        Some(
            tasks::blocking(move || {
                listing.pick(&selection);
                listing
            })
            .await,
        )
    }

    /// The rows as they were.
    async fn past(&self, all: bool, moment: Moment, selection: Selection) -> Result<Listing, StoreError> {
        let store = self.store.clone();
        tasks::blocking(move || {
            let past = store.at(moment, clock::wall())?;
            let shown = |session: &Arc<Session>| Shown::of(&past.roster, session);
            let sessions = if all {
                past.roster.all().map(shown).collect()
            } else {
                past.roster.listed().map(shown).collect()
            };
            let (at, watched) = (past.at, past.watched);
            let mut listing = Listing { sessions, left_out: LeftOut::default(), at, watched, home: None };
            listing.pick(&selection);
            Ok(listing)
        })
        .await
    }
}
