//! What is found when the supervisor, or the worker, was killed.

use decklog_worker::{
    Exempt, Found, Phase, ToWorker, find_orphans, layout::run_tag, probe, process_identity, sweep_orphans,
};

use crate::support::{Job, eventually, is_alive};

pub(crate) fn a_live_run_is_held() {
    let mut job = Job::new();
    // From the very start: a worker without a config holds the session, too.
    let mut client = job.spawn();
    assert!(matches!(probe(&job.dir, 1).unwrap(), Found::Held));
    let config = job.shell("exec sleep 3600");
    client.send(&ToWorker::Config(Box::new(config)));
    let child = client.running();
    assert_eq!(process_identity(child.pid).unwrap().start_time, child.start_time);
    assert!(matches!(probe(&job.dir, 1).unwrap(), Found::Held));
    drop(client);
    assert!(matches!(probe(&job.dir, 1).unwrap(), Found::Held));
}

pub(crate) fn a_dead_worker_is_known_and_its_orphans_are_swept() {
    let mut job = Job::new();
    let script = "trap '' TERM HUP; setsid sleep 3600 & echo ready; while :; do sleep 1; done";
    let mut client = job.start(&job.shell(script));
    let child = client.running();
    job.lines(1);
    // The meta that names the child is written right after it was told.
    eventually("the child in meta", || {
        decklog_worker::read_meta(&job.run_dir()).unwrap().filter(|meta| meta.phase == Phase::Running)
    });
    let tag = run_tag(&job.session, 1);
    eventually("all of the job", || {
        (find_orphans(&tag, &Exempt::default()).unwrap().len() >= 3).then_some(())
    });
    job.worker().kill().unwrap();
    assert_eq!(job.wait_for_worker(), None);

    let Found::Dead { lock, meta } = probe(&job.dir, 1).unwrap() else { panic!("the worker is dead") };
    assert!(meta.is_of_this_boot());
    assert!(!meta.worker.is_there());
    assert_eq!(meta.child, Some(child));
    assert_eq!((meta.session.as_str(), meta.run), (job.session.as_str(), 1));
    assert!(is_alive(child.pid));
    assert!(matches!(probe(&job.dir, 1).unwrap(), Found::Held), "the finder holds it now");

    let swept = sweep_orphans(&tag, &Exempt::default()).unwrap();
    assert!(swept.killed.iter().any(|orphan| orphan.pid == child.pid && orphan.name == "sh"), "{swept:?}");
    assert!(swept.killed.iter().any(|orphan| orphan.name == "sleep"), "{swept:?}");
    assert!(swept.alive.is_empty());
    assert!(!is_alive(child.pid));
    assert_eq!(sweep_orphans(&tag, &Exempt::default()).unwrap().killed, []);
    drop(lock);
    // Another run is not affected by any of this.
    assert_eq!(job.run(&decklog_worker::Config { run: 2, ..job.shell("exit 0") }).code, Some(0));
}

pub(crate) fn an_exit_outlives_its_worker() {
    let mut job = Job::new();
    let mut client = job.start(&job.shell("echo out; exit 3"));
    let told = client.exited();
    job.worker().kill().unwrap();
    job.wait_for_worker();
    match probe(&job.dir, 1).unwrap() {
        Found::Ended { exit, .. } => assert_eq!(*exit, told),
        other => panic!("{other:?}"),
    }
    assert_eq!(job.text(), "out\n");
}

pub(crate) fn a_killed_sweep_leaves_a_provisional_exit() {
    let mut job = Job::new();
    // The job ends when asked; what it leaves does not, and has an hour of grace.
    let script = "(setsid sh -c 'trap \"\" TERM; echo $$; while :; do sleep 3600; done' &); exec sleep 3600";
    let mut client = job.start(&job.shell(script));
    let leftover: i32 = job.lines(1)[0].parse().unwrap();
    client.send(&ToWorker::Stop { grace_ms: 3_600_000 });
    let provisional = eventually("a provisional exit", || decklog_worker::read_exit(&job.run_dir()).unwrap());
    assert_eq!(
        (provisional.signal, provisional.is_final, provisional.stop_requested),
        (Some(15), false, true)
    );
    job.worker().kill().unwrap();
    job.wait_for_worker();
    let Found::Ended { exit, .. } = probe(&job.dir, 1).unwrap() else { panic!("the status is on file") };
    assert_eq!(*exit, provisional);
    assert!(is_alive(leftover));
    sweep_orphans(&run_tag(&job.session, 1), &Exempt::default()).unwrap();
    assert!(!is_alive(leftover));
}

/// A process that is just being replaced by `exec` shows no environment; it must not be missed.
pub(crate) fn orphans_are_found_in_the_middle_of_exec() {
    let mut job = Job::new();
    // Programs that do nothing but become another one.
    let script = "echo 'exec sh ./again' > again; for n in 1 2 3 4; do setsid sh ./again & done; echo ready; \
                  exec sh ./again";
    let mut client = job.start(&job.shell(script));
    client.running();
    job.lines(1);
    let tag = run_tag(&job.session, 1);
    eventually("all five", || (find_orphans(&tag, &Exempt::default()).unwrap().len() == 5).then_some(()));
    for _ in 0..50 {
        assert_eq!(find_orphans(&tag, &Exempt::default()).unwrap().len(), 5);
    }
    job.worker().kill().unwrap();
    job.wait_for_worker();
    assert_eq!(sweep_orphans(&tag, &Exempt::default()).unwrap().alive, []);
    assert_eq!(find_orphans(&tag, &Exempt::default()).unwrap(), []);
}
