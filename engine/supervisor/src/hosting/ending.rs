//! From an exit record and the output files to the observation that a run ended.

use decklog_drivers::shell;
use decklog_engine::command::{Ended, Observation};
use decklog_engine::event::ExitStatus;
use decklog_engine::time::Time;
use decklog_worker::layout::RunDir;
use decklog_worker::{ExitRecord, OutputReader, Reason};

/// How much of an output's end is looked at for its last line.
const TAIL_BYTES: usize = 4096;

/// The offset after a run's last byte on file, and its last line. Blocks.
pub(crate) fn last_output(run_dir: &RunDir) -> (u64, Option<String>) {
    let mut reader = OutputReader::open(run_dir);
    let end = reader.end().unwrap_or(0);
    let tail = reader.tail(TAIL_BYTES).map(|(_, bytes)| bytes).unwrap_or_default();
    (end, shell::last_line(&tail))
}

/// What an exit record says. Blocks.
pub(super) fn observation(run_dir: &RunDir, exit: &ExitRecord) -> Observation {
    if let (Reason::SpawnFailed, Some(error)) = (exit.reason, &exit.spawn_error) {
        return Observation::SpawnFailed { text: error.to_string() };
    }
    let status = match (exit.code, exit.signal) {
        (Some(code), _) => ExitStatus::Code(code),
        (None, Some(signal)) => ExitStatus::Signal(signal),
        // The worker could not reap it: how it ended is not known, and not well.
        (None, None) => ExitStatus::Signal(libc_sigkill()),
    };
    let (found_end, last_line) = last_output(run_dir);
    Observation::Ended(Ended {
        status,
        at: Time(exit.ended_at_ms),
        stop_reached: exit.stop_requested,
        started_at: exit.started_at_ms.map(Time),
        output_end: exit.output_end.max(found_end),
        output_dropped: exit.dropped_bytes,
        last_line,
        worker_told_to_end: exit.reason == Reason::WorkerTerminated,
    })
}

fn libc_sigkill() -> i32 {
    nix::sys::signal::Signal::SIGKILL as i32
}
