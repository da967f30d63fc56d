//! Clients that wait for sessions. Nothing polls: each record that touches a session is noted, and each step ends by
//! asking which waits are over.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Answer, Dispatcher, Effect, Reached, Shown, Token};
use crate::event::SessionKind;
use crate::id::{Seq, SessionId};
use crate::roster::Roster;
use crate::session::{Process, Session, State};

/// What a client waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitFor {
    /// The session that it dispatched runs, is queued, or has failed.
    Running,
    /// What it wished of sessions has come about.
    Settled {
        /// What held already.
        notes: Vec<String>,
        /// A run was to be started: it runs, or it is known that it does not.
        started: bool,
    },
    /// The reply that it gave has arrived, or it is known that it will not, or that nobody can say.
    Delivered {
        /// Which.
        reply_id: u64,
    },
    /// The verb `wait`.
    Goal(WaitGoal),
    /// The supervisor ends.
    Closed,
}

/// What the verb `wait` waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitGoal {
    /// These states, reached now or since the wait began; none given: done, failed or stopped, or an idle
    /// conversation.
    pub states: Vec<State>,
    /// One session is enough.
    pub any: bool,
    /// Go on while one is blocked.
    pub through_asks: bool,
}

#[derive(Debug, Default)]
pub(super) struct Waits {
    waits: BTreeMap<Token, Wait>,
}

#[derive(Debug)]
struct Wait {
    ids: Vec<SessionId>,
    wanted: WaitFor,
    /// For each id, the states seen since the wait began.
    seen: Vec<Vec<State>>,
}

impl Waits {
    pub(super) fn add(&mut self, token: Token, ids: Vec<SessionId>, wanted: WaitFor) {
        let seen = ids.iter().map(|_| Vec::new()).collect();
        self.waits.insert(token, Wait { ids, wanted, seen });
    }

    pub(super) fn forget(&mut self, token: Token) {
        self.waits.remove(&token);
    }

    /// Notes the state of a session that a record touched.
    pub(super) fn note(&mut self, roster: &Roster, session: Option<SessionId>) {
        let Some(session) = session.and_then(|id| roster.get(id)) else { return };
        for wait in self.waits.values_mut() {
            let Some(place) = wait.ids.iter().position(|id| *id == session.id) else { continue };
            let state = session.state();
            if !wait.seen[place].contains(&state) {
                wait.seen[place].push(state);
            }
        }
    }
}

impl Dispatcher {
    /// Answers every wait that is over.
    pub(super) fn answer_waits(&mut self) {
        let binding = self.binding;
        let roster = &self.roster;
        let over: Vec<(Token, Seq, Answer)> = self
            .waits
            .waits
            .iter()
            .filter_map(|(token, wait)| {
                let sessions: Vec<_> = wait.ids.iter().filter_map(|id| roster.get(*id).cloned()).collect();
                let (gate, answer) = is_over(roster, wait, &sessions)?;
                Some((*token, gate.unwrap_or(binding), answer))
            })
            .collect();
        for (token, gate, answer) in over {
            self.waits.forget(token);
            self.hold(gate, Effect::Answer { token, answer });
        }
    }
}

/// The answer to a wait that is over, and the record that it must not run ahead of, if that is not the last.
fn is_over(roster: &Roster, wait: &Wait, sessions: &[Arc<Session>]) -> Option<(Option<Seq>, Answer)> {
    match &wait.wanted {
        WaitFor::Running => {
            let session = sessions.first()?;
            let gate = match session.process {
                Process::Starting => return None,
                // The intent binds; that it runs is what the worker can say again.
                Process::Alive => session.run.as_ref().map(|run| run.intended.seq),
                Process::None | Process::Exited | Process::Lost => None,
            };
            Some((gate, Answer::Dispatched { session: Shown::of(roster, session), existing: false }))
        }
        WaitFor::Settled { notes, started } => {
            let ended = |session: &Session| session.stop.is_none() || !session.is_live();
            let settled = sessions
                .iter()
                .all(|session| ended(session) && (!started || session.process != Process::Starting));
            settled.then(|| (None, Answer::Done { sessions: shown(roster, sessions), notes: notes.clone() }))
        }
        WaitFor::Delivered { reply_id } => {
            let session = sessions.first()?;
            let delivery = session.deliveries.iter().find(|delivery| delivery.reply_id == *reply_id)?;
            (!delivery.is_open()).then(|| (None, Answer::Delivered { delivery: delivery.clone() }))
        }
        WaitFor::Goal(goal) => {
            let reached = goal_reached(goal, wait, sessions)?;
            Some((None, Answer::Waited { reached, sessions: shown(roster, sessions) }))
        }
        WaitFor::Closed => roster.fleet().stopped_in_order.then_some((None, Answer::Closed)),
    }
}

fn shown(roster: &Roster, sessions: &[Arc<Session>]) -> Vec<Shown> {
    sessions.iter().map(|session| Shown::of(roster, session)).collect()
}

fn goal_reached(goal: &WaitGoal, wait: &Wait, sessions: &[Arc<Session>]) -> Option<Reached> {
    let verdicts: Vec<_> =
        sessions.iter().zip(&wait.seen).map(|(session, seen)| verdict(goal, session, seen)).collect();
    let reached = |verdict: &Option<Reached>| *verdict == Some(Reached::Goal);
    if verdicts.contains(&Some(Reached::Blocked)) {
        return Some(Reached::Blocked);
    }
    if goal.any {
        if verdicts.iter().any(reached) {
            return Some(Reached::Goal);
        }
        return verdicts.iter().all(|verdict| *verdict == Some(Reached::Never)).then_some(Reached::Never);
    }
    if verdicts.contains(&Some(Reached::Never)) {
        return Some(Reached::Never);
    }
    verdicts.iter().all(reached).then_some(Reached::Goal)
}

fn verdict(goal: &WaitGoal, session: &Session, seen: &[State]) -> Option<Reached> {
    let state = session.state();
    let at_rest =
        state.is_finished() || (state == State::Idle && session.kind() == SessionKind::Conversation);
    let reached = if goal.states.is_empty() {
        at_rest
    } else {
        goal.states.contains(&state) || goal.states.iter().any(|wanted| seen.contains(wanted))
    };
    if reached {
        return Some(Reached::Goal);
    }
    if state == State::Blocked && !goal.through_asks {
        return Some(Reached::Blocked);
    }
    // Only a person could make it move again.
    at_rest.then_some(Reached::Never)
}
