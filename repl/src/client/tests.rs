//! The client against a supervisor that misbehaves: a listener that answers each connection with the next of these.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::thread;

use decklog_engine::event::{JobCommand, OutputMode};
use decklog_protocol::frame::Frame;
use decklog_protocol::home::Home;
use decklog_protocol::message::{DispatchRequest, RefusedWish, Reply, Request};
use tempfile::TempDir;

use super::*;

/// An instance whose supervisor says these bytes, one piece a connection, and closes.
fn supervisor_that_says(pieces: Vec<Vec<u8>>) -> (TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::separate(folder.path().into());
    std::fs::create_dir(&home.run).unwrap();
    let listener = UnixListener::bind(home.socket()).unwrap();
    thread::spawn(move || {
        for piece in pieces {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 4096];
            assert!(stream.read(&mut asked).unwrap() > 0);
            // A byte at a time: frames come in any pieces.
            for byte in piece {
                stream.write_all(&[byte]).unwrap();
            }
        }
    });
    (folder, home)
}

fn frame(reply: &Reply) -> Vec<u8> {
    let mut bytes = Vec::new();
    Frame::message(reply).encode(&mut bytes);
    bytes
}

fn listing() -> Request {
    Request::Status
}

fn dispatch(key: Option<&str>) -> Request {
    Request::Dispatch(DispatchRequest {
        command: JobCommand::Shell("true".into()),
        output: OutputMode::Pty,
        cwd: "/".into(),
        environment: Vec::new(),
        name: None,
        group: None,
        pinned: false,
        key: key.map(Into::into),
        timeout_ms: None,
        after: Vec::new(),
        after_any: false,
        priority: 0,
        umask: None,
    })
}

#[test]
fn an_answer_comes_in_any_pieces() {
    let mut said = frame(&Reply::Progress { done: 1, total: 2 });
    said.extend(frame(&Reply::Rows { rows: Vec::new() }));
    let (_folder, home) = supervisor_that_says(vec![said]);
    assert_eq!(ask_one(&home, &listing()), Ok(Reply::Rows { rows: Vec::new() }));
}

#[test]
fn what_may_be_asked_twice_is_when_the_supervisor_ends() {
    let rows = frame(&Reply::Rows { rows: Vec::new() });
    let (_folder, home) = supervisor_that_says(vec![Vec::new(), rows[..rows.len() - 1].to_vec(), rows]);
    assert_eq!(ask_one(&home, &listing()), Ok(Reply::Rows { rows: Vec::new() }));
    assert!(is_repeatable(&dispatch(Some("key"))));
}

#[test]
fn a_dispatch_is_never_asked_twice() {
    let (_folder, home) = supervisor_that_says(vec![Vec::new(), frame(&Reply::End)]);
    let failure = ask_one(&home, &dispatch(None)).unwrap_err();
    assert_eq!(failure.code(), 5);
    insta::assert_snapshot!(failure.message(), @"
    the supervisor went away before it had answered

    hint: decklog history -n 10 tells whether it was done; asking again starts a new supervisor
    ");
}

#[test]
fn refusals_and_nonsense_are_failures() {
    let refusal = RefusedWish { rule: "alive".into(), text: "it is working".into(), hints: Vec::new() };
    let refused = frame(&Reply::Refused { refusals: vec![refusal] });
    let (_folder, home) = supervisor_that_says(vec![refused, vec![0; 16], frame(&Reply::End)]);
    assert_eq!(ask_one(&home, &listing()).unwrap_err().code(), 4);
    let nonsense = ask_one(&home, &listing()).unwrap_err();
    assert_eq!(nonsense.code(), 1);
    insta::assert_snapshot!(nonsense.message(), @"
    the supervisor's answer makes no sense: a frame of 0 bytes: more than a peer of ours sends

    hint: it may be of another version: decklog daemon restart brings up this one, and keeps what runs
    ");
    assert_eq!(ask_one(&home, &listing()).unwrap_err().code(), 1);
}

/// A listener that keeps the first connection waiting, and says who it is over the next; then it answers the first.
#[test]
fn one_that_is_long_about_something_and_lives_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::separate(folder.path().into());
    std::fs::create_dir(&home.run).unwrap();
    let listener = UnixListener::bind(home.socket()).unwrap();
    let supervisor = thread::spawn(move || {
        let accept = || {
            let (mut stream, _) = listener.accept().unwrap();
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
            stream
        };
        let mut first = accept();
        for _ in 0..2 {
            accept().write_all(&frame(&Reply::Closed)).unwrap();
        }
        first.write_all(&frame(&Reply::Done { rows: Vec::new(), notes: Vec::new() })).unwrap();
    });
    let stop = Request::Stop { targets: vec!["a".into()], grace_ms: None };
    let done = ask_one_patiently(&home, &stop, Patience::Unlimited);
    assert_eq!(done, Ok(Reply::Done { rows: Vec::new(), notes: Vec::new() }));
    supervisor.join().unwrap();
}

#[test]
fn one_that_gives_no_sign_of_life_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::separate(folder.path().into());
    std::fs::create_dir(&home.run).unwrap();
    let _listener = UnixListener::bind(home.socket()).unwrap();
    for patience in [Patience::Unlimited, Patience::Until(Deadline::after(Duration::from_secs(3600)))] {
        let failure = ask_one_patiently(&home, &listing(), patience).unwrap_err();
        assert_eq!(failure.code(), 5);
        assert!(failure.message().contains("has not answered"), "{}", failure.message());
    }
}

#[test]
fn a_time_limit_ends_the_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::separate(folder.path().into());
    std::fs::create_dir(&home.run).unwrap();
    let _listener = UnixListener::bind(home.socket()).unwrap();
    let patience = Patience::Until(Deadline::after(Duration::from_millis(20)));
    let mut answers = ask(&home, &listing(), IfNone::Fail, patience).unwrap();
    assert!(matches!(answers.verdict(), Err(Trouble::TimedOut)));
    assert_eq!(answers.pid(), Some(std::process::id() as i32));
}

#[test]
fn none_runs_where_nobody_listens() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::separate(folder.path().into());
    let asked = |home| ask(home, &listing(), IfNone::Fail, Patience::Soon).err();
    assert!(matches!(asked(&home), Some(Trouble::NoneRuns)));
    std::fs::create_dir(&home.run).unwrap();
    drop(UnixListener::bind(home.socket()).unwrap());
    assert!(matches!(asked(&home), Some(Trouble::NoneRuns)), "what a killed one leaves behind");
}
