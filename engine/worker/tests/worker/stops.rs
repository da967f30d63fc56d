//! Stopping: asked first, then not asked.

use decklog_worker::{Config, FromWorker, OutputMode, Reason, ToWorker};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::support::{DEADLINE, Job, is_alive, now};

const LONG_MS: u64 = 1000 * 3600;

fn acknowledged(message: &FromWorker) -> Option<()> {
    matches!(message, FromWorker::StopAcknowledged).then_some(())
}

pub(crate) fn a_stop_asks_first() {
    let mut job = Job::new();
    let mut client =
        job.start(&job.shell("trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.01; done"));
    job.lines(1);
    client.send(&ToWorker::Stop { grace_ms: LONG_MS });
    client.wait_for(acknowledged);
    let exit = client.exited();
    assert_eq!((exit.code, exit.stop_requested, exit.reason), (Some(9), true, Reason::Exited));
    assert!(job.text().contains("bye"));
}

pub(crate) fn a_stop_kills_what_does_not_listen() {
    let mut job = Job::new();
    let mut client = job.start(&job.shell("trap '' TERM; echo ready; while :; do sleep 0.01; done"));
    job.lines(1);
    client.send(&ToWorker::Stop { grace_ms: 100 });
    let exit = client.exited();
    assert_eq!((exit.signal, exit.stop_requested), (Some(9), true));
}

pub(crate) fn a_stop_reaches_daemons_and_stopped_processes() {
    let mut job = Job::new();
    let script = "(setsid sh -c 'trap \"\" TERM; echo $$; while :; do sleep 3600; done' &); \
                  (setsid sh -c 'echo $$; kill -STOP $$' &); \
                  (setsid sh -c 'echo $$; exec sleep 3600' &); exec sleep 3600";
    let mut client = job.start(&job.shell(script));
    let pids: Vec<i32> = job.lines(3).iter().map(|pid| pid.parse().unwrap()).collect();
    client.send(&ToWorker::Stop { grace_ms: 200 });
    let exit = client.exited();
    assert_eq!((exit.signal, exit.stop_requested, exit.leftovers_alive), (Some(15), true, 0));
    assert!(pids.iter().all(|pid| !is_alive(*pid)), "{pids:?}");
}

pub(crate) fn the_grace_is_also_for_what_the_job_leaves() {
    let mut job = Job::new();
    // The job ends at once; its server needs a moment to put its things in order.
    let script = "setsid sh -c 'trap \"sleep 0.3; echo saved; exit\" TERM; echo ready; while :; do sleep 0.01; done' & \
                  while :; do sleep 0.01; done";
    let mut client = job.start(&job.shell(script));
    job.lines(1);
    client.send(&ToWorker::Stop { grace_ms: LONG_MS });
    let exit = client.exited();
    assert_eq!(exit.signal, Some(15));
    assert!(job.text().contains("saved"), "{}", job.text());
    assert_eq!(exit.output_end, job.output().len() as u64);
}

pub(crate) fn a_kill_does_not_ask() {
    for output in [OutputMode::Pty, OutputMode::Pipes, OutputMode::Tty] {
        let mut job = Job::new();
        let script = "trap 'echo asked; exit 0' TERM HUP; echo ready; while :; do sleep 0.01; done";
        let mut client = job.start(&Config { output, ..job.shell(script) });
        job.lines(1);
        client.send(&ToWorker::Stop { grace_ms: LONG_MS });
        client.wait_for(acknowledged);
        client.send(&ToWorker::Kill);
        let exit = client.exited();
        assert!(exit.stop_requested);

        let mut job = Job::new();
        let mut client = job.start(&Config { output, ..job.shell(script) });
        job.lines(1);
        client.send(&ToWorker::Kill);
        client.wait_for(acknowledged);
        let exit = client.exited();
        assert_eq!((exit.signal, exit.stop_requested), (Some(9), true));
        assert!(!job.text().contains("asked"));
    }
}

pub(crate) fn a_signal_to_the_worker_ends_the_job() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let mut job = Job::new();
        let script = "trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.01; done";
        let mut client = job.start(&job.shell(script));
        job.lines(1);
        let begun = now();
        let worker = Pid::from_raw(job.worker().id() as i32);
        kill(worker, signal).unwrap();
        let exit = client.exited();
        assert_eq!(
            (exit.code, exit.reason, exit.stop_requested),
            (Some(9), Reason::WorkerTerminated, false),
            "{signal}"
        );
        // It leaves by itself, though somebody is connected.
        assert_eq!(job.wait_for_worker(), Some(0));
        assert!(begun.elapsed() < DEADLINE / 2);
    }
}
