//! `dispatch`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::support::Instance;

#[test]
fn it_says_how_to_follow_what_it_started() {
    let instance = Instance::new();
    let said = instance.ok(&["dispatch", "--name", "greet", "--exec", "echo hello"]);
    let lines: Vec<_> = said.lines().collect();
    let short = lines[0].strip_prefix("dispatched ").and_then(|rest| rest.strip_suffix(" · greet")).unwrap();
    assert_eq!(short.len(), 8);
    assert_eq!(lines[1], format!("  decklog logs -f {short}   follow its output"));
    assert_eq!(lines[2], format!("  decklog stop {short}      stop it"));
    assert_eq!(instance.ok(&["logs", "-f", short]), "hello\n");
    assert_eq!(instance.row(short)["name"], "greet");
}

#[test]
fn quiet_prints_the_full_id_and_json_the_row() {
    let instance = Instance::new();
    let id = instance.ok(&["dispatch", "--quiet", "--exec", "true"]);
    assert_eq!(id.trim().len(), 32);
    let row =
        instance.json(&["dispatch", "--json", "--pin", "--group", "g", "--cwd", "/", "--exec", "sleep 60"]);
    assert_eq!(row["existing"], false);
    assert_eq!((&row["pinned"], &row["group"], &row["cwd"]), (&true.into(), &"g".into(), &"/".into()));
    assert_eq!(
        (&row["kind"], &row["state"], &row["command"]),
        (&"job".into(), &"working".into(), &"sleep 60".into())
    );
}

#[test]
fn a_made_name_comes_from_the_command_and_is_unique() {
    let instance = Instance::new();
    let names: Vec<_> =
        (0..3).map(|_| instance.json(&["dispatch", "--json", "--", "sleep", "60"])["name"].clone()).collect();
    assert_eq!(names, ["sleep-60", "sleep-60-2", "sleep-60-3"]);
}

#[test]
fn the_shell_around_it_is_what_a_job_gets() {
    let instance = Instance::new();
    let mut command = instance.command(&[
        OsStr::new("dispatch"),
        OsStr::new("--quiet"),
        OsStr::new("--env"),
        OsStr::from_bytes(b"GIVEN=a=b\xff"),
        OsStr::new("--name"),
        OsStr::new("env"),
        OsStr::new("--"),
        OsStr::new("sh"),
        OsStr::new("-c"),
        OsStr::new("printf '%s|' \"$GIVEN\" \"$HAD\" \"$1\" \"$DECKLOG_SESSION\"; umask; pwd"),
        OsStr::new("sh"),
        OsStr::from_bytes(b"\xfe arg"),
    ]);
    command.env("HAD", "before").env("GIVEN", "overridden");
    let ran = crate::support::Running::of(command).end();
    assert_eq!(ran.code, 0, "{ran:?}");
    let id = ran.text();
    let output = instance.run(&["logs", "-f", "env"]).stdout;
    let umask =
        format!("{:04o}", nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022)).bits());
    let mut expected = b"a=b\xff|before|\xfe arg|".to_vec();
    expected.extend(format!("{}|{umask}\n{}\n", id.trim(), instance.folder().display()).bytes());
    assert_eq!(String::from_utf8_lossy(&output), String::from_utf8_lossy(&expected));
}

#[test]
fn a_program_that_cannot_be_started_is_a_failed_row() {
    let instance = Instance::new();
    let ran = instance.run(&["dispatch", "--name", "nope", "--", "/no/such/program"]);
    assert_eq!(ran.code, 1);
    assert!(ran.text().starts_with("failed ") && ran.text().ends_with(" · nope\n"), "{ran:?}");
    assert!(ran.stderr.contains("could not be started"), "{ran:?}");
    let row = instance.row("nope");
    assert_eq!((&row["state"], &row["reason"]["kind"]), (&"failed".into(), &"spawn".into()));
    let quiet = instance.run(&["dispatch", "--quiet", "--", "/no/such/program"]);
    assert_eq!((quiet.code, quiet.text().trim().len()), (1, 32));
    // A shell's own 127 is the job's exit code, not ours.
    assert_eq!(instance.run(&["dispatch", "--name", "shell", "--exec", "/no/such/program"]).code, 0);
    assert_eq!(instance.run(&["wait", "--exit-code", "shell"]).code, 127);
}

#[test]
fn a_key_makes_it_harmless_to_repeat() {
    let instance = Instance::new();
    let once = instance.json(&["dispatch", "--json", "--key", "k", "--exec", "sleep 60"]);
    let twice = instance.json(&["dispatch", "--json", "--key", "k", "--exec", "sleep 60"]);
    assert_eq!((&twice["existing"], &twice["id"]), (&true.into(), &once["id"]));
    let said = instance.ok(&["dispatch", "--key", "k", "--exec", "sleep 60"]);
    assert!(said.starts_with("exists "), "{said}");
    let refused = instance.fails(4, &["dispatch", "--key", "k", "--exec", "sleep 61"]);
    assert!(refused.contains("key-taken") && refused.contains("\n\nhint: "), "{refused}");
}

#[test]
fn a_taken_name_is_refused_and_a_bad_one_too() {
    let instance = Instance::new();
    instance.dispatch("build", "sleep 60");
    assert!(instance.fails(4, &["dispatch", "--name", "build", "--exec", "true"]).contains("name-taken"));
    assert!(instance.fails(4, &["dispatch", "--name", "a\nb", "--exec", "true"]).contains("(name)"));
    assert_eq!(instance.json(&["ls", "--json"]).as_array().unwrap().len(), 1);
}

#[test]
fn what_is_asked_for_wrongly_starts_nothing() {
    let instance = Instance::new();
    let prompt = instance.fails(2, &["dispatch", "fix the tests"]);
    assert!(prompt.contains("not in this version") && prompt.contains("--exec"), "{prompt}");
    for words in [
        &["dispatch"][..],
        &["dispatch", "--exec", "make", "test"],
        &["dispatch", "--exec", "make", "--", "test"],
        &["dispatch", "--env", "X", "--exec", "true"],
        &["dispatch", "--timeout", "soon", "--exec", "true"],
        &["dispatch", "--timeout", "0", "--exec", "true"],
        &["dispatch", "--group", "", "--exec", "true"],
        &["dispatch", "--group", "a\nb", "--exec", "true"],
        &["dispatch", "--cwd", "/no/such/folder", "--exec", "true"],
        &["dispatch", "--json", "--quiet", "--exec", "true"],
    ] {
        let said = instance.fails(2, words);
        assert!(!said.contains("subcommand"), "{said}");
    }
    assert!(instance.fails(2, &["dispatch", "--timeout", "0s", "--exec", "true"]).contains("means no limit"));
    assert!(!instance.home().exists(), "no supervisor was needed");
}

#[test]
fn a_time_limit_fails_what_runs_past_it() {
    let instance = Instance::new();
    instance.ok(&["dispatch", "--name", "slow", "--timeout", "50ms", "--exec", "sleep 600"]);
    assert_eq!(instance.run(&["wait", "slow"]).code, 1);
    let row = instance.row("slow");
    assert_eq!((&row["state"], &row["reason"]["kind"]), (&"failed".into(), &"timeout".into()));
}

#[test]
fn pipes_carry_every_byte() {
    let instance = Instance::new();
    let script = "head -c 300000 /dev/urandom | tee random; [ -t 1 ] && echo a terminal";
    instance.ok(&["dispatch", "--name", "bytes", "--pipes", "--exec", script]);
    assert_eq!(instance.run(&["wait", "--exit-code", "bytes"]).code, 1);
    let kept = instance.run(&["logs", "bytes"]).stdout;
    assert!(kept == std::fs::read(instance.folder().join("random")).unwrap());
}

#[test]
fn a_file_is_a_prompts_and_is_not_run() {
    let instance = Instance::new();
    std::fs::write(instance.folder().join("prose"), "touch ran").unwrap();
    let said = instance.fails(2, &["dispatch", "--file", "prose"]);
    assert!(said.contains("decklog dispatch -- sh FILE"), "{said}");
    instance.fails(2, &["dispatch", "--exec", "true", "--file", "prose"]);
    assert!(!instance.folder().join("ran").exists());
}
