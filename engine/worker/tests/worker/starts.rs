//! From a config to a running job, or to a reason why not.

use std::{fs, io::Write, net::Shutdown, os::unix::fs::PermissionsExt};

use decklog_worker::{
    Config, Found, FromWorker, OutputMode, Raw, Reason, SpawnStage, ToWorker, frame, probe, read_exit,
    read_meta,
};

use crate::support::Job;

pub(crate) fn the_job_sees_exactly_its_environment() {
    let mut job = Job::new();
    let mut config = job.piped("env; ls -d \"$DECKLOG_JOB_DIR/tmp\"; pwd");
    config.env.push(("PAGER".into(), "less".into()));
    config.env.push(("BYTES".into(), Raw(b"\xff\xfe".to_vec())));
    assert_eq!(job.run(&config).code, Some(0));
    let output = job.output();
    let mut lines: Vec<&[u8]> = output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    let session = &job.session;
    let folder = job.dir.path().display();
    let mut expected: Vec<Vec<u8>> = [
        "PATH=/usr/local/bin:/usr/bin:/bin".to_owned(),
        "PAGER=cat".to_owned(),
        "GIT_PAGER=cat".to_owned(),
        format!("DECKLOG_SESSION={session}"),
        format!("DECKLOG_RUN={session}.1"),
        format!("DECKLOG_JOB_DIR={folder}"),
        // The shell's own.
        format!("PWD={}", job.folder.path().display()),
        format!("{folder}/tmp"),
        format!("{}", job.folder.path().display()),
    ]
    .map(String::into_bytes)
    .to_vec();
    expected.push(b"BYTES=\xff\xfe".to_vec());
    expected.sort_unstable();
    // Some shells add variables of no value to anybody.
    lines.retain(|line| {
        !line.starts_with(b"_=") && !line.starts_with(b"SHLVL=") && !line.starts_with(b"OLDPWD=")
    });
    let show =
        |lines: &[&[u8]]| lines.iter().map(|l| String::from_utf8_lossy(l).into_owned()).collect::<Vec<_>>();
    let expected: Vec<&[u8]> = expected.iter().map(Vec::as_slice).collect();
    assert_eq!(show(&lines), show(&expected));
}

pub(crate) fn signals_limits_and_masks_are_as_if_a_shell_had_started_it() {
    let mut job = Job::new();
    // Without 32 and 33, which the C library keeps for itself and lets nobody reset.
    let script = "grep -E '^Sig(Blk|Ign)' /proc/self/status | sed s/0000000180000000/0000000000000000/; umask; ulimit -n; ls -l /proc/self/fd | wc -l";
    let mut config = job.piped(script);
    config.umask = Some(0o027);
    config.open_files_soft = Some(77);
    assert_eq!(job.run(&config).code, Some(0));
    let text = job.text();
    let words: Vec<&str> = text.split_whitespace().collect();
    // Descriptors: a headline, the standard three and the one of the listing itself.
    assert_eq!(
        words,
        ["SigBlk:", "0000000000000000", "SigIgn:", "0000000000000000", "0027", "77", "5"],
        "{text}"
    );
}

pub(crate) fn a_missing_program_is_named() {
    let mut job = Job::new();
    let mut client = job.start(&job.config(&["no-such-program"]));
    let hello = client.hello();
    assert_eq!(hello.child, None);
    let error = client.wait_for(|message| match message {
        FromWorker::SpawnFailed { error } => Some(error.clone()),
        _ => None,
    });
    assert_eq!((error.stage, error.name.as_str()), (SpawnStage::Program, "no-such-program"));
    assert_eq!(error.errno, Some(libc_enoent()));
    assert_eq!(error.to_string(), "program \"no-such-program\": No such file or directory");
    let exit = read_exit(&job.run_dir()).unwrap().unwrap();
    assert_eq!((exit.reason, exit.raw_status, exit.spawn_error), (Reason::SpawnFailed, None, Some(error)));
    client.send(&ToWorker::ExitRecorded);
    assert_eq!(job.wait_for_worker(), Some(0));

    let mut job = Job::new();
    let exit = job.run(&job.config(&["/etc/passwd"]));
    assert_eq!(exit.spawn_error.unwrap().text, "Permission denied");
    let mut job = Job::new();
    let exit = job.run(&job.config(&[]));
    assert_eq!(exit.spawn_error.unwrap().text, "no program was given");
}

pub(crate) fn a_vanished_directory_is_named() {
    let mut job = Job::new();
    let gone = job.folder.path().join("gone");
    let exit = job.run(&Config { cwd: gone.clone().into(), ..job.config(&["true"]) });
    let error = exit.spawn_error.unwrap();
    assert_eq!((error.stage, error.name), (SpawnStage::Directory, gone.display().to_string()));
    assert_eq!(error.errno, Some(libc_enoent()));

    let mut job = Job::new();
    let exit = job.run(&Config { cwd: "/etc/passwd".into(), ..job.config(&["true"]) });
    assert_eq!(exit.spawn_error.unwrap().text, "Not a directory");
}

pub(crate) fn a_config_cut_short_starts_nothing() {
    let template = Job::new();
    let witness = template.folder.path().join("witness");
    let config = template.shell(&format!("echo started > {}", witness.display()));
    let whole = frame::encode(&ToWorker::Config(Box::new(config)));
    for cut in [0, 3, 4, 5, whole.len() / 2, whole.len() - 1] {
        let mut job = Job::new();
        let mut client = job.spawn();
        client.stream.write_all(&whole[..cut]).unwrap();
        client.stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.next(), None, "cut at {cut}");
        assert_eq!(job.wait_for_worker(), Some(1));
        assert!(!job.run_dir().path().exists());
        assert!(matches!(probe(&job.dir, 1).unwrap(), Found::NeverStarted { .. }));
    }
    assert!(!witness.exists());
}

pub(crate) fn garbage_instead_of_a_config_starts_nothing() {
    for garbage in [&b"\xff\xff\xff\xff"[..], b"\0\0\0\x02{]", &frame::encode(&ToWorker::Kill)] {
        let mut job = Job::new();
        let mut client = job.spawn();
        client.stream.write_all(garbage).unwrap();
        assert_eq!(client.next(), None);
        assert_eq!(job.wait_for_worker(), Some(1));
        assert!(!job.run_dir().path().exists());
    }
}

pub(crate) fn a_run_is_started_once() {
    let mut job = Job::new();
    let config = job.shell("echo once >> witness");
    let first = job.run(&config);
    let mut client = job.start(&config);
    match client.next() {
        Some(FromWorker::SpawnFailed { error }) => assert_eq!(error.stage, SpawnStage::Worker),
        other => panic!("{other:?}"),
    }
    assert_eq!(job.wait_for_worker(), Some(1));
    assert_eq!(fs::read_to_string(job.folder.path().join("witness")).unwrap(), "once\n");
    assert_eq!(read_exit(&job.run_dir()).unwrap(), Some(first));
    // The next run is another matter.
    assert_eq!(job.run(&Config { run: 2, ..config }).code, Some(0));
}

pub(crate) fn a_folder_that_cannot_be_made_is_told() {
    let mut job = Job::new();
    fs::write(job.run_dir().path(), "in the way").unwrap();
    let mut client = job.start(&job.config(&["true"]));
    match client.next() {
        Some(FromWorker::SpawnFailed { error }) => {
            assert_eq!((error.stage, error.text.as_str()), (SpawnStage::Worker, "File exists"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(job.wait_for_worker(), Some(1));
}

pub(crate) fn folders_deeper_than_a_socket_address_work() {
    let mut job = Job::in_depth(&["a-folder-with-a-long-name"; 8].join("/"));
    assert!(job.run_dir().sock().as_os_str().len() > 200);
    let mut first = job.start(&job.shell("echo ready; read never"));
    let child = first.running();
    let mut second = job.connect();
    assert_eq!(second.hello().child, Some(child));
    assert_eq!(second.exited().code, Some(1));
    for (path, mode) in [(job.run_dir().path().to_owned(), 0o700), (job.run_dir().exit(), 0o600)] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
    }
    assert_eq!(fs::metadata(job.run_dir().sock()).unwrap().permissions().mode() & 0o077, 0);
    let meta = read_meta(&job.run_dir()).unwrap().unwrap();
    assert!(meta.is_of_this_boot() && meta.worker.is_there());
    assert_eq!(meta.child, Some(child));
}

pub(crate) fn without_the_lock_nothing_starts() {
    // The lock of one session does not open another.
    let mut job = Job::new();
    let other = Job::new();
    let lock = decklog_worker::Lock::try_take(&other.dir.lock()).unwrap().unwrap();
    fs::write(job.dir.lock(), "").unwrap();
    let mut spawned = decklog_worker::spawn("/proc/self/exe".as_ref(), &job.dir, lock).unwrap();
    let config = Config { output: OutputMode::Pipes, ..job.config(&["true"]) };
    let _ = spawned.control.write_all(&frame::encode(&ToWorker::Config(Box::new(config.clone()))));
    assert_eq!(spawned.child.wait().unwrap().code(), Some(2));
    assert!(!job.run_dir().path().exists());
    assert_eq!(job.run(&config).code, Some(0));
}

fn libc_enoent() -> i32 {
    nix::errno::Errno::ENOENT as i32
}
