//! The beginning of an epoch: what became of every run that was live, before any timer and any request.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use super::{Dispatcher, Effect, Input};
use crate::actor::{Actor, Cause};
use crate::command::{Fact, Observation};
use crate::event::{PolicyChanged, SupervisorStarted};
use crate::id::RunKey;
use crate::policy::Policy;
use crate::time::Time;

/// What a supervisor says of itself when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// Its version.
    pub version: String,
    /// The kernel's id of this boot.
    pub boot_id: String,
    /// Its process number.
    pub pid: u32,
    /// The last moment at which the one before it is known to have lived.
    pub watched_until: Option<Time>,
    /// The values that rules use.
    pub policy: Policy,
}

/// Runs that are still to be found, what was found of the others, and who has to wait until all are.
#[derive(Debug)]
pub(super) struct Recovery {
    awaited: BTreeSet<RunKey>,
    found: BTreeMap<RunKey, Observation>,
    deferred: Vec<Input>,
    stopped_in_order: bool,
}

impl Dispatcher {
    pub(super) fn begin_epoch(&mut self, at: Time, boot: &Boot) {
        let fleet = self.roster.fleet();
        let (epoch, stopped_in_order) = (fleet.epoch + 1, fleet.stopped_in_order);
        let policy_changed = fleet.policy != boot.policy || epoch == 1;
        let started = SupervisorStarted {
            version: boot.version.clone(),
            boot_id: boot.boot_id.clone(),
            pid: boot.pid,
            epoch,
            watched_until: boot.watched_until,
        };
        let supervisor = Actor::supervisor();
        self.apply(at, &supervisor, Cause::Unknown, Fact::of_fleet(started));
        if policy_changed {
            let changed = PolicyChanged { policy: boot.policy.clone() };
            self.apply(at, &supervisor, Cause::Unknown, Fact::of_fleet(changed));
        }
        let awaited: BTreeSet<RunKey> = self.roster.live().filter_map(|session| session.run_key()).collect();
        self.step.effects.extend(awaited.iter().map(|run| Effect::Probe(*run)));
        if awaited.is_empty() {
            self.settle_everything(at);
            self.fire_timers(at);
        } else {
            let (found, deferred) = (BTreeMap::new(), Vec::new());
            self.recovery = Some(Recovery { awaited, found, deferred, stopped_in_order });
        }
    }

    /// Takes what belongs to recovery; gives back what is to be handled now.
    pub(super) fn recover(&mut self, at: Time, input: Input) -> Option<Input> {
        let Some(recovery) = self.recovery.as_mut() else { return Some(input) };
        match input {
            Input::Observed { run, observation } if recovery.awaited.contains(&run) => {
                recovery.awaited.remove(&run);
                recovery.found.insert(run, observation);
            }
            Input::Tick => {}
            other => recovery.deferred.push(other),
        }
        if recovery.awaited.is_empty()
            && let Some(recovery) = self.recovery.take()
        {
            self.finish_recovery(at, recovery);
        }
        None
    }

    fn finish_recovery(&mut self, at: Time, recovery: Recovery) {
        let shutdown = went_down_together(&recovery);
        for (run, observation) in &recovery.found {
            self.observed(at, *run, observation, shutdown);
        }
        self.settle_everything(at);
        self.fire_timers(at);
        for input in recovery.deferred {
            self.take(at, input);
        }
        self.finish_closing(at);
        self.answer_waits();
    }

    /// What an earlier supervisor left undone between two records.
    fn settle_everything(&mut self, at: Time) {
        let sessions = self.roster.listed().map(|session| session.id).collect();
        self.settle(at, &Actor::supervisor(), Cause::Unknown, sessions);
    }
}

/// On one boot, too, everything may have gone down at once (a login session that was ended, a container that was
/// stopped): the supervisor had no time to say so, no worker survived it, and nothing that they started did.
fn went_down_together(recovery: &Recovery) -> bool {
    let mut gone = 0;
    for observation in recovery.found.values() {
        match observation {
            Observation::Gone(found) if found.orphans == 0 => gone += 1,
            Observation::Gone(_) | Observation::Held { .. } => return false,
            _ => {}
        }
    }
    gone > 0 && !recovery.stopped_in_order
}
