//! A full disk as state folder: nothing new is started, what runs goes on and is recorded, and when there is room again
//! nobody has to do anything.
//!
//! Each test runs itself again on a small memory file system; where none is to be had it says so and checks nothing.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use crate::support::{Instance, number, on_a_disk_of, small_disk};
use crate::whole;

/// Fills the disk of a folder to its last byte.
fn fill(disk: &Path) {
    let mut file = File::options().create(true).append(true).open(disk.join("filler")).unwrap();
    for piece in [1 << 20, 4096, 1] {
        let bytes = vec![b'x'; piece];
        while file.write_all(&bytes).is_ok() {}
    }
}

fn empty(disk: &Path) {
    fs::remove_file(disk.join("filler")).unwrap();
}

#[track_caller]
fn refused(instance: &Instance) {
    let said = instance.fails(1, &["dispatch", "--exec", "true"]);
    assert!(
        said.contains("is full: nothing new is started") && said.contains("\n\nhint: free some space"),
        "{said}"
    );
}

#[test]
fn what_runs_is_recorded_and_it_recovers_by_itself() {
    let Some(disk) = small_disk() else {
        let folder = tempfile::tempdir().unwrap();
        on_a_disk_of("40m", folder.path(), "disk::what_runs_is_recorded_and_it_recovers_by_itself");
        return;
    };
    let instance = Instance::at(disk.join("home"));
    instance.dispatch_until_told("quiet");
    // Prints what does not fit any more, then ends; it is told to by a file elsewhere.
    let go = instance.folder().join("loud.go");
    let script = format!(
        "echo begins; while [ ! -e '{}' ]; do sleep 0.02; done; head -c 3000000 /dev/zero; exit 7",
        go.display()
    );
    let loud = instance.dispatch("loud", &script);
    instance.row_when(&loud, "it runs", |row| row["summary"] == "begins");
    let supervisor = instance.supervisor();
    fill(&disk);

    refused(&instance);
    instance.ok(&["rename", "quiet", "still named"]);
    fs::write(&go, "").unwrap();
    instance.tell("quiet");
    assert_eq!(instance.run(&["wait", "--exit-code", "still named"]).code, 0);
    assert_eq!(instance.run(&["wait", "--exit-code", "loud"]).code, 7);
    // Output that could not be written is a hole of a known size.
    let exited = instance.json(&["history", &loud, "--json", "--kind", "Exited"]);
    let (end, dropped) =
        (number(&exited[0]["data"], "outputEnd"), number(&exited[0]["data"], "outputDropped"));
    assert_eq!(end, 3_000_000 + "begins\n".len() as i64);
    assert!(dropped > 2_000_000, "{exited:#}");
    let logs = instance.run(&["logs", "--raw", "loud"]).code(0);
    assert_eq!(logs.stdout.len() as i64, end - dropped);
    assert!(logs.stderr.contains("were not kept"), "{logs:?}");
    whole(&instance);
    assert_eq!(instance.supervisor(), supervisor, "it never ended");

    // Killed, it starts again on the full disk, as often as need be.
    for _ in 0..3 {
        instance.kill_supervisor();
        assert_eq!(instance.row("loud")["exitCode"], 7);
        fill(&disk);
        refused(&instance);
        instance.ok(&["pin", "loud"]);
        instance.ok(&["unpin", "loud"]);
    }
    whole(&instance);

    let supervisor = instance.supervisor();
    empty(&disk);
    let after = instance.dispatch("after", "echo again");
    assert_eq!(instance.ok(&["logs", "-f", &after]), "again\n");
    assert_eq!(instance.supervisor(), supervisor);
    let reserve = fs::metadata(disk.join("home/log/reserve")).unwrap().len();
    assert_eq!(reserve, 8 << 20, "it is made again");
    whole(&instance);
    let names = instance.json(&["ls", "--json"]);
    assert_eq!(names.as_array().unwrap().len(), 3, "what was refused left nothing: {names:#}");
    assert_eq!(instance.job_folders(), 3);
}

#[test]
fn one_that_ends_while_nobody_watches_a_full_disk_is_recorded() {
    let Some(disk) = small_disk() else {
        let folder = tempfile::tempdir().unwrap();
        on_a_disk_of(
            "32m",
            folder.path(),
            "disk::one_that_ends_while_nobody_watches_a_full_disk_is_recorded",
        );
        return;
    };
    let instance = Instance::at(disk.join("home"));
    instance.dispatch_until_told("job");
    let pid = number(&instance.row("job"), "pid") as i32;
    instance.kill_supervisor();
    fill(&disk);
    instance.tell("job");
    instance.until("it has ended", || !crate::support::is_running(pid));
    let row = instance.row("job");
    assert_eq!((&row["state"], &row["exitCode"]), (&"done".into(), &0.into()), "{row:#}");
    whole(&instance);
}

#[test]
fn one_that_was_never_anything_else_is_said_to_be_full() {
    let Some(disk) = small_disk() else {
        let folder = tempfile::tempdir().unwrap();
        on_a_disk_of("1m", folder.path(), "disk::one_that_was_never_anything_else_is_said_to_be_full");
        return;
    };
    fill(&disk);
    let instance = Instance::at(disk.join("home"));
    let said = instance.fails(5, &["dispatch", "--exec", "true"]);
    assert!(said.contains("No space left") || said.contains("is full"), "{said}");
    assert!(said.contains("\n\nhint: "), "{said}");
    empty(&disk);
    // Room for a log, and for no work.
    instance.ok(&["daemon", "start"]);
    refused(&instance);
    whole(&instance);
}
