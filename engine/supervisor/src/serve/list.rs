//! The roster: all of it or some rows, for people or as a document; now or as it was.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use decklog_engine::dispatcher::{Answer, Input, Look, Shown};
use decklog_engine::raw::Raw;
use decklog_engine::session::Session;
use decklog_protocol::filter::{NotATerm, Term};
use decklog_protocol::frame::Frame;
use decklog_protocol::message::{Moment, Reply, ShortRow};
use decklog_protocol::row::Row;

use super::Server;
use super::out::Out;
use super::rows::{ROWS_AT_ONCE, row};
use crate::store::StoreError;
use crate::{clock, tasks};

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

    /// Picks the rows that are wanted; how many finished ones that leaves out besides.
    fn pick(&self, rows: &mut Vec<ShortRow>) -> usize {
        rows.retain(|one| self.wants(&one.row));
        let folds = |row: &Row| {
            matches!(row.state.as_str(), "done" | "failed" | "stopped") && !row.pinned && row.left.is_none()
        };
        // Both are written so that they sort as text.
        let ended_at = |row: &Row| row.finished_at.clone().unwrap_or_else(|| row.updated_at.clone());
        let mut ends: Vec<_> = rows
            .iter()
            .enumerate()
            .filter(|(_, one)| folds(&one.row))
            .map(|(place, one)| (ended_at(&one.row), place))
            .collect();
        let left_out = ends.len().saturating_sub(self.finished_most.unwrap_or(usize::MAX));
        ends.sort_unstable();
        let mut out: Vec<usize> = ends.into_iter().take(left_out).map(|(_, place)| place).collect();
        out.sort_unstable();
        let mut place = 0;
        rows.retain(|_| {
            place += 1;
            out.binary_search(&(place - 1)).is_err()
        });
        left_out
    }
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
        let (rows, left_out) = match at {
            None => match self.present(all, &selection).await {
                Some(rows) => rows,
                None => return out.closing().await,
            },
            Some(moment) => match self.past(all, moment, selection).await {
                Ok(rows) => rows,
                Err(error) => return out.fail(error.to_string()).await,
            },
        };
        let many = rows.len() > ROWS_AT_ONCE;
        let sent = send(out, rows, left_out, json).await;
        if many {
            // What a long list took is given back to the system: it is asked for seldom, and the supervisor stays.
            tasks::blocking(decklog_worker::trim_memory).await;
        }
        sent
    }

    /// The rows as they are; `None` if the supervisor ends.
    async fn present(&self, all: bool, selection: &Selection) -> Option<(Vec<ShortRow>, usize)> {
        let everything = selection.is_everything();
        let finished_most = selection.finished_most.filter(|_| everything);
        let look = if all { Look::All } else { Look::Listed { finished_most } };
        let (sessions, mut left_out) = match self.handle.ask(|token| Input::Look { token, at: look }).await? {
            Answer::Roster { sessions, left_out } => (sessions, left_out),
            Answer::Sessions { sessions } => (sessions, 0),
            _ => return None,
        };
        let mut rows = self.rows(sessions).await;
        if !everything {
            left_out = selection.pick(&mut rows);
        }
        Some((rows, left_out))
    }

    /// The rows as they were.
    async fn past(
        &self,
        all: bool,
        moment: Moment,
        selection: Selection,
    ) -> Result<(Vec<ShortRow>, usize), StoreError> {
        let store = self.store.clone();
        tasks::blocking(move || {
            let past = store.at(moment, clock::wall())?;
            let shown =
                |session: &Arc<Session>| row(&Shown::of(&past.roster, session), past.at, past.watched);
            let mut rows: Vec<ShortRow> = if all {
                past.roster.all().map(shown).collect()
            } else {
                past.roster.listed().map(shown).collect()
            };
            let left_out = selection.pick(&mut rows);
            Ok((rows, left_out))
        })
        .await
    }
}

async fn send(out: &mut Out, rows: Vec<ShortRow>, left_out: usize, json: bool) -> io::Result<()> {
    if !json {
        return out.last(&Reply::Roster { rows, left_out: left_out as u64 }).await;
    }
    let document = tasks::blocking(move || {
        let rows: Vec<&Row> = rows.iter().map(|one| &one.row).collect();
        serde_json::to_vec(&rows).expect("rows have string keys")
    });
    out.send(&Frame::Document(document.await)).await?;
    out.last(&Reply::End).await
}
