//! Files and sockets: for their owner alone, whatever the umask; closed to other users; and without secrets.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::support::{Instance, Running, shell, skipped};

/// Everything below a folder, and the folder.
fn everything(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_path_buf()];
    for item in fs::read_dir(folder).unwrap().flatten() {
        if item.file_type().unwrap().is_dir() {
            found.extend(everything(&item.path()));
        } else {
            found.push(item.path());
        }
    }
    found
}

#[test]
fn everything_is_for_its_owner_alone() {
    let instance = Instance::new();
    let run = |words: &[&str]| Running::of(instance.command_after("umask 000", words)).end();
    run(&["daemon", "start"]).code(0);
    fs::write(instance.home().join("config.toml"), "[limits]\noutput_bytes = \"256KiB\"\n").unwrap();
    fs::set_permissions(instance.home().join("config.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    for (name, script) in [
        ("done", "echo done"),
        ("failed", "exit 1"),
        ("flood", "head -c 2000000 /dev/zero"),
        ("live", "echo begins; sleep 1000"),
        ("stopped", "sleep 1000"),
    ] {
        run(&["dispatch", "--name", name, "--exec", script]).code(0);
    }
    run(&["dispatch", "--pipes", "--name", "piped", "--exec", "umask; echo piped"]).code(0);
    run(&["dispatch", "--name", "missing", "--", "/no/such/program"]).code(1);
    run(&["wait", "done", "failed", "flood", "piped"]).code(1);
    assert_eq!(instance.ok(&["logs", "piped"]), "0000\npiped\n", "a job has its shell's umask");
    run(&["stop", "stopped"]).code(0);
    run(&["respawn", "done"]).code(0);
    run(&["rm", "failed"]).code(0);
    run(&["verify"]).code(0);
    // A second supervisor, a snapshot, and a third after a crash.
    run(&["daemon", "restart"]).code(0);
    instance.kill_supervisor();
    run(&["ls"]).code(0);
    instance.row_when("live", "it runs", |row| row["summary"] == "begins");

    let (mut folders, mut files, mut sockets) = (0, 0, 0);
    for path in everything(instance.home()) {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let (kind, wanted) = match metadata.file_type() {
            kind if kind.is_dir() => (&mut folders, 0o700),
            kind if kind.is_socket() => (&mut sockets, 0o600),
            _ => (&mut files, 0o600),
        };
        *kind += 1;
        let mode = metadata.permissions().mode() & 0o7777;
        assert_eq!(mode, wanted, "{} has mode {mode:o}", path.display());
    }
    assert!(
        folders > 15 && files > 20 && sockets == 2,
        "{folders} folders, {files} files, {sockets} sockets"
    );
}

#[test]
fn another_user_gets_no_word() {
    const STRANGER: u32 = 60_999;
    if !geteuid().is_root() {
        skipped("another user at the socket: only root can be one");
        return;
    }
    let instance = Instance::new();
    instance.dispatch_until_told("job");
    let as_stranger = |words: &[&str]| {
        let mut command = instance.command(words);
        command.uid(STRANGER).gid(STRANGER).current_dir("/");
        Running::of(command).end()
    };
    if as_stranger(&["version"]).code != 0 {
        skipped("another user at the socket: it cannot run the binary");
        return;
    }
    let history = || instance.json(&["history", "--json"]);
    instance.until("its start is recorded", || {
        history().as_array().unwrap().last().unwrap()["kind"] == "Started"
    });
    let before = history();
    let refused = |what: &str| {
        for words in [&["ls"][..], &["logs", "job"], &["stop", "job"], &["daemon", "start"]] {
            let ran = as_stranger(words);
            assert_eq!((ran.code, ran.text().as_str()), (5, ""), "{what}: {words:?}: {ran:?}");
            assert!(ran.stderr.contains("hint: "), "{what}: {words:?}: {ran:?}");
        }
    };
    refused("behind a closed folder");
    // Even where the owner's folders and the socket are opened wide: the kernel says who it is.
    let open = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    open(instance.folder(), 0o755);
    open(instance.home(), 0o755);
    open(&instance.home().join("run"), 0o755);
    open(&instance.home().join("run/supervisor.sock"), 0o666);
    let mut stranger = shell("ls \"$0/run\"");
    stranger.arg(instance.home()).uid(STRANGER).gid(STRANGER);
    assert!(stranger.output().unwrap().status.success(), "the way to the socket is open");
    refused("at an open socket");
    assert_eq!(instance.row("job")["state"], "working");
    assert_eq!(history(), before, "nothing was done and nothing recorded");
}

#[test]
fn a_place_that_others_can_write_to_is_refused() {
    for (below, mode) in [("run", 0o770), ("run", 0o707), ("", 0o702)] {
        let instance = Instance::new();
        fs::create_dir_all(instance.home().join("run")).unwrap();
        for folder in ["", "run"] {
            let path = instance.home().join(folder);
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
        }
        let path = instance.home().join(below);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let said = instance.fails(5, &["ls"]);
        assert!(said.contains("can be written by others") && said.contains("hint: chmod go-w"), "{said}");
    }
}

/// Values of the environment are in the session's own folder and nowhere else, and of a variable that is denied not
/// even there.
#[test]
fn secrets_of_the_environment_stay_out_of_the_log() {
    const SECRET: &str = "hunter2-correct-horse-battery";
    const DENIED: &str = "denied-staple-tr0ub4dor";
    let instance = Instance::new();
    fs::create_dir_all(instance.home()).unwrap();
    fs::write(instance.home().join("config.toml"), "[environment]\ndeny = [\"DENIED_*\"]\n").unwrap();
    for words in [
        &[
            "dispatch",
            "--name",
            "a",
            "--env",
            "GIVEN_TOKEN=hunter2-correct-horse-battery",
            "--exec",
            "test $GIVEN_TOKEN",
        ][..],
        &["dispatch", "--name", "b", "--", "/no/such/program"],
        &["dispatch", "--name", "c", "--exec", "kill -KILL $$"],
        &["dispatch", "--name", "d", "--after", "a", "--exec", "exit 3"],
        &["daemon", "restart"],
        &["respawn", "a"],
        &["verify"],
    ] {
        let mut command = instance.command(words);
        command.env("SECRET_TOKEN", SECRET).env("DENIED_TOKEN", DENIED);
        let ran = Running::of(command).end();
        assert!(matches!(ran.code, 0 | 1), "{ran:?}");
    }
    instance.finished(&["a", "c", "d"].map(str::to_owned));
    instance.ok(&["daemon", "stop"]);
    let holds = |path: &Path, text: &str| {
        fs::read(path).is_ok_and(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    let (mut kept, mut looked_at) = (0, 0);
    for path in everything(instance.home()).into_iter().filter(|path| path.is_file()) {
        looked_at += 1;
        assert!(!holds(&path, DENIED) || path.ends_with("config.toml"), "{}", path.display());
        if holds(&path, SECRET) {
            let below = path.strip_prefix(instance.home()).unwrap();
            let own = below.starts_with("jobs") && path.file_name().unwrap().as_bytes() == b"environment";
            assert!(own, "{} holds a secret", path.display());
            kept += 1;
        }
    }
    assert!(kept == 4 && looked_at > 15, "{kept} of {looked_at}: the search finds what is there");
    let said = ["history", "ls", "why a", "show a", "show b", "daemon logs"]
        .map(|line| instance.run(&line.split(' ').collect::<Vec<_>>()).code(0).text());
    assert!(!said.concat().contains(SECRET));
    assert!(instance.run(&["history", "--json"]).text().contains("SECRET_TOKEN"), "its name is recorded");
}
