//! Jobs that do what jobs should not: none hangs, none outlives its end, each is recorded as it ended.

use std::fs;

use crate::support::{Instance, Running, number};
use crate::whole;

/// Name, script, exit code, what the output is.
const RUDE: [(&str, &str, i64, Option<&str>); 10] = [
    ("closes-output", "echo said; exec >&- 2>&-; sleep 0.2; exit 5", 5, Some("said\n")),
    ("reads-input", "cat; read line; echo \"read $?\"; exit 6", 6, Some("read 1\n")),
    ("wants-a-terminal", "(echo x >/dev/tty) 2>/dev/null || echo none; exit 7", 7, Some("none\n")),
    ("leaves-a-writer", "(while :; do echo still; sleep 0.01; done) & exit 8", 8, None),
    ("leaves-a-holder", "sleep 600 & echo said; exit 9", 9, Some("said\n")),
    ("leaves-a-daemon", "(setsid sh -c 'trap \"\" TERM HUP; sleep 600 & sleep 600' &) ; exit 10", 10, None),
    ("forks-many", "i=0; while [ $i -lt 200 ]; do sleep 600 & i=$((i + 1)); done; exit 11", 11, Some("")),
    ("ends-amid-output", "yes & sleep 0.1; exit 12", 12, None),
    ("binary", "head -c 200000 /dev/urandom; exit 13", 13, None),
    ("one-endless-line", "head -c 3000000 /dev/zero | tr '\\0' x; exit 14", 14, None),
];

#[test]
fn rude_jobs_end_as_they_ended_and_leave_nothing() {
    let instance = Instance::new();
    let ids: Vec<_> = RUDE.iter().map(|(name, script, ..)| instance.dispatch(name, script)).collect();
    instance.finished(&ids);
    for ((name, _, code, output), id) in RUDE.iter().zip(&ids) {
        let row = instance.row(id);
        assert_eq!((&row["state"], &row["exitCode"]), (&"failed".into(), &(*code).into()), "{name}: {row:#}");
        assert!(row["summary"].as_str().unwrap_or_default().chars().count() <= 200, "{name}: {row:#}");
        let logs = instance.run(&["logs", id]).code(0).stdout;
        if let Some(output) = output {
            assert_eq!(String::from_utf8_lossy(&logs), *output, "{name}");
        }
    }
    assert_eq!(instance.run(&["logs", "binary"]).stdout.len(), 200_000);
    assert_eq!(instance.run(&["logs", "one-endless-line"]).stdout, vec![b'x'; 3_000_000]);
    let listed = instance.ok(&["ls"]);
    assert!(listed.len() < 10_000, "{} bytes", listed.len());
    // Workers leave once their end is recorded; nothing else is left but the supervisor.
    instance.until("nothing of it is left", || instance.strays().is_empty());
    whole(&instance);
}

#[test]
fn a_stop_ends_what_hides_from_it() {
    let instance = Instance::new();
    let script = "trap '' TERM INT HUP; (setsid sh -c 'trap \"\" TERM; sleep 600 & sleep 600' &); echo begins; \
                  while :; do sleep 0.05; done";
    let id = instance.dispatch("hides", script);
    instance.row_when(&id, "it runs", |row| row["summary"] == "begins");
    instance.ok(&["stop", "--grace", "100ms", "hides"]);
    let row = instance.row(&id);
    assert_eq!((&row["state"], &row["signal"]), (&"stopped".into(), &9.into()), "{row:#}");
    instance.until("nothing of it is left", || instance.strays().is_empty());
    whole(&instance);
}

/// Far more than is kept: what is missing is said, the log does not grow with it, and looking stays quick.
#[test]
fn a_flood_is_bounded_and_what_is_missing_is_said() {
    const PRINTED: i64 = 64 << 20;
    const KEPT: u64 = 512 << 10;
    let instance = Instance::new();
    fs::create_dir_all(instance.home()).unwrap();
    fs::write(instance.home().join("config.toml"), "[limits]\noutput_bytes = \"512KiB\"\n").unwrap();
    let script = format!("head -c {PRINTED} /dev/zero; echo; echo last line");
    let words = ["dispatch", "--quiet", "--pipes", "--name", "flood", "--exec", &script];
    let id = instance.ok(&words).trim().to_owned();
    instance.finished(std::slice::from_ref(&id));
    let row = instance.row(&id);
    assert_eq!((&row["state"], &row["summary"]), (&"done".into(), &"last line".into()), "{row:#}");
    let exited = instance.json(&["history", &id, "--json", "--kind", "Exited"]);
    let printed = PRINTED + "\nlast line\n".len() as i64;
    assert_eq!(number(&exited[0]["data"], "outputEnd"), printed, "{exited:#}");
    let dropped = number(&exited[0]["data"], "outputDropped");
    assert!(printed - dropped <= KEPT as i64, "{exited:#}");
    let logs = instance.run(&["logs", "--raw", &id]).code(0);
    assert_eq!(logs.stdout.len() as i64, printed - dropped);
    assert!(logs.stdout.ends_with(b"\nlast line\n"));
    assert!(logs.stderr.contains("were not kept"), "{}", logs.stderr);
    let news = instance.json(&["history", &id, "--json", "--kind", "OutputDropped"]);
    assert!(
        news.as_array().unwrap().len() < 8,
        "{} records of what was dropped",
        news.as_array().unwrap().len()
    );
    whole(&instance);
}

#[test]
fn a_working_directory_that_vanishes_is_named() {
    let instance = Instance::new();
    let folder = instance.folder().join("short-lived");
    fs::create_dir(&folder).unwrap();
    let cwd = folder.to_str().unwrap();
    instance.dispatch_until_told("first");
    let queued =
        ["dispatch", "--quiet", "--name", "queued", "--after", "first", "--cwd", cwd, "--exec", "true"];
    let queued = instance.ok(&queued).trim().to_owned();
    let script = format!("echo begins; while [ ! -e '{cwd}.go' ]; do sleep 0.02; done; pwd; ls; echo ends");
    let inside = instance.ok(&["dispatch", "--quiet", "--cwd", cwd, "--exec", &script]).trim().to_owned();
    instance.row_when(&inside, "it runs", |row| row["summary"] == "begins");
    fs::remove_dir(&folder).unwrap();
    instance.tell("first");
    fs::write(format!("{cwd}.go"), "").unwrap();
    instance.finished(&[queued.clone(), inside.clone()]);
    let row = instance.row(&queued);
    assert_eq!((&row["state"], &row["reason"]["kind"]), (&"failed".into(), &"spawn".into()), "{row:#}");
    let text = row["reason"]["text"].as_str().unwrap();
    assert!(text.contains(cwd) && text.contains("No such file or directory"), "{text}");
    assert_eq!(instance.row(&inside)["summary"], "ends");

    // One that does not exist when it is asked for is no row at all.
    let said = instance.fails(2, &["dispatch", "--cwd", cwd, "--exec", "true"]);
    assert!(said.contains(cwd) && said.contains("\n\nhint: "), "{said}");
    fs::create_dir(&folder).unwrap();
    let mut command = instance.command_after("rmdir \"$PWD\"", &["dispatch", "--exec", "true"]);
    command.current_dir(&folder);
    let said = Running::of(command).end().code(1).stderr;
    assert!(said.contains("the working directory cannot be found") && said.contains("hint: "), "{said}");
    whole(&instance);
}

#[test]
fn an_id_that_cannot_be_printed_is_said_elsewhere() {
    let instance = Instance::new();
    for option in ["--quiet", "--json", "--pin"] {
        let mut command = instance.command(&["dispatch", option, "--exec", "true"]);
        command.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        let ran = Running::of(command).end();
        assert_eq!(ran.code, 1, "{ran:?}");
        let rows = instance.json(&["ls", "--json"]);
        let id = rows.as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
        assert!(ran.stderr.contains("standard output") && ran.stderr.contains(&id), "{ran:?}");
    }
}
