//! `ls`, `show`, `why`, `logs`, `history`, `verify`, `version`, help.

use serde_json::Value;

use crate::support::{Instance, Running};

const ROW_KEYS: &str = "id name kind origin agent state reason process turn wake review seen pinned left cwd repo branch \
    worktree baseCommit prompt command summary waitingFor openAsks createdAt startedAt finishedAt updatedAt \
    ageSeconds exitCode signal pid workerPid runs group parent after pullRequests inputTokens outputTokens \
    cacheReadTokens cost currency costSource filesChanged linesAdded linesRemoved permissionMode outputBytes \
    outputDroppedBytes lastSeq";
const EVENT_KEYS: &str = "seq at happenedAt session run kind actor cause hash data";

fn assert_keys(value: &Value, keys: &str) {
    let value = value.as_object().unwrap();
    for key in keys.split_whitespace() {
        assert!(value.contains_key(key), "{key} is missing in {value:?}");
    }
}

fn names(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

/// One job that failed with 7, one that runs.
fn two_jobs() -> Instance {
    let instance = Instance::new();
    instance.dispatch("migrate", "echo one; echo two; printf '3 assertions\\033[2J'; exit 7");
    assert_eq!(instance.run(&["wait", "migrate"]).code, 1);
    instance.dispatch_until_told("watch");
    instance
}

#[test]
fn the_roster_for_people_and_for_scripts() {
    let instance = two_jobs();
    let screen = instance.ok(&["ls"]);
    assert_eq!(screen, instance.ok::<&str>(&[]), "without a verb: the roster");
    let lines: Vec<_> = screen.lines().collect();
    assert_eq!((lines[0], lines[2]), ("  Working", "  Finished"));
    assert!(lines[1].contains("◐") && lines[1].contains("watch    working  begins"), "{screen}");
    assert!(lines[3].contains("✗") && lines[3].contains("failed   exit 7 · 3 assertions"), "{screen}");
    assert!(!screen.contains('\u{1b}'), "{screen}");
    let rows = instance.json(&["ls", "--json"]);
    assert_eq!(names(&rows), ["migrate", "watch"]);
    assert_keys(&rows[0], ROW_KEYS);
    assert_eq!((&rows[0]["exitCode"], &rows[0]["reason"]["kind"]), (&7.into(), &"exit".into()));
    assert_eq!(
        (&rows[0]["pid"], &rows[0]["cost"], &rows[1]["finishedAt"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(rows[1], instance.row("watch"));
}

#[test]
fn the_roster_is_narrowed_by_words_and_folders() {
    let instance = two_jobs();
    assert_eq!(names(&instance.json(&["ls", "--json", "ASSERTIONS"])), ["migrate"]);
    assert_eq!(names(&instance.json(&["ls", "--json", "--cwd", "."])), ["migrate", "watch"]);
    assert_eq!(names(&instance.json(&["ls", "--json", "--cwd", "/no/where"])), [""; 0]);
    let none = instance.run(&["ls", "nothing-like-it"]);
    assert_eq!((none.code, none.text().as_str(), none.stderr.as_str()), (0, "", "no row matches\n"));
    instance.ok(&["group", "nightly", "watch"]);
    assert_eq!(names(&instance.json(&["ls", "--json", "nightly"])), ["watch"]);
    assert_eq!(names(&instance.json(&["ls", "--json", "group:night", "s:working"])), ["watch"]);
    assert_eq!(names(&instance.json(&["ls", "--json", "s:fail"])), ["migrate"]);
    assert_eq!(names(&instance.json(&["ls", "--json", "n:mig", "s:working"])), [""; 0]);
    assert!(instance.fails(2, &["ls", "s:faled"]).contains("did you mean failed?"));
    assert!(instance.fails(2, &["ls", "cost:2"]).contains("plain words"));
}

#[test]
fn the_roster_of_another_moment() {
    let instance = two_jobs();
    let then = instance.row("migrate")["lastSeq"].to_string();
    assert_eq!(names(&instance.json(&["ls", "--json", "--at", &format!("seq:{then}")])), ["migrate"]);
    let before = instance.json(&["ls", "--json", "--at", "2h"]);
    assert_eq!(before, Value::Array(Vec::new()));
    assert_eq!(instance.json(&["show", "migrate", "--json", "--at", &format!("seq:{then}")])["exitCode"], 7);
    instance.fails(2, &["ls", "--at", "whenever"]);
    instance.ok(&["rm", "migrate"]);
    assert_eq!(names(&instance.json(&["ls", "--json"])), ["watch"]);
    assert_eq!(names(&instance.json(&["ls", "--json", "--all"])), ["migrate", "watch"]);
}

#[test]
fn one_session_is_found_by_id_name_and_prefix() {
    let instance = two_jobs();
    let id = instance.row("migrate")["id"].as_str().unwrap().to_owned();
    for target in [&id, &id[..4], "migrate", "n:migrate", &format!("id:{}", &id[..6])] {
        assert_eq!(instance.row(target)["id"], *id);
    }
    let screen = instance.ok(&["show", "migrate"]);
    assert!(screen.contains("state       failed · exit 7") && screen.contains(&id), "{screen}");
    let none = instance.fails(3, &["show", "nobody"]);
    assert!(none.contains("nobody") && none.contains("\n\nhint: "), "{none}");
    instance.fails(3, &["show", "n:mig"]);
}

#[test]
fn why_names_what_a_state_rests_on() {
    let instance = two_jobs();
    let screen = instance.ok(&["why", "migrate"]);
    assert!(screen.starts_with("  failed   because run 1 exited with 7"), "{screen}");
    assert!(screen.contains("nobody asked it to stop"), "{screen}");
    let events = instance.json(&["why", "--json", "migrate"]);
    let last = events.as_array().unwrap().last().unwrap();
    assert_keys(last, EVENT_KEYS);
    assert_eq!(last["kind"], "Finished");
    instance.fails(3, &["why", "nobody"]);
}

#[test]
fn output_is_as_it_was_stored() {
    let instance = two_jobs();
    assert_eq!(instance.ok(&["logs", "migrate"]), "one\ntwo\n3 assertions\u{1b}[2J");
    assert_eq!(instance.ok(&["logs", "--raw", "migrate"]), "one\ntwo\n3 assertions\u{1b}[2J");
    assert_eq!(instance.ok(&["logs", "-n", "2", "migrate"]), "two\n3 assertions\u{1b}[2J");
    assert_eq!(instance.ok(&["logs", "-n", "0", "migrate"]), "");
    assert_eq!(instance.ok(&["logs", "--run", "1", "-n1", "migrate"]), "3 assertions\u{1b}[2J");
    instance.fails(1, &["logs", "--run", "2", "migrate"]);
    instance.fails(3, &["logs", "nobody"]);
}

#[test]
fn following_ends_with_the_run() {
    let instance = two_jobs();
    let follower = instance.start(&["logs", "-f", "watch"]);
    instance.tell("watch");
    let ran = follower.end();
    assert_eq!((ran.code, ran.text().as_str(), ran.stderr.as_str()), (0, "begins\nends\n", ""));
}

#[test]
fn the_log_for_people_and_for_scripts() {
    let instance = two_jobs();
    let screen = instance.ok(&["history", "migrate"]);
    let words: Vec<_> = screen.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(words, ["dispatched", "intended", "started", "exited", "failed"], "{screen}");
    assert!(screen.contains("by you (cli)") && !screen.contains('\u{1b}'), "{screen}");
    let events = instance.json(&["history", "--json"]);
    let events = events.as_array().unwrap();
    for event in events {
        assert_keys(event, EVENT_KEYS);
    }
    let seqs: Vec<_> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=events.len() as u64).collect::<Vec<_>>());
    assert!(instance.ok(&["history"]).contains(" migrate "), "whose record it is");
}

#[test]
fn the_log_is_narrowed() {
    let instance = two_jobs();
    let kinds = |words: &[&str]| {
        let events = instance.json(&[&["history", "--json"][..], words].concat());
        let kinds = events.as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap().to_owned());
        kinds.collect::<Vec<_>>()
    };
    assert_eq!(kinds(&["migrate", "--kind", "Exited,finished"]), ["Exited", "Finished"]);
    assert_eq!(kinds(&["--kind", "Exited", "Finished", "migrate"]), ["Exited", "Finished"]);
    assert_eq!(kinds(&["--kind", "Exited", "--kind", "Finished"]), ["Exited", "Finished"]);
    assert_eq!(kinds(&["migrate", "-n", "2"]), ["Exited", "Finished"]);
    assert_eq!(kinds(&["--actor", "user", "--kind", "Dispatched"]), ["Dispatched", "Dispatched"]);
    let last = instance.row("migrate")["lastSeq"].as_u64().unwrap();
    assert_eq!(kinds(&["migrate", "--since", &format!("seq:{last}")]), ["Finished"]);
    assert_eq!(kinds(&["migrate", "--until", &format!("seq:{}", last - 1)]).last().unwrap(), "Exited");
    assert_eq!(kinds(&["--until", "2h"]), [""; 0]);
    assert!(instance.fails(2, &["history", "--kind", "Exitted"]).contains("did you mean Exited?"));
    instance.fails(3, &["history", "nobody"]);
}

#[test]
fn following_the_log_shows_what_comes() {
    use std::io::{BufRead as _, BufReader};
    let instance = two_jobs();
    let mut child = instance.command(&["history", "-f", "--json", "-n", "1", "watch"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| {
        serde_json::from_str::<Value>(&line.unwrap()).unwrap()["kind"].as_str().unwrap().to_owned()
    });
    assert_eq!(lines.next().unwrap(), "Started");
    instance.tell("watch");
    assert_eq!(lines.next().unwrap(), "Exited");
    assert_eq!(lines.next().unwrap(), "Finished");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_log_is_verified() {
    let instance = two_jobs();
    let screen = instance.ok(&["verify"]);
    assert!(screen.starts_with("verified ") && screen.contains("chain and fold: ok"), "{screen}");
    let found = instance.json(&["verify", "--json"]);
    assert_keys(&found, "ok records head firstBad snapshotsChecked foldEqual durationMs");
    assert_eq!((&found["ok"], &found["foldEqual"]), (&true.into(), &true.into()));
    let head = found["head"].as_str().unwrap();
    instance.ok(&["verify", "--expect", head]);
    instance.ok(&["verify", "--expect", &format!("{}…", head[..12].to_uppercase())]);
    let wrong = instance.run(&["verify", "--json", "--expect", &head.replace(['a', '0'], "b")]);
    assert_eq!((wrong.code, &wrong.json()["ok"]), (1, &false.into()));
    let wrong = instance.run(&["verify", "--expect", "00000000"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.text().contains("no record has the chain head 00000000"), "{wrong:?}");
    assert!(!wrong.stderr.contains("copy"), "{wrong:?}");
    for malformed in ["0000000", "a head of it", &"0".repeat(65)] {
        assert!(instance.fails(2, &["verify", "--expect", malformed]).contains("hex digits"));
    }
}

#[test]
fn help_and_version_are_data() {
    let instance = Instance::new();
    assert_eq!(instance.ok(&["version"]), concat!("decklog ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(instance.ok(&["--version"]), concat!("decklog ", env!("CARGO_PKG_VERSION"), "\n"));
    assert!(instance.ok(&["--help"]).contains("Verbs:"));
    for verb in ["dispatch", "ls", "show", "why", "logs", "wait", "stop", "rm", "history", "verify", "demo"] {
        let help = instance.ok(&[verb, "--help"]);
        assert!(help.contains("Example") && help.contains(&format!("decklog {verb}")), "{help}");
        assert!(!help.contains("later"), "only what exists is named");
    }
    assert_eq!(instance.ok(&["help", "daemon", "stop"]), instance.ok(&["daemon", "stop", "--help"]));
    assert!(instance.fails(2, &["merge", "x"]).starts_with("no such verb: 'merge'"));
    assert!(!instance.home().exists());
}

#[test]
fn nobody_reading_is_no_error() {
    let instance = Instance::new();
    instance.dispatch("much", "seq 200000");
    assert_eq!(instance.run(&["wait", "much"]).code, 0);
    for words in [&["logs", "much"][..], &["history", "--json"], &["ls"]] {
        let mut command = instance.command(words);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        command.stdout(writer);
        let ran = Running::of(command).end();
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{words:?}");
    }
}

#[test]
fn what_may_be_configured_is_in_the_help() {
    let instance = Instance::new();
    let help = instance.ok(&["help", "config"]);
    for key in ["finished_job", "live_jobs", "output_bytes", "[retention]", "[environment]"] {
        assert!(help.contains(key), "{key} in {help}");
    }
    assert!(instance.ok(&["--help"]).contains("decklog help config"));
}

#[test]
fn a_moment_that_is_not_in_the_log_is_said_to_be_none() {
    let instance = Instance::new();
    instance.ok(&["ls", "--json"]);
    let before = instance.json(&["daemon", "status", "--json"])["log"]["records"].as_u64().unwrap();
    instance.dispatch("late", "true");
    assert!(instance.fails(2, &["ls", "--at", "2999-01-01 09:00"]).contains("still to come"));
    assert!(instance.fails(1, &["ls", "--at", "seq:99999"]).contains("record 99999 is not there yet"));
    let said = instance.fails(3, &["show", "late", "--at", &format!("seq:{before}")]);
    assert!(said.contains("late was not there yet: it was dispatched at "), "{said}");
}

#[test]
fn what_waits_is_listed_as_it_will_start_and_shows_why() {
    let instance = Instance::new();
    std::fs::create_dir_all(instance.home()).unwrap();
    std::fs::write(instance.home().join("config.toml"), "[limits]\nlive_jobs = 1\n").unwrap();
    instance.dispatch_until_told("first");
    instance.ok(&["dispatch", "--quiet", "--name", "plain", "--exec", "true"]);
    let urgent =
        ["dispatch", "--quiet", "--name", "urgent", "--priority", "5", "--key", "k", "--exec", "true"];
    instance.ok(&urgent);
    let screen = instance.ok(&["ls"]);
    assert!(screen.find("urgent") < screen.find("plain"), "{screen}");
    let shown = instance.ok(&["show", "urgent"]);
    assert!(shown.contains("priority    5") && shown.contains("key         k"), "{shown}");
    assert_eq!(instance.row("urgent")["priority"], 5);
    let stopped = instance.run(&["daemon", "stop", "--any"]).code(0);
    assert!(stopped.stderr.contains("2 queued sessions will be started"), "{stopped:?}");
}
