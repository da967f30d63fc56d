//! The pure core of decklog: what a session is, what may happen to it, and when.
//!
//! Start at [`event`] (the catalogue of facts), then [`evolve`] (facts folded into rows), [`decide`] (wishes and
//! observations turned into facts) and [`dispatcher`] (the machine that orders them all).
//!
//! This crate must never read a clock, a file, a socket or a random number: times and identities are handed in. The
//! compiler holds most of that: outside tests there is no `std` here.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod words;

pub mod id;
pub mod raw;
pub mod time;

pub mod actor;
pub mod codec;
pub mod event;

pub mod evolve;
pub mod roster;
pub mod session;

pub mod command;
pub mod decide;
pub mod name;
pub mod policy;
pub mod settle;
pub mod timers;

pub mod clock;
pub mod dispatcher;
