//! When a rule is due. **To add a timer, start here**: a [`TimerRule`], a line in [`deadline`], and what it does in
//! [`fire`].
//!
//! Timers are never stored. A deadline is a function of the fold, on the awake axis: start + duration, where neither
//! sleep nor a leap of the wall clock counts. So one that passed while no supervisor lived fires once, at recovery.

use alloc::vec::Vec;

use crate::event::{AfterStop, Event, Reaped, ReapedWhat, SessionKind, StopRequested, TimerRule};
use crate::policy::Policy;
use crate::roster::Roster;
use crate::session::{Process, Session};
use crate::time::{Awake, Time};

/// The first deadline of this session and the rule that it belongs to; `None` if no rule waits for it.
pub fn deadline(session: &Session, policy: &Policy) -> Option<(Awake, TimerRule)> {
    let rules = [
        run_timeout(session).map(|due| (due, TimerRule::RunTimeout)),
        finished_job(session, policy).map(|due| (due, TimerRule::FinishedJob)),
        empty_row(session, policy).map(|due| (due, TimerRule::EmptyRow)),
        idle_process(session, policy).map(|due| (due, TimerRule::IdleProcess)),
        finished_conversation(session, policy).map(|due| (due, TimerRule::FinishedConversation)),
        output_retention(session, policy).map(|due| (due, TimerRule::OutputRetention)),
    ];
    rules.into_iter().flatten().min()
}

/// A run past its --timeout is stopped. Counted from its start.
fn run_timeout(session: &Session) -> Option<Awake> {
    let applies = session.process == Process::Alive && session.stop.is_none();
    let timeout_ms = session.dispatched.timeout_ms?;
    applies.then(|| session.process_basis.plus(timeout_ms))
}

/// A finished job leaves the roster. Counted from the last of exit, restore, unpin. Not when pinned.
fn finished_job(session: &Session, policy: &Policy) -> Option<Awake> {
    let applies = session.kind() == SessionKind::Job
        && session.is_listed()
        && !session.is_live()
        && session.wake.is_none()
        && session.outcome.is_some()
        && !session.pinned;
    applies.then(|| session.row_basis.plus(policy.finished_job_ms))
}

/// A conversation that was never prompted leaves. Counted from its dispatch. Not when pinned, attached or alive.
fn empty_row(session: &Session, policy: &Policy) -> Option<Awake> {
    let applies = session.kind() == SessionKind::Conversation
        && session.is_listed()
        && !session.is_live()
        && session.wake.is_none()
        && !session.prompted
        && !session.pinned
        && session.attached.is_empty();
    applies.then(|| session.row_basis.plus(policy.empty_row_ms))
}

/// A finished conversation's process is reaped; the row stays. Counted from the last of turn end, reply, detach. Not
/// when pinned, attached, blocked, working, or already being stopped.
fn idle_process(session: &Session, policy: &Policy) -> Option<Awake> {
    let applies = session.kind() == SessionKind::Conversation
        && session.process == Process::Alive
        && session.stop.is_none()
        && session.prompted
        && !session.has_work()
        && session.asks.is_empty()
        && !session.pinned
        && session.attached.is_empty();
    applies.then(|| session.process_basis.plus(policy.idle_process_ms))
}

/// A finished conversation leaves the roster. Counted from the last of turn end, restore, unpin. Not when pinned,
/// blocked or attached, and not while it has a process.
fn finished_conversation(session: &Session, policy: &Policy) -> Option<Awake> {
    let applies = session.kind() == SessionKind::Conversation
        && session.is_listed()
        && !session.is_live()
        && session.wake.is_none()
        && session.prompted
        && session.asks.is_empty()
        && !session.pinned
        && session.attached.is_empty();
    applies.then(|| session.row_basis.plus(policy.finished_conversation_ms))
}

/// What a session printed is removed. Counted from the last of its end, restore, unpin. Not when pinned, queued or
/// attached, and not while it has a process.
fn output_retention(session: &Session, policy: &Policy) -> Option<Awake> {
    let applies = session.run.is_some()
        && !session.output_gone
        && !session.is_live()
        && session.wake.is_none()
        && !session.pinned
        && session.attached.is_empty();
    applies.then(|| session.row_basis.plus(policy.output_retention_ms))
}

/// The first rule that is due at log time `at`, and what it does. Call it, apply, and call it again until `None`.
pub fn fire(roster: &Roster, at: Time) -> Option<(&Session, TimerRule, Vec<Event>)> {
    let now = roster.fleet().awake(at);
    let (due, session) = roster.first_deadline()?;
    if due > now {
        return None;
    }
    let (_, rule) = roster.deadline_of(session)?;
    let reaped = |what| Event::from(Reaped { what, rule, due: Time(at.0 - now.since(due)) });
    let events = match rule {
        TimerRule::RunTimeout => {
            let grace_ms = roster.fleet().policy.stop_grace_ms;
            Vec::from([StopRequested { grace_ms, then: AfterStop::FailTimeout }.into()])
        }
        TimerRule::IdleProcess => Vec::from([reaped(ReapedWhat::Process)]),
        TimerRule::FinishedJob | TimerRule::EmptyRow | TimerRule::FinishedConversation => {
            Vec::from([reaped(ReapedWhat::Row)])
        }
        TimerRule::OutputRetention => Vec::from([reaped(ReapedWhat::Output)]),
    };
    Some((session, rule, events))
}
