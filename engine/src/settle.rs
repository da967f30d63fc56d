//! What follows from the roster alone, without anybody wishing it: a wish that waited for a process to end, and the
//! next in the queue. A reconciler: it looks at what is, so it is right after a crash at any point.

use alloc::vec::Vec;

use crate::actor::Actor;
use crate::command::Fact;
use crate::decide::{self, Dependencies};
use crate::event::{Admitted, AfterStop, Deleted, RunIntended};
use crate::id::SessionId;
use crate::roster::Roster;

/// The next facts that follow; call it, apply, and call it again until it returns none. `touched` are the sessions
/// that the step changed; `admit` is false while the supervisor is closing.
pub fn settle(roster: &Roster, touched: &[SessionId], admit: bool) -> Vec<Fact> {
    for session in touched.iter().filter_map(|id| roster.get(*id)) {
        let Some(wish) = session.stop.as_ref().filter(|_| !session.is_live()) else { continue };
        match wish.then {
            AfterStop::Delete if session.is_listed() => {
                return Vec::from([Fact::of(session.id, Deleted {}).by(wish.by.clone())]);
            }
            AfterStop::Respawn if session.is_listed() && session.wake.is_none() && admit => {
                let facts = decide::respawn(roster, session);
                return facts.into_iter().map(|fact| fact.by(wish.by.clone())).collect();
            }
            _ => {}
        }
    }
    if !admit {
        return Vec::new();
    }
    let waited_for = next_after_others(roster);
    if waited_for.is_empty() { next_in_queue(roster) } else { waited_for }
}

/// The first of those that wait for other sessions for which the waiting is over.
fn next_after_others(roster: &Roster) -> Vec<Fact> {
    let after = || Actor::rule("after");
    for session in roster.waiting_for_others() {
        match decide::dependencies(roster, &session.dispatched) {
            Dependencies::Open(_) => {}
            Dependencies::Broken(text) => {
                return Vec::from([decide::dependency_failed(session.id, text).by(after())]);
            }
            Dependencies::Met => {
                let run = session.run.as_ref().map_or(0, |run| run.number) + 1;
                let next = decide::start_or_queue(roster, session.id, &session.dispatched, run);
                return Vec::from([Fact::of(session.id, Admitted {}).by(after()), next.by(after())]);
            }
        }
    }
    Vec::new()
}

/// Whoever is to get the next free slot.
fn next_in_queue(roster: &Roster) -> Vec<Fact> {
    let ready = roster.slot_queue().find(|session| decide::slot_is_free(roster, session.kind()));
    let Some(session) = ready else { return Vec::new() };
    let run = session.run.as_ref().map_or(0, |run| run.number) + 1;
    let slots = || Actor::rule("slots");
    Vec::from([
        Fact::of(session.id, Admitted {}).by(slots()),
        Fact::of_run(session.id, run, RunIntended {}).by(slots()),
    ])
}
