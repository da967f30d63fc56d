//! `daemon`: the supervisor itself, and how verbs find it.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::{Instance, is_running};

#[test]
fn asking_for_its_status_starts_none() {
    let instance = Instance::new();
    let ran = instance.run(&["daemon", "status", "--json"]);
    assert_eq!((ran.code, &ran.json()["running"], &ran.json()["pid"]), (5, &false.into(), &Value::Null));
    assert!(instance.fails(5, &["daemon", "status"]).contains("hint: decklog daemon start"));
    assert!(!instance.home().exists());
    let stopped = instance.run(&["daemon", "stop"]);
    assert_eq!((stopped.code, stopped.stderr.as_str()), (0, "no supervisor runs\n"));
}

#[test]
fn it_starts_once_and_says_how_it_does() {
    let instance = Instance::new();
    assert!(instance.ok(&["daemon", "start"]).starts_with("running (pid "));
    let status = instance.json(&["daemon", "status", "--json"]);
    for key in
        ["running", "pid", "version", "epoch", "startedAt", "home", "socket", "sessions", "workers", "log"]
    {
        assert!(!status[key].is_null(), "{key}");
    }
    assert_eq!((&status["epoch"], &status["sessions"]["total"]), (&1.into(), &0.into()));
    let again = instance.run(&["daemon", "start"]);
    assert_eq!(again.code, 0);
    assert!(again.stderr.contains("runs already"), "{again:?}");
    assert!(instance.ok(&["daemon", "logs"]).contains("starts"));
    assert_eq!(instance.ok(&["daemon", "logs", "-n", "1"]).lines().count(), 1);
    assert_eq!(instance.run(&["daemon", "run"]).code, 4, "one supervisor an instance");
}

#[test]
fn it_is_not_stopped_under_what_lives() {
    let instance = Instance::new();
    instance.dispatch_until_told("job");
    let supervisor = instance.supervisor();
    let refused = instance.fails(4, &["daemon", "stop"]);
    assert!(
        refused.contains("job") && refused.contains("--keep-workers") && refused.contains("--any"),
        "{refused}"
    );
    let job = instance.row("job")["pid"].as_i64().unwrap() as i32;
    instance.ok(&["daemon", "stop", "--keep-workers"]);
    assert!(!is_running(supervisor) && is_running(job));
    assert_eq!(instance.row("job")["pid"], job, "the next one adopts it");
    instance.ok(&["daemon", "stop", "--any"]);
    assert!(!is_running(job));
    let row = instance.row("job");
    assert_eq!((&row["state"], &row["reason"]["kind"]), (&"stopped".into(), &"request".into()));
    instance.fails(2, &["daemon", "stop", "--any", "--keep-workers"]);
}

#[test]
fn a_restart_keeps_what_lives() {
    let instance = Instance::new();
    instance.dispatch_until_told("job");
    let (supervisor, job) = (instance.supervisor(), instance.row("job")["pid"].clone());
    instance.ok(&["daemon", "restart"]);
    assert_ne!(instance.supervisor(), supervisor);
    assert_eq!((&instance.row("job")["pid"], &instance.row("job")["state"]), (&job, &"working".into()));
    instance.tell("job");
    assert_eq!(instance.run(&["wait", "--exit-code", "job"]).code, 0);
}

#[test]
fn clients_that_race_to_start_it_all_get_one() {
    let instance = Instance::new();
    let racing: Vec<_> = (0..12)
        .map(|number| {
            let name = format!("job-{number}");
            instance.start(&["dispatch", "--quiet", "--name", &name, "--exec", "true"])
        })
        .collect();
    for running in racing {
        let ran = running.end();
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    }
    let rows = instance.json(&["ls", "--json"]);
    assert_eq!(rows.as_array().unwrap().len(), 12);
    assert_eq!(instance.json(&["daemon", "status", "--json"])["epoch"], 1);
}

#[test]
fn a_long_path_is_no_hindrance() {
    let instance = Instance::with_long_path();
    assert!(instance.home().as_os_str().len() > 150);
    instance.dispatch("job", "echo hello");
    assert_eq!(instance.ok(&["logs", "-f", "job"]), "hello\n");
}

#[test]
fn it_takes_nothing_of_the_shell_that_started_it() {
    let instance = Instance::new();
    // A file that its shell has open: a lock held for ever by a supervisor that inherits it.
    let open = std::fs::File::create(instance.folder().join("open")).unwrap();
    nix::fcntl::fcntl(&open, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    let mut command = instance.command(&["daemon", "start"]);
    command.env("LEAK", "secret").env("DECKLOG_SESSION", "0".repeat(32)).current_dir("/tmp");
    assert_eq!(crate::support::Running::of(command).end().code, 0);
    let supervisor = instance.supervisor();
    let open_files = std::fs::read_dir(format!("/proc/{supervisor}/fd")).unwrap().flatten();
    let open_files: Vec<_> = open_files.filter_map(|fd| std::fs::read_link(fd.path()).ok()).collect();
    assert!(!open_files.contains(&instance.folder().join("open")), "{open_files:?}");
    let environ = std::fs::read(format!("/proc/{supervisor}/environ")).unwrap();
    let environ = String::from_utf8_lossy(&environ).into_owned();
    assert!(
        environ.contains("DECKLOG_HOME=") && !environ.contains("LEAK") && !environ.contains("SESSION"),
        "{environ}"
    );
    assert_eq!(std::fs::read_link(format!("/proc/{supervisor}/cwd")).unwrap(), std::path::Path::new("/"));
    instance.dispatch("job", "echo leak=$LEAK");
    assert_eq!(instance.ok(&["logs", "-f", "job"]), "leak=\n");
}

#[test]
fn one_whose_socket_was_removed_is_replaced() {
    let instance = Instance::new();
    instance.dispatch_until_told("job");
    let supervisor = instance.supervisor();
    let job = instance.row("job")["pid"].clone();
    // It cannot notice before this was looked at.
    kill(Pid::from_raw(supervisor), Signal::SIGSTOP).unwrap();
    std::fs::remove_file(instance.home().join("run/supervisor.sock")).unwrap();
    let ran = instance.run(&["daemon", "status", "--json"]);
    assert_eq!((ran.code, &ran.json()["running"], &ran.json()["pid"]), (5, &true.into(), &supervisor.into()));
    let said = instance.fails(5, &["daemon", "status"]);
    assert!(said.contains(&format!("a supervisor runs (pid {supervisor}) but its socket is gone")), "{said}");
    kill(Pid::from_raw(supervisor), Signal::SIGCONT).unwrap();
    assert_eq!(instance.row("job")["pid"], job, "the next one adopts it");
    assert!(!is_running(supervisor));
}

#[test]
fn one_that_cannot_be_reached_is_stopped_all_the_same() {
    let instance = Instance::new();
    instance.ok(&["daemon", "start"]);
    let supervisor = instance.supervisor();
    std::fs::remove_file(instance.home().join("run/supervisor.sock")).unwrap();
    assert_eq!(instance.run(&["daemon", "stop"]).code, 0);
    assert!(!is_running(supervisor));
}

#[test]
fn no_verb_keeps_its_supervisor_as_a_zombie() {
    let instance = Instance::new();
    let following = instance.start(&["history", "-f"]);
    instance.until("its supervisor listens", || instance.home().join("run/supervisor.sock").exists());
    let children = || {
        let path = format!("/proc/{0}/task/{0}/children", following.pid());
        std::fs::read_to_string(path).unwrap_or_default()
    };
    let supervisor = instance.supervisor();
    assert!(children().contains(&supervisor.to_string()), "{}", children());
    kill(Pid::from_raw(supervisor), Signal::SIGKILL).unwrap();
    instance
        .until("it is gone altogether", || !std::path::Path::new(&format!("/proc/{supervisor}")).exists());
}

#[test]
fn one_that_cannot_start_says_why() {
    let instance = Instance::new();
    std::fs::write(instance.home(), "a file where a folder belongs").unwrap();
    let said = instance.fails(5, &["ls"]);
    assert!(said.contains(&instance.home().display().to_string()) && said.contains("\n\nhint: "), "{said}");
    let mut command = instance.command(&["ls"]);
    command.env("DECKLOG_HOME", "relative");
    let ran = crate::support::Running::of(command).end();
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("not an absolute path"), "{ran:?}");
}

#[test]
fn a_damaged_log_is_said_and_verified_without_one() {
    let instance = Instance::new();
    instance.dispatch("job", "seq 1000");
    assert_eq!(instance.run(&["wait", "job"]).code, 0);
    instance.kill_supervisor();
    let records = instance.home().join("log/sled/db");
    let bytes = std::fs::read(&records).unwrap();
    std::fs::write(&records, vec![0xa5; bytes.len()]).unwrap();
    let said = instance.fails(1, &["ls"]);
    assert!(said.contains("hint: ") && !said.contains("damaged: damaged"), "{said}");
    let found = instance.run(&["verify", "--json"]);
    assert_eq!((found.code, &found.json()["ok"]), (1, &false.into()), "{found:?}");
    assert!(found.json()["firstBad"]["what"].is_string(), "{found:?}");
    assert_eq!(instance.run(&["verify"]).code, 1);
}

#[test]
fn whoever_follows_is_told_that_it_was_stopped_and_starts_no_other() {
    let instance = Instance::new();
    instance.dispatch_until_told("long");
    let history = instance.start(&["history", "-f"]);
    let logs = instance.start(&["logs", "-f", "long"]);
    let wait = instance.start(&["wait", "long"]);
    instance.until("all have asked", || {
        [&history, &logs, &wait].iter().all(|one| waits_for_an_answer(one.pid()))
    });
    instance.run(&["daemon", "stop", "--keep-workers"]).code(0);
    history.end().code(0);
    for follower in [logs, wait] {
        let ran = follower.end().code(5);
        assert!(ran.stderr.contains("the supervisor was stopped meanwhile"), "{ran:?}");
    }
    assert_eq!(instance.run(&["daemon", "status"]).code, 5, "nobody started another");

    // A restart is no reason to end.
    let logs = instance.start(&["logs", "-f", "long"]);
    let wait = instance.start(&["wait", "long"]);
    instance.until("one runs", || instance.run(&["daemon", "status"]).code == 0);
    let before = instance.supervisor();
    instance.run(&["daemon", "restart"]).code(0);
    assert_ne!(instance.supervisor(), before);
    instance.tell("long");
    assert_eq!(logs.end().code(0).text(), "begins\nends\n");
    wait.end().code(0);
}

/// Whether a client has a connection and sleeps: it has asked, and nothing has come yet that it has not read.
fn waits_for_an_answer(pid: i32) -> bool {
    let sleeps = std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S')));
    let is_socket = |item: std::fs::DirEntry| {
        std::fs::read_link(item.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket"))
    };
    let open = std::fs::read_dir(format!("/proc/{pid}/fd"));
    sleeps && open.is_ok_and(|open| open.flatten().any(is_socket))
}
