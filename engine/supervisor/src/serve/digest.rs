//! What happened between two moments, from the rosters at both and the few records between them that no row keeps.

use std::io;
use std::sync::Arc;

use decklog_engine::actor::{Actor, ActorKind};
use decklog_engine::dispatcher::{Input, Shown};
use decklog_engine::event::EventKind;
use decklog_engine::id::Seq;
use decklog_engine::roster::Roster;
use decklog_engine::session::{LeftWhy, Session, State};
use decklog_engine::time::Time;
use decklog_protocol::digest::{Digest, ROWS_MOST};
use decklog_protocol::message::{Moment, Reply};
use decklog_protocol::moment::rfc3339;

use super::Server;
use super::out::Out;
use super::rows::row;
use crate::core::ToCore;
use crate::store::{Store, StoreError};
use crate::{clock, tasks};

impl Server {
    pub(super) async fn digest(
        &self,
        out: &mut Out,
        actor: Actor,
        since: Option<Moment>,
        until: Option<Moment>,
    ) -> io::Result<()> {
        let Some(present) = self.handle.roster().await else { return out.closing().await };
        // What is summed up is durable by the time that it is said.
        let through = present.fleet().last_seq;
        let _ = self.handle.durable().wait_for(|durable| *durable >= through).await;
        let store = self.store.clone();
        let digest = tasks::blocking(move || sum_up(&store, present, since, until)).await;
        match digest {
            Ok(digest) => {
                // Only a person who asks what is new has seen it.
                if since.is_none() && until.is_none() && actor.kind == ActorKind::User {
                    self.handle.tell(ToCore::Input(Input::Looked { actor }));
                }
                out.last(&Reply::Digest(Box::new(digest))).await
            }
            Err(error) => out.fail(error.to_string()).await,
        }
    }
}

fn sum_up(
    store: &Store,
    present: Roster,
    since: Option<Moment>,
    until: Option<Moment>,
) -> Result<Digest, StoreError> {
    let looked = present.fleet().looked;
    let (since_seq, since_at) = match since {
        Some(Moment::Seq(0)) => (0, None),
        Some(moment) => {
            let seq = store.seq_at(moment)?;
            let at = if let Moment::Time(time) = moment { time } else { store.time_of(Moment::Seq(seq))? };
            (seq, Some(at))
        }
        None => (looked.map_or(0, |looked| looked.seq), looked.map(|looked| looked.at)),
    };
    let (roster, until_at) = match until {
        Some(moment) => {
            let past = store.at(moment, clock::wall())?;
            (past.roster, past.at)
        }
        None => (present, clock::wall()),
    };
    let until_seq = roster.fleet().last_seq;
    let mut digest = Digest {
        since: since_at.map(rfc3339),
        until: rfc3339(until_at),
        since_seq,
        until_seq,
        ..Digest::default()
    };
    count_rows(&mut digest, &roster, since_seq, until_at);
    count_records(&mut digest, store, since_seq, until_seq)?;
    Ok(digest)
}

fn count_rows(digest: &mut Digest, roster: &Roster, since: Seq, at: Time) {
    let mut ends: Vec<(State, Seq, &Arc<Session>)> = Vec::new();
    let mut blocked: Vec<(Seq, &Arc<Session>)> = Vec::new();
    let counts = &mut digest.counts;
    for session in roster.all() {
        counts.dispatched += u64::from(session.created.seq > since);
        if let Some(left) = session.left.as_ref().filter(|left| left.stamp.seq > since) {
            match left.why {
                LeftWhy::Reaped => counts.reaped += 1,
                LeftWhy::Deleted => counts.removed += 1,
            }
        }
        let state = session.state();
        let ended = session.outcome.as_ref().map_or(0, |outcome| outcome.stamp.seq);
        match state {
            State::Working | State::Unknown => counts.working += 1,
            State::Queued => counts.queued += 1,
            State::Blocked => {
                counts.blocked += 1;
                blocked.push((session.asks.first().map_or(0, |ask| ask.since.seq), session));
            }
            State::Done | State::Failed | State::Stopped if ended > since => {
                match state {
                    State::Done => counts.done += 1,
                    State::Failed => counts.failed += 1,
                    _ => counts.stopped += 1,
                }
                ends.push((state, ended, session));
            }
            State::Done | State::Failed | State::Stopped | State::Idle => {}
        }
    }
    blocked.sort_unstable_by_key(|(since, _)| *since);
    ends.sort_unstable_by_key(|(_, ended, _)| std::cmp::Reverse(*ended));
    let shown = |session: &Arc<Session>| row(&Shown::of(roster, session), at, true);
    let of = |wanted: State| {
        let ends = ends.iter().filter(|(state, ..)| *state == wanted).take(ROWS_MOST);
        ends.map(|(.., session)| shown(session)).collect()
    };
    digest.done = of(State::Done);
    digest.failed = of(State::Failed);
    digest.stopped = of(State::Stopped);
    digest.blocked = blocked.iter().take(ROWS_MOST).map(|(_, session)| shown(session)).collect();
}

/// What is in no row: supervisors that came and went, attempts that were refused.
fn count_records(digest: &mut Digest, store: &Store, since: Seq, until: Seq) -> Result<(), StoreError> {
    let is = |kind: u16, wanted: EventKind| kind == wanted as u16;
    // The one that ran at the beginning of the period may have ended before it, in order.
    let mut runs = false;
    if since > 0 {
        for stored in store.reader.read(since, since) {
            runs = !is(stored?.entry.kind, EventKind::SupervisorStopped);
        }
    }
    for stored in store.reader.read(since + 1, until) {
        let kind = stored?.entry.kind;
        if is(kind, EventKind::SupervisorStarted) {
            digest.counts.supervisors += 1;
            digest.counts.killed_supervisors += u64::from(std::mem::replace(&mut runs, true));
        } else if is(kind, EventKind::SupervisorStopped) {
            runs = false;
        } else if is(kind, EventKind::Refused) {
            digest.counts.refused += 1;
        }
    }
    Ok(())
}
