//! How a run ends, and what it leaves behind: nothing.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    path::Path,
};

use decklog_worker::{
    Config, Exempt, FromWorker, Lock, OutputMode, Reason, ToWorker, find_orphans,
    frame::{self, Decoder},
    layout::{JobDir, run_tag},
    read_exit, spawn,
};

use crate::support::{Job, eventually, is_alive};

pub(crate) fn codes_and_signals_are_as_they_were() {
    for output in [OutputMode::Pty, OutputMode::Pipes] {
        for (script, code, signal, raw) in [
            ("exit 0", Some(0), None, 0),
            ("exit 7", Some(7), None, 7 << 8),
            ("kill -TERM $$", None, Some(15), 15),
            ("kill -KILL $$", None, Some(9), 9),
            ("kill -40 $$", None, Some(40), 40),
            // The job's signals are the default ones, whatever the worker ignores.
            ("kill -PIPE $$", None, Some(13), 13),
        ] {
            let mut job = Job::new();
            let exit = job.run(&Config { output, ..job.shell(script) });
            assert_eq!((exit.code, exit.signal, exit.raw_status), (code, signal, Some(raw)), "{script}");
            assert_eq!((exit.reason, exit.stop_requested), (Reason::Exited, false));
            assert_eq!((exit.leftovers_killed, exit.leftovers_alive, exit.is_final), (0, 0, true));
            assert!(exit.started_at_ms.unwrap() <= exit.ended_at_ms);
            assert_eq!(read_exit(&job.run_dir()).unwrap(), Some(exit));
            assert!(!job.run_dir().sock().exists());
        }
    }
}

pub(crate) fn the_exit_is_on_disk_before_it_is_told() {
    for _ in 0..20 {
        let mut job = Job::new();
        let mut client = job.start(&job.shell("echo out; exit 3"));
        let told = client.exited();
        assert_eq!(read_exit(&job.run_dir()).unwrap(), Some(told.clone()));
        assert_eq!((job.text().as_str(), told.output_end), ("out\n", 4));
        assert!(!job.run_dir().exit_reserved().exists());
    }
}

pub(crate) fn a_background_process_does_not_delay_the_exit() {
    for output in [OutputMode::Pty, OutputMode::Pipes] {
        let mut job = Job::new();
        // It holds the terminal, and would for an hour.
        let exit = job.run(&Config { output, ..job.shell("sleep 3600 & echo $!; exit 4") });
        assert_eq!((exit.code, exit.leftovers_killed), (Some(4), 1));
        assert!(!is_alive(job.lines(1)[0].parse().unwrap()));
    }
}

pub(crate) fn daemons_are_swept_at_the_exit() {
    let mut job = Job::new();
    // A session of its own, a parent that is gone, deaf to requests, an environment that says nothing.
    let daemon = "trap '' TERM HUP INT; echo $$ >> pids; while :; do sleep 3600; done";
    let script = format!(
        "for n in 1 2 3; do (setsid env -i /bin/sh -c \"{}\" >/dev/null 2>&1 &) ; done; \
         while test $(cat pids 2>/dev/null | wc -l) -lt 3; do sleep 0.01; done; exit 0",
        daemon.replace('$', "\\$")
    );
    let exit = job.run(&job.shell(&script));
    assert_eq!(exit.code, Some(0), "{}", job.text());
    let pids = fs::read_to_string(job.folder.path().join("pids")).unwrap();
    assert_eq!(pids.lines().count(), 3);
    for pid in pids.lines() {
        assert!(!is_alive(pid.parse().unwrap()), "{pid}");
    }
    // The three shells and their sleeps, at least.
    assert!(exit.leftovers_killed >= 3, "{exit:?}");
    assert_eq!(exit.leftovers_alive, 0);
}

pub(crate) fn hundreds_of_descendants_are_swept() {
    let mut job = Job::new();
    // Chains of a shell and its sleep, each chain in a session of its own.
    let script = "for n in $(seq 150); do setsid sh -c 'sleep 3600; :' & done; echo ready; read never < go";
    let fifo = job.folder.path().join("go");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut client = job.start(&job.shell(script));
    job.lines(1);
    let tag = run_tag(&job.session, 1);
    let count = || find_orphans(&tag, &Exempt::default()).unwrap().len();
    eventually("all descendants", || (count() > 300).then_some(()));
    // The shell's read ends, and with it the shell.
    drop(fs::OpenOptions::new().write(true).open(fifo).unwrap());
    let exit = client.exited();
    // A shell may reap its own sleep before it is killed itself; all the others are the worker's to reap.
    assert!(exit.leftovers_killed >= 150, "{exit:?}");
    assert_eq!((count(), exit.leftovers_alive), (0, 0));
}

pub(crate) fn a_flood_from_a_leftover_does_not_delay_the_exit() {
    for output in [OutputMode::Pty, OutputMode::Pipes] {
        let mut job = Job::new();
        let config = job.shell("yes & yes & sleep 0.05; exit 6");
        let exit = job.run(&Config { output, output_bytes_max: 1 << 20, ..config });
        assert_eq!((exit.code, exit.leftovers_killed), (Some(6), 2));
        // What they wrote until they were swept is there, up to the end that was told.
        assert_eq!(decklog_worker::OutputReader::open(&job.run_dir()).end().unwrap(), exit.output_end);
    }
}

/// A verb inside a job starts the supervisor, and that starts a worker: both outlive the job, whichever of them
/// is left on top. A process that only looks like them does not.
pub(crate) fn own_supervisors_and_workers_are_spared() {
    for supervisor_stays in [true, false] {
        let mut job = Job::new();
        let nested = Job::new();
        let supervisor_lock = nested.folder.path().join("supervisor.lock");
        let script = format!(
            "setsid {exe} {NESTED_SUPERVISOR} {lock} {job_dir} {session} {supervisor_stays} & \
             setsid sh -c 'echo pretender $$; while :; do sleep 3600; done' worker {job_dir} & \
             while ! test -e go; do sleep 0.01; done",
            exe = std::env::current_exe().unwrap().display(),
            lock = supervisor_lock.display(),
            job_dir = nested.dir.path().display(),
            session = nested.session,
        );
        let mut config = job.shell(&script);
        config.exempt = Exempt {
            jobs_root: Some(nested.jobs_root.clone().into()),
            supervisor_lock: Some(supervisor_lock.into()),
        };
        let mut client = job.start(&config);
        let pids: BTreeMap<String, i32> = job
            .lines(4)
            .iter()
            .map(|line| line.split_once(' ').unwrap())
            .map(|(who, pid)| (who.to_owned(), pid.parse().unwrap()))
            .collect();
        if !supervisor_stays {
            eventually("a supervisor that leaves", || (!is_alive(pids["supervisor"])).then_some(()));
        }
        fs::write(job.folder.path().join("go"), "").unwrap();
        let exit = client.exited();
        assert_eq!((exit.code, exit.leftovers_alive), (Some(0), 0));
        assert_eq!(is_alive(pids["supervisor"]), supervisor_stays);
        assert!(is_alive(pids["worker"]) && is_alive(pids["job"]), "{pids:?}");
        assert!(!is_alive(pids["pretender"]));

        client.send(&ToWorker::ExitRecorded);
        job.wait_for_worker();
        assert!(is_alive(pids["worker"]) && is_alive(pids["job"]), "{pids:?}");
        // Nobody acknowledges the nested job's end, and its worker does not linger.
        drop(nested);
        eventually("the nested worker's end", || (!is_alive(pids["worker"])).then_some(()));
    }
}

pub(crate) const NESTED_SUPERVISOR: &str = "nested-supervisor";

/// What a supervisor does, in small: takes its lock, starts a worker, and stays or leaves.
pub(crate) fn nested_supervisor(arguments: &[String]) {
    let [lock_path, job_dir, session, stays] = arguments else { panic!("{arguments:?}") };
    let _lock = Lock::try_take(Path::new(lock_path)).unwrap().unwrap();
    let job_dir = JobDir::new(job_dir);
    let sessions_lock = Lock::try_take(&job_dir.lock()).unwrap().unwrap();
    let mut spawned = spawn(Path::new("/proc/self/exe"), &job_dir, sessions_lock).unwrap();
    let mut config = Config::new(session, 1, vec!["/bin/sleep".into(), "3600".into()], "/".into());
    config.linger_ms = 0;
    spawned.control.write_all(&frame::encode(&ToWorker::Config(Box::new(config)))).unwrap();
    let mut decoder = Decoder::new(frame::MESSAGE_BYTES_MAX);
    let mut next = || loop {
        if let Some(message) = decoder.next_message::<FromWorker>().unwrap() {
            return message;
        }
        let mut buffer = [0; 4096];
        match spawned.control.read(&mut buffer).unwrap() {
            0 => panic!("the worker died"),
            len => decoder.push(&buffer[..len]),
        }
    };
    let FromWorker::Hello(hello) = next() else { panic!("a worker says Hello first") };
    let (own, child) = (std::process::id(), hello.child.unwrap());
    let pids = format!("supervisor {own}\nworker {}\njob {}\n", spawned.pid, child.pid);
    std::io::stdout().write_all(pids.as_bytes()).unwrap();
    while stays == "true" && !matches!(next(), FromWorker::Exited { .. }) {}
}
