//! The verbs that change sessions which exist.

use crate::support::{Instance, is_running};

#[test]
fn stopping_ends_everything_that_was_started() {
    let instance = Instance::new();
    instance.dispatch("tree", "sleep 600 & setsid sleep 600 & echo begins; wait");
    instance.until("its first line", || instance.row("tree")["summary"] == "begins");
    let pid = instance.row("tree")["pid"].as_i64().unwrap() as i32;
    let said = instance.ok(&["stop", "tree"]);
    assert!(said.contains(" · tree · stopped"), "{said}");
    assert!(!is_running(pid));
    let row = instance.row("tree");
    assert_eq!((&row["state"], &row["reason"]["kind"]), (&"stopped".into(), &"request".into()));
    let again = instance.run(&["kill", "tree"]);
    assert_eq!(again.code, 0);
    assert!(again.stderr.contains("does not run"), "{again:?}");
    assert_eq!(instance.run(&["wait", "tree"]).code, 1);
}

#[test]
fn what_does_not_end_by_itself_is_killed_after_its_grace() {
    let instance = Instance::new();
    instance.dispatch("deaf", "trap '' TERM INT HUP; echo begins; while :; do sleep 0.05; done");
    instance.until("its first line", || instance.row("deaf")["summary"] == "begins");
    instance.ok(&["stop", "--grace", "50ms", "deaf"]);
    assert_eq!(instance.row("deaf")["signal"], 9);
}

#[test]
fn one_name_that_is_wrong_and_nothing_is_done() {
    let instance = Instance::new();
    instance.dispatch_until_told("a");
    instance.fails(3, &["stop", "a", "nobody"]);
    instance.fails(3, &["rm", "--force", "a", "nobody"]);
    assert_eq!(instance.row("a")["state"], "working");
    instance.fails(2, &["stop"]);
}

#[test]
fn a_row_leaves_and_comes_back() {
    let instance = Instance::new();
    instance.dispatch("job", "echo kept");
    assert_eq!(instance.run(&["wait", "job"]).code, 0);
    let said = instance.ok(&["rm", "job"]);
    assert!(said.contains(" · job · removed\n") && said.contains("decklog restore "), "{said}");
    assert_eq!(instance.row("job")["left"]["why"], "deleted");
    assert_eq!(instance.ok(&["logs", "job"]), "kept\n");
    let again = instance.run(&["delete", "job"]);
    assert_eq!(again.code, 0);
    assert!(again.stderr.contains("left the roster already"), "{again:?}");
    instance.ok(&["restore", "job"]);
    assert!(instance.row("job")["left"].is_null());
    assert_eq!(instance.run(&["restore", "job"]).code, 0);
}

#[test]
fn a_live_row_is_removed_only_by_force() {
    let instance = Instance::new();
    instance.dispatch_until_told("job");
    let refused = instance.fails(4, &["rm", "job"]);
    assert!(refused.contains("(alive)") && refused.contains("--force"), "{refused}");
    instance.ok(&["rm", "--force", "job"]);
    let row = instance.row("job");
    assert_eq!((&row["state"], &row["left"]["why"]), (&"stopped".into(), &"deleted".into()));
}

#[test]
fn a_name_a_pin_and_a_group() {
    let instance = Instance::new();
    instance.dispatch_until_told("a");
    instance.dispatch_until_told("b");
    assert!(instance.ok(&["rename", "a", "new name"]).contains(" · new name · renamed"));
    assert!(instance.fails(4, &["rename", "b", "new name"]).contains("(name-taken)"));
    instance.ok(&["pin", "b", "new name"]);
    assert_eq!(instance.row("new name")["pinned"], true);
    assert!(instance.run(&["pin", "b"]).stderr.contains("is pinned"));
    instance.ok(&["unpin", "b"]);
    assert_eq!(instance.row("b")["pinned"], false);
    instance.ok(&["group", "g", "b", "new name"]);
    assert_eq!(instance.row("b")["group"], "g");
    instance.ok(&["group", "", "b"]);
    assert!(instance.row("b")["group"].is_null());
    for group in [" ", "a\n\nb", &"x".repeat(65)] {
        assert!(instance.fails(2, &["group", group, "b"]).contains("cannot be a group"));
    }
}

#[test]
fn a_new_run_keeps_the_output_of_the_old() {
    let instance = Instance::new();
    instance.dispatch("job", "echo run; test -e second && exit 3 || touch second");
    assert_eq!(instance.run(&["wait", "job"]).code, 0);
    let said = instance.ok(&["respawn", "job"]);
    assert!(said.contains(" · job · run 2 · "), "{said}");
    assert_eq!(instance.run(&["wait", "--exit-code", "job"]).code, 3);
    assert_eq!(instance.row("job")["runs"], 2);
    assert_eq!(instance.ok(&["logs", "--run", "1", "job"]), "run\n");
    instance.dispatch_until_told("live");
    let refused = instance.fails(4, &["respawn", "live"]);
    assert!(refused.contains("--force"), "{refused}");
    instance.ok(&["respawn", "--force", "live"]);
    assert_eq!(instance.row("live")["runs"], 2);
}

#[test]
fn what_runs_inside_a_session_cannot_approve_itself() {
    let instance = Instance::new();
    instance.dispatch_until_told("victim");
    let decklog = env!("CARGO_BIN_EXE_decklog");
    let script = format!("{decklog} rm --force victim; echo rm $?; {decklog} ls >/dev/null; echo ls $?");
    instance.dispatch("inside", &script);
    assert_eq!(instance.run(&["wait", "inside"]).code, 0);
    let said = instance.ok(&["logs", "inside"]);
    assert!(said.contains("no-self-approval") && said.contains("rm 4") && said.ends_with("ls 0\n"), "{said}");
    assert_eq!(instance.row("victim")["state"], "working");
}

#[test]
fn a_run_that_cannot_be_started_again_is_told_as_such() {
    let instance = Instance::new();
    let folder = instance.folder().join("gone");
    std::fs::create_dir(&folder).unwrap();
    instance.ok(&[
        "dispatch",
        "--quiet",
        "--name",
        "it",
        "--cwd",
        folder.to_str().unwrap(),
        "--exec",
        "true",
    ]);
    instance.run(&["wait", "it"]).code(0);
    std::fs::remove_dir(&folder).unwrap();
    let ran = instance.run(&["respawn", "it"]).code(1);
    assert!(ran.text().contains("run 2 · failed") && ran.stderr.contains("could not be started"), "{ran:?}");
    // There is no output line of a run that printed nothing.
    assert!(!instance.ok(&["why", "it"]).contains("output line"));
    assert!(!instance.ok(&["show", "it"]).contains("last line"));
}

#[test]
fn a_group_and_a_state_stand_for_all_that_have_it() {
    let instance = Instance::new();
    std::fs::create_dir_all(instance.home()).unwrap();
    std::fs::write(instance.home().join("config.toml"), "[limits]\nlive_jobs = 1\n").unwrap();
    instance.dispatch_until_told("first");
    for name in ["second", "third"] {
        instance.ok(&["dispatch", "--quiet", "--name", name, "--group", "g", "--exec", "true"]);
    }
    instance.ok(&["dispatch", "--quiet", "--name", "s:queued", "--exec", "true"]);
    // A session of that name is that session.
    assert_eq!(instance.ok(&["stop", "s:queued"]).lines().count(), 1);
    assert_eq!(instance.row("s:queued")["state"], "stopped");
    assert_eq!(instance.row("second")["state"], "queued");
    instance.ok(&["rm", "s:queued"]);
    assert_eq!(instance.ok(&["pin", "group:g"]).lines().count(), 2);
    assert_eq!(instance.ok(&["stop", "group:g"]).lines().count(), 2);
    assert!(instance.ok(&["pin", "s:working"]).contains("first"));
    instance.tell("first");
    instance.run(&["wait", "group:g"]).code(1);
    assert!(instance.fails(3, &["stop", "group:none"]).contains("no session `group:none`"));
    assert!(instance.fails(3, &["show", "group:g"]).contains("no session `group:g`"));
}
