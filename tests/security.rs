//! Who may do what, and what nobody gets to see: permissions, other users, sessions that would help themselves,
//! terminals, secrets.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

#[path = "security/files.rs"]
mod files;
#[path = "security/sessions.rs"]
mod sessions;
mod support;
#[path = "security/terminals.rs"]
mod terminals;
