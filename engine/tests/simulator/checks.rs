//! What must hold after every step, and what must have come true in the end.

use std::collections::{BTreeMap, BTreeSet};

use decklog_engine::dispatcher::Launch;
use decklog_engine::event::{Event, ReapedWhat, ReasonKind, Record};
use decklog_engine::evolve::replay;
use decklog_engine::id::{RunKey, SessionId};
use decklog_engine::session::{Process, State};

use super::world::{Worker, World};

impl World {
    fn log(&self) -> impl Iterator<Item = &Record> {
        self.durable.iter().chain(self.pending.iter().flatten())
    }

    pub(crate) fn check(&self) {
        for (place, record) in self.log().enumerate() {
            assert_eq!(record.seq, place as u64 + 1, "the log is dense");
        }
        for (one, next) in self.log().zip(self.log().skip(1)) {
            assert!(one.at <= next.at, "log time never runs backwards: {one:?} {next:?}");
        }
        if let Some(supervisor) = &self.supervisor {
            assert!(supervisor.roster().is_consistent());
            assert_eq!(replay(self.log()).encode(), supervisor.roster().encode(), "replay is live");
        }
        self.check_runs();
        self.check_timers();
    }

    /// Nothing is started whose intent is not durable, and nothing twice.
    pub(crate) fn check_launch(&self, launch: &Launch) {
        let intended = self.durable.iter().any(|record| {
            record.run_key() == Some(launch.run) && matches!(record.event, Event::RunIntended(_))
        });
        assert!(intended, "{} was launched before its intent was durable", launch.run);
    }

    /// No worker is sent away before the end of its run is durable.
    pub(crate) fn check_recorded(&self, run: RunKey) {
        let ended = self.durable.iter().any(|record| {
            record.run_key() == Some(run)
                && matches!(record.event, Event::Exited(_) | Event::Lost(_) | Event::SpawnFailed(_))
        });
        assert!(ended, "{run} was said to be recorded and is not");
    }

    /// Nothing is typed whose intent is not durable.
    pub(crate) fn check_delivery(&self, run: RunKey, reply_id: u64) {
        let intended = self.durable.iter().any(|record| {
            record.run_key() == Some(run)
                && matches!(&record.event, Event::DeliveryIntended(intended) if intended.reply_id == reply_id)
        });
        assert!(intended, "reply {reply_id} was passed on before its intent was durable");
    }

    /// No output is removed whose removal is not durable, nor that of what runs.
    pub(crate) fn check_output_removed(&self, id: SessionId) {
        let reaped = self.durable.iter().any(|record| {
            record.session == Some(id)
                && matches!(&record.event, Event::Reaped(reaped) if reaped.what == ReapedWhat::Output)
        });
        assert!(reaped, "the output of {id} was removed, and the log does not say so");
        let alive = |(run, worker): (&RunKey, &Worker)| {
            run.session == id && matches!(worker, Worker::Starting | Worker::Running { .. })
        };
        assert!(!self.workers.iter().any(alive), "the output of {id} was removed while it runs");
    }

    /// No dispatch is acknowledged before it is durable.
    pub(crate) fn check_acknowledged(&self, id: SessionId) {
        let dispatched = self
            .durable
            .iter()
            .any(|record| record.session == Some(id) && matches!(record.event, Event::Dispatched(_)));
        assert!(dispatched, "{id} was acknowledged and is not durable");
    }

    pub(crate) fn check_stopped(&self) {
        let last = self.durable.last().map(|record| &record.event);
        assert!(
            matches!(last, Some(Event::SupervisorStopped(_))),
            "it ended before its last record was durable"
        );
    }

    fn check_runs(&self) {
        for (run, starts) in &self.starts {
            assert!(*starts <= 1, "{run} was started {starts} times");
        }
        // At most one process a session, and none after a stop without a respawn.
        let mut holders: BTreeMap<SessionId, RunKey> = BTreeMap::new();
        for (run, worker) in &self.workers {
            if matches!(worker, Worker::Starting | Worker::Running { .. }) {
                let other = holders.insert(run.session, *run);
                assert_eq!(other, None, "two runs of one session live");
            }
        }
        let mut stopped: BTreeSet<SessionId> = BTreeSet::new();
        for record in self.log() {
            let Some(session) = record.session else { continue };
            match record.event {
                Event::Stopped(_) => {
                    stopped.insert(session);
                }
                Event::Respawned(_) => {
                    stopped.remove(&session);
                }
                Event::RunIntended(_) => {
                    assert!(!stopped.contains(&session), "{session} came back from a stop");
                }
                _ => {}
            }
        }
    }

    fn check_timers(&self) {
        let mut pinned: BTreeSet<SessionId> = BTreeSet::new();
        let mut listed: BTreeSet<SessionId> = BTreeSet::new();
        for record in self.log() {
            let Some(session) = record.session else { continue };
            match &record.event {
                Event::Dispatched(_) | Event::Restored(_) | Event::Respawned(_) => {
                    listed.insert(session);
                }
                Event::Deleted(_) => {
                    listed.remove(&session);
                }
                Event::Pinned(_) => {
                    pinned.insert(session);
                }
                Event::Unpinned(_) => {
                    pinned.remove(&session);
                }
                Event::Reaped(reaped) if reaped.what == ReapedWhat::Output => {
                    assert!(reaped.due <= record.at, "reaped before it was due");
                    assert!(!pinned.contains(&session), "reaped what was pinned");
                }
                Event::Reaped(reaped) => {
                    assert!(reaped.due <= record.at, "reaped before it was due");
                    assert!(listed.remove(&session), "reaped what had left");
                    assert!(!pinned.contains(&session), "reaped what was pinned");
                }
                _ => {}
            }
        }
    }

    /// Nothing acknowledged was lost, and every row says what was true.
    pub(crate) fn check_the_end(&self) {
        let roster = self.supervisor.as_ref().expect("a supervisor lives in the end").roster();
        for id in &self.acknowledged {
            assert!(roster.get(*id).is_some(), "{id} was acknowledged and is lost");
        }
        for session in roster.all() {
            assert_eq!(session.open_deliveries().count(), 0, "a reply is on its way for ever: {session:?}");
            assert!(!session.is_live(), "{session:?} never ended");
            assert_ne!(session.state(), State::Queued, "{session:?} was never started");
            let (Some(run), Some(number)) = (session.run_key(), session.run.as_ref()) else { continue };
            let outcome = session.outcome.as_ref().unwrap_or_else(|| panic!("no outcome: {session:?}"));
            match self.workers.get(&run) {
                Some(Worker::Ended { status, at, stop_reached }) => {
                    // What ended by itself is never said to have been stopped (a respawn that waited may have been).
                    let of_this_end = number.ended.is_some_and(|ended| outcome.stamp.seq == ended.seq + 1);
                    assert!(
                        *stop_reached || !of_this_end || session.state() != State::Stopped,
                        "{session:?}"
                    );
                    // Found ended, whatever happened to supervisors meanwhile: its true code and time.
                    assert_eq!(session.process, Process::Exited, "{session:?}");
                    assert_eq!(number.status, Some(*status), "{session:?}");
                    let recorded = number.ended_at.expect("it ended");
                    let entered = number.ended.expect("and that was recorded").at;
                    assert_eq!(recorded, (*at).min(entered), "{session:?}");
                }
                Some(Worker::Killed { began: true, .. }) => {
                    assert_eq!(session.process, Process::Lost, "{session:?}");
                    assert_ne!(session.state(), State::Done, "a loss is never a success");
                    if session.state() == State::Failed {
                        assert!(
                            matches!(outcome.reason, ReasonKind::Lost | ReasonKind::Shutdown),
                            "{session:?}"
                        );
                    }
                }
                Some(Worker::Killed { began: false, .. }) | None => {
                    assert_eq!(session.process, Process::None, "{session:?}");
                    assert_ne!(session.state(), State::Done);
                }
                Some(worker) => panic!("{worker:?} still runs for {session:?}"),
            }
        }
    }
}
