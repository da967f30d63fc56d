//! The two roles that are not clients: the worker of one session, and the supervisor.
//!
//! The only place of this crate that knows their crates. It must stay a thin switch.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use decklog_engine::time::Time;
use decklog_protocol::home::Home;
use decklog_protocol::message::Verified;
use decklog_supervisor::RunError;
use decklog_worker::layout::JobDir;
use nix::sys::signal::SigSet;

use crate::error::{Failure, Kind};

/// The hidden verb of the worker's role.
pub(crate) const WORKER: &str = "worker";
/// The hidden word before a verb that the shell runs.
pub(crate) const IN_SHELL: &str = "in-shell";
/// Stands before the error of a supervisor that found its log damaged, where a client reads it.
pub(crate) const DAMAGED: &str = "damaged: ";

/// Holds one session's run, in this folder.
pub(crate) fn worker(job_folder: Option<OsString>) -> ExitCode {
    match job_folder {
        Some(job_folder) => decklog_worker::main(Path::new(&job_folder)),
        None => ExitCode::from(2),
    }
}

/// Is the supervisor until it is told to end. Detached: the client that started it reads how that went.
pub(crate) fn supervisor(home: Home, detached: bool) -> Result<(), Failure> {
    // Whoever started this may block signals; what this starts must not inherit that.
    let _ = SigSet::empty().thread_set_mask();
    decklog_supervisor::run(home, detached).map_err(|error| failure(&error, detached))
}

/// Checks a log that no supervisor can open.
pub(crate) fn verify_offline(home: &Home, expect: Option<&str>) -> Result<Verified, Failure> {
    decklog_supervisor::verify_offline(home, expect).map_err(|error| failure(&error, false))
}

/// Where a worker writes down how a run ended: there once it has.
pub(crate) fn exit_file(home: &Home, session: &str, run: u32) -> PathBuf {
    JobDir::new(home.job(session)).run(u64::from(run)).exit()
}

/// Whether a configuration is one, or which line and key of it is wrong.
pub(crate) fn check_config(path: &Path) -> Result<(), String> {
    decklog_supervisor::check_config(path)
}

/// The ids of jobs' folders in which nothing was ever started, and which are no dispatch that is under way.
pub(crate) fn folders_never_run(home: &Home, now: Time) -> Vec<String> {
    decklog_supervisor::folders_never_run(&home.jobs(), now)
}

fn failure(error: &RunError, detached: bool) -> Failure {
    let text = error.to_string();
    let failure = match error {
        RunError::AlreadyRuns { .. } => Failure::new(Kind::Refused, text),
        RunError::Damaged { .. } if detached => Failure::new(Kind::Failed, format!("{DAMAGED}{text}")),
        RunError::Damaged { .. } => Failure::new(Kind::Failed, text),
        _ => Failure::new(Kind::NoSupervisor, text),
    };
    error.hints().into_iter().fold(failure, Failure::hint)
}
