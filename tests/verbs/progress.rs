//! The line that says what is waited for: on a terminal only, and gone afterwards.

use crate::support::{Instance, OnTerminal};

const ERASED: &str = "\r\u{1b}[K";

#[test]
fn a_terminal_is_told_what_is_waited_for() {
    let instance = Instance::new();
    instance.dispatch_until_told("build");
    instance.ok(&["dispatch", "--quiet", "--name", "lint", "--after", "build", "--exec", "true"]);
    let wait = OnTerminal::start(instance.command(&["wait", "build", "lint"]), 80, 24);
    instance.until("the line", || wait.shown().contains("\rwaiting for 2: build ("));
    assert!(wait.shown().contains("s), lint queued\u{1b}[K"), "{:?}", wait.shown());
    instance.tell("build");
    let (code, shown) = wait.end();
    assert_eq!(code, 0, "{shown:?}");
    assert!(shown.ends_with(ERASED) && !shown.contains('\n'), "{shown:?}");
}

#[test]
fn a_line_fits_its_terminal() {
    let instance = Instance::new();
    instance.dispatch_until_told("a-very-long-name-indeed");
    let wait = OnTerminal::start(instance.command(&["wait", "a-very-long-name-indeed"]), 30, 24);
    instance.until("the line", || wait.shown().contains("\rwaiting for 1: a-very-long-n…\u{1b}[K"));
    instance.tell("a-very-long-name-indeed");
    assert_eq!(wait.end().0, 0);
}

#[test]
fn what_is_no_terminal_or_a_dumb_one_is_told_nothing() {
    let instance = Instance::new();
    instance.dispatch_until_told("build");
    let mut dumb = instance.command(&["wait", "--timeout", "1s", "build"]);
    dumb.env("TERM", "dumb");
    let (code, shown) = OnTerminal::start(dumb, 80, 24).end();
    assert_eq!(code, 124);
    assert!(shown.starts_with("the time limit passed: ") && !shown.contains('\u{1b}'), "{shown:?}");
    let said = instance.fails(124, &["wait", "--timeout", "1s", "build"]);
    assert!(said.starts_with("the time limit passed: ") && !said.contains('\r'), "{said:?}");
    instance.tell("build");
}

#[test]
fn a_long_stop_is_said() {
    let instance = Instance::new();
    instance.dispatch("stubborn", "trap '' TERM; echo begins; while :; do sleep 0.1; done");
    instance.until("its first line", || instance.row("stubborn")["summary"] == "begins");
    let stop = OnTerminal::start(instance.command(&["stop", "--grace", "2s", "stubborn"]), 80, 24);
    let (code, shown) = stop.end();
    assert_eq!(code, 0, "{shown:?}");
    let (said, after) = shown.split_once("\rstopping stubborn …\u{1b}[K").expect("it is said");
    assert_eq!(said, "");
    let (_, result) = after.rsplit_once(ERASED).expect("and erased");
    assert!(result.contains("stubborn · stopped · SIGKILL"), "{shown:?}");
}
