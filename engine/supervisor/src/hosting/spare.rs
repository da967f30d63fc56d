//! One worker that waits for a session which nobody has dispatched yet, so that the next dispatch need not wait for a
//! process to start.
//!
//! It holds the folder of an id that the log does not know. Until it is told what to run it starts nothing, and if the
//! supervisor ends it ends without a trace; its folder is swept by the next one.

use std::mem;
use std::sync::{Mutex, MutexGuard};

use decklog_engine::id::SessionId;
use decklog_worker::layout::JobDir;
use decklog_worker::{Lock, Spawned};

use super::task;
use crate::launch::{self, Instance};

/// A worker, and the session that it will hold.
pub(crate) struct Spare {
    session: SessionId,
    job_dir: JobDir,
    spawned: Spawned,
}

impl Spare {
    /// The id of the session that is dispatched to it.
    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    pub(super) fn into_worker(self) -> Spawned {
        self.spawned
    }

    /// Blocks for the time that a process takes to start.
    fn start(instance: &Instance) -> Option<Self> {
        let session = launch::new_id().ok()?;
        let job_dir = launch::job_dir(&instance.home, session);
        job_dir.create().ok()?;
        let lock = Lock::try_take(&job_dir.lock()).ok().flatten();
        let spawned = lock.and_then(|lock| task::spawn(&job_dir, lock).ok());
        if spawned.is_none() {
            // Nobody has ever heard of it. The next dispatch says what is wrong.
            let _ = std::fs::remove_dir_all(job_dir.path());
        }
        spawned.map(|spawned| Self { session, job_dir, spawned })
    }

    /// Ends it. Blocks until it has ended.
    pub(crate) fn end(self) {
        let Spawned { mut child, control, .. } = self.spawned;
        drop(control);
        let _ = child.wait();
        let _ = std::fs::remove_dir_all(self.job_dir.path());
    }
}

/// Where the spare worker waits.
#[derive(Default)]
pub(super) struct Keeper {
    state: Mutex<State>,
}

#[derive(Default)]
enum State {
    #[default]
    Empty,
    /// It is being started.
    Filling,
    Full(Box<Spare>),
    /// The supervisor ends: there will be no other.
    Closed,
}

impl Keeper {
    /// The worker, if it waits and lives.
    pub(super) fn take(&self) -> Option<Spare> {
        let mut state = self.state();
        let State::Full(_) = &*state else { return None };
        let State::Full(mut spare) = mem::take(&mut *state) else { return None };
        drop(state);
        let lives = matches!(spare.spawned.child.try_wait(), Ok(None)) && spare.job_dir.path().is_dir();
        if lives {
            return Some(*spare);
        }
        spare.end();
        None
    }

    /// Starts one, unless there is one or will be. Blocks.
    pub(super) fn fill(&self, instance: &Instance) {
        {
            let mut state = self.state();
            if !matches!(&*state, State::Empty) {
                return;
            }
            *state = State::Filling;
        }
        let spare = Spare::start(instance);
        let mut state = self.state();
        match (&*state, spare) {
            (State::Filling, Some(spare)) => *state = State::Full(Box::new(spare)),
            (State::Filling, None) => *state = State::Empty,
            (_, Some(spare)) => spare.end(),
            (_, None) => {}
        }
    }

    /// Ends what waits, and lets none come after it. Blocks.
    pub(super) fn close(&self) {
        let state = mem::replace(&mut *self.state(), State::Closed);
        if let State::Full(spare) = state {
            spare.end();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding it")
    }
}
