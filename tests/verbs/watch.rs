//! `ls --watch` and `ls --group-by`: on a terminal, and in a pipe.

use std::io::{BufRead as _, BufReader};

use nix::sys::termios::LocalFlags;
use serde_json::Value;

use crate::support::{Instance, OnTerminal};

#[test]
fn a_terminal_is_repainted_until_q() {
    let instance = Instance::new();
    instance.dispatch_until_told("build");
    let mut watch = OnTerminal::start(instance.command(&["ls", "--watch", "--color=never"]), 80, 10);
    watch.until("the row", |painted| painted.contains("◐") && painted.contains("build  working"));
    assert!(watch.shown().starts_with("\u{1b}[?25l"), "the cursor is hidden");
    assert!(!watch.modes().local_flags.intersects(LocalFlags::ICANON | LocalFlags::ECHO));

    instance.tell("build");
    watch.until("the end of it", |painted| painted.contains("build  done") && !painted.contains("Working"));
    watch.press("x");
    watch.press("q");
    let (code, shown) = watch.end();
    assert_eq!(code, 0, "{shown:?}");
    assert!(shown.ends_with("\r\n\u{1b}[?25h"), "{shown:?}");
    let last = shown.rsplit("\u{1b}[H").next().unwrap();
    assert!(last.contains("build  done"), "the last roster stays: {last:?}");
}

#[test]
fn a_terminal_is_as_it_was_after_an_interrupt() {
    let instance = Instance::new();
    instance.dispatch("build", "true");
    let watch = OnTerminal::start(instance.command(&["ls", "--watch"]), 80, 10);
    watch.until("the row", |painted| painted.contains("build"));
    let pid = nix::unistd::Pid::from_raw(watch.running.pid());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    instance.until("its modes are back", || {
        watch.modes().local_flags.contains(LocalFlags::ICANON | LocalFlags::ECHO)
    });
    let (code, shown) = watch.end();
    assert_eq!(code, 0);
    assert!(shown.ends_with("\u{1b}[?25h"), "{shown:?}");
}

#[test]
fn rows_that_do_not_fit_are_counted() {
    let instance = Instance::new();
    for number in 0..8 {
        instance.dispatch(&format!("job{number}"), "true");
    }
    instance.finished(&(0..8).map(|number| format!("job{number}")).collect::<Vec<_>>());
    let mut watch = OnTerminal::start(instance.command(&["ls", "--watch", "--color=never"]), 80, 6);
    watch.until("what fits", |painted| painted.lines().count() == 6 && painted.ends_with("  … 4 more"));
    watch.resize(60, 4);
    watch.until("what still fits", |painted| painted.lines().count() == 4 && painted.ends_with("… 6 more"));
    watch.resize(60, 20);
    watch.until("all of them", |painted| painted.lines().count() == 9 && !painted.contains("more"));
    watch.press("q");
    assert_eq!(watch.end().0, 0);
}

#[test]
fn a_supervisor_that_is_killed_is_survived() {
    let instance = Instance::new();
    instance.dispatch_until_told("build");
    let mut watch = OnTerminal::start(instance.command(&["ls", "--watch"]), 80, 10);
    watch.until("the row", |painted| painted.contains("build"));
    instance.kill_supervisor();
    instance.tell("build");
    watch.until("the end of it", |painted| painted.contains("done"));

    // One that somebody stops stays stopped, until somebody starts another.
    instance.ok(&["daemon", "stop"]);
    watch.until("a word of it", |painted| painted.contains("supervisor is gone, waiting"));
    assert_eq!(instance.run(&["daemon", "status"]).code, 5);
    instance.dispatch("other", "true");
    watch.until("the next row", |painted| painted.contains("other") && !painted.contains("gone"));
    watch.press("q");
    assert_eq!(watch.end().0, 0);
}

#[test]
fn what_is_no_terminal_gets_each_roster_that_differs() {
    let instance = Instance::new();
    instance.dispatch_until_told("build");
    let mut child = instance.command(&["ls", "--watch", "--json", "n:build"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()[0]["state"], "working");
    // Not wanted, so it makes no difference.
    instance.dispatch("other", "true");
    instance.tell("build");
    let mut last = next();
    while last[0]["state"] == "working" {
        assert_eq!(last[0]["summary"], "ends", "only what differs is printed: {last}");
        last = next();
    }
    assert_eq!((last.as_array().unwrap().len(), &last[0]["state"]), (1, &"done".into()));
    child.kill().unwrap();
    child.wait().unwrap();

    let mut child = instance.command(&["ls", "--watch"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert_eq!(lines.next().unwrap(), "  Finished");
    instance.dispatch("third", "sleep 100");
    assert_eq!(lines.find(String::is_empty).unwrap(), "", "a blank line between");
    assert!(lines.any(|line| line.contains("third")));
    // Nobody reads any more: it ends by itself.
    drop(lines);
    let begin = child.wait().unwrap();
    assert_eq!(begin.code(), Some(0));
}

#[test]
fn rows_are_grouped_as_asked() {
    let instance = Instance::new();
    instance.ok(&["dispatch", "--quiet", "--name", "a", "--group", "nightly", "--exec", "true"]);
    instance.dispatch("b", "true");
    let headings = |by: &str| {
        let screen = instance.ok(&["ls", "--group-by", by]);
        let headings = screen.lines().filter(|line| !line.contains("job  "));
        headings.map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(headings("group"), ["nightly", "no group"]);
    assert_eq!(headings("agent"), ["job"]);
    assert_eq!(headings("dir"), [instance.folder().to_str().unwrap()]);
    assert_eq!(headings("state"), ["Finished"]);
    assert!(instance.fails(2, &["ls", "--group-by", "size"]).contains("size"));
    instance.fails(2, &["ls", "--watch", "--at", "2h"]);
}
