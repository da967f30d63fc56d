//! Terminals: no verb lets a control character through, whichever way it came in, to standard output or to standard
//! error.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use crate::support::{Instance, Running};

/// A title, a clear screen, a bell, a C1 control as UTF-8 and as a lone byte, a reordering mark, a delete.
const HOSTILE: &[u8] = b"\x1b]0;owned\x07\x1b[2J\x1b[31mred\xc2\x9b31m\x9b31m\xe2\x80\xaeltr\x7f\x08\x0b";

/// What of a screen is neither text, nor a colour of ours, nor the end of a line.
fn dangerous(screen: &[u8]) -> Vec<char> {
    let mut text =
        String::from_utf8(screen.to_vec()).expect("a lone byte is a control character to some terminals");
    text = text.replace("\r\n", "\n");
    for color in ["0", "1", "2", "31", "32", "33", "34", "35", "36"] {
        text = text.replace(&format!("\u{1b}[{color}m"), "");
    }
    let reorders = |c: char| ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c);
    text.chars().filter(|c| (c.is_control() && *c != '\n') || reorders(*c)).collect()
}

/// Runs a verb with all of its output on a terminal; asserts its exit code, and that nothing dangerous was said.
#[track_caller]
fn safe(instance: &Instance, code: i32, words: &[&[u8]]) -> String {
    let words: Vec<&OsStr> = words.iter().map(|word| OsStr::from_bytes(word)).collect();
    let ran = Running::all_on_terminal(instance.command(&words)).end();
    let screen = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert_eq!(ran.code, code, "{words:?}: {screen:?}");
    assert_eq!(dangerous(&ran.stdout), [], "{words:?}: {screen:?}");
    assert!(!screen.is_empty(), "{words:?} says nothing");
    screen
}

fn words(line: &str) -> Vec<&[u8]> {
    line.split(' ').map(str::as_bytes).collect()
}

#[test]
fn no_verb_lets_a_control_character_through() {
    let instance = Instance::new();
    let folder = instance.folder().join(OsStr::from_bytes(&[b"cwd ", HOSTILE].concat()));
    fs::create_dir(&folder).unwrap();
    let cwd = folder.as_os_str().as_bytes();
    let print = [b"printf '%s\\n' '", HOSTILE, b"'"].concat();
    let and_fail = [&print[..], b"; exit 1"].concat();
    let and_stay = [&print[..], b"; sleep 1000"].concat();
    let program = [b"/no/such/", HOSTILE].concat();

    safe(&instance, 0, &[b"dispatch", b"--name", b"failed", b"--cwd", cwd, b"--exec", &and_fail]);
    safe(&instance, 0, &[b"dispatch", b"--name", b"live", b"--cwd", cwd, b"--exec", &and_stay]);
    safe(&instance, 0, &[b"dispatch", b"--cwd", cwd, b"--", b"true", HOSTILE]);
    safe(&instance, 1, &[b"dispatch", b"--name", b"missing", b"--", &program]);
    safe(&instance, 2, &[b"dispatch", b"--cwd", &[cwd, b"/missing"].concat(), b"--exec", b"true"]);
    instance.finished(&["failed", "true-redltr"].map(|name| {
        let rows = instance.json(&["ls", "--all", "--json"]);
        let named =
            rows.as_array().unwrap().iter().find(|row| row["name"].as_str().unwrap().starts_with(&name[..4]));
        named.unwrap()["id"].as_str().unwrap().to_owned()
    }));
    instance
        .row_when("live", "it runs", |row| row["summary"].as_str().is_some_and(|line| line.contains("red")));

    let screens = [
        "ls",
        "ls --all",
        "ls failed",
        "show failed",
        "show live",
        "show missing",
        "why failed",
        "why live",
        "why missing",
        "history",
        "history failed",
        "history -n 3",
        "logs failed",
        "logs -n 1 live",
        "daemon status",
        "daemon logs",
        "verify",
        "ls --at 0s",
        "show failed --at 0s",
    ]
    .map(|line| safe(&instance, 0, &words(line)));
    let all = screens.concat();
    assert!(
        all.contains('␛') && all.contains("⟨202E⟩") && all.contains("red"),
        "what it was is shown: {all}"
    );

    for (code, line) in [
        (0, "rename failed other"),
        (0, "pin other"),
        (0, "unpin other"),
        (0, "group some other"),
        (0, "respawn other"),
        (0, "stop --grace 50ms live"),
        (0, "stop live"),
        (0, "rm live"),
        (0, "restore live"),
        (124, "wait --timeout 10ms --for queued other"),
    ] {
        let done = Running::all_on_terminal(instance.command(&line.split(' ').collect::<Vec<_>>())).end();
        assert!(done.code == code || line.starts_with("wait"), "{line}: {done:?}");
        assert_eq!(dangerous(&done.stdout), [], "{line}: {done:?}");
    }

    // What a person typed comes back in errors.
    let typed = b"\x1b]0;typed\x07\xc2\x9b2J\xe2\x80\xae";
    for (code, given) in [
        (3, &[&b"show"[..], typed][..]),
        (3, &[b"logs", typed]),
        (3, &[b"stop", b"other", typed]),
        (3, &[b"wait", typed]),
        (3, &[b"why", typed]),
        (3, &[b"rm", typed]),
        (3, &[b"dispatch", b"--after", typed, b"--exec", b"true"]),
        (4, &[b"rename", b"other", typed]),
        (2, &[b"group", typed, b"other"]),
        (4, &[b"dispatch", b"--name", typed, b"--exec", b"true"]),
        (4, &[b"dispatch", b"--key", typed, b"--exec", b"true"]),
        (2, &[b"dispatch", b"--group", typed, b"--exec", b"true"]),
        (2, &[b"dispatch", b"--env", typed, b"--exec", b"true"]),
        (2, &[b"dispatch", b"--timeout", typed, b"--exec", b"true"]),
        (2, &[b"dispatch", b"--exec", b"true", typed]),
        (2, &[b"history", b"--kind", typed]),
        (2, &[b"history", b"--since", typed]),
        (2, &[b"ls", &[b"s:", &typed[..]].concat()]),
        (2, &[b"ls", b"--at", typed]),
        (2, &[b"verify", b"--expect", typed]),
        (2, &[typed]),
        (2, &[b"daemon", typed]),
        (2, &[b"show", b"--no-such-option", typed]),
        (0, &[b"ls", typed]),
        (2, &[b"show", HOSTILE]),
    ] {
        safe(&instance, code, given);
    }
}

/// A configuration that is refused is quoted by every verb's warning.
#[test]
fn a_warning_is_as_safe_as_an_answer() {
    let instance = Instance::new();
    fs::create_dir_all(instance.home()).unwrap();
    for text in [
        "[timers]\nfinished_job = \"\u{1b}]0;x\u{7}\u{9b}31m\"\n".to_owned(),
        "[timers]\n\"\u{9b}2J\\u001b[2J\" = 1\n".to_owned(),
        format!("\u{1b}[2J{} = 3\n", "\u{202e}"),
    ] {
        fs::write(instance.home().join("config.toml"), text).unwrap();
        let screen = safe(&instance, 0, &[b"ls"]);
        assert!(screen.contains("warning: ") && screen.contains("config.toml"), "{screen}");
    }
}

#[test]
fn an_instance_of_a_hostile_path_is_safe_to_look_at() {
    let place = tempfile::tempdir().unwrap();
    let instance = Instance::at(place.path().join(OsStr::from_bytes(&[b"home ", HOSTILE].concat())));
    safe(&instance, 5, &[b"daemon", b"status"]);
    safe(&instance, 0, &[b"dispatch", b"--exec", b"true"]);
    safe(&instance, 0, &[b"daemon", b"status"]);
    safe(&instance, 0, &[b"daemon", b"logs"]);
    instance.kill_supervisor();
    fs::write(instance.home().join("log/head"), b"nonsense").unwrap();
    safe(&instance, 1, &[b"ls"]);
    safe(&instance, 1, &[b"verify"]);
    fs::remove_dir_all(instance.home()).unwrap();
    fs::write(instance.home(), b"").unwrap();
    safe(&instance, 5, &[b"ls"]);
}
