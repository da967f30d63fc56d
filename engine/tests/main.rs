//! The engine's tests: one binary. Each module says what it holds.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod decisions;
mod properties;
mod simulator;
mod stored_events;
mod support;
mod timers;
mod transitions;
