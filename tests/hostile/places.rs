//! Places that cannot hold an instance, or that look as if they could not.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;

use crate::support::{Instance, Running, on_a_disk_of, shell, small_disk};
use crate::whole;

#[test]
fn a_home_that_cannot_be_written_is_said() {
    let Some(disk) = small_disk() else {
        let folder = tempfile::tempdir().unwrap();
        on_a_disk_of("32m", folder.path(), "places::a_home_that_cannot_be_written_is_said");
        return;
    };
    let remount = |how: &str| {
        let mount = shell(&format!("mount -o remount,bind,{how} \"$0\"")).arg(&disk).output().unwrap();
        assert!(mount.status.success(), "{mount:?}");
    };
    let instance = Instance::at(disk.join("home"));
    let cannot = || {
        for words in [&["ls"][..], &["dispatch", "--exec", "true"], &["daemon", "start"], &["show", "x"]] {
            let said = instance.fails(5, words);
            assert!(said.contains("Read-only file system") && said.contains("home"), "{words:?}: {said}");
            assert!(said.contains("\n\nhint: "), "{words:?}: {said}");
        }
        assert!(instance.fails(5, &["daemon", "status"]).contains("no supervisor runs"));
    };
    remount("ro");
    cannot();
    assert!(!instance.home().exists());
    remount("rw");
    instance.dispatch("job", "true");
    instance.finished(&["job".to_owned()]);
    instance.ok(&["daemon", "stop"]);
    remount("ro");
    cannot();
    remount("rw");
    assert_eq!(instance.row("job")["state"], "done");
    whole(&instance);
}

#[test]
fn without_a_place_nothing_is_guessed() {
    let instance = Instance::new();
    let with = |words: &[&str], variables: &[(&str, &str)]| {
        let mut command = instance.command(words);
        command.env_remove("DECKLOG_HOME").env_remove("HOME").envs(variables.iter().copied());
        Running::of(command).end()
    };
    for (variables, what) in [
        (&[][..], "neither DECKLOG_HOME nor HOME is set"),
        (&[("HOME", "")], "neither DECKLOG_HOME nor HOME is set"),
        (&[("HOME", "here")], "HOME is \"here\": not an absolute path"),
        (&[("DECKLOG_HOME", "./here")], "DECKLOG_HOME is \"./here\": not an absolute path"),
    ] {
        let ran = with(&["ls"], variables).code(2);
        assert!(ran.stderr.contains(what) && ran.stderr.contains("\n\nhint: "), "{ran:?}");
    }
    // A runtime directory that is not there is made if it can be; none at all is no need.
    let home = instance.folder().to_str().unwrap();
    let made = format!("{home}/not/there/yet");
    for variables in [&[("HOME", home)][..], &[("HOME", home), ("XDG_RUNTIME_DIR", &made)]] {
        with(&["dispatch", "--quiet", "--exec", "true"], variables).code(0);
        with(&["daemon", "stop", "--any"], variables).code(0);
    }
    let ran = with(&["ls"], &[("HOME", home), ("XDG_RUNTIME_DIR", "/proc/nowhere")]).code(5);
    assert!(ran.stderr.contains("/proc/nowhere/decklog") && ran.stderr.contains("\n\nhint: "), "{ran:?}");
}

#[test]
fn a_home_of_any_name_works() {
    let instance = Instance::new();
    let names: [&[u8]; 6] = [
        b"with spaces",
        b"q'u\"o`t$e(s)\\",
        b"new\nline\x1b[31m",
        b"not \xff\xfe UTF-8",
        "ein länglicher Name \u{1f980}".as_bytes(),
        &[b'x'; 200],
    ];
    std::thread::scope(|scope| {
        for name in names {
            let home = instance.folder().join(OsString::from_vec(name.to_vec()));
            scope.spawn(move || {
                fs::create_dir(&home).unwrap();
                let instance = Instance::at(home);
                let id = instance.dispatch("job", "cd \"$DECKLOG_JOB_DIR\" && touch tmp/made && echo there");
                assert_eq!(instance.ok(&["logs", "-f", &id]), "there\n");
                assert!(instance.home().join("jobs").join(&id).join("tmp/made").exists());
                instance.kill_supervisor();
                assert_eq!(instance.row(&id)["state"], "done");
                assert!(!instance.ok(&["daemon", "status"]).contains('\u{1b}'));
                whole(&instance);
                instance.ok(&["daemon", "stop"]);
                let none = instance.fails(5, &["daemon", "status"]);
                assert!(!none.contains('\u{1b}'), "{none}");
            });
        }
    });
}
