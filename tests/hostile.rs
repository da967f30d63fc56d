//! Hostile input, each against the real binary: names, jobs, starts, places, a full disk, exhausted limits, a supervisor
//! that says nothing, clients that misbehave. Each must give a clear error or a clear row, and a log that verifies.

#![allow(clippy::unwrap_used, reason = "these are tests, in functions of their own too")]

#[path = "hostile/clients.rs"]
mod clients;
#[path = "hostile/disk.rs"]
mod disk;
#[path = "hostile/jobs.rs"]
mod jobs;
#[path = "hostile/limits.rs"]
mod limits;
#[path = "hostile/names.rs"]
mod names;
#[path = "hostile/places.rs"]
mod places;
#[path = "hostile/silent.rs"]
mod silent;
#[path = "hostile/starts.rs"]
mod starts;
mod support;

use support::Instance;

/// Asserts that the log is whole.
#[track_caller]
fn whole(instance: &Instance) {
    let found = instance.run(&["verify", "--json"]);
    assert_eq!((found.code, &found.json()["ok"]), (0, &true.into()), "{found:?}");
}
