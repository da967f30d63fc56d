//! `config.toml`: timers, slots and the environment, with short durations; and what happens when it is wrong.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod support;

use std::fs;

use serde_json::Value;
use support::Instance;

fn configured(text: &str) -> Instance {
    let instance = Instance::new();
    fs::create_dir_all(instance.home()).unwrap();
    write(&instance, text);
    instance
}

fn write(instance: &Instance, text: &str) {
    fs::write(instance.home().join("config.toml"), text).unwrap();
}

#[test]
fn a_finished_job_leaves_the_roster_and_history_stays() {
    let instance = configured("[timers]\nfinished_job = \"100ms\"\n");
    let leaves = instance.exec("echo here");
    let stays = instance.ok(&["dispatch", "--quiet", "--pin", "--exec", "true"]).trim().to_owned();
    instance.finished(&[leaves.clone(), stays.clone()]);
    let row = instance.row_when(&leaves, "its row has left", |row| !row["left"].is_null());
    assert_eq!((&row["left"]["why"], &row["state"]), (&Value::from("reaped"), &Value::from("done")));
    let listed = instance.json(&["ls", "--json"]);
    let ids: Vec<_> = listed.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [stays.as_str()]);
    assert_eq!(instance.run(&["logs", &leaves]).code(0).text(), "here\n");
    let history = instance.json(&["history", &leaves, "--json"]);
    let kinds: Vec<_> =
        history.as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.last(), Some(&"Reaped"));
}

#[test]
fn output_is_removed_after_its_retention_and_said_to_be() {
    let instance = configured("[timers]\nfinished_job = \"50ms\"\n[retention]\noutput = \"300ms\"\n");
    let goes = instance.exec("echo here");
    let stays = instance.ok(&["dispatch", "--quiet", "--pin", "--exec", "echo kept"]).trim().to_owned();
    instance.finished(&[goes.clone(), stays.clone()]);
    let folder = instance.home().join("jobs").join(&goes);
    instance.until("its folder is gone", || !folder.exists());
    let said = instance.fails(1, &["logs", &goes]);
    assert!(said.contains("is not there any more"), "{said}");
    assert!(instance.fails(4, &["respawn", &goes]).contains("expired"));
    assert_eq!(instance.run(&["logs", &stays]).code(0).text(), "kept\n");
    let history = instance.ok(&["history", &goes]);
    assert!(history.contains("what it printed and its environment were removed"), "{history}");
    assert_eq!(instance.run(&["verify"]).code, 0);
}

/// The supervisor is dead when the row is due: it leaves at recovery, once.
#[test]
fn a_deadline_that_passed_unwatched_fires_at_recovery() {
    let instance = configured("[timers]\nfinished_job = \"500ms\"\n");
    let id = instance.exec("true");
    instance.finished(std::slice::from_ref(&id));
    let ended = support::time(&instance.row(&id), "finishedAt");
    instance.kill_supervisor();
    instance.until("the deadline passes", || jiff::Timestamp::now().as_millisecond() > ended + 600);
    assert_eq!(instance.row(&id)["left"]["why"], "reaped");
    let history = instance.json(&["history", &id, "--json", "--kind", "Reaped"]);
    assert_eq!(history.as_array().unwrap().len(), 1);
}

#[test]
fn jobs_wait_for_a_slot_in_the_order_of_their_dispatch() {
    let instance = configured("[limits]\nlive_jobs = 1\n");
    instance.dispatch_until_told("first");
    let (second, third) = (instance.exec("echo second"), instance.exec("echo third"));
    for id in [&second, &third] {
        let row = instance.row(id);
        assert_eq!((&row["state"], &row["wake"]["kind"]), (&Value::from("queued"), &Value::from("slot")));
        assert_eq!((&row["process"], &row["pid"]), (&Value::from("none"), &Value::Null));
    }
    // A queue is a fold of the log: it is there again after a crash.
    instance.kill_supervisor();
    assert_eq!(instance.row(&third)["state"], "queued");
    instance.tell("first");
    instance.finished(&[second.clone(), third.clone()]);
    let started = |id: &str| support::time(&instance.row(id), "startedAt");
    assert!(started(&second) <= started(&third));
    assert_eq!(instance.run(&["logs", &third]).code(0).text(), "third\n");

    // More slots: nobody waits any more.
    instance.dispatch_until_told("fourth");
    let fifth = instance.exec("true");
    assert_eq!(instance.row(&fifth)["state"], "queued");
    write(&instance, "[limits]\nlive_jobs = 2\n");
    instance.finished(&[fifth]);
    instance.tell("fourth");
}

#[test]
fn a_job_waits_for_another_and_fails_with_it() {
    let instance = Instance::new();
    instance.dispatch_until_told("build");
    let dispatch = |words: &[&str]| {
        let words = [&["dispatch", "--quiet"], words, &["--exec", "echo after"]].concat();
        instance.ok(&words).trim().to_owned()
    };
    let next = dispatch(&["--after", "build"]);
    let row = instance.row(&next);
    assert_eq!((&row["state"], &row["wake"]["kind"]), (&Value::from("queued"), &Value::from("after")));
    let build = instance.row("build")["id"].clone();
    assert_eq!((&row["after"][0], &row["wake"]["ids"][0]), (&build, &build));
    instance.kill_supervisor();
    instance.tell("build");
    instance.finished(std::slice::from_ref(&next));
    assert_eq!(instance.row(&next)["state"], "done");

    instance.exec("exit 3");
    instance.finished(&["exit-3".to_owned()]);
    let failed = dispatch(&["--after", "exit-3,build"]);
    let row = instance.row(&failed);
    assert_eq!((&row["state"], &row["reason"]["kind"]), (&Value::from("failed"), &Value::from("dependency")));
    let any = dispatch(&["--after", "exit-3", "--after-any"]);
    instance.finished(std::slice::from_ref(&any));
    assert_eq!(instance.row(&any)["state"], "done");
    instance.fails(3, &["dispatch", "--after", "nobody", "--exec", "true"]);
}

#[test]
fn a_wrong_configuration_is_named_and_changes_nothing() {
    let instance = configured("[timers]\nfinished_job = \"soon\"\n");
    let ran = instance.run(&["dispatch", "--quiet", "--exec", "true"]).code(0);
    assert!(ran.stderr.contains("config.toml: line 2: finished_job: `soon`"), "{ran:?}");
    let ran = instance.run(&["ls"]).code(0);
    assert!(ran.stderr.contains("line 2"), "every verb warns: {ran:?}");
    write(&instance, "");
    assert_eq!(instance.run(&["ls"]).code(0).stderr, "");
}

#[test]
fn a_variable_that_is_denied_does_not_reach_a_session() {
    let instance = configured("[environment]\ndeny = [\"SECRET_*\"]\n");
    let line = "env | grep SECRET || echo none; echo $PLAIN; echo end";
    let mut command = instance.command(&["dispatch", "--quiet", "--exec", line]);
    command.env("SECRET_TOKEN", "hunter2").env("PLAIN", "plain");
    let id = support::Running::of(command).end().code(0).text().trim().to_owned();
    instance.finished(std::slice::from_ref(&id));
    assert_eq!(instance.run(&["logs", &id]).code(0).text(), "none\nplain\nend\n");
    let history = instance.run(&["history", "--json"]).code(0).text();
    assert!(!history.contains("SECRET_TOKEN") && history.contains("PLAIN"), "names enter the log");
    assert!(!history.contains("\"plain\""), "values do not");
}
