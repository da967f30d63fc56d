//! What a line is: words with their places, and what the first of them makes of the line. Pure.
//!
//! Quotes are those of a POSIX shell; nothing is ever expanded, no variable, no `~`, no `*`. Text that is a job
//! (`! CMD`) is never split: `sh` reads it as it was typed.

use std::ops::Range;

use clap::CommandFactory as _;

use crate::cli::Cli;
use crate::commands;
use crate::render::text;

/// A line may begin with it, as on the command line.
const PROGRAM: &str = "decklog";
/// A word with fewer letters is near to everything, and no verb misspelt; nor is what a verb begins with, half typed.
const LETTERS_MIN: usize = 3;
/// A word with more letters is no verb misspelt.
const LETTERS_MAX: usize = 20;

/// A word, quotes taken off, and where it stands in its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// The word.
    pub(super) text: String,
    /// Its bytes in the line, quotes and all.
    pub(super) span: Range<usize>,
}

/// What a line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// Nothing: it is blank, or a comment.
    Nothing,
    /// A verb: its words, as on the command line.
    Verb(Vec<String>),
    /// To leave the shell.
    Leave,
    /// Another directory; none given: the person's own.
    Directory(Option<String>),
    /// The overview of what can be typed.
    Help,
    /// News off, or on again.
    Quiet,
    /// From here on a script goes on after failures.
    KeepGoing,
}

/// What is wrong with a line, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointed {
    /// The bytes of the line that are wrong.
    pub(super) span: Range<usize>,
    /// What is wrong with them.
    pub(super) text: String,
}

/// The words of the shell itself, beside the verbs.
pub(super) const OWN: [&str; 3] = ["cd", "exit", "quit"];
/// The same, of those that begin with a backslash.
pub(super) const BACKSLASHED: [&str; 2] = ["\\keep-going", "\\quiet"];

/// Every verb, by all its names.
pub(super) fn verbs() -> Vec<String> {
    let command = Cli::command();
    let names = |verb: &clap::Command| {
        let aliases = verb.get_all_aliases().map(ToOwned::to_owned);
        std::iter::once(verb.get_name().to_owned()).chain(aliases).collect::<Vec<_>>()
    };
    command.get_subcommands().flat_map(names).collect()
}

/// What a line asks for, or what is wrong with it.
pub(super) fn read(line: &str) -> Result<Line, Pointed> {
    if is_comment(line) {
        return Ok(Line::Nothing);
    }
    if let Some(command) = job(line) {
        if command.is_empty() {
            let at = line.find('!').unwrap_or_default();
            return Err(wrong(at..at + 1, "there is nothing to run: ! CMD dispatches a job"));
        }
        return Ok(Line::Verb(["dispatch", "--exec", command].map(ToOwned::to_owned).into()));
    }
    let Split { mut words, open } = split(line);
    if let Some(open) = open {
        return Err(wrong(open..line.len(), "this quote is never closed"));
    }
    if let Some(word) = words.iter().find(|word| word.text.contains('\0')) {
        return Err(wrong(word.span.clone(), "no word can have a zero byte"));
    }
    let has_program = words.first().is_some_and(|word| word.text == PROGRAM);
    if has_program {
        words.remove(0);
    }
    if let Some(first) = words.first_mut().filter(|first| line[first.span.clone()].starts_with('\\')) {
        // A word of the shell's own: the backslash is part of its name.
        line[first.span.clone()].clone_into(&mut first.text);
    }
    match words.split_first() {
        None if has_program => Ok(Line::Verb(vec!["ls".into()])),
        None => Ok(Line::Nothing),
        Some((first, rest)) => read_words(line, first, rest),
    }
}

fn read_words(line: &str, first: &Word, rest: &[Word]) -> Result<Line, Pointed> {
    let alone = |what: Line| match rest.first() {
        None => Ok(what),
        Some(word) => Err(wrong(word.span.clone(), &format!("{} stands alone", first.text))),
    };
    match first.text.as_str() {
        "exit" | "quit" => return alone(Line::Leave),
        "\\quiet" => return alone(Line::Quiet),
        "\\keep-going" => return alone(Line::KeepGoing),
        "help" if rest.is_empty() => return Ok(Line::Help),
        "cd" => {
            return match rest {
                [] => Ok(Line::Directory(None)),
                [folder] => Ok(Line::Directory(Some(folder.text.clone()))),
                [_, word, ..] => Err(wrong(word.span.clone(), "cd takes one directory")),
            };
        }
        _ => {}
    }
    let words = std::iter::once(first).chain(rest).map(|word| word.text.clone());
    let verbs = verbs();
    if first.text.starts_with('-') || verbs.contains(&first.text) {
        return Ok(Line::Verb(words.collect()));
    }
    let quoted = line[first.span.clone()].starts_with(['\'', '"']);
    if !quoted {
        begins_a_line(first)?;
        if let Some(near) = near_verb(&first.text, &verbs) {
            return Err(wrong(first.span.clone(), &format!("no such verb; did you mean {near}?")));
        }
    }
    for word in std::iter::once(first).chain(rest).filter(|word| !word.text.starts_with('-')) {
        commands::check_term(&word.text).map_err(|text| wrong(word.span.clone(), &text))?;
    }
    Ok(Line::Verb(std::iter::once("ls".to_owned()).chain(words).collect()))
}

/// Signs that begin no line in this version are not words to look for.
fn begins_a_line(first: &Word) -> Result<(), Pointed> {
    let sign = first.text.chars().next().filter(|sign| "\\!>@/%#".contains(*sign));
    match sign {
        None => Ok(()),
        Some('\\') => Err(wrong(first.span.clone(), &format!("the shell has {}", BACKSLASHED.join(" and ")))),
        Some(sign) => {
            let text = format!("`{sign}` begins no line; a line is a verb, words to list, or ! CMD");
            Err(wrong(first.span.clone(), &text))
        }
    }
}

/// The verb that was meant by a word that is none: nearer than words of another meaning can be.
fn near_verb<'a>(word: &str, verbs: &'a [String]) -> Option<&'a str> {
    let letters = word.chars().count();
    if word.contains(':') || letters > LETTERS_MAX {
        return None;
    }
    let known = || verbs.iter().map(String::as_str).chain(OWN);
    let begun = known().find(|verb| letters >= LETTERS_MIN && verb.starts_with(word));
    let within = match letters {
        0..LETTERS_MIN => 0,
        LETTERS_MIN..=5 => 1,
        _ => 2,
    };
    let near = known().map(|verb| (text::distance(word, verb), verb)).min();
    begun.or(near.filter(|(distance, _)| *distance <= within).map(|(_, verb)| verb))
}

/// Whether the whole line is a comment, or blank.
pub(super) fn is_comment(line: &str) -> bool {
    let line = line.trim();
    line.is_empty()
        || line.strip_prefix('#').is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

/// The command of a line that is a job, as it was typed.
fn job(line: &str) -> Option<&str> {
    Some(line.trim_start().strip_prefix('!')?.trim_start_matches([' ', '\t']).trim_end_matches('\n'))
}

/// How far a line that is read part by part, a line break between each, has come. Each part is looked at once: a script
/// may be all one open quote.
#[derive(Debug, Default)]
pub(super) struct Extent {
    begun: bool,
    is_job: bool,
    open: Option<char>,
}

impl Extent {
    /// Adds a part; says whether the line is whole with it: no quote is open, and it does not end with a backslash.
    pub(super) fn is_whole_with(&mut self, part: &str) -> bool {
        if !std::mem::replace(&mut self.begun, true) {
            if is_comment(part) {
                return true;
            }
            self.is_job = job(part).is_some();
        }
        let quote = self.open.filter(|open| *open != '\\');
        self.open = scan(part, quote, self.is_job, |_, _| {}).map(|(open, _)| open);
        self.open.is_none()
    }
}

/// The lines of a text, and whether the last one is whole: a line break inside quotes ends none.
pub(super) fn lines_of(text: &str) -> (Vec<&str>, bool) {
    let mut lines = Vec::new();
    let mut extent = Extent::default();
    let (mut begin, mut end) = (0, 0);
    let mut is_whole = true;
    for part in text.split('\n') {
        end += part.len();
        is_whole = extent.is_whole_with(part);
        if is_whole {
            lines.push(&text[begin..end]);
            begin = end + 1;
            extent = Extent::default();
        }
        end += 1;
    }
    if !is_whole {
        lines.push(&text[begin..]);
    }
    (lines, is_whole)
}

/// A line as words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// Its words; the last one may be unfinished.
    pub(super) words: Vec<Word>,
    /// Where the quote, or the backslash, stands that waits for more.
    pub(super) open: Option<usize>,
}

/// Splits a line into words.
pub(super) fn split(line: &str) -> Split {
    let mut words: Vec<Word> = Vec::new();
    let mut in_word = false;
    let open = scan(line, None, false, |span, piece| match piece {
        Piece::Blank => in_word = false,
        Piece::Quote | Piece::Character(_) => {
            if !std::mem::replace(&mut in_word, true) {
                words.push(Word { text: String::new(), span: span.start..span.start });
            }
            let word = words.last_mut().expect("one was begun");
            word.span.end = span.end;
            if let Piece::Character(character) = piece {
                word.text.push(character);
            }
        }
    });
    Split { words, open: open.map(|(_, at)| at) }
}

/// What a character of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// It parts words.
    Blank,
    /// It is a quote, or nothing: a word is there, be it empty.
    Quote,
    /// It is of a word.
    Character(char),
}

/// Goes through a line by the rules of quotes, from inside this one on; returns the quote or the backslash that is open
/// at its end, and where it stands. With comments, as `sh` has them, what stands in one opens no quote.
fn scan(
    line: &str,
    quote: Option<char>,
    comments: bool,
    mut piece: impl FnMut(Range<usize>, Piece),
) -> Option<(char, usize)> {
    let mut open = quote.map(|quote| (quote, 0));
    let mut parted = true;
    let mut characters = line.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let span = at..at + c.len_utf8();
        let was_parted = std::mem::replace(&mut parted, false);
        match (open, c) {
            (None, ' ' | '\t' | '\n') => {
                parted = true;
                piece(span, Piece::Blank);
            }
            (None, '#') if comments && was_parted => {
                while characters.next_if(|(_, next)| *next != '\n').is_some() {}
            }
            (None, '\'' | '"') => {
                open = Some((c, at));
                piece(span, Piece::Quote);
            }
            (Some((quote, _)), c) if c == quote => {
                open = None;
                piece(span, Piece::Quote);
            }
            (None | Some(('"', _)), '\\') => match characters.next() {
                // At the end of a line it joins the next one to it.
                None if open.is_none() => return Some((c, at)),
                None => {}
                Some((_, '\n')) => parted = was_parted,
                Some((next_at, next)) => {
                    let span = at..next_at + next.len_utf8();
                    if open.is_some() && !['$', '`', '"', '\\'].contains(&next) {
                        piece(span.clone(), Piece::Character('\\'));
                    }
                    piece(span, Piece::Character(next));
                }
            },
            (_, c) => piece(span, Piece::Character(c)),
        }
    }
    open
}

fn wrong(span: Range<usize>, text: &str) -> Pointed {
    Pointed { span, text: text.into() }
}

impl Pointed {
    /// What stands under the line: marks below what is wrong, and what is wrong with it. The line begins in this column.
    /// Of a line with line breaks it is the one that has the beginning of what is wrong.
    pub(super) fn mark(&self, line: &str, column: usize) -> String {
        let (line, begin) = self.physical_line(line);
        let width = |text: &str| text::width(&text::shown(text));
        let start = self.span.start - begin;
        let end = (self.span.end - begin).min(line.len());
        let before = column + width(&line[..start]);
        format!(
            "{}{} {}",
            " ".repeat(before),
            "^".repeat(width(&line[start..end]).max(1)),
            text::shown(&self.text)
        )
    }

    /// The line with its mark under it, behind some words that say which line it is.
    pub(super) fn below(&self, line: &str, lead: &str) -> String {
        let physical = text::shown(self.physical_line(line).0).into_owned();
        format!("{lead}{physical}\n{}\n", self.mark(line, text::width(lead)))
    }

    /// The line of the terminal that what is wrong begins in, and where that line begins.
    fn physical_line<'a>(&self, line: &'a str) -> (&'a str, usize) {
        let begin = line[..self.span.start].rfind('\n').map_or(0, |at| at + 1);
        let end = line[begin..].find('\n').map_or(line.len(), |at| begin + at);
        (&line[begin..end], begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        let Split { words, open } = split(line);
        assert_eq!(open, None, "{line}");
        words.into_iter().map(|word| word.text).collect()
    }

    fn verb(line: &str) -> Vec<String> {
        match read(line) {
            Ok(Line::Verb(words)) => words,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn marked(line: &str) -> String {
        format!("{line}\n{}", read(line).unwrap_err().mark(line, 0))
    }

    #[test]
    fn quotes_are_those_of_a_shell() {
        assert_eq!(words("stop  build\ttest "), ["stop", "build", "test"]);
        assert_eq!(words(r#"a 'b "c' "d 'e" f\ g"#), ["a", "b \"c", "d 'e", "f g"]);
        assert_eq!(words(r#"a'b'"c"d '' """#), ["abcd", "", ""]);
        assert_eq!(words(r#""a\"b\$\\c\n" '\n' \n"#), [r#"a"b$\c\n"#, r"\n", "n"]);
        assert_eq!(words("'a\nb' c\\\nd"), ["a\nb", "cd"]);
        assert_eq!(words("日本 é"), ["日本", "é"]);
        assert_eq!(words(""), [""; 0]);
        assert_eq!(split("a 'b c").words[1], Word { text: "b c".into(), span: 2..6 });
        assert_eq!((split("a 'b").open, split("a \"").open, split("a\\").open), (Some(2), Some(2), Some(1)));
    }

    #[test]
    fn words_know_where_they_stand() {
        let line = r#"  stop 'a b'x  "c""#;
        let spans: Vec<_> = split(line).words.into_iter().map(|word| line[word.span].to_owned()).collect();
        assert_eq!(spans, ["stop", "'a b'x", "\"c\""]);
    }

    #[test]
    fn a_line_goes_on_while_a_quote_is_open() {
        let whole = |text: &str| lines_of(text) == (vec![text], true);
        let open = |text: &str| lines_of(text) == (vec![text], false);
        assert!(open("dispatch --exec 'make") && whole("dispatch --exec 'make\n'"));
        assert!(open("ls \\") && whole("ls \\\n--all") && open("ls \"a\\\nb") && whole("ls \"a\\\nb\""));
        assert!(whole("# don't") && whole("! echo a # don't") && whole(r"! echo a\'b"));
        assert!(open("! echo don't") && whole("! echo don't\n'"));
        assert!(open("ls a # don't"), "only a whole line is a comment");
        let several = "ls\n! echo 'a\nb' # '\n\n# it's\nstop x";
        assert_eq!(lines_of(several), (vec!["ls", "! echo 'a\nb' # '", "", "# it's", "stop x"], true));
        assert_eq!(lines_of(""), (vec![""], true));
    }

    #[test]
    fn lines_are_verbs_word_for_word() {
        assert_eq!(verb("stop --grace 1s 'my build'"), ["stop", "--grace", "1s", "my build"]);
        assert_eq!(verb("decklog stop build"), ["stop", "build"]);
        assert_eq!(verb("kill build"), ["kill", "build"]);
        assert_eq!(verb("help stop"), ["help", "stop"]);
        assert_eq!(verb("decklog"), ["ls"]);
        assert_eq!(verb("--version"), ["--version"]);
        assert_eq!(read("help"), Ok(Line::Help));
        assert_eq!((read(" exit"), read("quit")), (Ok(Line::Leave), Ok(Line::Leave)));
        assert_eq!(
            (read("cd"), read("cd 'a b'")),
            (Ok(Line::Directory(None)), Ok(Line::Directory(Some("a b".into()))))
        );
        assert_eq!((read("\\quiet"), read("\\keep-going")), (Ok(Line::Quiet), Ok(Line::KeepGoing)));
        for nothing in ["", "  \t", "#", "# a comment", "  # don't"] {
            assert_eq!(read(nothing), Ok(Line::Nothing), "{nothing}");
        }
    }

    #[test]
    fn a_job_is_what_was_typed() {
        assert_eq!(
            verb("! make  'a b' && x=$(ls) # it's"),
            ["dispatch", "--exec", "make  'a b' && x=$(ls) # it's"]
        );
        assert_eq!(verb("  !echo \\n  "), ["dispatch", "--exec", "echo \\n  "]);
        assert_eq!(verb("! -x"), ["dispatch", "--exec", "-x"]);
    }

    #[test]
    fn other_words_list() {
        assert_eq!(verb("s:failed"), ["ls", "s:failed"]);
        assert_eq!(verb("n:build group:nightly --all"), ["ls", "n:build", "group:nightly", "--all"]);
        assert_eq!(verb("build"), ["ls", "build"]);
        assert_eq!(verb("web"), ["ls", "web"]);
        assert_eq!(verb("'stpo'"), ["ls", "stpo"], "what is quoted is no verb");
    }

    #[test]
    fn what_is_wrong_is_marked() {
        insta::assert_snapshot!(marked("stpo build"), @"
        stpo build
        ^^^^ no such verb; did you mean stop?
        ");
        insta::assert_snapshot!(marked("decklog dipsatch x"), @"
        decklog dipsatch x
                ^^^^^^^^ no such verb; did you mean dispatch?
        ");
        insta::assert_snapshot!(marked("build s:blokced"), @"
        build s:blokced
              ^^^^^^^^^ `blokced` is no state, and begins no single one; did you mean blocked?
        ");
        insta::assert_snapshot!(marked("show '日本"), @"
        show '日本
             ^^^^^ this quote is never closed
        ");
        insta::assert_snapshot!(marked("> fix it"), @"
        > fix it
        ^ `>` begins no line; a line is a verb, words to list, or ! CMD
        ");
        insta::assert_snapshot!(marked("\\loud"), @r"
        \loud
        ^^^^^ the shell has \keep-going and \quiet
        ");
        let broken = "show a\n  'b\nc";
        insta::assert_snapshot!(read(broken).unwrap_err().below(broken, "line 2: "), @"
        line 2:   'b
                  ^^ this quote is never closed
        ");
        insta::assert_snapshot!(marked("exit now"), @"
        exit now
             ^^^ exit stands alone
        ");
        insta::assert_snapshot!(marked("  !"), @"
          !
          ^ there is nothing to run: ! CMD dispatches a job
        ");
    }

    #[test]
    fn a_verb_is_meant_by_what_is_near_to_it() {
        let verbs = verbs();
        let near = |word: &str| near_verb(word, &verbs);
        let meant =
            ["shwo", "lgos", "hist", "respwan", "stp", "log", "exti", "wiat"].map(|word| near(word).unwrap());
        assert_eq!(meant, ["show", "logs", "history", "respawn", "stop", "logs", "exit", "wait"]);
        for word in ["web", "job", "build", "test", "nightly", "a", "li", "sleep", "s:stpo"] {
            assert_eq!(near(word), None, "{word}");
        }
    }
}
