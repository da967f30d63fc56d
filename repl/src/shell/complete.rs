//! What Tab offers: from the line up to the cursor to candidates. Pure: what only the supervisor or a folder can tell is
//! asked for by [`Place::needs_sessions`] and [`Place::folder`], and handed in.
//!
//! Verbs, flags and values come from the definitions of the command line. What an argument takes is told by the name
//! of its value (`ID`, `DIR`, `STATE`), as help has it.

use clap::{Arg, Command, CommandFactory as _};
use decklog_engine::event::EventKind;
use decklog_engine::session::State;

use super::lines::{self, BACKSLASHED, OWN, Word};
use crate::cli::Cli;

/// More are not offered.
const CANDIDATES_MAX: usize = 500;
/// Of sessions that left the roster so many are offered.
const LEFT_MAX: usize = 48;
/// Verbs for which sessions that left are as good as those on the roster.
const FOR_LEFT: [&str; 6] = ["restore", "respawn", "history", "show", "why", "logs"];
/// Words that look in one place only.
const TERMS: [&str; 3] = ["s:", "n:", "group:"];

/// A session that can be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// Its short id.
    pub(super) short: String,
    /// Its name.
    pub(super) name: String,
    /// Its group.
    pub(super) group: Option<String>,
    /// Whether it left the roster.
    pub(super) left: bool,
}

/// What may stand where the cursor is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    /// One of these words.
    Words(Vec<String>),
    /// A session; also one that left.
    Sessions { left: bool },
    /// A session's name, as part of a word.
    Names,
    /// A group.
    Groups,
    /// A folder.
    Folders,
}

/// The word that is being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Where it begins in the line.
    pub(super) start: usize,
    /// What was typed of it, quotes taken off.
    typed: String,
    /// The quote that it begins with.
    quote: Option<char>,
    /// Whether it is part of a word, and no quote can stand in it.
    is_part: bool,
    wanted: Vec<Wanted>,
}

/// What is offered for the word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// As the list shows it.
    pub(super) shown: String,
    /// As it stands in the line.
    pub(super) replacement: String,
}

/// What may stand at the end of this text.
pub(super) fn place(text: &str) -> Place {
    let split = lines::split(text);
    let begun = split.open.is_some() || !text.ends_with([' ', '\t', '\n']) || text.ends_with("\\ ");
    let mut words = split.words;
    let typed = if begun { words.pop() } else { None };
    let typed = typed.unwrap_or_else(|| Word { text: String::new(), span: text.len()..text.len() });
    let raw = &text[typed.span.start..];
    let mut place = Place {
        start: typed.span.start,
        quote: raw.chars().next().filter(|c| ['\'', '"'].contains(c)),
        is_part: false,
        wanted: Vec::new(),
        typed: typed.text,
    };
    // No part of a word that has quotes or backslashes in it can be replaced: its places are not those of the text.
    let is_plain = raw == place.typed;
    if !text.trim_start().starts_with('!') {
        if words.first().is_some_and(|first| first.text == "decklog") {
            words.remove(0);
        }
        let words: Vec<_> = words.into_iter().map(|word| word.text).collect();
        place.find_wanted(&words, is_plain);
    }
    place
}

impl Place {
    /// Whether sessions have to be known, and if so whether also those that left.
    pub(super) fn needs_sessions(&self) -> Option<bool> {
        let needs = |wanted: &Wanted| match wanted {
            Wanted::Sessions { left } => Some(*left),
            Wanted::Names | Wanted::Groups => Some(false),
            Wanted::Words(_) | Wanted::Folders => None,
        };
        self.wanted.iter().filter_map(needs).max()
    }

    /// The folder whose folders have to be known, as it was typed; empty for the present one.
    pub(super) fn folder(&self) -> Option<&str> {
        let wanted = self.wanted.contains(&Wanted::Folders);
        wanted.then(|| self.typed.rfind('/').map_or("", |at| &self.typed[..=at]))
    }

    fn find_wanted(&mut self, before: &[String], is_plain: bool) {
        let mut command = Cli::command();
        command.build();
        let Some((first, rest)) = before.split_first() else {
            return self.first_word(&command, is_plain);
        };
        match (first.as_str(), command.find_subcommand(first)) {
            ("cd", _) if rest.is_empty() => self.wanted = vec![Wanted::Folders],
            ("cd" | "exit" | "quit", _) => {}
            ("help", _) => {
                let verb = rest.iter().try_fold(&command, |of, word| of.find_subcommand(word));
                self.wanted = verb.map(|verb| vec![Wanted::Words(names(verb))]).unwrap_or_default();
            }
            (_, Some(verb)) => {
                let inner = rest.first().and_then(|word| verb.find_subcommand(word));
                match inner {
                    Some(inner) => self.argument(inner, &rest[1..], is_plain),
                    None => self.argument(verb, rest, is_plain),
                }
            }
            (_, None) => self.listing(is_plain),
        }
    }

    fn first_word(&mut self, command: &Command, is_plain: bool) {
        if self.typed.contains(':') {
            return self.listing(is_plain);
        }
        let mut words = names(command);
        words.extend(OWN.map(ToOwned::to_owned));
        let backslashed = BACKSLASHED.map(ToOwned::to_owned).into();
        // The backslash was taken off, as before any letter.
        if !is_plain && self.quote.is_none() {
            self.typed.insert(0, '\\');
            words = backslashed;
        }
        self.wanted = vec![Wanted::Words(words)];
    }

    /// A word of a filter.
    fn listing(&mut self, is_plain: bool) {
        if self.typed.starts_with('-') {
            return;
        }
        let wanted = match self.typed.split_once(':') {
            None => vec![Wanted::Words(TERMS.map(ToOwned::to_owned).into()), Wanted::Names],
            Some(("s" | "state", _)) => vec![Wanted::Words(states())],
            Some(("group", _)) => vec![Wanted::Groups],
            Some(("n" | "name", _)) => vec![Wanted::Names],
            Some(_) => Vec::new(),
        };
        if let Some(at) = self.typed.find(':') {
            self.part_from(at + 1, is_plain, wanted);
        } else {
            (self.wanted, self.is_part) = (wanted, true);
        }
    }

    /// An argument of a verb, behind these words.
    fn argument(&mut self, verb: &Command, words: &[String], is_plain: bool) {
        let read = Read::of(verb, words);
        if let Some(awaits) = read.awaits {
            return self.value(verb, awaits, is_plain);
        }
        if !read.ended && self.typed.starts_with('-') {
            if let Some((flag, _)) = self.typed.split_once('=') {
                let of = verb.get_arguments().find(|argument| long(argument) == flag);
                let at = flag.len() + 1;
                if let Some(of) = of {
                    self.part_from(at, is_plain, Vec::new());
                    self.value(verb, of, is_plain);
                }
                return;
            }
            self.wanted = vec![Wanted::Words(flags(verb))];
            return;
        }
        if verb.has_subcommands() {
            self.wanted = vec![Wanted::Words(names(verb))];
            return;
        }
        let mut wanted = Vec::new();
        if let Some(more) = read.takes_more {
            wanted.extend(values(verb, more));
        }
        match read.positional(verb) {
            Some(argument) if value_name(argument) == "WORD" => return self.listing(is_plain),
            Some(argument) => wanted.extend(values(verb, argument)),
            None if wanted.is_empty() && !read.ended => wanted.push(Wanted::Words(flags(verb))),
            None => {}
        }
        self.wanted = wanted;
    }

    fn value(&mut self, verb: &Command, of: &Arg, is_plain: bool) {
        let wanted = values(verb, of);
        let delimiter = of.get_value_delimiter().and_then(|delimiter| self.typed.rfind(delimiter));
        match delimiter {
            Some(at) => self.part_from(at + 1, is_plain, wanted),
            None => self.wanted = wanted,
        }
    }

    /// Only what stands behind this place of the word is completed.
    fn part_from(&mut self, at: usize, is_plain: bool, wanted: Vec<Wanted>) {
        if is_plain {
            self.start += at;
            self.typed.drain(..at);
            self.is_part = true;
            self.wanted = wanted;
        }
    }

    /// What is offered, given what is known.
    pub(super) fn candidates(&self, sessions: &[Known], folders: &[String]) -> Vec<Candidate> {
        let mut found: Vec<(String, String)> = Vec::new();
        for wanted in &self.wanted {
            match wanted {
                Wanted::Words(words) => found.extend(words.iter().map(|word| (word.clone(), word.clone()))),
                Wanted::Sessions { left } => found.extend(self.sessions(sessions, *left)),
                Wanted::Names => {
                    let listed = sessions.iter().filter(|session| !session.left);
                    found.extend(listed.map(|session| (session.name.clone(), session.name.clone())));
                }
                Wanted::Groups => {
                    let groups = sessions.iter().filter_map(|session| session.group.clone());
                    found.extend(groups.map(|group| (group.clone(), group)));
                }
                Wanted::Folders => {
                    found.extend(folders.iter().map(|folder| (folder.clone(), folder.clone())));
                }
            }
        }
        let typed = self.typed.to_lowercase();
        found.retain(|(_, word)| word.to_lowercase().starts_with(&typed));
        if self.is_part {
            found.retain(|(_, word)| quoted(word, None) == *word);
        }
        let mut offered: Vec<Candidate> = Vec::new();
        for (shown, word) in found {
            let replacement = quoted(&word, self.quote);
            if offered.len() < CANDIDATES_MAX && !offered.iter().any(|known| known.replacement == replacement)
            {
                offered.push(Candidate { shown, replacement });
            }
        }
        if let [only] = &mut offered[..]
            && !only.shown.ends_with([':', '/'])
        {
            only.replacement.push(' ');
        }
        offered
    }

    /// Sessions by their names, and by their ids where those were begun, or names do not tell them apart. Newest first.
    fn sessions(&self, sessions: &[Known], left: bool) -> Vec<(String, String)> {
        let listed = sessions.iter().filter(|session| !session.left);
        let gone = sessions.iter().filter(|session| session.left && left).take(LEFT_MAX);
        let offered: Vec<_> = listed.chain(gone).collect();
        let mut found = Vec::new();
        for (place, session) in offered.iter().enumerate() {
            let is_first = !offered[..place].iter().any(|earlier| earlier.name == session.name);
            if is_first {
                found.push((session.name.clone(), session.name.clone()));
            }
            if !is_first || !self.typed.is_empty() {
                found.push((format!("{} {}", session.short, session.name), session.short.clone()));
            }
        }
        found
    }
}

/// What the words of a verb so far leave open.
struct Read<'a> {
    /// The flag whose value comes next.
    awaits: Option<&'a Arg>,
    /// The flag that may have more values.
    takes_more: Option<&'a Arg>,
    positionals: usize,
    /// Whether `--` ended the flags.
    ended: bool,
}

impl<'a> Read<'a> {
    fn of(verb: &'a Command, words: &[String]) -> Self {
        let mut read = Self { awaits: None, takes_more: None, positionals: 0, ended: false };
        for word in words {
            if let Some(flag) = read.awaits.take() {
                read.takes_more = Some(flag).filter(|flag| takes_many(flag));
            } else if read.ended || !word.starts_with('-') || word == "-" {
                if read.takes_more.is_none() {
                    read.positionals += 1;
                }
            } else if word == "--" {
                (read.ended, read.takes_more) = (true, None);
            } else {
                read.takes_more = None;
                read.awaits = flag_that_awaits(verb, word);
            }
        }
        read
    }

    fn positional(&self, verb: &'a Command) -> Option<&'a Arg> {
        let of_ended = |argument: &&Arg| argument.is_last_set() == self.ended && !argument.is_hide_set();
        let positionals: Vec<_> = verb.get_positionals().filter(of_ended).collect();
        let last = positionals.last().copied().filter(|last| takes_many(last));
        positionals.get(self.positionals).copied().or(last)
    }
}

/// The flag of this word, if its value stands in the next one.
fn flag_that_awaits<'a>(verb: &'a Command, word: &str) -> Option<&'a Arg> {
    let takes = |argument: &&Arg| argument.get_action().takes_values();
    if word.starts_with("--") {
        return verb.get_arguments().filter(takes).find(|argument| long(argument) == word);
    }
    let mut letters = word.chars().skip(1);
    let value_of = letters.find_map(|letter| {
        verb.get_arguments().filter(takes).find(|argument| argument.get_short() == Some(letter))
    });
    // What stands behind the letter in the same word is its value.
    value_of.filter(|_| letters.next().is_none())
}

fn takes_many(argument: &Arg) -> bool {
    argument.get_num_args().is_some_and(|number| number.max_values() > 1)
}

fn long(argument: &Arg) -> String {
    argument.get_long().map(|long| format!("--{long}")).unwrap_or_default()
}

fn flags(verb: &Command) -> Vec<String> {
    let visible = verb.get_arguments().filter(|argument| !argument.is_hide_set());
    visible.map(long).filter(|flag| !flag.is_empty()).collect()
}

fn names(command: &Command) -> Vec<String> {
    let visible = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    visible.map(|verb| verb.get_name().to_owned()).collect()
}

fn states() -> Vec<String> {
    State::ALL.iter().map(|state| state.word().to_owned()).collect()
}

fn value_name(argument: &Arg) -> &str {
    argument.get_value_names().and_then(<[_]>::first).map_or("", |name| name.as_str())
}

/// What an argument takes.
fn values(verb: &Command, argument: &Arg) -> Vec<Wanted> {
    let possible: Vec<_> = argument.get_possible_values();
    if !possible.is_empty() {
        let visible = possible.iter().filter(|value| !value.is_hide_set());
        return vec![Wanted::Words(visible.map(|value| value.get_name().to_owned()).collect())];
    }
    match value_name(argument) {
        "ID" => vec![Wanted::Sessions { left: FOR_LEFT.contains(&verb.get_name()) }],
        "DIR" => vec![Wanted::Folders],
        "GROUP" => vec![Wanted::Groups],
        "STATE" | "STATE[,STATE]" => vec![Wanted::Words(states())],
        "K" if argument.get_long() == Some("kind") => {
            vec![Wanted::Words(EventKind::ALL.iter().map(|kind| kind.name().to_owned()).collect())]
        }
        "VERB" => Cli::command()
            .find_subcommand(verb.get_name())
            .map(names)
            .into_iter()
            .map(Wanted::Words)
            .collect(),
        _ => Vec::new(),
    }
}

/// A word as it has to be typed.
fn quoted(word: &str, quote: Option<char>) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./:=@%+,".contains(c);
    match quote {
        Some('"') => {
            let escaped: String = word
                .chars()
                .flat_map(|c| "\"\\$`".contains(c).then_some('\\').into_iter().chain([c]))
                .collect();
            format!("\"{escaped}\"")
        }
        None if !word.is_empty() && word.chars().all(is_plain) => word.into(),
        None if word.starts_with('\\') => word.into(),
        _ => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(short: &str, name: &str, group: Option<&str>, left: bool) -> Known {
        Known { short: short.into(), name: name.into(), group: group.map(Into::into), left }
    }

    fn known() -> Vec<Known> {
        vec![
            session("7c5dcf5d", "build", Some("nightly"), false),
            session("aa00bb11", "my build", None, false),
            session("e0c7aa19", "migrate", Some("nightly"), false),
            session("b1e4f702", "build", None, true),
            session("bb22cc33", "older", None, true),
        ]
    }

    /// Where the word begins, and what is offered.
    fn offered(text: &str) -> (usize, Vec<String>) {
        let place = place(text);
        let folders = ["src/".to_owned(), "my files/".to_owned()];
        let candidates = place.candidates(&known(), &folders);
        (place.start, candidates.into_iter().map(|candidate| candidate.replacement).collect())
    }

    /// The line after Tab, where one thing only is offered.
    fn completed(text: &str) -> String {
        let (start, offered) = offered(text);
        let [only] = &offered[..] else { panic!("{text}: {offered:?}") };
        format!("{}{only}", &text[..start])
    }

    fn offers(text: &str) -> Vec<String> {
        offered(text).1
    }

    #[test]
    fn verbs_and_the_shells_own_words() {
        assert_eq!(completed("dis"), "dispatch ");
        assert_eq!(completed("decklog veri"), "decklog verify ");
        assert_eq!(offers("re"), ["reply", "respawn", "rename", "restore"]);
        assert_eq!(completed("ex"), "exit ");
        assert_eq!(completed("\\q"), "\\quiet ");
        assert_eq!(offers("daemon sta"), ["start", "status"]);
        assert_eq!(completed("help dae"), "help daemon ");
        assert_eq!(completed("help daemon resta"), "help daemon restart ");
        assert!(offers("").contains(&"ls".to_owned()));
        assert_eq!(offers("! mak"), [""; 0]);
    }

    #[test]
    fn flags_of_the_verb_and_their_values() {
        assert_eq!(completed("stop --gr"), "stop --grace ");
        assert_eq!(completed("kill --gr"), "kill --grace ");
        assert!(
            offers("ls --").contains(&"--color".to_owned()) && offers("ls --").contains(&"--help".to_owned())
        );
        assert_eq!(completed("ls --color ne"), "ls --color never ");
        assert_eq!(completed("ls --color=ne"), "ls --color=never ");
        assert_eq!(completed("wait --for bl"), "wait --for blocked ");
        assert_eq!(completed("wait --for done,fa"), "wait --for done,failed ");
        assert_eq!(completed("history --kind finis"), "history --kind Finished ");
        assert_eq!(
            completed("history --kind Exited,SupervisorSto"),
            "history --kind Exited,SupervisorStopped "
        );
        assert_eq!(completed("ls --cwd s"), "ls --cwd src/");
        assert_eq!(completed("cd m"), "cd 'my files/'");
        assert_eq!(completed("daemon stop --an"), "daemon stop --any ");
        assert!(
            offers("verify ").contains(&"--json".to_owned()),
            "a verb without other arguments offers flags"
        );
        assert_eq!(offers("logs -n "), [""; 0], "a number follows");
        assert_eq!(offers("dispatch -- ma"), [""; 0]);
        assert!(offers("dispatch ").contains(&"--exec".to_owned()));
    }

    #[test]
    fn sessions_by_name_and_by_id() {
        assert_eq!(offers("stop "), ["build", "'my build'", "migrate"]);
        assert_eq!(completed("stop bu"), "stop build ");
        assert_eq!(completed("stop build mig"), "stop build migrate ");
        assert_eq!(completed("stop 7c"), "stop 7c5dcf5d ");
        assert_eq!(completed("stop my"), "stop 'my build' ");
        assert_eq!(completed("stop 'my b"), "stop 'my build' ");
        assert_eq!(completed("stop \"my b"), "stop \"my build\" ");
        assert_eq!(completed("stop my\\ b"), "stop 'my build' ");
        assert_eq!(completed("logs -n 5 mig"), "logs -n 5 migrate ");
        assert_eq!(completed("logs -fn5 mig"), "logs -fn5 migrate ");
        assert_eq!(offers("show b"), ["build", "b1e4f702", "bb22cc33"], "those that left as well");
        assert_eq!(completed("restore ol"), "restore older ");
        assert_eq!(offers("stop ol"), [""; 0]);
        assert_eq!(completed("history --kind Exited mig"), "history --kind Exited migrate ");
        assert_eq!(completed("group ni"), "group nightly ");
        assert_eq!(completed("group nightly mig"), "group nightly migrate ");
        assert_eq!(offers("rename migrate "), [""; 0], "a new name");
        assert_eq!(completed("dispatch --after build,mig"), "dispatch --after build,migrate ");
    }

    #[test]
    fn words_of_a_filter() {
        assert_eq!(completed("s:fa"), "s:failed ");
        assert_eq!(completed("ls state:fa"), "ls state:failed ");
        assert_eq!(completed("s:failed gro"), "s:failed group:");
        assert_eq!(completed("group:n"), "group:nightly ");
        assert_eq!(completed("ls n:mi"), "ls n:migrate ");
        assert_eq!(completed("ls mi"), "ls migrate ");
        assert_eq!(offers("x:y"), [""; 0]);
    }

    #[test]
    fn only_what_is_needed_is_asked_for() {
        let needs = |text: &str| place(text).needs_sessions();
        assert_eq!(
            [needs("st"), needs("stop "), needs("show "), needs("s:f")],
            [None, Some(false), Some(true), None]
        );
        assert_eq!(place("cd a/b").folder(), Some("a/"));
        assert_eq!(place("stop ").folder(), None);
    }

    #[test]
    fn nothing_that_is_typed_breaks_it() {
        for text in
            ["'", "\"\\", "stop --", "stop --x=", "ls ' ", "history --kind ", "日本 ", "-", "--", "\\", "a\\"]
        {
            offered(text);
        }
    }
}
