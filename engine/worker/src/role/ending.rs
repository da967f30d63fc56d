//! Seeing a run to its end: stop, reap, sweep, record.
//!
//! The end of a job goes in this order. Its status is known; what is readable now is read. If processes are
//! left, the exit goes on file as provisional (the status is safe from here on), they are swept while their
//! output is still captured, and the final exit replaces it; with nothing left there is only the final one.
//! Nobody is told before that.

use std::{
    io,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use super::{capture::Capture, clock, sweep};
use crate::{
    DROPPED_RANGES_MAX, Exempt, ExitRecord, Reason, SpawnError, StartedChild,
    exit::ExitFile,
    sys::{self, Reaped},
};

/// How far a run is on its way to its end.
#[derive(Debug)]
pub(super) struct Ending {
    run: u64,
    exempt: Exempt,
    file: ExitFile,
    start: Result<StartedChild, SpawnError>,
    job_end: Option<JobEnd>,
    stop_requested: bool,
    worker_terminated: bool,
    /// From when on everything that is left is killed.
    kill_from: Option<Instant>,
    /// Who was already asked to end.
    asked: Vec<i32>,
    leftovers_killed: u64,
    is_provisional_tried: bool,
    exit: Option<ExitRecord>,
    /// When to write the exit, should it not be on disk.
    write_at: Option<Instant>,
}

/// The end of the job itself.
#[derive(Clone, Copy, Debug)]
struct JobEnd {
    raw_status: Option<i32>,
    at_ms: u64,
    seen: Instant,
}

/// How long killing may take before the exit is recorded with survivors.
const SWEEP_MAX: Duration = Duration::from_secs(10);
/// The sweep looks again this often, should a signal be missed.
const SWEEP_PAUSE: Duration = Duration::from_millis(20);
/// How soon an exit that could not be written is written again.
const WRITE_AGAIN_PAUSE: Duration = Duration::from_secs(1);

impl Ending {
    pub(super) fn new(
        run: u64,
        exempt: Exempt,
        file: ExitFile,
        start: Result<StartedChild, SpawnError>,
    ) -> Self {
        let never_started = JobEnd { raw_status: None, at_ms: clock::wall_ms(), seen: clock::monotonic() };
        Self {
            run,
            exempt,
            file,
            job_end: start.is_err().then_some(never_started),
            kill_from: start.is_err().then_some(never_started.seen),
            start,
            stop_requested: false,
            worker_terminated: false,
            asked: Vec::new(),
            leftovers_killed: 0,
            is_provisional_tried: false,
            exit: None,
            write_at: None,
        }
    }

    /// The job's process, if it was started.
    pub(super) fn child(&self) -> Option<StartedChild> {
        self.start.as_ref().ok().copied()
    }

    /// Why the job was not started, if it was not.
    pub(super) fn spawn_error(&self) -> Option<&SpawnError> {
        self.start.as_ref().err()
    }

    /// The final exit. It is on disk, unless the disk failed.
    pub(super) fn exit(&self) -> Option<&ExitRecord> {
        self.exit.as_ref()
    }

    /// Whether the worker's memory of the exit is of no more use than its files.
    pub(super) fn is_exit_safe(&self) -> bool {
        self.exit.is_some() && self.write_at.is_none()
    }

    /// A client asks for the end: everything gets SIGTERM now and SIGKILL after the grace. Of two requests the
    /// sooner counts.
    pub(super) fn stop(&mut self, grace: Duration) {
        self.stop_requested |= self.job_end.is_none();
        self.kill_after(grace);
    }

    /// The machine, or the login, asks for the end.
    pub(super) fn terminate(&mut self, grace: Duration) {
        self.worker_terminated |= self.job_end.is_none();
        self.kill_after(grace);
    }

    /// Takes in who has ended.
    pub(super) fn reap(&mut self) {
        self.reap_all();
    }

    /// Goes as far as is possible now.
    pub(super) fn advance(&mut self, capture: &mut Capture) {
        let now = clock::monotonic();
        if self.exit.is_some() {
            if self.write_at.is_some_and(|at| at <= now) {
                self.write(now);
            }
            return;
        }
        let Some(kill_from) = self.kill_from else { return };
        let found = sweep::find(&self.exempt);
        if now < kill_from {
            self.ask_to_end(&found.children, capture.takes_input());
        } else {
            found.children.iter().for_each(|child| sweep::signal(*child, Signal::SIGKILL));
        }
        let has_children = self.reap_all();
        let Some(job_end) = self.job_end else { return };

        capture.drain();
        let is_alone = found.children.is_empty() && (found.exempt > 0 || !has_children);
        if is_alone || now >= kill_from.max(job_end.seen) + SWEEP_MAX {
            capture.close();
            self.exit = Some(self.record(job_end, capture, found.children.len() as u64));
            self.write(now);
        } else if !self.is_provisional_tried {
            self.is_provisional_tried = true;
            let provisional = ExitRecord { is_final: false, ..self.record(job_end, capture, 0) };
            // If this fails, the final one is written in any case.
            let _ = self.file.write(&provisional);
        }
    }

    /// When to advance again, if nothing happens before.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if self.exit.is_some() {
            return self.write_at;
        }
        let kill_from = self.kill_from?;
        Some(kill_from.max(clock::monotonic() + SWEEP_PAUSE))
    }

    fn kill_after(&mut self, grace: Duration) {
        let kill_from = clock::monotonic() + grace;
        self.kill_from = Some(self.kill_from.map_or(kill_from, |earlier| earlier.min(kill_from)));
    }

    /// SIGTERM for each child that has not had it yet. What a child leaves behind when it ends becomes a child,
    /// too, and is asked in its turn.
    fn ask_to_end(&mut self, children: &[i32], has_terminal: bool) {
        for child in children {
            if self.asked.contains(child) {
                continue;
            }
            self.asked.push(*child);
            sweep::signal(*child, Signal::SIGTERM);
            if has_terminal {
                // What an interactive shell heeds.
                sweep::signal(*child, Signal::SIGHUP);
            }
            // A stopped process could not act on any of this.
            sweep::signal(*child, Signal::SIGCONT);
        }
    }

    /// Reaps all that have ended. Whether there are children that have not.
    fn reap_all(&mut self) -> bool {
        loop {
            match sys::reap_any() {
                Reaped::Child(pid, raw_status) => self.note_end(pid, raw_status),
                Reaped::NoneYet => return true,
                Reaped::NoChildren => return false,
            }
        }
    }

    fn note_end(&mut self, pid: i32, raw_status: i32) {
        let now = clock::monotonic();
        self.asked.retain(|asked| *asked != pid);
        if self.job_end.is_none() && self.child().is_some_and(|child| child.pid == pid) {
            self.job_end = Some(JobEnd { raw_status: Some(raw_status), at_ms: clock::wall_ms(), seen: now });
            // What the job leaves behind gets no grace, except what is left of a stop's.
            self.kill_from.get_or_insert(now);
        } else if libc::WIFSIGNALED(raw_status)
            && libc::WTERMSIG(raw_status) == libc::SIGKILL
            && self.kill_from.is_some_and(|from| from <= now)
        {
            self.leftovers_killed += 1;
        }
    }

    fn write(&mut self, now: Instant) {
        let Some(exit) = &self.exit else { return };
        self.write_at = match self.file.write(exit) {
            Ok(()) => None,
            // The run's folder was deleted: nobody will ever look for this exit.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(_) => Some(now + WRITE_AGAIN_PAUSE),
        };
    }

    fn record(&self, end: JobEnd, capture: &Capture, leftovers_alive: u64) -> ExitRecord {
        let status = end.raw_status;
        let signal = status.filter(|status| libc::WIFSIGNALED(*status));
        let dropped = capture.dropped();
        ExitRecord {
            version: 1,
            run: self.run,
            reason: match self.start {
                Err(_) => Reason::SpawnFailed,
                Ok(_) if self.worker_terminated => Reason::WorkerTerminated,
                Ok(_) => Reason::Exited,
            },
            raw_status: status,
            code: status.filter(|status| libc::WIFEXITED(*status)).map(|status| libc::WEXITSTATUS(status)),
            signal: signal.map(|status| libc::WTERMSIG(status)),
            core_dumped: signal.is_some_and(|status| libc::WCOREDUMP(status)),
            spawn_error: self.spawn_error().cloned(),
            stop_requested: self.stop_requested,
            started_at_ms: self.child().map(|child| child.started_at_ms),
            ended_at_ms: end.at_ms,
            output_end: capture.end(),
            dropped: dropped.iter().take(DROPPED_RANGES_MAX).copied().collect(),
            dropped_bytes: dropped.iter().map(|range| range.to - range.from).sum(),
            leftovers_killed: self.leftovers_killed,
            leftovers_alive,
            is_final: true,
        }
    }
}
