//! What clients are told, and when: never ahead of what is durable.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{Dispatcher, Effect, Look, Token};
use crate::command::Refusal;
use crate::event::SessionKind;
use crate::id::SessionId;
use crate::roster::{LookupError, Roster};
use crate::session::{Delivery, Session, State};

/// A session as it is, and how many digits of its id people see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The session.
    pub session: Arc<Session>,
    /// At least 8, and enough to be unique.
    pub digits: usize,
}

impl Shown {
    /// The session as this roster shows it.
    pub fn of(roster: &Roster, session: &Arc<Session>) -> Self {
        Self { session: session.clone(), digits: roster.shown_digits(session.id) }
    }
}

/// Rows of what has finished that a list leaves out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// How many.
    pub finished: u64,
    /// How many of them failed.
    pub failed: u64,
}

/// What a client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The session runs, is queued, or its failure is recorded.
    Dispatched {
        /// The session.
        session: Shown,
        /// It was there already: same key, same command.
        existing: bool,
    },
    /// The wish was granted, and what it wished has come about.
    Done {
        /// The sessions.
        sessions: Vec<Shown>,
        /// What held already.
        notes: Vec<String>,
    },
    /// The wish was not granted; nothing was done.
    Refused(Vec<Refusal>),
    /// A target names no session, or several; nothing was done.
    Unresolved(Vec<Unresolved>),
    /// The rows of the roster.
    Roster {
        /// The sessions, oldest dispatch first.
        sessions: Vec<Shown>,
        /// What was left out besides.
        left_out: LeftOut,
    },
    /// These sessions.
    Sessions {
        /// The sessions.
        sessions: Vec<Shown>,
    },
    /// How many there are.
    Counts {
        /// On the roster.
        listed: usize,
        /// With a process that is starting or alive.
        live: usize,
        /// With an open ask.
        blocked: usize,
        /// That wait to be started.
        queued: usize,
    },
    /// How far a reply came.
    Delivered {
        /// The reply.
        delivery: Delivery,
    },
    /// The wait is over.
    Waited {
        /// How.
        reached: Reached,
        /// The sessions.
        sessions: Vec<Shown>,
    },
    /// The supervisor ends.
    Closed,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// What was waited for is there.
    Goal,
    /// One of them is blocked.
    Blocked,
    /// What was waited for cannot come by itself any more.
    Never,
}

/// A target that names no session, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unresolved {
    /// What is wrong with it.
    pub error: LookupError,
    /// What it could have meant: ids and names.
    pub candidates: Vec<(SessionId, String)>,
}

impl Dispatcher {
    /// Answers once everything that binds so far is durable.
    pub(super) fn answer(&mut self, token: Token, answer: Answer) {
        self.hold(self.binding, Effect::Answer { token, answer });
    }

    pub(super) fn look(&mut self, token: Token, look: &Look) {
        let shown = |session: &Arc<Session>| Shown::of(&self.roster, session);
        let sessions = match look {
            Look::Listed { finished_most } => {
                let (sessions, left_out) = self.listed(*finished_most);
                return self.answer(token, Answer::Roster { sessions, left_out });
            }
            Look::All => self.roster.all().map(shown).collect(),
            Look::These(targets) => match self.resolve(targets) {
                Ok(ids) => ids.iter().filter_map(|id| self.roster.get(*id)).map(shown).collect(),
                Err(unresolved) => return self.answer(token, Answer::Unresolved(unresolved)),
            },
            Look::Counts => {
                let listed = self.roster.listed().count();
                let live = self.roster.live().count();
                let conversations =
                    self.roster.live().filter(|session| session.kind() == SessionKind::Conversation);
                let blocked = conversations.filter(|session| session.state() == State::Blocked).count();
                let queued = self.roster.queued().count();
                return self.answer(token, Answer::Counts { listed, live, blocked, queued });
            }
        };
        self.answer(token, Answer::Sessions { sessions });
    }

    /// The rows of the roster, less all but the newest finished ones; and what that leaves out.
    fn listed(&self, finished_most: Option<usize>) -> (Vec<Shown>, LeftOut) {
        let mut sessions: Vec<&Arc<Session>> = self.roster.listed().collect();
        let left_out = fold(&mut sessions, |session| session, finished_most);
        (sessions.into_iter().map(|session| Shown::of(&self.roster, session)).collect(), left_out)
    }

    /// The same for verbs that take any number of sessions: `group:NAME` and `s:STATE` are all rows that have it.
    pub(super) fn resolve_rows(&self, targets: &[String]) -> Result<Vec<SessionId>, Vec<Unresolved>> {
        let mut each = Vec::new();
        for target in targets {
            let rows = self.rows_that_have(target);
            if rows.is_empty() {
                each.push(target.clone());
            }
            each.extend(rows.iter().map(ToString::to_string));
        }
        self.resolve(&each)
    }

    /// The rows that a term means; none, if it is no term, or the name of a session.
    fn rows_that_have(&self, target: &str) -> Vec<SessionId> {
        let group = target.strip_prefix("group:");
        let state = target.strip_prefix("s:").and_then(State::from_word);
        if (group.is_none() && state.is_none()) || self.roster.lookup(target).is_ok() {
            return Vec::new();
        }
        let has = |session: &&Arc<Session>| {
            (group.is_some() && session.group.as_deref() == group) || state == Some(session.state())
        };
        self.roster.listed().filter(has).map(|session| session.id).collect()
    }

    /// All of these, each once, in the order given; or everything that is wrong with them.
    pub(super) fn resolve(&self, targets: &[String]) -> Result<Vec<SessionId>, Vec<Unresolved>> {
        resolve(&self.roster, targets)
    }
}

/// Takes out all but the newest of those that have finished and are not pinned; and counts them.
pub fn fold<T>(
    sessions: &mut Vec<T>,
    session: impl Fn(&T) -> &Session,
    finished_most: Option<usize>,
) -> LeftOut {
    let folds = |session: &Session| session.state().is_finished() && !session.pinned;
    let age = |session: &Session| (session.finished_at().unwrap_or(session.updated.at), session.created.seq);
    let mut ages: Vec<_> = sessions.iter().map(&session).filter(|one| folds(one)).map(age).collect();
    let finished = ages.len().saturating_sub(finished_most.unwrap_or(usize::MAX));
    let mut left_out = LeftOut { finished: finished as u64, failed: 0 };
    if finished > 0 {
        ages.sort_unstable();
        let first_that_stays = ages.get(finished);
        sessions.retain(|one| {
            let one = session(one);
            let stays = !folds(one) || first_that_stays.is_some_and(|first| age(one) >= *first);
            left_out.failed += u64::from(!stays && one.state() == State::Failed);
            stays
        });
    }
    left_out
}

/// All of these, each once, in the order given; or everything that is wrong with them.
pub fn resolve(roster: &Roster, targets: &[String]) -> Result<Vec<SessionId>, Vec<Unresolved>> {
    let mut ids = Vec::new();
    let mut unresolved = Vec::new();
    for target in targets {
        match roster.lookup(target) {
            Ok(id) if ids.contains(&id) => {}
            Ok(id) => ids.push(id),
            Err(error) => {
                let candidates = match &error {
                    LookupError::Several { candidates, .. } => candidates.as_slice(),
                    LookupError::None { .. } | LookupError::TooShort { .. } => &[],
                };
                let named = candidates.iter().filter_map(|id| roster.get(*id));
                let candidates = named.map(|session| (session.id, session.name.clone())).collect();
                unresolved.push(Unresolved { error, candidates });
            }
        }
    }
    if unresolved.is_empty() { Ok(ids) } else { Err(unresolved) }
}
