//! An agent's bytes in, observations out. Pure: no files, no processes, no clock.
//!
//! Each driver is one module. There is one so far: [`shell`], for jobs. [`modes`] is what its terminal was set to. It must never be told what to conclude: what
//! a session printed is all that it sees.

pub mod modes;
pub mod shell;
