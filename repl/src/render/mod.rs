//! Screens: pure functions from rows and records to text. Each takes the [`style::Style`] that says whether there is
//! colour and how wide the terminal is; without a terminal nothing is cut off.
//!
//! Nothing here reads a clock or prints. Text that came from a session passes through [`text::shown`] on its way, so
//! that no control character of it reaches a terminal.

pub(crate) mod daemon;
pub(crate) mod digest;
pub(crate) mod doctor;
pub(crate) mod frame;
pub(crate) mod history;
pub(crate) mod log;
pub(crate) mod news;
pub(crate) mod outcome;
pub(crate) mod peek;
pub(crate) mod roster;
pub(crate) mod show;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod verified;
pub(crate) mod when;
pub(crate) mod why;

#[cfg(test)]
pub(crate) mod samples;
