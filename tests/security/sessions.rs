//! What runs inside a session is that session's agent, whatever it says and however it hides: it may look, wait and
//! dispatch, and may not help itself.
//!
//! What is caught: every process that descends from a session's worker, also one that made itself a session of its own
//! (setsid), ignores hangups (nohup), was orphaned (a double fork: the worker is the reaper of its descendants) or
//! dropped its variables. What is not: what a session has *another* process start for it that is no descendant (cron, at,
//! systemd-run, ssh to this machine, a terminal multiplexer that ran before). It runs as the same user, and to the kernel
//! it is one. The log says then that the user did it.

use serde_json::Value;

use crate::support::Instance;

/// What an agent may not do to others, or to itself.
const FORBIDDEN: [&str; 14] = [
    "stop victim",
    "rm done",
    "rm --force victim",
    "restore gone",
    "respawn done",
    "respawn --force victim",
    "rename victim mine",
    "pin victim",
    "unpin pinned",
    "group mine victim",
    "reply victim yes",
    "daemon stop",
    "daemon stop --any",
    "daemon stop --keep-workers",
];

/// How a client may hide that it runs inside a session.
const DISGUISES: [(&str, &str); 5] = [
    ("plain", "$V"),
    ("setsid", "setsid --wait $V"),
    ("nohup", "nohup $V </dev/null"),
    ("nameless", "env -u DECKLOG_SESSION -u DECKLOG_RUN -u DECKLOG_JOB_DIR $V"),
    // Its parent is gone before it asks.
    (
        "orphan",
        "(setsid env -i DECKLOG_HOME=\"$DECKLOG_HOME\" sh -c 'sleep 0.3; '\"$V\"'; echo $? >code' & ) ; \
                while [ ! -s code ]; do sleep 0.02; done; (exit $(cat code))",
    ),
];

fn kinds(instance: &Instance, kind: &str) -> Vec<Value> {
    instance.json(&["history", "--json", "--kind", kind]).as_array().unwrap().clone()
}

#[test]
fn it_cannot_help_itself_and_the_attempt_is_recorded() {
    let instance = Instance::new();
    instance.dispatch_until_told("victim");
    for name in ["done", "gone", "pinned"] {
        instance.dispatch(name, "true");
    }
    instance.finished(&["done", "gone", "pinned"].map(str::to_owned));
    instance.ok(&["rm", "gone"]);
    instance.ok(&["pin", "pinned"]);
    let before = instance.json(&["ls", "--all", "--json"]);
    let supervisor = instance.supervisor();

    let decklog = env!("CARGO_BIN_EXE_decklog");
    let mut script = String::new();
    for verb in FORBIDDEN {
        script.push_str(&format!("{decklog} {verb} 2>/dev/null; echo \"$? {verb}\"\n"));
    }
    let id = instance.dispatch("inside", &script);
    instance.finished(std::slice::from_ref(&id));
    let expected: String = FORBIDDEN.iter().map(|verb| format!("4 {verb}\n")).collect();
    assert_eq!(instance.ok(&["logs", "inside"]), expected);

    let refused = kinds(&instance, "Refused");
    assert_eq!(refused.len(), FORBIDDEN.len(), "{refused:#?}");
    for record in &refused {
        let actor = (&record["actor"]["kind"], &record["actor"]["name"]);
        assert_eq!(actor, (&"agent".into(), &id.as_str().into()), "{record:#}");
    }
    assert_eq!(instance.supervisor(), supervisor);
    let after = instance.json(&["ls", "--all", "--json"]);
    for row in before.as_array().unwrap() {
        let now = after.as_array().unwrap().iter().find(|now| now["id"] == row["id"]).unwrap();
        for key in ["name", "state", "pinned", "group", "left", "runs", "exitCode"] {
            assert_eq!(now[key], row[key], "{key} of {}", row["name"]);
        }
    }
}

#[test]
fn no_disguise_helps() {
    let instance = Instance::new();
    instance.dispatch_until_told("victim");
    let verb = format!("{} rm --force victim", env!("CARGO_BIN_EXE_decklog"));
    let ids = DISGUISES.map(|(name, disguise)| {
        std::fs::create_dir(instance.folder().join(name)).unwrap();
        let script = format!("cd {name}; V='{verb}'; {disguise}; echo \"exit $?\"");
        instance.dispatch(name, &script)
    });
    instance.finished(&ids);
    for ((name, _), id) in DISGUISES.iter().zip(&ids) {
        let said = instance.ok(&["logs", id]);
        assert!(said.ends_with("exit 4\n"), "{name}: {said}");
    }
    let mut by: Vec<_> =
        kinds(&instance, "Refused").iter().map(|record| record["actor"]["name"].clone()).collect();
    by.sort_by_key(Value::to_string);
    let mut wanted = ids.map(Value::from).to_vec();
    wanted.sort_by_key(Value::to_string);
    assert_eq!(by, wanted, "each attempt is recorded under the session that made it");
    assert_eq!(instance.row("victim")["state"], "working");
}

/// What an agent may do; and what it dispatches is its child, which it may stop.
#[test]
fn it_may_look_wait_and_dispatch() {
    let instance = Instance::new();
    let decklog = env!("CARGO_BIN_EXE_decklog");
    let verbs = [
        "ls",
        "show self",
        "why self",
        "history",
        "logs self",
        "verify",
        "daemon status",
        "dispatch --name child --exec 'sleep 1000'",
        "stop child",
        "wait --exit-code --timeout 10s gone",
    ];
    instance.dispatch("gone", "true");
    instance.finished(&["gone".to_owned()]);
    let lines = verbs.map(|verb| format!("{decklog} {verb} >/dev/null; echo \"$? {verb}\"\n"));
    let id = instance.dispatch("self", &lines.concat());
    instance.finished(std::slice::from_ref(&id));
    let expected: String = verbs.iter().map(|verb| format!("0 {verb}\n")).collect();
    assert_eq!(instance.ok(&["logs", "self"]), expected);
    let child = instance.row("child");
    assert_eq!((&child["parent"], &child["state"]), (&id.as_str().into(), &"stopped".into()), "{child:#}");
    assert_eq!(kinds(&instance, "Refused"), [] as [Value; 0]);
}
