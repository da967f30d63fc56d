//! Scripts: which lines run, where they stop, and the exit code.

#![expect(clippy::disallowed_methods, reason = "the deadline of a pipe that says nothing is measured")]

use std::fs::{self, File};
use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Instance, Ran, Running};

/// Runs a script that is a file on standard input.
fn script(instance: &Instance, text: &str) -> Ran {
    let path = instance.folder().join("script");
    fs::write(&path, text).unwrap();
    let mut command = instance.command::<&str>(&[]);
    command.stdin(File::open(path).unwrap());
    Running::of(command).end()
}

#[test]
fn its_lines_are_verbs() {
    let instance = Instance::new();
    let ran = script(
        &instance,
        "# a comment, don't worry\n\n! echo 'a  b' \"$HOME\" | wc -w\ndecklog dispatch --name 'two words' --exec 'echo x\necho y'\n\
         wait 'two words'\nlogs 'two words'\nn:two\n",
    );
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    let text = ran.text();
    assert!(text.starts_with("dispatched ") && text.contains("\nx\ny\n"), "{text}");
    assert!(text.lines().last().unwrap().contains("two words  done"), "{text}");
    let rows = instance.json(&["ls", "--json"]);
    assert_eq!(rows[0]["command"], "echo 'a  b' \"$HOME\" | wc -w", "as it was typed");
    assert_eq!(rows[0]["cwd"], instance.folder().to_str().unwrap());
    assert!(instance.ok(&["history", "--kind", "Dispatched"]).contains("(shell)"));
}

#[test]
fn it_stops_at_the_first_line_that_fails() {
    let instance = Instance::new();
    let ran = script(&instance, "version\nshow nobody\nversion\n");
    assert_eq!((ran.code, ran.text().lines().count()), (3, 1), "{ran:?}");
    assert!(ran.stderr.contains("\nline 2 failed (exit code 3): show nobody\n"), "{ran:?}");
    assert!(ran.stderr.contains("keep-going"), "{ran:?}");
    let ran = script(&instance, "version\n\n  stpo build\nversion\n");
    assert_eq!((ran.code, ran.text().lines().count()), (2, 1), "{ran:?}");
    let marked = "line 3 failed (exit code 2):   stpo build\n                               ^^^^ no such verb; did you mean stop?\n";
    assert!(ran.stderr.starts_with(marked), "{ran:?}");
    let ran = script(&instance, "version\nshow 'x\nversion\n");
    assert_eq!((ran.code, ran.text().lines().count()), (2, 1), "{ran:?}");
    assert!(ran.stderr.contains("this quote is never closed"), "{ran:?}");
    assert_eq!(script(&instance, "ls --no-such-flag").code, 2);
}

#[test]
fn it_may_keep_going() {
    let instance = Instance::new();
    let ran = script(&instance, "\\keep-going\nshow nobody\nstpo x\nversion\n");
    assert_eq!((ran.code, ran.text().lines().count()), (2, 1), "the last failure's: {ran:?}");
    assert!(ran.stderr.contains("line 2 failed") && ran.stderr.contains("line 3 failed"), "{ran:?}");
    assert!(!ran.stderr.contains("hint: a line"), "{ran:?}");
    assert_eq!(script(&instance, "\\keep-going\nversion\n").code, 0);
    let ran = script(&instance, "\\keep-going\nshow nobody\nexit\nversion\n");
    assert_eq!((ran.code, ran.text().as_str()), (3, ""), "{ran:?}");
}

#[test]
fn it_may_go_to_another_directory() {
    let instance = Instance::new();
    fs::create_dir_all(instance.folder().join("a b/c")).unwrap();
    let ran = script(&instance, "cd 'a b'\ncd c\n! pwd; printenv PWD\ncd /no/such/place\n");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.starts_with("cannot go to /no/such/place: "), "{ran:?}");
    let id = instance.json(&["ls", "--json"])[0]["id"].as_str().unwrap().to_owned();
    instance.finished(std::slice::from_ref(&id));
    let place = instance.folder().join("a b/c");
    assert_eq!(instance.ok(&["logs", &id]), format!("{0}\n{0}\n", place.display()));
}

#[test]
fn a_pipe_is_a_script_once_it_says_something() {
    let instance = Instance::new();
    let mut command = instance.command::<&str>(&[]);
    let (reader, mut writer) = std::io::pipe().unwrap();
    command.stdin(reader);
    let running = Running::of(command);
    writer.write_all(b"dispatch --name first --exec true\n").unwrap();
    instance.until("the first line was done before the second came", || {
        instance.json(&["ls", "--json"])[0]["name"] == "first"
    });
    writer.write_all(b"dispatch --name second --exec true").unwrap();
    drop(writer);
    let ran = running.end();
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(ran.text().matches("dispatched").count(), 2);
}

#[test]
fn where_nobody_says_anything_it_is_the_roster() {
    let instance = Instance::new();
    instance.dispatch("job", "true");
    instance.run(&["wait", "job"]);
    // Its age may change.
    let is_roster = |text: &str| text.starts_with("  Finished\n  ✓ ") && text.contains("job  done");
    assert!(is_roster(&instance.ok::<&str>(&[])), "/dev/null");
    assert!(is_roster(&script(&instance, "").text()), "an empty file");
    let piped = |stdin: Stdio| {
        let mut command = instance.command::<&str>(&[]);
        command.stdin(stdin);
        Running::of(command).end().text()
    };
    let (reader, writer) = std::io::pipe().unwrap();
    drop(writer);
    assert!(is_roster(&piped(reader.into())), "a pipe that is closed");
    let (reader, _writer) = std::io::pipe().unwrap();
    let begin = Instant::now();
    assert!(is_roster(&piped(reader.into())), "a pipe that says nothing");
    assert!(begin.elapsed() >= Duration::from_secs(1));
    assert!(is_roster(&piped(File::open(instance.folder()).unwrap().into())), "a directory");
}
