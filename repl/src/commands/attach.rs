//! `attach`: a session's terminal on this one.

use crate::attach;
use crate::cli::Attach;
use crate::console::Console;
use crate::error::Failure;
use crate::surroundings;

/// Attaches to a session until its run has ended, or the person leaves.
pub(super) fn run(args: &Attach, console: &mut Console) -> Result<u8, Failure> {
    console.flush()?;
    attach::run(&surroundings::home()?, &args.id)
}
