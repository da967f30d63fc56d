//! News that nobody has read yet: one for each session, so many and no more, the rest counted. Pure.

use std::mem;

use decklog_engine::event::Event;
use decklog_protocol::row::EventRow;

use crate::render::news::Happened;

/// The kinds of records that are news.
pub(super) const KINDS: [&str; 3] = ["Finished", "Stopped", "Blocked"];
/// So many have a line of their own; of more, those that matter most.
pub(super) const LINES_MAX: usize = 5;
/// So many are kept to choose from.
const KEPT_MAX: usize = 100;

/// News since the last time that some were taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pending {
    /// What there is to say that is of no session.
    said: Vec<String>,
    happened: Vec<Happened>,
    /// Of those that there was no room for.
    blocked: u64,
    finished: u64,
}

/// What there is to tell.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// Lines that stand first.
    pub(super) said: Vec<String>,
    /// Each gets a line.
    pub(super) happened: Vec<Happened>,
    /// So many more are blocked.
    pub(super) blocked: u64,
    /// So many more have ended.
    pub(super) finished: u64,
}

/// What a record tells, if it is news.
pub(super) fn of(record: &EventRow) -> Option<Happened> {
    let session = record.session.clone()?;
    let (state, text) = match record.event()? {
        Event::Finished(body) => (body.outcome.word(), body.text),
        Event::Stopped(body) => ("stopped", body.text),
        Event::Blocked(body) => ("blocked", body.text),
        _ => return None,
    };
    Some(Happened { session, state: state.into(), text })
}

impl Pending {
    /// Whether there is nothing to tell.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what is of no session.
    pub(super) fn say(&mut self, text: String) {
        self.said.extend(Some(text).filter(|text| !text.is_empty()));
    }

    /// Adds what happened to a session. What happened to it before that is no news any more.
    pub(super) fn add(&mut self, happened: Happened) {
        self.happened.retain(|earlier| earlier.session != happened.session);
        if self.happened.len() < KEPT_MAX {
            self.happened.push(happened);
        } else {
            self.count(&happened);
        }
    }

    /// All of it; nothing is left. What the person knows already, be it by its session or by its name, is left out.
    pub(super) fn take(&mut self, is_known: impl Fn(&Happened) -> bool) -> Batch {
        let mut taken = mem::take(self);
        let mut happened = mem::take(&mut taken.happened);
        happened.retain(|one| !is_known(one));
        // Among equals the order stays that of the log.
        happened.sort_by_key(|one| importance(&one.state));
        for one in happened.split_off(happened.len().min(LINES_MAX)) {
            taken.count(&one);
        }
        Batch { said: taken.said, happened, blocked: taken.blocked, finished: taken.finished }
    }

    fn count(&mut self, happened: &Happened) {
        match happened.state.as_str() {
            "blocked" => self.blocked += 1,
            _ => self.finished += 1,
        }
    }
}

fn importance(state: &str) -> u8 {
    match state {
        "blocked" => 0,
        "failed" => 1,
        "stopped" => 2,
        _ => 3,
    }
}

/// Whether one of these words of a line means this session, as an ID does.
pub(super) fn is_meant(words: &[String], session: &str, name: &str) -> bool {
    const DIGITS_MIN: usize = 4;
    words.iter().any(|word| {
        let (id, by_name) = match (word.strip_prefix("id:"), word.strip_prefix("n:")) {
            (Some(id), _) => (id, ""),
            (None, Some(name)) => ("", name),
            (None, None) => (word.as_str(), word.as_str()),
        };
        by_name == name || id.len() >= DIGITS_MIN && session.starts_with(id)
    })
}

#[cfg(test)]
mod tests {
    use decklog_engine::actor::Actor;
    use decklog_engine::event::{Finished, OutcomeKind, ReasonKind};

    use super::*;
    use crate::render::samples::event;

    fn happened(session: usize, state: &str) -> Happened {
        Happened { session: format!("{session:032x}"), state: state.into(), text: String::new() }
    }

    fn taken(pending: &mut Pending) -> (Vec<String>, u64, u64) {
        let batch = pending.take(|_| false);
        let states = batch.happened.into_iter().map(|one| format!("{} {}", &one.session[31..], one.state));
        (states.collect(), batch.blocked, batch.finished)
    }

    #[test]
    fn a_session_is_told_of_once() {
        let mut pending = Pending::default();
        assert!(pending.is_empty());
        pending.add(happened(1, "blocked"));
        pending.add(happened(2, "done"));
        pending.add(happened(1, "stopped"));
        assert_eq!(taken(&mut pending), (vec!["1 stopped".into(), "2 done".into()], 0, 0));
        assert!(pending.is_empty());
    }

    #[test]
    fn of_many_those_that_matter_are_told() {
        let mut pending = Pending::default();
        for session in 0..1_000 {
            pending.add(happened(session, "done"));
        }
        assert_eq!(taken(&mut pending).2, 1_000 - LINES_MAX as u64);
        for session in 0..7 {
            pending.add(happened(session, if session == 6 { "failed" } else { "done" }));
        }
        pending.add(happened(9, "blocked"));
        let (lines, blocked, finished) = taken(&mut pending);
        assert_eq!(lines, ["9 blocked", "6 failed", "0 done", "1 done", "2 done"]);
        assert_eq!((blocked, finished), (0, 3));
        for session in 0..8 {
            pending.add(happened(session, "blocked"));
        }
        assert_eq!(taken(&mut pending).1, 3);
    }

    #[test]
    fn what_is_known_is_not_told() {
        let mut pending = Pending::default();
        pending.say("supervisor is back (pid 7)".into());
        pending.add(happened(1, "done"));
        pending.add(happened(2, "done"));
        let batch = pending.take(|one| one.session.ends_with('1'));
        assert_eq!((batch.said.len(), batch.happened.len(), batch.finished), (1, 1, 0));
    }

    #[test]
    fn records_that_are_news() {
        let body =
            Finished { outcome: OutcomeKind::Failed, reason: ReasonKind::Exit, text: "exited with 1".into() };
        let record = event(9, Some("7c5d"), "09:00:00.000", Actor::user("u", "cli"), body);
        assert_eq!(of(&record).unwrap().state, "failed");
        assert_eq!(of(&EventRow { session: None, ..record.clone() }), None);
        assert_eq!(of(&EventRow { kind: "Exited".into(), ..record }), None);
        assert!(KINDS.iter().all(|kind| crate::cli::event_kind(kind).is_ok()));
    }

    #[test]
    fn words_mean_sessions_as_ids_do() {
        let meant = |words: &str| {
            let words: Vec<_> = words.split(' ').map(ToOwned::to_owned).collect();
            is_meant(&words, "7c5dcf5d000000000000000000000001", "build")
        };
        assert!(
            meant("stop build") && meant("stop 7c5d") && meant("wait id:7c5dcf5d") && meant("wait n:build")
        );
        assert!(
            !meant("stop 7c5") && !meant("stop test") && !meant("stop n:7c5d") && !meant("stop id:build")
        );
    }
}
