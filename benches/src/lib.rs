//! What the benches share: rounds that are fair, a disk that is one, work that is always the same.
//!
//! Start with a bench in `benches/`; its header says what it measures, against what, and its budget. README.md has
//! the last figures. Nothing here is part of decklog itself.

#![allow(clippy::print_stdout, reason = "a bench prints what it found")]

pub mod disk;
pub mod rounds;

pub mod lives;
pub mod producers;
