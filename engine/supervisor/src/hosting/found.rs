//! What became of a run that nobody here holds: from its lock and its files, never inferred.

use std::fmt::Write as _;

use decklog_engine::command::{Gone, Observation};
use decklog_engine::event::ProcessName;
use decklog_engine::id::RunKey;
use decklog_engine::time::Time;
use decklog_worker::layout::{RunDir, run_tag};
use decklog_worker::{
    Found, Meta, ProbeError, StartedChild, Swept, probe, read_exit, read_meta, sweep_orphans,
};

use super::ending;
use crate::launch::{self, Instance};

/// What was found.
pub(super) struct Sight {
    /// What there is to say of the run.
    pub(super) observation: Observation,
    /// A worker holds it: there is somebody to connect to.
    pub(super) held: bool,
}

/// Looks. Blocks: for some milliseconds where processes have to be ended.
pub(super) fn look(instance: &Instance, run: RunKey) -> Result<Sight, ProbeError> {
    let job_dir = launch::job_dir(&instance.home, run.session);
    let run_dir = job_dir.run(u64::from(run.run));
    if !job_dir.path().is_dir() {
        return Ok(Sight { observation: folder_gone(instance, run, &run_dir), held: false });
    }
    let found = probe(&job_dir, u64::from(run.run))?;
    let held = matches!(found, Found::Held);
    let observation = match found {
        Found::Held => {
            // Its job may have ended, and the worker stays only until somebody has recorded that.
            if let Ok(Some(exit)) = read_exit(&run_dir)
                && exit.is_final
            {
                return Ok(Sight { observation: ending::observation(&run_dir, &exit), held });
            }
            let meta = read_meta(&run_dir).ok().flatten();
            Observation::Held {
                process: meta.as_ref().and_then(|meta| meta.child).map(child_name),
                worker: meta.as_ref().map(worker_name),
                started_at: meta.as_ref().and_then(|meta| meta.child).map(|child| Time(child.started_at_ms)),
            }
        }
        Found::NeverStarted { .. } => Observation::NeverStarted,
        Found::Ended { exit, .. } => {
            if !exit.is_final {
                // Its worker died while it was ending what the job had left behind.
                let _ = sweep(instance, run);
            }
            ending::observation(&run_dir, &exit)
        }
        Found::Dead { meta, .. } => dead(instance, run, &run_dir, &meta),
        Found::Damaged { meta, why, .. } => {
            let other_boot = meta.as_ref().is_some_and(|meta| !meta.is_of_this_boot());
            gone(instance, run, &run_dir, why, other_boot)
        }
    };
    Ok(Sight { observation, held })
}

fn dead(instance: &Instance, run: RunKey, run_dir: &RunDir, meta: &Meta) -> Observation {
    let worker = meta.worker.pid;
    if !meta.is_of_this_boot() {
        let text = format!("its worker (process {worker}) ran under an earlier boot of this machine");
        return gone(instance, run, run_dir, text, true);
    }
    gone(instance, run, run_dir, format!("its worker (process {worker}) is gone without a word"), false)
}

fn folder_gone(instance: &Instance, run: RunKey, run_dir: &RunDir) -> Observation {
    let text = format!("its folder {} is gone", run_dir.path().display());
    gone(instance, run, run_dir, text, false)
}

fn gone(
    instance: &Instance,
    run: RunKey,
    run_dir: &RunDir,
    mut evidence: String,
    other_boot: bool,
) -> Observation {
    let swept = if other_boot { Swept::default() } else { sweep(instance, run) };
    for (orphans, what) in [(&swept.killed, "still ran and were ended"), (&swept.alive, "could not be ended")]
    {
        if !orphans.is_empty() {
            let names: Vec<_> = orphans.iter().map(|one| format!("{} {}", one.pid, one.name)).collect();
            let _ = write!(evidence, "; {} of its processes {what} ({})", orphans.len(), names.join(", "));
        }
    }
    let (output_end, last_line) = ending::last_output(run_dir);
    let orphans = (swept.killed.len() + swept.alive.len()) as u32;
    Observation::Gone(Gone { evidence, other_boot, orphans, output_end, last_line })
}

fn sweep(instance: &Instance, run: RunKey) -> Swept {
    let tag = run_tag(&run.session.to_string(), u64::from(run.run));
    sweep_orphans(&tag, &instance.exempt()).unwrap_or_default()
}

/// A job's process as the log names it.
pub(super) fn child_name(child: StartedChild) -> ProcessName {
    ProcessName { pid: child.pid as u32, start_ticks: child.start_time }
}

fn worker_name(meta: &Meta) -> ProcessName {
    ProcessName { pid: meta.worker.pid as u32, start_ticks: meta.worker.start_time }
}
