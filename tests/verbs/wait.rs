//! `wait`: its answer is the exit code.

use crate::support::Instance;

#[test]
fn the_end_is_the_exit_code() {
    let instance = Instance::new();
    instance.dispatch("good", "true");
    instance.dispatch("bad", "exit 7");
    instance.dispatch("killed", "kill -KILL $$");
    instance.dispatch_until_told("slow");
    assert_eq!(instance.run(&["wait", "good"]).code, 0);
    assert_eq!(instance.run(&["wait", "good", "bad"]).code, 1);
    assert_eq!(instance.run(&["wait", "--any", "good", "slow"]).code, 0);
    assert_eq!(instance.run(&["wait", "--any", "bad", "slow"]).code, 1);
    assert_eq!(instance.run(&["wait", "--exit-code", "good"]).code, 0);
    assert_eq!(instance.run(&["wait", "--exit-code", "bad"]).code, 7);
    assert_eq!(instance.run(&["wait", "--exit-code", "good", "bad"]).code, 7);
    assert_eq!(instance.run(&["wait", "--exit-code", "killed"]).code, 137);
    let waiting = instance.start(&["wait", "slow"]);
    instance.tell("slow");
    let ran = waiting.end();
    assert_eq!((ran.code, ran.text().as_str(), ran.stderr.as_str()), (0, "", ""));
}

#[test]
fn a_time_limit_is_kept() {
    let instance = Instance::new();
    instance.dispatch_until_told("slow");
    instance.dispatch("quick", "true");
    assert_eq!(instance.run(&["wait", "quick"]).code, 0);
    let said = instance.fails(124, &["wait", "--timeout", "50ms", "quick", "slow"]);
    assert!(said.contains("time limit") && said.contains(" slow is working"), "{said}");
    assert!(!said.contains("quick"), "{said}");
    let said = instance.fails(124, &["wait", "--timeout", "50ms", "--for", "done", "slow"]);
    assert!(said.contains(" slow is working"), "{said}");
    instance.fails(124, &["wait", "--timeout", "50ms", "--exit-code", "slow"]);
    instance.fails(124, &["wait", "--timeout", "0", "slow"]);
}

#[test]
fn a_state_may_be_waited_for() {
    let instance = Instance::new();
    instance.dispatch_until_told("slow");
    assert_eq!(instance.run(&["wait", "--for", "working", "slow"]).code, 0);
    let waiting = instance.start(&["wait", "--for", "failed,stopped", "slow"]);
    instance.tell("slow");
    assert_eq!(waiting.end().code, 1, "done: it cannot fail any more by itself");
    assert_eq!(instance.run(&["wait", "--for", "done", "slow"]).code, 0);
    assert!(instance.fails(2, &["wait", "--for", "dnoe", "slow"]).contains("did you mean done?"));
}

#[test]
fn its_own_failures_are_not_the_runs() {
    let instance = Instance::new();
    instance.fails(3, &["wait", "nobody"]);
    instance.fails(125, &["wait", "--exit-code", "nobody"]);
    instance.fails(125, &["wait", "--exit-code"]);
    assert_eq!(instance.run(&["dispatch", "--name", "nope", "--", "/no/such/program"]).code, 1);
    instance.fails(125, &["wait", "--exit-code", "nope"]);
    assert_eq!(instance.run(&["wait", "nope"]).code, 1);
}

#[test]
fn a_supervisor_that_is_killed_does_not_end_it() {
    let instance = Instance::new();
    instance.dispatch_until_told("slow");
    let waiting = instance.start(&["wait", "--exit-code", "slow"]);
    let following = instance.start(&["logs", "-f", "slow"]);
    let watching = instance.start(&["history", "-f", "slow"]);
    // Both have asked once they have a connection: the supervisor has a descriptor for each.
    let supervisor = instance.supervisor();
    let connections = || {
        let descriptors = std::fs::read_dir(format!("/proc/{supervisor}/fd")).unwrap().flatten();
        let is_socket = |link: std::path::PathBuf| link.to_string_lossy().starts_with("socket:");
        descriptors
            .filter_map(|entry| std::fs::read_link(entry.path()).ok())
            .filter(|link| is_socket(link.clone()))
            .count()
    };
    let before = connections();
    instance.until("all of them to be connected", || connections() >= before.max(4));
    instance.kill_supervisor();
    instance.tell("slow");
    let (waited, followed) = (waiting.end(), following.end());
    assert_eq!((waited.code, waited.stderr.as_str()), (0, ""));
    assert_eq!(
        (followed.code, followed.text().as_str(), followed.stderr.as_str()),
        (0, "begins\nends\n", "")
    );
    drop(watching);
}

#[test]
fn the_one_that_did_not_end_well_is_named() {
    let instance = Instance::new();
    instance.dispatch("good", "true");
    instance.dispatch("bad", "exit 3");
    let ran = instance.run(&["wait", "good", "bad"]).code(1);
    assert!(ran.stderr.contains("bad · failed · exit 3") && !ran.stderr.contains("good"), "{ran:?}");
}
