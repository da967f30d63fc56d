//! `doctor`: what is missing, what is wrong, and how to mend it.
//!
//! **To add a check, start here**: a small function that returns a [`Finding`], in the file of what it looks at, and
//! its call in [`examine`]. A check that cannot be made says nothing: it never guesses. Nothing is changed, and no
//! supervisor is started.

mod logout;
mod machine;
mod places;
mod supervisor;

use crate::cli::Doctor;
use crate::console::Console;
use crate::error::{Failure, Kind};
use crate::render::doctor::{self, Finding, Health};
use crate::surroundings;

/// Looks at everything.
pub(super) fn run(args: &Doctor, console: &mut Console) -> Result<u8, Failure> {
    let findings = examine(console)?;
    if args.json {
        console.json(&findings)?;
    } else {
        console.screen(&doctor::screen(&findings, console.style()))?;
    }
    let is_wrong = findings.iter().any(|finding| finding.status == Health::Wrong);
    Ok(if is_wrong { Kind::Failed.code() } else { 0 })
}

fn examine(console: &Console) -> Result<Vec<Finding>, Failure> {
    let home = surroundings::home()?;
    let mut findings = vec![
        places::folder("state folder", &home.state),
        places::folder("runtime folder", &home.run),
        places::socket_path(&home),
        places::config(&home),
    ];
    findings.extend(places::space(&home.state));
    findings.extend(places::inodes(&home.state));
    findings.extend(supervisor::examine(&home));
    findings.push(machine::shell());
    findings.push(machine::terminal_for_jobs());
    findings.extend(machine::room(&home));
    findings.extend(logout::processes_at_logout());
    findings.push(machine::time_zone());
    if console.is_terminal() {
        findings.push(machine::screen());
    }
    Ok(findings)
}
