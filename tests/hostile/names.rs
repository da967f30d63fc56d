//! Names, groups, keys and targets that nobody should type: each is taken as it is, or refused with what it must be.

use crate::support::Instance;
use crate::whole;

/// What cannot be a name, and what the refusal says of it.
const BAD: [(&str, &str); 9] = [
    ("", "at least one visible character"),
    ("   ", "at least one visible character"),
    ("a\u{1b}[31mb", "U+001B"),
    ("a\nb", "U+000A"),
    ("tab\tbed", "U+0009"),
    ("a\u{202e}b", "U+202E"),
    ("a\u{200b}b", "U+200B"),
    ("a\u{9b}31mb", "U+009B"),
    ("delete\u{7f}", "U+007F"),
];

/// What looks like something else and is a name all the same.
const ODD: [&str; 8] = ["🦀", "deadbeef", "--help", "-x", "id:x", "n:y", "a'b\"c$d`e", "עברית"];

#[test]
fn what_cannot_be_a_name_is_refused_with_what_can() {
    let instance = Instance::new();
    instance.dispatch_until_told("job");
    let long = "x".repeat(10 << 10);
    for (name, why) in BAD.into_iter().chain([(&*long, "has at most 64 characters, this one has 10240")]) {
        let given = |option: &str| format!("--{option}={name}");
        for (words, code) in [
            (&["dispatch", &given("name"), "--exec", "true"][..], 4),
            (&["dispatch", &given("key"), "--exec", "true"], 4),
            (&["dispatch", &given("group"), "--exec", "true"], 2),
            (&["rename", "job", name], 4),
            // An empty group takes a session out of its own.
            (&["group", name, "job"], if name.is_empty() { 0 } else { 2 }),
        ] {
            let ran = instance.run(words);
            assert_eq!(ran.code, code, "{words:?}: {ran:?}");
            if code != 0 {
                assert!(ran.stderr.contains(why), "{words:?}: {ran:?}");
                assert!(ran.stderr.contains("\n\nhint: ") && ran.stderr.contains("1 to 64"), "{ran:?}");
                assert!(ran.stderr.len() < 1000 && !ran.stderr.contains('\u{1b}'), "{ran:?}");
            }
        }
    }
    assert_eq!(instance.json(&["ls", "--json"]).as_array().unwrap().len(), 1, "nothing was started");
    whole(&instance);
}

#[test]
fn what_looks_like_something_else_is_a_name() {
    let instance = Instance::new();
    for name in ODD {
        let group = format!("--group={name}");
        let words =
            ["dispatch", "--quiet", &format!("--name={name}"), &group, &format!("--key={name}"), "--exec"];
        let id = instance.ok(&[&words[..], &["true"]].concat()).trim().to_owned();
        let row = instance.row(&id);
        assert_eq!((&row["name"], &row["group"]), (&name.into(), &name.into()));
        // `n:` forces the reading as a name, whatever it looks like.
        assert_eq!(instance.row(&format!("n:{name}"))["id"], *id);
        let other = format!("{name}'");
        instance.ok(&["rename", &id, "--", &other]);
        assert_eq!(instance.row(&format!("n:{other}"))["id"], *id);
    }
    let listed = instance.ok(&["ls", "--all"]);
    for name in ODD {
        assert!(listed.contains(name), "{listed}");
    }
    whole(&instance);
}

/// The contract's order: full id; exact name of a listed row; the newest other session of that name; a unique prefix.
#[test]
fn a_target_is_read_in_the_contracts_order() {
    let instance = Instance::new();
    let first = instance.dispatch("first", "true");
    let (prefix, id) = (&first[..8], first.as_str());
    assert_eq!(instance.row(prefix)["id"], id);

    // A name that is the beginning of an id wins over the id; `id:` still means the id.
    let named_prefix = instance.dispatch(prefix, "true");
    assert_eq!(instance.row(prefix)["id"], *named_prefix);
    assert_eq!(instance.row(&format!("id:{prefix}"))["id"], id);
    assert_eq!(instance.row(&format!("n:{prefix}"))["id"], *named_prefix);

    // A name that is a whole id does not: the id wins, `n:` means the name.
    let named_id = instance.dispatch(id, "true");
    assert_eq!(instance.row(id)["id"], id);
    assert_eq!(instance.row(&format!("n:{id}"))["id"], *named_id);

    // Off the roster it is still found by its name, before the prefix; of several the newest; a listed one before them.
    instance.finished(std::slice::from_ref(&named_prefix));
    instance.ok(&["rm", &named_prefix]);
    assert_eq!(instance.row(prefix)["id"], *named_prefix);
    let newer = instance.dispatch(prefix, "true");
    instance.finished(std::slice::from_ref(&newer));
    instance.ok(&["rm", &newer]);
    assert_eq!(instance.row(prefix)["id"], *newer);
    instance.ok(&["restore", &named_prefix]);
    assert_eq!(instance.row(prefix)["id"], *named_prefix);

    for none in ["n:nobody", "id:zzzz", "zzzzzzzz", "abc", "id:", "n:", "\u{1b}[2J", " "] {
        let said = instance.fails(3, &["show", none]);
        assert!(said.contains("hint: ") && !said.contains('\u{1b}'), "{none:?}: {said}");
    }
    whole(&instance);
}
