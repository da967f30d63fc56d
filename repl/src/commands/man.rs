//! `man`: manual pages, made from the definitions of the verbs when asked for.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man as Page;

use crate::cli::{Cli, Man};
use crate::console::Console;
use crate::error::{Failure, Kind};
use crate::render::text;

const VERSION: &str = concat!("decklog ", env!("CARGO_PKG_VERSION"));

/// Prints one page, or writes all of them.
pub(super) fn run(args: &Man, console: &mut Console) -> Result<u8, Failure> {
    let mut decklog = Cli::command();
    decklog.build();
    match &args.dir {
        Some(folder) => write_all(&decklog, folder, console)?,
        None => console.bytes(&page(verb(&decklog, &args.verb)?)?)?,
    }
    Ok(0)
}

/// The verb of these words.
fn verb<'a>(decklog: &'a Command, words: &[String]) -> Result<&'a Command, Failure> {
    let mut found = decklog;
    for word in words {
        found = found.find_subcommand(word).ok_or_else(|| {
            let known: Vec<_> = found.get_subcommands().map(Command::get_name).collect();
            let failure = Failure::usage(format!("no such verb: `{word}`"));
            let near = text::nearest(word, &known).map(|near| format!("did you mean {near}?"));
            near.into_iter().fold(failure, Failure::hint).hint("decklog help lists the verbs")
        })?;
    }
    Ok(found)
}

fn write_all(decklog: &Command, folder: &Path, console: &mut Console) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| cannot("make", folder, &error))?;
    for command in all(decklog) {
        let path = folder.join(format!("{}.1", name(command)));
        fs::write(&path, page(command)?).map_err(|error| cannot("write", &path, &error))?;
        console.line(&text::shown(&path.to_string_lossy()))?;
    }
    Ok(())
}

/// This command and its verbs, and theirs.
fn all(command: &Command) -> Vec<&Command> {
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    std::iter::once(command).chain(verbs.flat_map(all)).collect()
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Kind::Failed, format!("cannot {what} {}: {error}", path.display()))
        .hint("--dir takes a folder that you may write to, such as ~/.local/share/man/man1")
}

/// The name of its page: `decklog-daemon-stop`.
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// A page as roff.
fn page(command: &Command) -> std::io::Result<Vec<u8>> {
    let page = Page::new(command.clone().subcommand_help_heading("VERBS")).manual("decklog").source(VERSION);
    let mut roff = Vec::new();
    page.render_title(&mut roff)?;
    page.render_name_section(&mut roff)?;
    page.render_synopsis_section(&mut roff)?;
    page.render_description_section(&mut roff)?;
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        page.render_options_section(&mut roff)?;
    }
    if command.has_subcommands() {
        page.render_subcommands_section(&mut roff)?;
    }
    let manual = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    for paragraph in manual.split("\n\n") {
        push_paragraph(&mut roff, paragraph);
    }
    Ok(roff)
}

/// What stands after the flags: a paragraph that begins with one of these is a section of that name. Its
/// lines stay lines.
fn push_paragraph(roff: &mut Vec<u8>, paragraph: &str) {
    const TITLES: [&str; 4] = ["Exit codes", "Example", "Examples", "Variables"];
    let (title, body) = match paragraph.split_once(':') {
        Some((title, body)) if TITLES.contains(&title) => (Some(title), body),
        _ => (None, paragraph),
    };
    let before = match title {
        Some(title) => format!(".SH \"{}\"\n.nf\n", title.to_uppercase()),
        None => ".PP\n.nf\n".into(),
    };
    let lines: String = body.trim().lines().map(|line| escaped(line.trim()) + "\n").collect();
    roff.extend_from_slice(format!("{before}{lines}.fi\n").as_bytes());
}

/// A line that roff takes as it is.
fn escaped(line: &str) -> String {
    let text = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built() -> Command {
        let mut decklog = Cli::command();
        decklog.build();
        decklog
    }

    #[test]
    fn verbs_have_pages_of_their_own() {
        let decklog = built();
        let names: Vec<_> = all(&decklog).into_iter().map(name).collect();
        assert_eq!(&names[..3], ["decklog", "decklog-dispatch", "decklog-ls"]);
        assert!(names.contains(&"decklog-daemon-stop"), "{names:?}");
        let stop = verb(&decklog, &["daemon".into(), "stop".into()]).unwrap();
        assert_eq!(name(stop), "decklog-daemon-stop");
        insta::assert_snapshot!(verb(&decklog, &["stpo".into()]).unwrap_err().message(), @"
        no such verb: `stpo`

        hint: did you mean stop?
        hint: decklog help lists the verbs
        ");
    }

    #[test]
    fn examples_and_exit_codes_are_sections() {
        let mut roff = Vec::new();
        push_paragraph(&mut roff, "Exit codes: 0 one runs\n            5 none does");
        push_paragraph(&mut roff, "Example:\n  decklog logs -f 'a\\b'\n  .dot");
        push_paragraph(&mut roff, "A sentence: that has a colon.");
        insta::assert_snapshot!(String::from_utf8(roff).unwrap(), @r#"
        .SH "EXIT CODES"
        .nf
        0 one runs
        5 none does
        .fi
        .SH "EXAMPLE"
        .nf
        decklog logs \-f \(aqa\eb\(aq
        \&.dot
        .fi
        .PP
        .nf
        A sentence: that has a colon.
        .fi
        "#);
    }

    #[test]
    fn what_is_hidden_stays_hidden() {
        let decklog = built();
        let run = page(verb(&decklog, &["daemon".into(), "run".into()]).unwrap()).unwrap();
        assert!(!String::from_utf8(run).unwrap().contains("detached"));
        let dispatch = page(verb(&decklog, &["dispatch".into()]).unwrap()).unwrap();
        assert!(!String::from_utf8(dispatch).unwrap().contains("PROMPT"));
    }
}
