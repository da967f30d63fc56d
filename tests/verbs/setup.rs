//! Completions in a real shell, and manual pages.

use std::fs;
use std::process::Command;

use crate::support::{Instance, Running};

/// Sources the script and completes lines, as bash does when Tab is pressed. Prints a line of words for each.
const COMPLETE: &str = r#"
source <(decklog completions bash)
complete -p decklog
try() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _decklog_with_sessions decklog "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    echo "${COMPREPLY[*]}"
}
try decklog st
try decklog stop bu
try decklog logs --r
try decklog daemon run --
try decklog ls bu
try decklog show ""
"#;

#[test]
fn bash_completes_verbs_flags_and_sessions() {
    let instance = Instance::new();
    let id = instance.dispatch("build", "true");
    instance.dispatch("x $(touch hit)", "true");
    #[expect(clippy::disallowed_methods, reason = "a shell, to complete in")]
    let mut bash = Command::new("bash");
    let like = instance.command(&[""; 0]);
    bash.args(["--norc", "-c", COMPLETE]).env_clear().current_dir(instance.folder());
    bash.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    bash.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let ran = Running::of(bash).end().code(0);
    let text = ran.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "complete -o bashdefault -o default -F _decklog_with_sessions decklog");
    assert_eq!(lines[1..6], ["stop", "build", "--raw --run", "--color --help", ""], "{ran:?}");
    assert!(lines[6].contains("build ") && lines[6].contains(&id[..8]), "{ran:?}");
    assert!(!lines[6].contains("touch") && !instance.folder().join("hit").exists());
    assert!(!lines[6].contains('<'), "what is offered can be typed: {ran:?}");
    assert_eq!(ran.stderr, "");
}

#[test]
fn completing_starts_no_supervisor() {
    let instance = Instance::new();
    assert_eq!(instance.ok(&["completions", "--sessions"]), "");
    assert!(!instance.home().exists());
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(instance.ok(&["completions", shell]).contains("dispatch"), "{shell}");
    }
    assert!(instance.fails(2, &["completions", "tcsh"]).contains("bash"));
    instance.fails(2, &["completions"]);
}

#[test]
fn every_verb_has_a_manual_page() {
    let instance = Instance::new();
    let page = instance.ok(&["man", "daemon", "stop"]);
    assert!(
        page.contains(".SH NAME\ndecklog\\-daemon\\-stop") && page.contains(".SH \"EXAMPLES\""),
        "{page}"
    );
    assert!(instance.ok(&["man"]).contains("decklog\\-history(1)"));
    assert!(instance.fails(2, &["man", "stpo"]).contains("did you mean stop?"));
    let folder = instance.folder().join("man/man1");
    let listed = instance.ok(&["man", "--dir", folder.to_str().unwrap()]);
    let files: Vec<_> = listed.lines().collect();
    assert!(files.len() > 20 && files[0].ends_with("/man1/decklog.1"), "{listed}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), files.len());
    assert_eq!(fs::read_to_string(folder.join("decklog-daemon-stop.1")).unwrap(), page);
    fs::write(instance.folder().join("file"), "").unwrap();
    instance.fails(1, &["man", "--dir", "file/man1"]);
    assert!(!instance.home().exists());
}
