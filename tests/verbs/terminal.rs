//! What a terminal gets: colours, widths, and never a control character of a session. And the demo.

use std::process::Command;

use crate::support::{Instance, Running};

const HOSTILE: &str =
    r"printf 'a\033]0;title\007b\033[2Jc\033[31mred\033[0m\033[8mhidden\b\r\nlast \302\2331m'";

fn shown(command: Command) -> String {
    let ran = Running::on_terminal(command, 100).end();
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.text()
}

/// What is left after harmless colours and the terminal's own line breaks are taken away.
fn controls(text: &str) -> Vec<char> {
    let mut text = text.replace("\r\n", "\n");
    for color in ["0", "1", "2", "31", "32", "33", "35", "36"] {
        text = text.replace(&format!("\u{1b}[{color}m"), "");
    }
    text.chars().filter(|c| c.is_control() && *c != '\n').collect()
}

#[test]
fn no_control_character_of_a_session_reaches_it() {
    let instance = Instance::new();
    instance.dispatch("hostile", HOSTILE);
    assert_eq!(instance.run(&["wait", "hostile"]).code, 0);
    let output = shown(instance.command(&["logs", "hostile"]));
    assert_eq!(controls(&output), [], "{output:?}");
    assert!(output.contains("a␛]0;title␇b␛[2Jc\u{1b}[31mred\u{1b}[0m"), "{output:?}");
    assert!(output.contains("␛[8mhidden␈"), "{output:?}");
    for words in
        [&["ls"][..], &["show", "hostile"], &["why", "hostile"], &["history"], &["history", "hostile"]]
    {
        let screen = shown(instance.command(words));
        assert_eq!(controls(&screen), [], "{words:?}: {screen:?}");
    }
    let raw = shown(instance.command(&["logs", "--raw", "hostile"]));
    assert!(raw.contains("\u{1b}[2J"), "raw is raw");
}

#[test]
fn colour_is_for_terminals_that_want_it() {
    let instance = Instance::new();
    instance.dispatch("job", "exit 1");
    assert_eq!(instance.run(&["wait", "job"]).code, 1);
    assert!(shown(instance.command(&["ls"])).contains("\u{1b}[31mfailed\u{1b}[0m"));
    let mut without = instance.command(&["ls"]);
    without.env("NO_COLOR", "1");
    assert!(!shown(without).contains('\u{1b}'));
    assert!(!shown(instance.command(&["--color=never", "ls"])).contains('\u{1b}'));
    assert!(instance.ok(&["ls", "--color=always"]).contains("\u{1b}[31m"));
}

#[test]
fn only_a_terminal_cuts_lines() {
    let instance = Instance::new();
    let long = "a very long line indeed ".repeat(6);
    instance.dispatch("job", &format!("echo '{long}'; exit 1"));
    assert_eq!(instance.run(&["wait", "job"]).code, 1);
    let ran = Running::on_terminal(instance.command(&["ls", "--color=never"]), 72).end();
    let widest = ran.text().lines().map(|line| line.trim_end().chars().count()).max();
    assert_eq!(widest, Some(72), "{}", ran.text());
    assert!(ran.text().contains('…'));
    assert!(instance.ok(&["ls"]).contains(long.trim()));
}

#[test]
fn no_row_wraps() {
    let instance = Instance::new();
    let name = "a-very-long-name-".repeat(3);
    instance.dispatch(&name, "printf '%-60s%s\\n' left right; exit 1");
    assert_eq!(instance.run(&["wait", &name]).code, 1);
    for columns in [80, 40] {
        let ran = Running::on_terminal(instance.command(&["ls", "--color=never"]), columns).end();
        let widest = ran.text().lines().map(|line| line.trim_end().chars().count()).max();
        assert!(widest <= Some(columns.into()), "{}", ran.text());
        assert!(ran.text().contains("  a-very-") && ran.text().contains("… "), "{}", ran.text());
        assert!(ran.text().contains("  failed"), "{}", ran.text());
    }
    let whole = instance.ok(&["ls"]);
    assert!(whole.contains(&name) && whole.contains("exit 1 · left right"), "{whole}");
}

#[test]
fn the_demo_is_true_and_leaves_nothing() {
    let instance = Instance::new();
    let mut command = instance.command(&["demo"]);
    // Its own instance is made in here, so that what it leaves can be seen.
    command.env("TMPDIR", instance.folder());
    let ran = Running::of(command).end();
    assert_eq!(ran.code, 0, "{}\n{}", ran.text(), ran.stderr);
    assert!(ran.text().contains("nothing was lost."), "{}", ran.text());
    assert_eq!(std::fs::read_dir(instance.folder()).unwrap().count(), 0);
    assert_eq!(crate::support::processes_of(instance.folder()), [0; 0]);
}

#[test]
fn the_demo_that_is_interrupted_leaves_nothing() {
    use nix::sys::signal::{Signal, kill};
    let instance = Instance::new();
    let mut command = instance.command(&["demo"]);
    command.env("TMPDIR", instance.folder());
    let running = Running::of(command);
    instance.until("jobs of the demo", || crate::support::processes_of(instance.folder()).len() > 4);
    kill(nix::unistd::Pid::from_raw(running.pid()), Signal::SIGINT).unwrap();
    assert_eq!(running.end().code, 130);
    assert_eq!(std::fs::read_dir(instance.folder()).unwrap().count(), 0);
    instance
        .until("the last of its processes", || crate::support::processes_of(instance.folder()).is_empty());
}
