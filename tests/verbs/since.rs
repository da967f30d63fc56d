//! `logs --since`: what a job printed since a time, by the notes that its worker keeps.

use std::fs;

use crate::support::Instance;

#[test]
fn output_since_a_time_is_all_that_came_since() {
    let instance = Instance::new();
    instance.dispatch_until_told("build");
    let id = instance.row("build")["id"].as_str().unwrap().to_owned();
    let since = |time: &str| instance.ok(&["logs", "--since", time, "build"]);
    assert_eq!(since("1h"), "begins\n");
    instance.until("the second in which it came is over", || since("now").is_empty());
    let between = jiff::Timestamp::now().to_string();
    instance.tell("build");
    instance.finished(&["build".to_owned()]);
    assert_eq!(since(&between), "ends\n");
    assert_eq!(since("1h"), "begins\nends\n");
    assert_eq!(instance.ok(&["logs", "--since", "1h", "-n", "1", "build"]), "ends\n");
    assert_eq!(instance.ok(&["logs", "--since", &between, "-n", "9", "-f", "build"]), "ends\n");
    assert_eq!(since("seq:1"), "begins\nends\n");
    assert_eq!(since("seq:100000"), "");

    // As a worker of an earlier version left it.
    fs::remove_file(instance.home().join("jobs").join(&id).join("1/times")).unwrap();
    assert_eq!(since("1h"), "begins\nends\n", "it began after that");
    assert_eq!(since("seq:100000"), "", "it ended before that");
    let said = instance.fails(1, &["logs", "--since", &between, "build"]);
    assert!(said.starts_with("when run 1 of build printed what is not known"), "{said}");
    assert!(instance.fails(2, &["logs", "--since", "soon", "build"]).contains("not a time"));
}

#[test]
fn what_came_while_nobody_watched_has_its_time_too() {
    let instance = Instance::new();
    instance.dispatch_until_told("build");
    instance.until("the second in which it came is over", || {
        instance.ok(&["logs", "--since", "now", "build"]).is_empty()
    });
    instance.kill_supervisor();
    let between = jiff::Timestamp::now().to_string();
    instance.tell("build");
    instance.finished(&["build".to_owned()]);
    assert_eq!(instance.ok(&["logs", "--since", &between, "build"]), "ends\n");
}
