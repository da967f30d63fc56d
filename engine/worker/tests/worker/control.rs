//! Connections: any number, any kind, and none of them decides about the job by coming or going.

use std::{
    io::Write,
    net::Shutdown,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixStream},
    },
};

use decklog_worker::{Config, Found, FromWorker, Phase, ToWorker, connect, frame, probe};

use crate::support::{Job, eventually};

const UNTIL_GO: &str = "while ! test -e go; do sleep 0.01; done; echo done; exit 3";

fn go(job: &Job) {
    std::fs::write(job.folder.path().join("go"), "").unwrap();
}

pub(crate) fn the_exit_is_told_again_until_it_is_acknowledged() {
    let mut job = Job::new();
    let mut first = job.start(&job.shell("exit 3"));
    let exit = first.exited();
    drop(first);
    for _ in 0..3 {
        let mut again = job.connect();
        let hello = again.hello();
        assert_eq!((hello.phase, hello.exit.as_ref()), (Phase::Ended, Some(&exit)));
        assert_eq!(again.exited(), exit);
    }
    let mut last = job.connect();
    last.send(&ToWorker::ExitRecorded);
    assert_eq!(job.wait_for_worker(), Some(0));
    assert!(connect(&job.run_dir()).is_err());
    assert!(matches!(probe(&job.dir, 1).unwrap(), Found::Ended { .. }));
}

pub(crate) fn a_lost_supervisor_changes_nothing() {
    let mut job = Job::new();
    let mut first = job.start(&job.shell(UNTIL_GO));
    let child = first.running();
    drop(first);
    let mut second = job.connect();
    let hello = second.hello();
    assert_eq!((hello.phase, hello.child, hello.exit), (Phase::Running, Some(child), None));
    assert_eq!(hello.worker_pid, job.worker().id() as i32);
    let mut third = job.connect();
    third.hello();
    drop(second);
    go(&job);
    assert_eq!(third.exited().code, Some(3));
    assert_eq!(job.text(), "done\n");
}

pub(crate) fn garbage_silence_and_goodbyes_harm_nothing() {
    let mut job = Job::new();
    let mut client = job.start(&job.shell(UNTIL_GO));
    client.running();
    let mut silent = Vec::new();
    for n in 0..200 {
        let mut probe = job.connect();
        let sent = match n % 5 {
            0 => probe.stream.write_all(b"GET / HTTP/1.1\r\n\r\n"),
            1 => probe.stream.write_all(&[0xff; 5000]),
            2 => probe.stream.shutdown(Shutdown::Write),
            // Config and unknown kinds mean nothing here, and acknowledging what has not happened neither.
            3 => {
                let mut frames = frame::encode(&serde_json::json!({"kind": "of_the_future"}));
                frames.extend(frame::encode(&ToWorker::Config(Box::new(job.config(&["true"])))));
                frames.extend(frame::encode(&ToWorker::ExitRecorded));
                probe.stream.write_all(&frames)
            }
            _ => probe.stream.write_all(b"\0\0\0\x10half a"),
        };
        // The worker may have closed a connection that makes no sense before all was sent.
        drop(sent);
        if n % 5 > 2 {
            silent.push(probe);
        }
    }
    // So many that the first connection was given up; coming back is all it takes.
    let mut back = job.connect();
    assert_eq!(back.hello().phase, Phase::Running);
    go(&job);
    assert_eq!(back.exited().code, Some(3));
}

pub(crate) fn a_client_that_does_not_read_stops_nobody() {
    let mut job = Job::new();
    let config = job.piped("yes | head -c 200000000; exit 3");
    let mut client = job.start(&Config { output_bytes_max: 1 << 20, ..config });
    let mut deaf = job.connect();
    deaf.send(&ToWorker::Follow { on: true });
    let shouting = frame::encode(&ToWorker::Resize { columns: 1, rows: 1 });
    deaf.stream.set_nonblocking(true).unwrap();
    while deaf.stream.write(&shouting).is_ok_and(|len| len == shouting.len()) {
        if client_has_ended(&job) {
            break;
        }
    }
    let exit = client.exited();
    assert_eq!((exit.code, exit.output_end), (Some(3), 200_000_000));
}

fn client_has_ended(job: &Job) -> bool {
    job.run_dir().exit().exists()
}

pub(crate) fn frames_right_behind_the_config_are_heard() {
    let mut job = Job::new();
    let mut client = job.spawn();
    let config = job.shell("trap '' TERM; while :; do sleep 3600; done");
    let mut frames = frame::encode(&ToWorker::Config(Box::new(config)));
    frames.extend(frame::encode(&ToWorker::Follow { on: true }));
    frames.extend(frame::encode(&ToWorker::Kill));
    client.stream.write_all(&frames).unwrap();
    assert_eq!(client.hello().phase, Phase::Running);
    client.wait_for(|message| matches!(message, FromWorker::StopAcknowledged).then_some(()));
    assert_eq!(client.exited().signal, Some(9));
}

pub(crate) fn the_worker_leaves_after_its_linger_time() {
    let mut job = Job::new();
    let mut client = job.start(&Config { linger_ms: 50, ..job.shell("exit 3") });
    client.exited();
    // It stays while somebody is connected.
    let mut second = job.connect();
    drop(client);
    assert_eq!(second.exited().code, Some(3));
    assert!(job.worker().try_wait().unwrap().is_none());
    drop(second);
    assert_eq!(job.wait_for_worker(), Some(0));
    eventually("a free lock", || match probe(&job.dir, 1).unwrap() {
        Found::Ended { exit, .. } => (exit.code == Some(3)).then_some(()),
        other => panic!("{other:?}"),
    });
    // Nothing of this was ever reachable by an abstract name.
    let name = SocketAddr::from_abstract_name("decklog").unwrap();
    assert!(UnixStream::connect_addr(&name).is_err());
}
