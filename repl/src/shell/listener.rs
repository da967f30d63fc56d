//! Who listens for news while the person types: a thread with a connection of its own that follows the log, and one
//! that prints above the prompt.
//!
//! Nothing is printed while a verb prints: what comes then is told before the next prompt. The listener never starts a
//! supervisor again: one that went away is looked for, and its successor goes on after the last record that was seen.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use decklog_engine::time::Time;
use decklog_protocol::home::Home;
use decklog_protocol::message::{Moment, Reply, Request, ShortRow};

use super::news::{self, Pending};
use super::screen::Screen;
use crate::cli::ColorWhen;
use crate::client::{self, Answers, IfNone, Incoming, Patience, Trouble};
use crate::clock::{self, Deadline};
use crate::console::Console;
use crate::error::Failure;
use crate::render;
use crate::render::news::Happened;

/// The prompt stands on the screen before anything is asked for news.
const BEGINS_AFTER: Duration = Duration::from_millis(100);
/// What comes within a moment is told together.
const MOMENT: Duration = Duration::from_millis(150);
/// A supervisor that went away is looked for so often.
const PAUSE: Duration = Duration::from_millis(500);
/// What was stopped or waited for in this shell is no news until so much after that.
const KNOWN_FOR: Duration = Duration::from_secs(2);
/// A row that does not come within this is told without.
const ROW_WITHIN: Duration = Duration::from_secs(1);

/// What the threads of a shell share.
#[derive(Debug)]
pub(super) struct Desk {
    home: Home,
    color: ColorWhen,
    state: Mutex<State>,
    changed: Condvar,
    /// Locked while it is drawn upon.
    screen: Mutex<Screen>,
}

#[derive(Debug, Default)]
struct State {
    pending: Pending,
    /// Whether lines may be printed above the prompt.
    at_prompt: bool,
    quiet: bool,
    /// Words of a verb that said itself how sessions ended, and until when they count.
    known: Option<(Vec<String>, Deadline)>,
}

impl Desk {
    /// One without news.
    pub(super) fn new(home: Home, color: ColorWhen) -> Arc<Self> {
        Arc::new(Self {
            home,
            color,
            state: Mutex::default(),
            changed: Condvar::new(),
            screen: Mutex::default(),
        })
    }

    /// Begins to listen, and to tell above the prompt what is heard.
    pub(super) fn listen(self: &Arc<Self>) {
        let (listener, teller) = (Arc::clone(self), Arc::clone(self));
        let thread = |name: &str| thread::Builder::new().name(name.into());
        // Without threads there are no news above the prompt, and no more harm than that.
        let _ = thread("news").spawn(move || listener.follow());
        let _ = thread("teller").spawn(move || teller.tell_above());
    }

    /// A line begins to be typed behind this prompt.
    pub(super) fn begin_line(&self, prompt: &str, painted: &str) {
        self.screen().begin(prompt, painted);
        self.state().at_prompt = true;
        self.changed.notify_all();
    }

    /// It is no longer typed.
    pub(super) fn end_line(&self) {
        self.screen().end();
        self.state().at_prompt = false;
    }

    /// What stands on the terminal while a line is typed.
    pub(super) fn screen(&self) -> MutexGuard<'_, Screen> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Switches news off, or on again; returns whether they are off now.
    pub(super) fn switch(&self) -> bool {
        let mut state = self.state();
        state.quiet = !state.quiet;
        state.pending = Pending::default();
        state.quiet
    }

    /// A verb with these words has just said itself how sessions ended.
    pub(super) fn was_told(&self, words: &[String]) {
        self.state().known = Some((words.to_vec(), Deadline::after(KNOWN_FOR)));
    }

    /// What there is to tell, as lines; nothing is left.
    pub(super) fn take(&self) -> String {
        let (mut pending, known) = {
            let mut state = self.state();
            let words =
                state.known.as_ref().filter(|(_, until)| !until.passed()).map(|(words, _)| words.clone());
            (std::mem::take(&mut state.pending), words)
        };
        if pending.is_empty() {
            return String::new();
        }
        let is_known = |one: &Happened| {
            let Some(words) = &known else { return false };
            let row = self.row(&one.session);
            news::is_meant(words, &one.session, row.as_ref().map_or("", |row| row.row.name.as_str()))
        };
        let batch = pending.take(is_known);
        let style = Console::new(self.color).style();
        let mut text: String = batch.said.into_iter().map(|said| said + "\n").collect();
        for happened in &batch.happened {
            text += &render::news::line(happened, self.row(&happened.session).as_ref(), style);
        }
        text + &render::news::rest(batch.blocked, batch.finished)
    }

    fn row(&self, session: &str) -> Option<ShortRow> {
        let request = Request::Show { target: format!("id:{session}"), at: None };
        match ask_quietly(&self.home, &request, ROW_WITHIN)? {
            Reply::Rows { rows } => rows.into_iter().next(),
            _ => None,
        }
    }

    /// Prints above the prompt what comes while it is there.
    fn tell_above(&self) {
        loop {
            {
                let state = self.state();
                let waited =
                    self.changed.wait_while(state, |state| !state.at_prompt || state.pending.is_empty());
                drop(waited.unwrap_or_else(PoisonError::into_inner));
            }
            thread::sleep(MOMENT);
            // Rather than to ask for rows again and again while there is no place for them.
            if self.print_above("").is_none() {
                continue;
            }
            let text = self.take();
            if !text.is_empty() && self.print_above(&text).is_none() {
                // A verb was begun meanwhile.
                self.put(|pending| pending.say(text.trim_end().to_owned()));
            }
        }
    }

    /// Prints above the line that is being typed, if it can be done now.
    fn print_above(&self, text: &str) -> Option<()> {
        let screen = self.screen();
        let mut console = Console::new(self.color);
        let above = screen.above(text, console.style().width?)?;
        if !text.is_empty() {
            // A terminal that is gone ends the shell by itself.
            let _ = console.screen(&above).and_then(|()| console.flush());
        }
        Some(())
    }

    /// Follows the log as long as the shell is open.
    fn follow(&self) {
        let mut place = Place { opened: clock::now(), last_seq: None };
        thread::sleep(BEGINS_AFTER);
        let mut if_none = IfNone::Start;
        let mut away = false;
        loop {
            let answers = client::ask(&self.home, &place.request(), if_none, Patience::Unlimited);
            match answers.map(Answers::keeping_warnings) {
                Ok(mut answers) => {
                    if std::mem::take(&mut away) {
                        let pid = answers.pid().map(|pid| format!(" (pid {pid})")).unwrap_or_default();
                        self.put(|pending| pending.say(format!("supervisor is back{pid}")));
                    }
                    while let Ok(Some(answer)) = answers.next() {
                        self.hear(answer, &mut place);
                    }
                    away = true;
                    self.put(|pending| {
                        pending.say("the supervisor is gone: the next verb starts another".into());
                    });
                }
                Err(Trouble::NoneRuns | Trouble::Ended | Trouble::Closed) => away = true,
                // The one that this shell was to start could not be: said once.
                Err(trouble) if if_none == IfNone::Start => {
                    let message = Failure::from(trouble).message();
                    self.put(|pending| pending.say(message.trim_end().to_owned()));
                }
                Err(_) => {}
            }
            if_none = IfNone::Fail;
            thread::sleep(PAUSE);
        }
    }

    fn hear(&self, answer: Incoming, place: &mut Place) {
        if let Incoming::Reply(Reply::Event(record)) = answer
            && place.last_seq.replace(record.seq).is_none_or(|last| last < record.seq)
            && let Some(happened) = news::of(&record)
        {
            self.put(|pending| pending.add(happened));
        }
    }

    fn put(&self, what: impl FnOnce(&mut Pending)) {
        let mut state = self.state();
        if !state.quiet {
            what(&mut state.pending);
            self.changed.notify_all();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far the log was heard.
#[derive(Debug)]
struct Place {
    /// What was entered before the shell was opened is no news.
    opened: Time,
    last_seq: Option<u64>,
}

impl Place {
    /// What follows.
    fn request(&self) -> Request {
        let since = self.last_seq.map_or(Moment::Time(self.opened), |last| Moment::Seq(last + 1));
        Request::History {
            target: None,
            since: Some(since),
            until: None,
            kinds: news::KINDS.map(ToOwned::to_owned).into(),
            actor: None,
            last: None,
            follow: true,
        }
    }
}

/// The one answer of a supervisor that runs and answers within this; nobody is told if there is none.
pub(super) fn ask_quietly(home: &Home, request: &Request, within: Duration) -> Option<Reply> {
    let patience = Patience::Until(Deadline::after(within));
    let answers = client::ask(home, request, IfNone::Fail, patience).ok()?;
    answers.keeping_warnings().verdict().ok()
}

/// The rows of a list, as many as come within this.
pub(super) fn rows_quietly(home: &Home, request: &Request, within: Duration) -> Vec<ShortRow> {
    let patience = Patience::Until(Deadline::after(within));
    let mut rows = Vec::new();
    if let Ok(answers) = client::ask(home, request, IfNone::Fail, patience) {
        let _ = answers.keeping_warnings().roster(&mut rows);
    }
    rows
}
