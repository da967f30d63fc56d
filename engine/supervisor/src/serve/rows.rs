//! Rows: one session, what its state rests on; now or as it was.

use std::io;

use decklog_engine::dispatcher::{Answer, Input, Look, Shown, resolve};
use decklog_engine::time::Time;
use decklog_protocol::home::Home;
use decklog_protocol::message::{Moment, Reply, ShortRow, UnresolvedTarget};
use decklog_protocol::moment::rfc3339;
use decklog_protocol::row::{EventRow, Row};

use super::Server;
use super::out::Out;
use super::requests::unresolved;
use crate::hosting::last_output;
use crate::store::{self, StoreError};
use crate::{clock, launch, tasks};

/// More rows than this are made beside the loop, which serves others meanwhile.
pub(super) const ROWS_AT_ONCE: usize = 100;

impl Server {
    pub(super) async fn show(&self, out: &mut Out, target: String, at: Option<Moment>) -> io::Result<()> {
        let Some(moment) = at else {
            let answer = self.look_at(target).await;
            return match answer {
                Some(answer) => self.reply(out, answer).await,
                None => out.closing().await,
            };
        };
        let (store, then) = (self.store.clone(), target.clone());
        let reply = tasks::blocking(move || {
            let past = store.at(moment, clock::wall())?;
            Ok::<Reply, StoreError>(match resolve(&past.roster, &[then]) {
                Err(targets) => unresolved(targets),
                Ok(ids) => {
                    let sessions = ids.iter().filter_map(|id| past.roster.get(*id));
                    let shown =
                        sessions.map(|session| row(&Shown::of(&past.roster, session), past.at, past.watched));
                    Reply::Rows { rows: shown.collect() }
                }
            })
        });
        match reply.await {
            Ok(Reply::Unresolved { unresolved }) => {
                let unresolved = self.not_yet(&target).await.map_or(unresolved, |later| vec![later]);
                out.last(&Reply::Unresolved { unresolved }).await
            }
            Ok(reply) => out.last(&reply).await,
            Err(error) => out.fail(error.to_string()).await,
        }
    }

    /// What there is to say of a session that exists, and did not at an earlier moment.
    async fn not_yet(&self, target: &str) -> Option<UnresolvedTarget> {
        let Some(Answer::Sessions { sessions }) = self.look_at(target.to_owned()).await else { return None };
        let session = &sessions.first()?.session;
        let dispatched = rfc3339(session.created.at);
        let text = format!("{} was not there yet: it was dispatched at {dispatched}", session.name);
        Some(UnresolvedTarget { text, candidates: Vec::new() })
    }

    pub(super) async fn why(&self, out: &mut Out, target: String) -> io::Result<()> {
        let shown = match self.look_at(target).await {
            Some(Answer::Sessions { mut sessions }) if sessions.len() == 1 => sessions.remove(0),
            Some(other) => return self.reply(out, other).await,
            None => return out.closing().await,
        };
        let (store, grounds) = (self.store.clone(), shown.session.grounds());
        // An observation of a moment ago may not be durable yet; it will be.
        let last = grounds.last().copied().unwrap_or(0);
        let _ = self.handle.durable().wait_for(|durable| *durable >= last).await;
        let events = tasks::blocking(move || {
            let records = grounds.into_iter().flat_map(|seq| store.reader.read(seq, seq));
            records
                .map(|stored| store::record(stored?).map(|(record, hash)| EventRow::of(&record, &hash)))
                .collect::<Result<Vec<_>, StoreError>>()
        });
        let mut rows = self.rows(vec![shown]).await;
        match (events.await, rows.pop()) {
            (Ok(events), Some(one)) => {
                out.last(&Reply::Why { row: Box::new(one.row), short: one.short, events }).await
            }
            (Err(error), _) => out.fail(error.to_string()).await,
            (_, None) => out.closing().await,
        }
    }

    pub(super) async fn look_at(&self, target: String) -> Option<Answer> {
        self.handle.ask(|token| Input::Look { token, at: Look::These(vec![target]) }).await
    }

    /// The rows of sessions as they are. What still runs is summed up by the end of its output.
    pub(super) async fn rows(&self, sessions: Vec<Shown>) -> Vec<ShortRow> {
        let now = clock::wall();
        let lives = sessions.iter().any(|shown| shown.session.is_live());
        if !lives && sessions.len() <= ROWS_AT_ONCE {
            return sessions.iter().map(|shown| row(shown, now, true)).collect();
        }
        let home = self.home.clone();
        tasks::blocking(move || sessions.iter().map(|shown| row_now(&home, shown, now)).collect()).await
    }
}

/// The row of a session as it is. Blocks: what still runs is summed up by the end of its output.
pub(super) fn row_now(home: &Home, shown: &Shown, now: Time) -> ShortRow {
    let mut one = row(shown, now, true);
    if let Some(run) = shown.session.run_key().filter(|_| shown.session.is_live()) {
        one.row.summary = last_output(&launch::run_dir(home, run)).1;
    }
    one
}

/// The row of a session at a moment. What still runs has no summary yet: that is in its output.
pub(super) fn row(shown: &Shown, now: Time, watched: bool) -> ShortRow {
    let session = &shown.session;
    ShortRow { short: session.id.prefix(shown.digits), row: Row::of(session, now, watched) }
}
