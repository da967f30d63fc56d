//! The digest: what happened since somebody last looked, or between two moments.

use serde_json::Value;

use crate::support::Instance;

fn names(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

#[test]
fn it_says_what_is_new_and_remembers_that_it_was_read() {
    let instance = Instance::new();
    instance.dispatch("good", "true");
    instance.dispatch("bad", "exit 3");
    instance.dispatch_until_told("long");
    instance.run(&["wait", "good", "bad"]).code(1);

    let first = instance.json(&["digest", "--json"]);
    assert_eq!((names(&first["done"]), names(&first["failed"])), (vec!["good"], vec!["bad"]));
    assert_eq!(first["since"], Value::Null);
    let count = |digest: &Value, what: &str| digest["counts"][what].as_u64().unwrap();
    assert_eq!((count(&first, "dispatched"), count(&first, "working")), (3, 1));

    instance.tell("long");
    instance.run(&["wait", "long"]).code(0);
    instance.kill_supervisor();
    let second = instance.json(&["digest", "--json"]);
    assert_eq!((names(&second["done"]), names(&second["failed"])), (vec!["long"], vec![]));
    assert_eq!((count(&second, "dispatched"), count(&second, "working")), (0, 0));
    assert_eq!((count(&second, "supervisors"), count(&second, "killedSupervisors")), (1, 1));
    assert!(second["sinceSeq"].as_u64() > first["sinceSeq"].as_u64());
    let screen = instance.ok(&["digest"]);
    assert!(screen.starts_with("since you last looked, ") && screen.contains("nothing happened"), "{screen}");

    // What lies between two moments is not changed by who looked.
    let whole = instance.json(&["digest", "--since", "seq:0", "--json"]);
    assert_eq!(names(&whole["done"]), ["long", "good"]);
    let until = first["untilSeq"].as_u64().unwrap();
    let then = instance.json(&["digest", "--since", "seq:0", "--until", &format!("seq:{until}"), "--json"]);
    assert_eq!((names(&then["done"]), count(&then, "working")), (vec!["good"], 1));
}

#[test]
fn an_agent_that_reads_it_takes_nothing_from_the_person() {
    let instance = Instance::new();
    instance.dispatch("nosy", "decklog digest; decklog rm nosy || true");
    instance.run(&["wait", "nosy"]).code(0);
    let digest = instance.json(&["digest", "--json"]);
    assert_eq!(digest["since"], Value::Null, "nobody has looked before");
    assert_eq!(digest["counts"]["refused"], 1);
}
