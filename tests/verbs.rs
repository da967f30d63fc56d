//! The verbs of the real binary, each against a fresh instance: what it prints and where, its exit codes, its JSON.

#![allow(clippy::unwrap_used, reason = "these are tests, in functions of their own too")]

#[path = "verbs/change.rs"]
mod change;
#[path = "verbs/daemon.rs"]
mod daemon;
#[path = "verbs/digest.rs"]
mod digest;
#[path = "verbs/dispatch.rs"]
mod dispatch;
#[path = "verbs/doctor.rs"]
mod doctor;
#[path = "verbs/look.rs"]
mod look;
#[path = "verbs/progress.rs"]
mod progress;
#[path = "verbs/setup.rs"]
mod setup;
#[path = "verbs/since.rs"]
mod since;
mod support;
#[path = "verbs/terminal.rs"]
mod terminal;
#[path = "verbs/wait.rs"]
mod wait;
#[path = "verbs/watch.rs"]
mod watch;
