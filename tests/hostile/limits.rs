//! Limits of the system, exhausted: open files and processes. Refusals are clear, nothing is lost, and it recovers.

use std::os::unix::process::CommandExt as _;

use nix::unistd::{Uid, chown, geteuid};

use crate::support::{Instance, Ran, Running, skipped};
use crate::whole;

#[test]
fn more_jobs_than_files_may_be_open_are_refused_one_by_one() {
    const JOBS: usize = 24;
    let instance = Instance::new();
    let started = Running::of(instance.command_after("ulimit -n 36", &["daemon", "start"])).end();
    started.code(0);
    let supervisor = instance.supervisor();
    let script = "while [ ! -e go ]; do sleep 0.05; done";
    let mut live = Vec::new();
    let mut failed = Vec::new();
    for number in 0..JOBS {
        let name = format!("job-{number}");
        let ran = instance.run(&["dispatch", "--quiet", "--name", &name, "--exec", script]);
        match ran.code {
            0 => live.push(ran.text().trim().to_owned()),
            _ => failed.push(ran),
        }
    }
    assert!(live.len() > 2 && failed.len() > 2, "{} live, {} failed", live.len(), failed.len());
    for Ran { code, stderr, stdout } in &failed {
        assert_eq!(*code, 1, "{stderr}");
        assert!(stderr.contains("Too many open files"), "{stderr}");
        if let Ok(id) = str::from_utf8(stdout)
            && !id.is_empty()
        {
            let row = instance.row(id.trim());
            assert_eq!(
                (&row["state"], &row["reason"]["kind"]),
                (&"failed".into(), &"spawn".into()),
                "{row:#}"
            );
        }
    }
    for id in &live {
        assert_eq!(instance.row(id)["state"], "working");
    }
    // The next supervisor finds them all, with as few files.
    instance.kill_supervisor();
    let started = Running::of(instance.command_after("ulimit -n 36", &["daemon", "start"])).end();
    started.code(0);
    assert_ne!(instance.supervisor(), supervisor);
    std::fs::write(instance.folder().join("go"), "").unwrap();
    instance.finished(&live);
    for id in &live {
        assert_eq!(instance.row(id)["exitCode"], 0, "nothing is lost");
    }
    let again = instance.dispatch("again", "echo recovered");
    assert_eq!(instance.ok(&["logs", "-f", &again]), "recovered\n");
    whole(&instance);
}

/// A user that has nothing else running, not even of another run of this test: the limit counts all processes of a
/// user, and none of root's.
fn nobodys_uid() -> u32 {
    61_000 + std::process::id() % 4_000
}

#[test]
fn more_jobs_than_processes_may_be_are_failed_rows() {
    if !geteuid().is_root() {
        skipped("a limit of processes: it counts all processes of a user, and only root can be another one");
        return;
    }
    const PROCESSES: usize = 28;
    let instance = Instance::new();
    chown(instance.folder(), Some(Uid::from_raw(nobodys_uid())), None).unwrap();
    let as_nobody = |words: &[&str], line: &str| {
        let mut command = instance.command_after(line, words);
        command.uid(nobodys_uid());
        Running::of(command).end()
    };
    let started = as_nobody(
        &["daemon", "start"],
        &format!("ulimit -u {PROCESSES} 2>/dev/null || ulimit -p {PROCESSES}"),
    );
    if started.stderr.contains("cannot execute") || started.stderr.contains("Permission denied") {
        skipped(&format!("a limit of processes: another user cannot run the binary: {}", started.stderr));
        return;
    }
    started.code(0);
    let rans: Vec<_> = (0..20)
        .map(|number| {
            let name = format!("job-{number}");
            as_nobody(&["dispatch", "--quiet", "--name", &name, "--", "sleep", "1000"], ":")
        })
        .collect();
    let (live, failed): (Vec<_>, Vec<_>) = rans.into_iter().partition(|ran| ran.code == 0);
    assert!(!live.is_empty() && !failed.is_empty(), "{live:?} {failed:?}");
    for ran in failed {
        assert_eq!(ran.code, 1, "{ran:?}");
        let row = as_nobody(&["show", "--json", ran.text().trim()], ":").code(0).json();
        assert_eq!((&row["state"], &row["reason"]["kind"]), (&"failed".into(), &"spawn".into()), "{row:#}");
        assert!(row["reason"]["text"].as_str().unwrap().contains("no more processes"), "{row:#}");
    }
    for ran in &live {
        let id = ran.text();
        assert_eq!(as_nobody(&["show", "--json", id.trim()], ":").code(0).json()["state"], "working");
        as_nobody(&["stop", id.trim()], ":").code(0);
    }
    as_nobody(&["dispatch", "--exec", "true"], ":").code(0);
    assert_eq!(as_nobody(&["verify", "--json"], ":").code(0).json()["ok"], true);
    as_nobody(&["daemon", "stop", "--any"], ":").code(0);
}
