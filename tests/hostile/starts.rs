//! Commands, programs, arguments and environments that cannot be started, or only just.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;

use decklog_engine::event::{JobCommand, OutputMode};
use decklog_protocol::frame::Frame;
use decklog_protocol::message::{DispatchRequest, Reply, Request};

use crate::clients::Client;
use crate::support::{Instance, Running};
use crate::whole;

#[test]
fn nothing_is_not_run() {
    let instance = Instance::new();
    for words in [
        &["dispatch", "--exec", ""][..],
        &["dispatch", "--exec", " \t\n"],
        &["dispatch", "--", ""],
        &["dispatch", "--", " ", "argument"],
    ] {
        let said = instance.fails(2, words);
        assert!(said.contains("nothing to run") && said.contains("\n\nhint: "), "{words:?}: {said}");
    }
    assert!(!instance.home().exists(), "no supervisor is started for it");
}

#[test]
fn what_is_no_program_is_a_failed_row_that_says_so() {
    let instance = Instance::new();
    let file = |name: &str, text: &str, mode: u32| {
        let path = instance.folder().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    file("not-executable", "#!/bin/sh\n", 0o600);
    file("no-interpreter", "#!/no/such/interpreter\n", 0o700);
    file("no-first-line", "echo begun by a shell\n", 0o700);
    for (program, why) in [
        ("/no/such/program", "No such file or directory"),
        ("no-such-program-on-the-path", "No such file or directory"),
        ("./not-executable", "Permission denied"),
        ("./no-interpreter", "No such file or directory"),
        ("/", "Permission denied"),
        ("/etc/passwd/x", "Not a directory"),
    ] {
        let mut command = instance.command(&["dispatch", "--quiet", "--", program]);
        command.env("PATH", "/usr/bin:/bin");
        let ran = Running::of(command).end().code(1);
        assert!(ran.stderr.contains(program) && ran.stderr.contains(why), "{program}: {ran:?}");
        let row = instance.row(ran.text().trim());
        assert_eq!((&row["state"], &row["reason"]["kind"]), (&"failed".into(), &"spawn".into()), "{row:#}");
        assert!(row["reason"]["text"].as_str().unwrap().contains(why), "{row:#}");
    }
    // As every shell does: a script that does not say what runs it is run by sh.
    let id = instance.ok(&["dispatch", "--quiet", "--", "./no-first-line"]);
    assert_eq!(instance.ok(&["logs", "-f", id.trim()]), "begun by a shell\n");
    whole(&instance);
}

fn dispatch(command: JobCommand) -> Request {
    Request::Dispatch(DispatchRequest {
        command,
        output: OutputMode::Pty,
        cwd: "/".into(),
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        name: None,
        group: None,
        pinned: false,
        key: None,
        timeout_ms: None,
        after: Vec::new(),
        after_any: false,
        priority: 0,
        umask: None,
    })
}

/// Longer than a shell can hand to a client: said over the wire.
#[test]
fn a_command_that_is_too_long_is_said_to_be() {
    let instance = Instance::new();
    instance.ok(&["daemon", "start"]);
    let ask = |bytes: usize| {
        let line = format!("true #{}", "x".repeat(bytes));
        let mut client = Client::of(&instance);
        client.ask(&dispatch(JobCommand::Shell(line.as_str().into())));
        client.reply()
    };
    // One argument of execve has at most 128 KiB.
    let Reply::Dispatched { row, .. } = ask(200 << 10) else { panic!("no row") };
    let row = instance.row(&row.id);
    assert_eq!((&row["state"], &row["reason"]["kind"]), (&"failed".into(), &"spawn".into()), "{row:#}");
    assert!(row["reason"]["text"].as_str().unwrap().contains("Argument list too long"), "{row:#}");
    let Reply::Refused { refusals } = ask(1 << 20) else { panic!("it was not refused") };
    assert!(refusals[0].text.contains("at most 524288"), "{refusals:?}");
    let Reply::Dispatched { row, .. } = ask(120 << 10) else { panic!("no row") };
    assert_eq!(instance.run(&["wait", &row.id]).code, 0);
    let listed = instance.ok(&["ls"]);
    assert!(listed.len() < 2000, "{listed}");
    whole(&instance);
}

#[test]
fn a_large_environment_and_odd_bytes_arrive_whole() {
    let instance = Instance::new();
    let dispatch = |name: &str, arguments: &[&[u8]]| {
        let words = ["dispatch", "--quiet", "--name", name, "--"].map(OsStr::new);
        let words: Vec<&OsStr> =
            words.into_iter().chain(arguments.iter().map(|word| OsStr::from_bytes(word))).collect();
        let mut command = instance.command(&words);
        command.env(OsStr::from_bytes(b"odd\xff na\nme"), OsStr::from_bytes(b"va\xfelue\n"));
        for number in 0..10 {
            command.env(format!("LARGE_{number}"), "z".repeat(100_000));
        }
        Running::of(command).end().code(0);
        instance.finished(&[name.to_owned()]);
        instance.run(&["logs", name]).code(0).stdout
    };
    let variables = dispatch("variables", &[b"env", b"-0"]);
    let variables: Vec<_> = variables.split(|byte| *byte == 0).collect();
    assert!(variables.contains(&&b"odd\xff na\nme=va\xfelue\n"[..]));
    let large = format!("LARGE_9={}", "z".repeat(100_000));
    assert!(variables.contains(&large.as_bytes()));
    let argument: &[u8] = b"argument \xff\xfe\x1b";
    assert_eq!(dispatch("argument", &[b"printf", b"%s|", argument]), [argument, b"|"].concat());

    // Only their names are recorded, and of those not without end.
    let mut command = instance.command(&["dispatch", "--exec", "true"]);
    for number in 0..3 {
        command.env(format!("{number}{}", "N".repeat(60_000)), "");
    }
    let ran = Running::of(command).end().code(4);
    assert!(ran.stderr.contains("the list of the environment's names has 180"), "{ran:?}");
    assert!(ran.stderr.contains("\n\nhint: ") && ran.stderr.contains("env -u NAME"), "{ran:?}");
    whole(&instance);
}

#[test]
fn a_directory_of_odd_bytes_is_a_place_to_run_in() {
    let instance = Instance::new();
    let folder = instance.folder().join(OsStr::from_bytes(b"d\xff i\nr\x1b[31m"));
    fs::create_dir(&folder).unwrap();
    let mut command = instance.command(&["dispatch", "--quiet", "--name", "odd", "--", "pwd"]);
    command.current_dir(&folder);
    Running::of(command).end().code(0);
    instance.finished(&["odd".to_owned()]);
    let output = instance.run(&["logs", "odd"]).code(0).stdout;
    assert_eq!(output, [folder.as_os_str().as_bytes(), b"\n"].concat());
    assert!(instance.ok(&["show", "odd"]).contains("d\u{fffd} i␊r␛[31m"));
    let mut missing = instance.command(&["dispatch", "--exec", "true", "--cwd"]);
    missing.arg(folder.join(OsStr::from_bytes(b"no\n\x1b\xfe")));
    let ran = Running::of(missing).end().code(2);
    assert!(ran.stderr.contains("no␊␛\u{fffd} is no directory"), "{ran:?}");
    whole(&instance);
}

/// A frame that another version might send: the request is not understood, and that is said.
#[test]
fn a_request_of_another_version_is_answered() {
    let instance = Instance::new();
    instance.ok(&["daemon", "start"]);
    let mut client = Client::of(&instance);
    client.hello();
    let mut bytes = Vec::new();
    Frame::Message(br#"{"levitate":{"targets":["a"]}}"#.to_vec()).encode(&mut bytes);
    client.send(&bytes);
    let Reply::Failed { text, hints } = client.reply() else { panic!("it was not answered") };
    assert!(text.contains("cannot do this") && !hints.is_empty(), "{text} {hints:?}");
}
