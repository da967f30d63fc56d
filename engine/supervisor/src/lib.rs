//! The supervisor: a per-user daemon that hosts sessions with no terminal attached.
//!
//! It is a shell of tokio around the engine's dispatcher: it moves inputs in and carries effects out. It must never
//! decide what a session's state is (the engine does), hold a session's terminal or exit status (its worker does), or
//! act on anything that is not durable yet.
//!
//! Start at [`run`], then `core` (the loop around the dispatcher), `hosting` (workers) and `serve` (clients).

mod clock;
mod config;
mod core;
mod files;
mod heartbeat;
mod hosting;
mod journal;
mod launch;
mod leftovers;
mod limits;
mod peer;
mod place;
mod run;
mod serve;
mod socket;
mod store;
mod tasks;

pub use config::check as check_config;
pub use leftovers::folders_never_run;
pub use run::{RunError, run, verify_offline};
