//! `completions`: a script that completes words for a shell, made from the definitions of the verbs when asked for.
//!
//! To what the definitions give it adds the sessions of the roster, which the script asks for with a hidden flag. That
//! must be quick and safe: it starts no supervisor, and a shell expands the words that it gets, so none is ever given
//! that a shell could take for anything but itself.

use std::time::Duration;

use clap::{Arg, Command, CommandFactory as _};
use clap_complete::Shell;
use decklog_protocol::message::Request;

use crate::cli::{Cli, Completions};
use crate::client::{self, IfNone, Patience};
use crate::clock::Deadline;
use crate::console::Console;
use crate::error::Failure;
use crate::surroundings;

/// Of what has finished only the newest is offered.
const FINISHED_MOST: u64 = 200;
/// Nobody waits longer for a word.
const SESSIONS_WITHIN: Duration = Duration::from_millis(500);

/// Prints a script, or what a script asks for.
pub(super) fn run(args: &Completions, console: &mut Console) -> Result<u8, Failure> {
    match args.shell {
        Some(shell) => console.bytes(script(shell).as_bytes())?,
        None => {
            for word in sessions() {
                console.line(&word)?;
            }
        }
    }
    Ok(0)
}

/// Short ids and names, as far as a shell takes them literally. None where no supervisor says them at once.
fn sessions() -> Vec<String> {
    let Ok(home) = surroundings::home() else { return Vec::new() };
    let patience = Patience::Until(Deadline::after(SESSIONS_WITHIN));
    let request = Request::roster(Some(FINISHED_MOST));
    let Ok(mut answers) = client::ask(&home, &request, IfNone::Fail, patience) else { return Vec::new() };
    let mut rows = Vec::new();
    // As many as come in time.
    let _ = answers.roster(&mut rows);
    let words = rows.into_iter().flat_map(|row| [row.row.name, row.short]);
    words.filter(|word| is_literal(word)).collect()
}

fn is_literal(word: &str) -> bool {
    !word.starts_with('-') && word.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn script(shell: Shell) -> String {
    let mut decklog = Cli::command();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut decklog, "decklog", &mut script);
    let script = String::from_utf8(script).expect("it is made of words of ours");
    let verbs = verbs_of_sessions(&decklog);
    match shell {
        Shell::Bash => bash(&script, &decklog) + &BASH.replace("VERBS", &verbs.join("|")),
        Shell::Zsh => zsh(&without_hidden(&script, &decklog), &decklog),
        Shell::Fish => {
            without_hidden(&script, &decklog)
                + &verbs.iter().map(|verb| FISH.replace("VERB", verb)).collect::<String>()
        }
        _ => without_hidden(&script, &decklog),
    }
}

/// The verbs, by all their names, that take the ID of a session.
fn verbs_of_sessions(decklog: &Command) -> Vec<&str> {
    let takes_id = |verb: &&Command| {
        let mut names = verb.get_positionals().filter_map(|argument| argument.get_value_names());
        names.any(|names| names.iter().any(|name| name == "ID"))
    };
    let verbs = decklog.get_subcommands().filter(takes_id);
    verbs.flat_map(|verb| std::iter::once(verb.get_name()).chain(verb.get_all_aliases())).collect()
}

/// The generated script would offer flags that are hidden, and `<ID>...`, which nobody types.
fn bash(script: &str, decklog: &Command) -> String {
    let hidden = hidden(decklog).into_iter().filter_map(|argument| argument.get_long());
    let hidden: Vec<_> = hidden.map(|flag| format!("--{flag}")).collect();
    let is_word = |word: &&str| !word.starts_with(['<', '[']) && !hidden.iter().any(|hidden| hidden == word);
    let lines = script.lines().map(|line| match line.trim_start().strip_prefix("opts=\"") {
        Some(words) => {
            let words: Vec<_> = words.trim_end_matches('"').split_whitespace().filter(is_word).collect();
            format!("            opts=\"{}\"\n", words.join(" "))
        }
        None => format!("{line}\n"),
    });
    lines.collect()
}

/// The other generators know no hidden flags either. They write a line for each flag.
fn without_hidden(script: &str, decklog: &Command) -> String {
    let flags: Vec<_> = hidden(decklog).into_iter().filter_map(|argument| argument.get_long()).collect();
    let names = |line: &str, flag: &str| {
        let written = [
            format!("cand --{flag} "),
            format!("('--{flag}',"),
            format!(" -l {flag} "),
            format!("--{flag}["),
        ];
        written.iter().any(|written| line.contains(written))
    };
    let lines = script.lines().filter(|line| !flags.iter().any(|flag| names(line, flag)));
    lines.map(|line| format!("{line}\n")).collect()
}

/// The arguments that are not shown, of every verb.
fn hidden(command: &Command) -> Vec<&Arg> {
    let own = command.get_arguments().filter(|argument| argument.is_hide_set());
    own.chain(command.get_subcommands().flat_map(hidden)).collect()
}

const BASH: &str = r#"
_decklog_with_sessions() {
    _decklog "$@"
    local cur="${COMP_WORDS[COMP_CWORD]}"
    case "${COMP_WORDS[1]}" in
        VERBS)
            if [[ $cur != -* ]]; then
                COMPREPLY+=($(compgen -W "$("$1" completions --sessions 2>/dev/null)" -- "$cur"))
            fi
            ;;
    esac
}
complete -F _decklog_with_sessions -o bashdefault -o default decklog
"#;

const FISH: &str = "complete -c decklog -n \"__fish_decklog_using_subcommand VERB\" -f \
-a \"(decklog completions --sessions 2>/dev/null)\"\n";

const ZSH: &str = r#"_decklog_sessions() {
    local -a sessions
    sessions=(${(f)"$(_call_program sessions decklog completions --sessions 2>/dev/null)"})
    compadd -a sessions
}

"#;

/// Where an ID belongs, the generated script would complete files; and it offers positional arguments that are hidden.
fn zsh(script: &str, decklog: &Command) -> String {
    let hidden = hidden(decklog).into_iter();
    let hidden: Vec<_> = hidden.map(|argument| format!("'::{} -- ", argument.get_id())).collect();
    let lines = script.lines().filter(|line| !hidden.iter().any(|hidden| line.starts_with(hidden)));
    let lines = lines.map(|line| {
        let is_id = line.contains("':id -- ") || line.contains("'::id -- ") || line.contains("'*::ids -- ");
        if is_id { line.replace(":_default'", ":_decklog_sessions'") } else { line.to_owned() }
    });
    let script: String = lines.map(|line| line + "\n").collect();
    // The functions come first: the script ends by calling its own.
    script.replacen("_decklog() {\n", &format!("{ZSH}_decklog() {{\n"), 1)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_has_a_script() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            assert!(script.contains("dispatch") && script.contains("keep-workers"), "{shell}");
            assert!(!script.contains("detached"), "{shell}: what is hidden stays hidden");
            assert!(!script.contains("A prompt for an agent"), "{shell}");
        }
        assert!(script(Shell::Zsh).contains("':id -- Which session:_decklog_sessions'"));
        assert!(script(Shell::Zsh).contains("'*::ids -- Which sessions:_decklog_sessions'"));
    }

    #[test]
    fn verbs_that_take_a_session_are_known() {
        let decklog = Cli::command();
        let verbs = verbs_of_sessions(&decklog);
        for verb in ["show", "logs", "stop", "kill", "rename", "group", "rm", "history"] {
            assert!(verbs.contains(&verb), "{verb}");
        }
        assert!(!verbs.contains(&"ls") && !verbs.contains(&"daemon"));
    }

    #[test]
    fn what_a_shell_would_expand_is_not_offered() {
        assert!(is_literal("7c5dcf5d") && is_literal("a_b.c-2"));
        for word in ["$(reboot)", "`x`", "a b", "a;b", "*", "-x", "~", "日本", "a'b"] {
            assert!(!is_literal(word), "{word}");
        }
    }
}
