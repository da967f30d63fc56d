//! Crashes of the real thing: supervisors, workers and everything at once, killed while real jobs run. Nothing that
//! was acknowledged may be lost, and no row may lie.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod support;

use std::fs;
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use support::{Instance, is_running, kill_and_wait, number, processes_of, time, until};

/// Waits until a file is there.
fn file_there(path: &std::path::Path) {
    until(&format!("{} is there", path.display()), || path.exists());
}

/// A shell line that prints, waits until a file is there, prints again and ends so.
fn waits_for(go: &std::path::Path, end: &str) -> String {
    format!("echo begun; until [ -e '{}' ]; do sleep 0.01; done; echo ended; {end}", go.display())
}

#[test]
fn what_ended_while_nobody_watched_has_its_true_code_time_and_output() {
    let instance = Instance::new();
    let (soon, late) = (instance.folder().join("soon"), instance.folder().join("late"));
    let codes = [0, 7, 101];
    let ended: Vec<String> =
        codes.iter().map(|code| instance.exec(&waits_for(&soon, &format!("exit {code}")))).collect();
    let signalled = instance.exec(&waits_for(&soon, "kill -SEGV $$"));
    let goes_on = instance.exec(&waits_for(&late, "exit 3"));
    let exit_file = |id: &String| instance.home().join("jobs").join(id).join("1/exit");

    instance.kill_supervisor();
    fs::write(&soon, "").unwrap();
    // A worker looks at the clock when it has seen the end, which is a moment after it.
    until("the ends are written down", || ended.iter().chain([&signalled]).all(|id| exit_file(id).exists()));
    let back_at = jiff::Timestamp::now().as_millisecond();

    let finished = |id: &str| instance.row_when(id, "its end is known", |row| row["process"] == "exited");
    for (id, code) in ended.iter().zip(codes) {
        let row = finished(id);
        assert_eq!(number(&row, "exitCode"), code, "{row:#}");
        assert_eq!(row["state"], if code == 0 { "done" } else { "failed" });
        assert!(time(&row, "finishedAt") <= back_at, "it ended before anybody was back: {row:#}");
        assert!(time(&row, "startedAt") <= time(&row, "finishedAt"));
        assert_eq!(instance.run(&["logs", id]).code(0).text(), "begun\nended\n");
    }
    let row = finished(&signalled);
    assert_eq!((&row["state"], number(&row, "signal")), (&Value::from("failed"), 11));
    assert_eq!(row["reason"]["kind"], "signal");

    let row = instance.row(&goes_on);
    assert_eq!((&row["state"], &row["process"]), (&Value::from("working"), &Value::from("alive")));
    fs::write(&late, "").unwrap();
    instance.finished(std::slice::from_ref(&goes_on));
    assert_eq!(number(&instance.row(&goes_on), "exitCode"), 3);
    let verified = instance.json(&["verify", "--json"]);
    assert_eq!((&verified["ok"], &verified["foldEqual"]), (&Value::from(true), &Value::from(true)));
}

/// What ended by itself while nobody watched is not a timeout, and was not stopped, whatever comes first afterwards.
#[test]
fn no_timer_and_no_stop_comes_before_the_truth() {
    let instance = Instance::new();
    let go = instance.folder().join("go");
    let line = waits_for(&go, "exit 0");
    let limited = instance.ok(&["dispatch", "--quiet", "--timeout", "2s", "--exec", &line]).trim().to_owned();
    let wanted = instance.exec(&line);
    let shells = [&limited, &wanted].map(|id| number(&instance.row(id), "pid") as i32);
    let begun = time(&instance.row(&limited), "startedAt");
    instance.kill_supervisor();
    fs::write(&go, "").unwrap();
    until("the jobs have ended", || shells.iter().all(|pid| !is_running(*pid)));
    until("the limit passes", || jiff::Timestamp::now().as_millisecond() > begun + 2_100);
    instance.run(&["stop", &wanted]).code(0);
    for id in [&limited, &wanted] {
        let row = instance.row(id);
        assert_eq!((&row["state"], number(&row, "exitCode")), (&Value::from("done"), 0), "{row:#}");
    }
}

/// A worker that cannot do what it is told is no reason to wait for ever.
#[test]
fn a_stop_ends_a_run_whose_worker_is_stuck() {
    let instance = Instance::new();
    let id = instance.exec("echo here; sleep 1000");
    let row = instance.row_when(&id, "it runs", |row| row["summary"] == "here");
    let (worker, shell) = (number(&row, "workerPid") as i32, number(&row, "pid") as i32);
    kill(Pid::from_raw(worker), Signal::SIGSTOP).unwrap();
    instance.run(&["stop", "--grace", "100ms", &id]).code(0);
    let row = instance.row(&id);
    assert_eq!((&row["state"], &row["process"]), (&Value::from("stopped"), &Value::from("lost")), "{row:#}");
    assert!(!is_running(worker) && !is_running(shell));
}

/// A client that goes away leaves neither a process nor a folder that nobody knows.
#[test]
fn a_dispatch_that_is_interrupted_leaves_nothing_unknown() {
    let instance = Instance::new();
    instance.run(&["ls"]).code(0);
    for _ in 0..30 {
        let dispatch = instance.start(&["dispatch", "--quiet", "--exec", "true"]);
        let _ = kill(Pid::from_raw(dispatch.pid()), Signal::SIGKILL);
        drop(dispatch);
    }
    let known = || instance.json(&["ls", "--json"]).as_array().unwrap().len();
    until("every folder is of a session", || instance.job_folders() == known());
    until("all is quiet", || instance.json(&["daemon", "status", "--json"])["sessions"]["live"] == 0);
    until("only the supervisor is left", || instance.strays().is_empty());
}

#[test]
fn what_no_record_can_hold_is_refused_and_harms_nobody() {
    let instance = Instance::new();
    instance.run(&["ls"]).code(0);
    let supervisor = instance.supervisor();
    let many = vec!["y".repeat(1000); 1050];
    let words: Vec<&str> =
        ["dispatch", "--", "/bin/echo"].into_iter().chain(many.iter().map(String::as_str)).collect();
    let said = instance.fails(4, &words);
    assert!(said.contains("the command has 1051060 bytes"), "{said}");
    assert_eq!(instance.supervisor(), supervisor);
}

#[test]
fn output_that_is_missing_is_said_to_be_missing() {
    let instance = Instance::new();
    let id = instance.exec("seq 1 1000");
    instance.finished(std::slice::from_ref(&id));
    let run = instance.home().join("jobs").join(&id).join("1");
    let mut segments = fs::read_dir(run).unwrap().flatten().map(|item| item.path());
    let segment = segments.find(|path| path.to_string_lossy().contains("out.")).unwrap();
    fs::OpenOptions::new().write(true).open(segment).unwrap().set_len(1000).unwrap();
    let ran = instance.run(&["logs", "--raw", &id]).code(0);
    assert_eq!(ran.stdout.len(), 1000);
    assert!(ran.stderr.contains("not kept"), "{ran:?}");
    // Where it is read by a person, or as text, it stands where it is missing, on a line of its own.
    let text = instance.run(&["logs", &id]).code(0).text();
    assert!(text.ends_with(" of output from byte 1000 on were not kept\n"), "{text}");
    assert!(text.contains("\n… "), "{text}");
}

/// Dispatches all the time while the supervisor is killed all the time.
#[test]
fn whatever_was_acknowledged_survives_kills_at_any_moment() {
    const JOBS: i64 = 60;
    const KILLS: u32 = 25;
    let instance = Instance::new();
    instance.ok(&["daemon", "start"]);
    let acknowledged = thread::scope(|scope| {
        let dispatcher = scope.spawn(|| {
            let mut acknowledged = Vec::new();
            for job in 0..JOBS {
                let line = format!("echo {job}; exit {}", job % 5);
                let ran = instance.run(&["dispatch", "--quiet", "--exec", &line]);
                // A dispatch that was cut off by a kill may fail; it must not claim success.
                if ran.code == 0 {
                    acknowledged.push((ran.text().trim().to_owned(), job));
                }
            }
            acknowledged
        });
        for _ in 0..KILLS {
            if dispatcher.is_finished() {
                break;
            }
            let status = instance.run(&["daemon", "status", "--json"]);
            if let Some(pid) = (status.code == 0).then(|| status.json()["pid"].as_i64()).flatten() {
                let _ = kill(Pid::from_raw(pid as i32), Signal::SIGKILL);
            }
        }
        dispatcher.join().unwrap()
    });
    assert!(!acknowledged.is_empty());
    let ids: Vec<String> = acknowledged.iter().map(|(id, _)| id.clone()).collect();
    instance.finished(&ids);
    for (id, job) in &acknowledged {
        let row = instance.row(id);
        assert_eq!(number(&row, "exitCode"), job % 5, "{row:#}");
        assert_eq!(row["runs"], 1, "it ran once: {row:#}");
        assert_eq!(instance.run(&["logs", id]).code(0).text(), format!("{job}\n"));
    }
    assert_eq!(instance.json(&["verify", "--json"])["ok"], true);
}

#[test]
fn a_killed_worker_is_a_loss_with_its_evidence_and_nothing_of_it_lives() {
    let instance = Instance::new();
    let marker = instance.folder().join("grandchild");
    // A grandchild in a session of its own, as agents start their tools.
    let line = format!(
        "setsid sh -c 'echo $$ > {0}.tmp; mv {0}.tmp {0}; sleep 1000' & sleep 1000",
        marker.display()
    );
    let id = instance.exec(&line);
    file_there(&marker);
    let grandchild: i32 = fs::read_to_string(&marker).unwrap().trim().parse().unwrap();
    let row = instance.row(&id);
    let (worker, shell) = (number(&row, "workerPid") as i32, number(&row, "pid") as i32);

    kill(Pid::from_raw(worker), Signal::SIGKILL).unwrap();
    let row = instance.row_when(&id, "the loss is recorded", |row| row["process"] == "lost");
    assert_eq!((&row["state"], &row["reason"]["kind"]), (&Value::from("failed"), &Value::from("lost")));
    let evidence = row["reason"]["text"].as_str().unwrap();
    assert!(evidence.contains(&worker.to_string()), "{evidence}");
    assert_eq!(row["exitCode"], Value::Null);
    until("its processes are gone", || !is_running(shell) && !is_running(grandchild));
}

#[test]
fn a_worker_that_died_while_nobody_watched_is_a_loss_when_others_lived_on() {
    let instance = Instance::new();
    let (lost, kept) = (instance.exec("sleep 1000"), instance.exec("sleep 1000"));
    let row = instance.row(&lost);
    instance.kill_supervisor();
    kill_and_wait(number(&row, "workerPid") as i32);
    let row = instance.row(&lost);
    assert_eq!((&row["state"], &row["reason"]["kind"]), (&Value::from("failed"), &Value::from("lost")));
    assert_eq!(instance.row(&kept)["state"], "working");
    assert_eq!(instance.run(&["stop", &kept]).code(0).code, 0);
}

#[test]
fn everything_killed_at_once_is_a_shutdown_and_never_a_success() {
    let instance = Instance::new();
    let ids: Vec<String> = (0..5).map(|_| instance.exec("sleep 1000")).collect();
    let supervisor = instance.supervisor();
    // The supervisor first: it must not live to see the others go.
    let _ = kill(Pid::from_raw(supervisor), Signal::SIGSTOP);
    let everything = processes_of(instance.folder());
    assert!(everything.len() > 10, "a supervisor, five workers, five jobs: {everything:?}");
    let _ = kill(Pid::from_raw(supervisor), Signal::SIGKILL);
    for pid in everything {
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    until("all are gone", || processes_of(instance.folder()).is_empty());
    for id in &ids {
        let row = instance.row(id);
        assert_eq!(
            (&row["state"], &row["process"]),
            (&Value::from("failed"), &Value::from("lost")),
            "{row:#}"
        );
        assert_eq!(row["reason"]["kind"], "shutdown", "{row:#}");
    }
}

#[test]
fn two_hundred_at_once_all_run() {
    let instance = Instance::new();
    instance.ok(&["daemon", "start"]);
    let ids: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| (0..25).map(|_| instance.exec("echo here; exit 4")).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    instance.finished(&ids);
    let rows = instance.json(&["ls", "--json"]);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 200);
    for row in rows {
        assert_eq!((number(row, "exitCode"), &row["summary"]), (4, &Value::from("here")), "{row:#}");
    }
    let names: std::collections::BTreeSet<_> = rows.iter().map(|row| row["name"].as_str()).collect();
    assert_eq!(names.len(), 200, "made names are unique");
}

#[test]
fn two_supervisors_never_run_on_one_instance() {
    let instance = Instance::new();
    // Many clients at once find no supervisor.
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| instance.run(&["ls"]).code(0));
        }
    });
    let supervisor = instance.supervisor();
    let is_supervisor = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).nth(1) == Some(b"daemon".as_slice())
    };
    until("the others have ended", || {
        processes_of(instance.folder()).iter().filter(|pid| is_supervisor(pid)).count() == 1
    });
    assert_eq!(instance.supervisor(), supervisor);

    // One in the foreground is refused while it lives, and leaves it alone.
    let refused = instance.run(&["daemon", "run"]);
    assert_ne!(refused.code, 0);
    assert!(refused.stderr.contains(&supervisor.to_string()), "{refused:?}");
    assert_eq!(instance.supervisor(), supervisor);

    // What a killed one leaves is taken over.
    kill_and_wait(supervisor);
    assert!(instance.home().join("run/supervisor.sock").exists(), "a stale socket is left");
    instance.run(&["ls"]).code(0);
    assert_ne!(instance.supervisor(), supervisor);
}

#[test]
fn a_restart_keeps_what_runs() {
    let instance = Instance::new();
    let id = instance.exec("sleep 1000");
    let (before, pid) = (instance.supervisor(), instance.row(&id)["pid"].clone());
    let refused = instance.run(&["daemon", "stop"]).code(4);
    assert!(refused.stderr.contains("--keep-workers"), "{refused:?}");
    instance.run(&["daemon", "restart"]).code(0);
    assert_ne!(instance.supervisor(), before);
    let row = instance.row(&id);
    assert_eq!((&row["state"], &row["pid"]), (&Value::from("working"), &pid));
    instance.run(&["daemon", "stop", "--any"]).code(0);
    until("everything has ended", || processes_of(instance.folder()).is_empty());
    assert_eq!(instance.row(&id)["state"], "stopped");
}

#[test]
fn following_output_has_no_gap_across_history_and_live() {
    let instance = Instance::new();
    let go = instance.folder().join("go");
    let line =
        format!("seq 1 20000; until [ -e '{}' ]; do sleep 0.01; done; seq 20001 40000; exit 0", go.display());
    let id = instance.exec(&line);
    let follow = instance.start(&["logs", "-f", &id]);
    instance.row_when(&id, "the first half is out", |row| row["summary"] == "20000");
    fs::write(&go, "").unwrap();
    let ran = follow.end().code(0).text();
    let expected: String = (1..=40000).map(|number| format!("{number}\n")).collect();
    assert!(ran == expected, "{} of {} bytes", ran.len(), expected.len());
}

#[test]
fn following_output_goes_on_when_the_supervisor_is_killed() {
    let instance = Instance::new();
    let go = instance.folder().join("go");
    let id = instance.exec(&format!("seq 1 100; {}", waits_for(&go, "seq 101 200")));
    let follows = [&["logs", "-f", id.as_str()][..], &["logs", "-f", "-n", "1", id.as_str()][..]];
    instance.row_when(&id, "the first half is out", |row| row["summary"] == "begun");
    let follows = follows.map(|words| instance.start(words));
    // Both have asked: the supervisor follows the run's output for them.
    instance.until("both are connected", || {
        let sockets = fs::read_dir(format!("/proc/{}/fd", instance.supervisor())).unwrap().flatten();
        let links = sockets.filter_map(|item| fs::read_link(item.path()).ok());
        links.filter(|link| link.to_string_lossy().starts_with("socket:")).count() >= 6
    });
    instance.kill_supervisor();
    fs::write(&go, "").unwrap();
    let [all, last] = follows.map(|follow| follow.end().code(0).text());
    let numbers =
        |range: std::ops::RangeInclusive<u32>| range.map(|number| format!("{number}\n")).collect::<String>();
    assert_eq!(all, format!("{}begun\nended\n{}", numbers(1..=100), numbers(101..=200)));
    assert!(last == format!("begun\nended\n{}", numbers(101..=200)) || last == "200\n", "{last}");
}

#[test]
fn the_past_is_as_it_was_and_a_gap_is_unknown() {
    let instance = Instance::new();
    let id = instance.exec("sleep 1000");
    instance.row_when(&id, "it is recorded as running", |row| row["pid"].is_i64());
    let log = instance.json(&["history", "--json"]);
    let last = log.as_array().unwrap().last().unwrap()["seq"].as_i64().unwrap();
    instance.kill_supervisor();
    let in_the_gap = jiff::Timestamp::now();
    // The gap is longer than a millisecond, the log's resolution.
    until("the gap lasts", || jiff::Timestamp::now().as_millisecond() > in_the_gap.as_millisecond() + 5);
    let pid = instance.row(&id)["pid"].as_i64().unwrap();
    instance.run(&["stop", &id]).code(0);
    until("it has ended", || !is_running(pid as i32));

    let state = |moment: &str| instance.json(&["show", &id, "--at", moment, "--json"])["state"].clone();
    assert_eq!(state(&format!("seq:{last}")), "working");
    assert_eq!(state(&in_the_gap.to_string()), "unknown");
    assert_eq!(instance.row(&id)["state"], "stopped");
    let before = instance.json(&["ls", "--at", "seq:1", "--json"]);
    assert_eq!(before, Value::Array(vec![]));
}

#[test]
fn a_supervisor_started_inside_a_session_outlives_it() {
    let instance = Instance::new();
    let outer = instance.exec("echo ready; sleep 1000");
    instance.row_when(&outer, "it is ready", |row| row["summary"] == "ready");
    // The supervisor dies; the next verb, inside a session, starts its successor as a descendant of that session.
    let inner = instance.folder().join("inner");
    let inside = format!(
        "sleep 0.5; until decklog ls >/dev/null; do :; done; touch '{}'; sleep 1000",
        inner.display()
    );
    let host = instance.exec(&inside);
    instance.kill_supervisor();
    file_there(&inner);
    let supervisor = instance.supervisor();
    instance.run(&["stop", "--grace", "1s", &host]).code(0);
    assert_eq!(instance.row(&host)["state"], "stopped");
    assert_eq!(instance.supervisor(), supervisor, "it was not swept away with the session that started it");
    assert_eq!(instance.row(&outer)["state"], "working");
}
