//! A supervisor that was stopped by a signal: every verb gives up in a bounded time and says what to do.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Instance, is_running};
use crate::whole;

/// Verbs that wait for nothing, and those that may take as long as what they wait for.
const VERBS: [&[&str]; 29] = [
    &[],
    &["ls"],
    &["ls", "--at", "1s"],
    &["show", "job"],
    &["why", "job"],
    &["history"],
    &["history", "-f"],
    &["logs", "job"],
    &["logs", "-f", "job"],
    &["wait", "job"],
    &["wait", "--timeout", "1h", "job"],
    &["verify"],
    &["dispatch", "--exec", "true"],
    &["stop", "job"],
    &["stop", "--grace", "1h", "job"],
    &["rm", "job"],
    &["rm", "--force", "job"],
    &["respawn", "job"],
    &["respawn", "--force", "job"],
    &["restore", "job"],
    &["rename", "job", "other"],
    &["pin", "job"],
    &["group", "g", "job"],
    &["daemon", "start"],
    &["daemon", "status"],
    &["daemon", "stop"],
    &["daemon", "stop", "--keep-workers"],
    &["daemon", "stop", "--any"],
    &["daemon", "restart"],
];

#[test]
fn one_that_does_not_answer_is_named() {
    let instance = Instance::new();
    instance.dispatch_until_told("job");
    let supervisor = instance.supervisor();
    kill(Pid::from_raw(supervisor), Signal::SIGSTOP).unwrap();
    let asked: Vec<_> = VERBS.into_iter().map(|words| (words, instance.start(words))).collect();
    let under_exit_code = instance.start(&["wait", "--exit-code", "job"]);
    let limited = instance.start(&["wait", "--timeout", "1s", "job"]);
    assert_eq!(limited.end().code, 124, "a time limit is kept all the same");
    for (words, running) in asked {
        let ran = running.end();
        assert_eq!((ran.code, ran.text().as_str()), (5, ""), "{words:?}: {ran:?}");
        assert!(ran.stderr.contains(&format!("(pid {supervisor}) has not answered")), "{words:?}: {ran:?}");
        let way_out = format!("hint: kill -9 {supervisor} ends it; workers and jobs go on");
        assert!(ran.stderr.contains(&way_out), "{words:?}: {ran:?}");
        assert!(!ran.stderr.contains("daemon status"), "{words:?}: {ran:?}");
    }
    assert_eq!(under_exit_code.end().code, 125);
    // What was asked meanwhile must not end it later.
    kill(Pid::from_raw(supervisor), Signal::SIGKILL).unwrap();
    instance.until("it is gone", || !is_running(supervisor));
    assert_eq!(instance.row("job")["state"], "working");
    whole(&instance);
}
