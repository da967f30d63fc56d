//! What `doctor` finds, each against an instance in which it is so.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::{Instance, kill_and_wait};

/// What was found of one thing; the exit code says whether anything is wrong.
fn found(instance: &Instance, check: &str) -> (String, String, Value) {
    let ran = instance.run(&["doctor", "--json"]);
    let findings = ran.json();
    let findings = findings.as_array().unwrap();
    let is_wrong = findings.iter().any(|finding| finding["status"] == "wrong");
    assert_eq!((ran.code, ran.stderr.as_str()), (i32::from(is_wrong), ""), "{ran:?}");
    for finding in findings {
        assert_eq!(finding["mend"].is_null(), finding["status"] == "ok", "{finding}");
    }
    let one = findings.iter().find(|finding| finding["check"] == check);
    let one = one.unwrap_or_else(|| panic!("{check} was not looked at: {findings:#?}"));
    let text = |key: &str| one[key].as_str().unwrap().to_owned();
    (text("status"), text("text"), one["mend"].clone())
}

#[test]
fn nothing_is_wrong_with_what_is_not_there_yet() {
    let instance = Instance::new();
    let screen = instance.ok(&["doctor"]);
    for part in ["✓ state folder", "✓ runtime folder", "✓ config.toml", "✓ supervisor", "✓ shell"] {
        assert!(screen.contains(part), "{part}: {screen}");
    }
    assert!(screen.lines().last().unwrap().starts_with("nothing is wrong"), "{screen}");
    assert_eq!(found(&instance, "supervisor").0, "ok");
    assert!(!instance.home().exists(), "it makes nothing and starts nothing");
}

#[test]
fn a_supervisor_that_runs_is_well() {
    let instance = Instance::new();
    instance.dispatch("job", "true");
    for check in ["supervisor", "log", "clock", "jobs", "state folder", "runtime folder", "room"] {
        let (status, text, _) = found(&instance, check);
        assert_eq!(status, "ok", "{check}: {text}");
    }
    instance.ok(&["daemon", "restart"]);
    assert_eq!(found(&instance, "last end").0, "ok");
}

#[test]
fn folders_that_others_can_open_are_wrong() {
    let instance = Instance::new();
    fs::create_dir_all(instance.home()).unwrap();
    fs::set_permissions(instance.home(), fs::Permissions::from_mode(0o755)).unwrap();
    let (status, text, mend) = found(&instance, "state folder");
    assert_eq!((status.as_str(), mend), ("wrong", format!("chmod 700 {}", instance.home().display()).into()));
    assert!(text.contains("open to others (mode 755)"), "{text}");
    let ran = instance.run(&["doctor"]).code(1);
    assert!(ran.text().contains("✗ state folder") && ran.text().contains("→ chmod 700 "), "{ran:?}");
    assert!(ran.text().lines().last().unwrap().starts_with("1 thing is wrong"), "{ran:?}");
}

#[test]
fn a_configuration_that_is_not_understood_is_named() {
    let instance = Instance::new();
    fs::create_dir_all(instance.home()).unwrap();
    fs::set_permissions(instance.home(), fs::Permissions::from_mode(0o700)).unwrap();
    let file = instance.home().join("config.toml");
    fs::write(&file, "[timers]\nfinished_job = \"soon\"\n").unwrap();
    let (status, text, _) = found(&instance, "config.toml");
    assert_eq!(status, "wrong");
    assert!(text.contains("config.toml: line 2: finished_job: `soon`"), "{text}");
    // The supervisor warns of it with every answer: here that is said once.
    instance.run(&["daemon", "start"]).code(0);
    assert_eq!(found(&instance, "config.toml").0, "wrong");
    assert_eq!(found(&instance, "log").0, "ok");
    fs::write(&file, "[timers]\nfinished_job = \"1h\"\n").unwrap();
    assert_eq!(found(&instance, "config.toml").0, "ok");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(found(&instance, "config.toml").0, "wrong");
}

#[test]
fn a_supervisor_that_was_killed_is_noticed() {
    let instance = Instance::new();
    instance.ok(&["daemon", "start"]);
    let pid = instance.supervisor();
    kill_and_wait(pid);
    let (status, text, _) = found(&instance, "supervisor");
    assert_eq!(status, "warning", "{text}");
    assert!(text.contains("supervisor.sock"), "{text}");
    instance.ok(&["daemon", "start"]);
    let (status, text, _) = found(&instance, "last end");
    assert_eq!(status, "warning");
    assert!(text.contains(&format!("(pid {pid})")), "{text}");
    assert_eq!(found(&instance, "supervisor").0, "ok");
}

#[test]
fn a_supervisor_that_is_stopped_by_a_signal_is_named() {
    let instance = Instance::new();
    instance.ok(&["daemon", "start"]);
    let pid = instance.supervisor();
    kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
    let (status, text, mend) = found(&instance, "supervisor");
    assert_eq!((status.as_str(), mend), ("wrong", format!("kill -CONT {pid}").into()));
    assert!(text.contains(&format!("(pid {pid})")), "{text}");
    kill(Pid::from_raw(pid), Signal::SIGCONT).unwrap();
    instance.until("it answers again", || found(&instance, "supervisor").0 == "ok");
}

#[test]
fn folders_of_no_session_are_counted() {
    let instance = Instance::new();
    instance.dispatch("job", "true");
    let folder = instance.home().join("jobs").join("00".repeat(16));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("environment"), "[[],null]").unwrap();
    assert_eq!(found(&instance, "jobs").0, "ok", "it may belong to a dispatch that is under way");
    let long_ago = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::File::open(&folder).unwrap().set_modified(long_ago).unwrap();
    let (status, text, _) = found(&instance, "jobs");
    assert_eq!(status, "warning");
    assert!(text.starts_with("1 folder in "), "{text}");
}
