//! Facts folded into rows. Total: no record, in whatever order, can make it panic or fail.
//!
//! The only code that changes a [`Roster`]. It decides nothing: what a fact leads to is a fact of its own.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::event::{
    Adopted, AfterStop, Blocked, Dispatched, Event, Exited, Lost, OutcomeKind, ReapedWhat, ReasonKind,
    Record, Replied, SessionKind, Started, TurnEnd,
};
use crate::id::AskId;
use crate::roster::Roster;
use crate::session::{
    Ask, Delivery, DeliveryState, Left, LeftWhy, Outcome, Process, Run, Session, Stamp, StopWish, Turn, Wake,
};
use crate::time::{Awake, Time};

/// Folds one record into the roster.
pub fn evolve(roster: &mut Roster, record: &Record) {
    roster.fleet.last_seq = record.seq;
    roster.fleet.last_at = record.at;
    match (record.session, &record.event) {
        (None, event) => evolve_fleet(roster, event, stamp(record)),
        (Some(_), Event::Dispatched(dispatched)) => add(roster, record, dispatched),
        (Some(session), Event::Renamed(renamed)) => {
            roster.rename(session, &renamed.name);
            roster.change(session, |session| session.updated = stamp(record));
        }
        (Some(session), _) => {
            let moment = Moment::of(roster, record);
            roster.change(session, |session| evolve_session(session, record, &moment));
        }
    }
}

/// The roster after these records, from nothing.
pub fn replay<'a>(records: impl IntoIterator<Item = &'a Record>) -> Roster {
    let mut roster = Roster::default();
    for record in records {
        evolve(&mut roster, record);
    }
    roster
}

fn stamp(record: &Record) -> Stamp {
    Stamp { seq: record.seq, at: record.at }
}

/// Where a record stands in time: what timers count from.
struct Moment {
    stamp: Stamp,
    true_at: Time,
    awake: Awake,
}

impl Moment {
    fn of(roster: &Roster, record: &Record) -> Self {
        // What is said to have happened later than it was entered comes of a clock that was wrong.
        let true_at = record.true_at().min(record.at);
        Self { stamp: stamp(record), true_at, awake: roster.fleet.awake(true_at) }
    }

    /// Where an earlier moment lies on the awake axis, if nothing kept the machine from being awake since; this one, if
    /// no earlier one is given.
    fn awake_at(&self, earlier: Option<Time>) -> Awake {
        Awake(self.awake.0.saturating_sub(earlier.map_or(0, |earlier| self.true_at.since(earlier))))
    }
}

fn evolve_fleet(roster: &mut Roster, event: &Event, stamp: Stamp) {
    let fleet = &mut roster.fleet;
    match event {
        Event::SupervisorStarted(started) => {
            fleet.epoch = started.epoch;
            fleet.boot_id.clone_from(&started.boot_id);
            fleet.stopped_in_order = false;
            let attached: Vec<_> =
                roster.all().filter(|session| !session.attached.is_empty()).map(|s| s.id).collect();
            for session in attached {
                // The clients of an earlier supervisor are gone with it.
                roster.change(session, |session| session.attached.clear());
            }
        }
        Event::SupervisorStopped(_) => fleet.stopped_in_order = true,
        Event::Slept(slept) => {
            fleet.not_awake_ms = fleet.not_awake_ms.saturating_add(slept.ms);
        }
        Event::ClockStepped(stepped) => {
            fleet.not_awake_ms = fleet.not_awake_ms.saturating_add(stepped.leapt_ms);
        }
        Event::Looked(_) => fleet.looked = Some(stamp),
        Event::PolicyChanged(changed) => roster.set_policy(changed.policy.clone()),
        _ => {}
    }
}

fn add(roster: &mut Roster, record: &Record, dispatched: &Dispatched) {
    let Some(id) = record.session else { return };
    if roster.get(id).is_some() {
        return;
    }
    let moment = Moment::of(roster, record);
    let session = Session {
        id,
        name: dispatched.name.clone(),
        group: dispatched.group.clone(),
        dispatched: Arc::new(Dispatched {
            // Of interest to an audit, not to a row: the names alone would double it.
            environment: Vec::new(),
            ..dispatched.clone()
        }),
        created: moment.stamp,
        updated: moment.stamp,
        process: Process::None,
        turn: Turn::Idle,
        outcome: None,
        wake: None,
        seen: false,
        pinned: dispatched.pinned,
        left: None,
        run: None,
        stop: None,
        asks: Vec::new(),
        background: Vec::new(),
        deliveries: Vec::new(),
        attached: Vec::new(),
        prompted: false,
        prompts_open: 0,
        output_gone: false,
        row_basis: moment.awake,
        process_basis: moment.awake,
    };
    roster.add(Arc::new(session));
}

fn evolve_session(session: &mut Session, record: &Record, moment: &Moment) {
    session.updated = moment.stamp;
    match &record.event {
        Event::Queued(queued) => {
            session.outcome = None;
            session.wake = Some(Wake {
                kind: queued.wake,
                until: queued.until,
                ids: queued.ids.clone(),
                since: moment.stamp,
            });
        }
        Event::Admitted(_) => session.wake = None,
        Event::RunIntended(_) => intend(session, record.run, moment),
        Event::Started(started) => start(session, record.run, started, moment),
        Event::Adopted(adopted) => adopt(session, record.run, adopted, moment),
        Event::SpawnFailed(_) => {
            if live_run(session, record.run).is_some() {
                end(session, Process::None, moment);
            }
        }
        Event::Exited(exited) => exit(session, record.run, exited, moment),
        Event::Lost(lost) => lose(session, record.run, lost, moment),
        Event::Finished(finished) => {
            set_outcome(session, record, moment, finished.outcome, finished.reason, &finished.text);
        }
        Event::Stopped(stopped) => {
            set_outcome(session, record, moment, OutcomeKind::Stopped, ReasonKind::Request, &stopped.text);
        }
        Event::StopRequested(request) => {
            session.stop = Some(StopWish {
                then: request.then,
                grace_ms: request.grace_ms,
                by: record.actor.clone(),
                stamp: moment.stamp,
            });
        }
        Event::Reaped(reaped) => match reaped.what {
            ReapedWhat::Row => session.left = Some(left(record, moment, LeftWhy::Reaped)),
            ReapedWhat::Output => session.output_gone = true,
            ReapedWhat::Process => {
                let then = AfterStop::KeepOutcome;
                let by = record.actor.clone();
                session.stop = Some(StopWish { then, grace_ms: 0, by, stamp: moment.stamp });
            }
        },
        Event::Respawned(_) => {
            session.left = None;
            session.row_basis = moment.awake;
        }
        Event::Deleted(_) => session.left = Some(left(record, moment, LeftWhy::Deleted)),
        Event::Restored(_) => {
            session.left = None;
            session.row_basis = moment.awake;
            // A wish that it leave once stopped has been granted, and now taken back.
            if let Some(stop) = session.stop.as_mut().filter(|stop| stop.then == AfterStop::Delete) {
                stop.then = AfterStop::Stay;
            }
        }
        Event::Prompted(_) => {
            session.prompted = true;
            session.prompts_open = session.prompts_open.saturating_add(1);
            session.outcome = None;
        }
        Event::TurnStarted(_) => {
            session.turn = Turn::Running;
            session.outcome = None;
        }
        Event::TurnEnded(ended) => {
            session.turn = Turn::Idle;
            session.prompts_open = session.prompts_open.saturating_sub(1);
            session.row_basis = moment.awake;
            session.process_basis = moment.awake;
            if ended.end == TurnEnd::Interrupted {
                session.outcome = None;
            }
        }
        Event::Blocked(blocked) => ask(session, blocked, moment),
        Event::Replied(replied) => {
            session.process_basis = moment.awake;
            reply(session, replied);
            if let Some(ask_id) = replied.ask_id {
                close_ask(session, ask_id);
            }
        }
        Event::DeliveryIntended(intended) => {
            if let Some(delivery) = delivery(session, intended.reply_id) {
                delivery.state = DeliveryState::Intended;
            }
        }
        Event::Delivered(delivered) => {
            end_delivery(session, delivered.reply_id, DeliveryState::Delivered, "");
        }
        Event::DeliveryFailed(failed) => {
            end_delivery(session, failed.reply_id, DeliveryState::Failed, &failed.text);
        }
        Event::DeliveryUnknown(unknown) => {
            end_delivery(session, unknown.reply_id, DeliveryState::Unknown, &unknown.text);
        }
        Event::AskWithdrawn(withdrawn) => close_ask(session, withdrawn.ask_id),
        Event::BackgroundStarted(work) => {
            if !session.background.contains(&work.key) {
                session.background.push(work.key.clone());
            }
        }
        Event::BackgroundEnded(work) => session.background.retain(|key| *key != work.key),
        Event::Attached(attached) => {
            if !session.attached.contains(&attached.client) {
                session.attached.push(attached.client);
            }
        }
        Event::Detached(detached) => {
            session.attached.retain(|client| *client != detached.client);
            session.process_basis = moment.awake;
        }
        Event::Seen(_) => session.seen = true,
        Event::Pinned(_) => session.pinned = true,
        Event::Unpinned(_) => {
            session.pinned = false;
            session.row_basis = moment.awake;
        }
        Event::Grouped(grouped) => session.group.clone_from(&grouped.group),
        Event::OutputDropped(dropped) => {
            let bytes = dropped.to.saturating_sub(dropped.from);
            if let Some(run) = live_run(session, record.run) {
                run.output_dropped = run.output_dropped.saturating_add(bytes);
            }
        }
        // Folded before this, of the fleet, or of interest to an audit alone.
        Event::Dispatched(_)
        | Event::Renamed(_)
        | Event::Refused(_)
        | Event::SupervisorStarted(_)
        | Event::SupervisorStopped(_)
        | Event::Slept(_)
        | Event::ClockStepped(_)
        | Event::Looked(_)
        | Event::PolicyChanged(_) => {}
    }
}

fn by(record: &Record) -> String {
    record.actor.name.clone()
}

fn left(record: &Record, moment: &Moment, why: LeftWhy) -> Left {
    Left { why, by: by(record), stamp: moment.stamp }
}

/// The latest run, if it is this one and has not ended.
fn live_run(session: &mut Session, number: Option<u32>) -> Option<&mut Run> {
    let live = session.is_live();
    session.run.as_mut().filter(|run| live && Some(run.number) == number)
}

fn intend(session: &mut Session, number: Option<u32>, moment: &Moment) {
    let next = session.run.as_ref().map_or(0, |run| run.number).saturating_add(1);
    session.run = Some(Run {
        number: number.unwrap_or(next),
        intended: moment.stamp,
        started: None,
        started_at: None,
        process: None,
        worker: None,
        status: None,
        ended_at: None,
        ended: None,
        output_end: None,
        output_dropped: 0,
        last_line: None,
    });
    session.process = Process::Starting;
    session.wake = None;
    session.stop = None;
    session.turn = Turn::Idle;
    if session.kind() == SessionKind::Job {
        session.outcome = None;
    }
}

fn start(session: &mut Session, number: Option<u32>, started: &Started, moment: &Moment) {
    let Some(run) = live_run(session, number) else { return };
    run.started = Some(moment.stamp);
    run.started_at = Some(moment.true_at);
    run.process = Some(started.process);
    run.worker = Some(started.worker);
    session.process = Process::Alive;
    session.process_basis = moment.awake;
}

fn adopt(session: &mut Session, number: Option<u32>, adopted: &Adopted, moment: &Moment) {
    let Some(run) = live_run(session, number) else { return };
    run.process = adopted.process.or(run.process);
    run.worker = adopted.worker.or(run.worker);
    run.started_at = run.started_at.or(adopted.started_at.map(|started_at| started_at.min(moment.stamp.at)));
    if run.process.is_some() && session.process == Process::Starting {
        session.process = Process::Alive;
        session.process_basis = moment.awake_at(adopted.started_at);
    }
}

fn exit(session: &mut Session, number: Option<u32>, exited: &Exited, moment: &Moment) {
    let Some(run) = live_run(session, number) else { return };
    run.status = Some(exited.status);
    run.output_end = Some(exited.output_end);
    run.output_dropped = exited.output_dropped;
    run.last_line.clone_from(&exited.last_line);
    run.started_at = run.started_at.or(exited.started_at.map(|started_at| started_at.min(moment.true_at)));
    end(session, Process::Exited, moment);
}

fn lose(session: &mut Session, number: Option<u32>, lost: &Lost, moment: &Moment) {
    let Some(run) = live_run(session, number) else { return };
    run.output_end = Some(lost.output_end);
    run.last_line.clone_from(&lost.last_line);
    end(session, Process::Lost, moment);
}

/// What goes with a process, however it went.
fn end(session: &mut Session, process: Process, moment: &Moment) {
    if let Some(run) = session.run.as_mut() {
        run.ended = Some(moment.stamp);
        run.ended_at = Some(moment.true_at);
    }
    session.process = process;
    session.turn = Turn::Idle;
    session.prompts_open = 0;
    session.asks.clear();
    session.background.clear();
    if session.kind() == SessionKind::Job {
        session.row_basis = moment.awake;
    }
}

fn set_outcome(
    session: &mut Session,
    record: &Record,
    moment: &Moment,
    kind: OutcomeKind,
    reason: ReasonKind,
    text: &str,
) {
    let by = by(record);
    session.outcome = Some(Outcome { kind, reason, text: text.into(), by, stamp: moment.stamp });
    session.seen = false;
    if !session.is_live() {
        session.wake = None;
        session.row_basis = moment.awake;
    }
}

fn ask(session: &mut Session, blocked: &Blocked, moment: &Moment) {
    if session.asks.iter().any(|ask| ask.id == blocked.ask_id) {
        return;
    }
    session.asks.push(Ask {
        id: blocked.ask_id,
        kind: blocked.kind,
        text: blocked.text.clone(),
        tool: blocked.tool.clone(),
        options: blocked.options.clone(),
        since: moment.stamp,
    });
    session.turn = Turn::RequiresAction;
}

/// What has come to an end is remembered until the next reply, for whoever waits to hear how it ended.
fn reply(session: &mut Session, replied: &Replied) {
    session.deliveries.retain(Delivery::is_open);
    let (reply_id, text) = (replied.reply_id, replied.text.clone());
    session.deliveries.push(Delivery { reply_id, state: DeliveryState::Replied, text });
}

fn end_delivery(session: &mut Session, reply_id: u64, state: DeliveryState, text: &str) {
    if let Some(delivery) = delivery(session, reply_id) {
        delivery.state = state;
        delivery.text = text.into();
    }
}

fn delivery(session: &mut Session, reply_id: u64) -> Option<&mut Delivery> {
    session.deliveries.iter_mut().find(|delivery| delivery.reply_id == reply_id && delivery.is_open())
}

fn close_ask(session: &mut Session, id: AskId) {
    session.asks.retain(|ask| ask.id != id);
    if session.asks.is_empty() && session.turn == Turn::RequiresAction {
        session.turn = Turn::Running;
    }
}
