//! What follows from the roster alone, without anybody wishing it: a wish that waited for a process to end, and the
//! next in the queue. A reconciler: it looks at what is, so it is right after a crash at any point.

use alloc::vec::Vec;

use crate::actor::Actor;
use crate::command::Fact;
use crate::decide;
use crate::event::{Admitted, AfterStop, Deleted, RunIntended, WakeKind};
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
    if admit { next_in_queue(roster) } else { Vec::new() }
}

/// First come, first served.
fn next_in_queue(roster: &Roster) -> Vec<Fact> {
    let ready = roster.waiting().find(|session| {
        session.wake.as_ref().is_some_and(|wake| wake.kind == WakeKind::Slot)
            && decide::slot_is_free(roster, session.kind())
    });
    let Some(session) = ready else { return Vec::new() };
    let run = session.run.as_ref().map_or(0, |run| run.number) + 1;
    let slots = || Actor::rule("slots");
    Vec::from([
        Fact::of(session.id, Admitted {}).by(slots()),
        Fact::of_run(session.id, run, RunIntended {}).by(slots()),
    ])
}
