//! The shell of the real binary: scripts on standard input, and a person's lines on a terminal.

#![allow(clippy::unwrap_used, reason = "these are tests, in functions of their own too")]

#[path = "shell/script.rs"]
mod script;
mod support;
#[path = "shell/terminal.rs"]
mod terminal;
