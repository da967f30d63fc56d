//! The live fold: every session ever logged, and the fleet. Derived from the log alone; it can be thrown away.
//!
//! Changed only by [`crate::evolve`]. The indexes below are functions of the sessions; a snapshot leaves them out.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Reverse;

use bincode::{Decode, Encode};

use crate::codec;
use crate::event::{SessionKind, TimerRule, WakeKind};
use crate::id::{Seq, SessionId};
use crate::policy::Policy;
use crate::session::{Session, Stamp};
use crate::time::{Awake, Time};
use crate::timers;

/// The number of the shape that [`Roster::encode`] writes. A snapshot of another shape is not read: it is a cache.
pub const ROSTER_SCHEMA: u32 = 2;

/// What is known of the fleet as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
pub struct Fleet {
    /// The last record folded.
    pub last_seq: Seq,
    /// When it was entered.
    pub last_at: Time,
    /// Which supervisor of this log is or was the last, from 1.
    pub epoch: u64,
    /// The boot that it ran in.
    pub boot_id: String,
    /// It ended in good order.
    pub stopped_in_order: bool,
    /// Sleep and leaps of the clock so far: log time less this is the awake axis.
    pub not_awake_ms: u64,
    /// The values that rules use.
    pub policy: Policy,
    /// When a person last read what had happened.
    pub looked: Option<Stamp>,
}

impl Fleet {
    /// Where a moment of log time that follows everything folded so far lies on the awake axis.
    pub fn awake(&self, at: Time) -> Awake {
        Awake(at.0.saturating_sub(self.not_awake_ms))
    }
}

/// Every session ever logged, in the order of their dispatch, and the fleet.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    pub(crate) sessions: Vec<Arc<Session>>,
    pub(crate) fleet: Fleet,
    index: Index,
}

/// Functions of the sessions, kept current row by row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Index {
    by_id: BTreeMap<SessionId, u32>,
    by_name: BTreeMap<String, BTreeSet<u32>>,
    listed: BTreeSet<u32>,
    live: BTreeSet<u32>,
    slots_of_jobs: u32,
    slots_of_conversations: u32,
    /// Those that wait for a slot, in the order in which they get one.
    slot_queue: BTreeSet<(Reverse<i32>, u32)>,
    /// Those that wait for other sessions.
    after: BTreeSet<u32>,
    keys: BTreeMap<String, BTreeSet<u32>>,
    deadlines: BTreeSet<(Awake, u32)>,
}

/// An id, name or prefix that names no session, or several.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// Nothing matches.
    #[error("no session `{text}`")]
    None {
        /// What was looked for.
        text: String,
    },
    /// Several ids begin so.
    #[error("`{text}` is the beginning of {} ids", candidates.len())]
    Several {
        /// What was looked for.
        text: String,
        /// The sessions that it could be (at most 10).
        candidates: Vec<SessionId>,
    },
    /// A prefix this short is a guess.
    #[error("`{text}` is too short for an id: give at least 4 digits")]
    TooShort {
        /// What was looked for.
        text: String,
    },
}

impl Roster {
    /// What is known of the fleet as a whole.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The session with this id.
    pub fn get(&self, id: SessionId) -> Option<&Arc<Session>> {
        self.index.by_id.get(&id).map(|slot| &self.sessions[*slot as usize])
    }

    /// Every session ever logged, oldest first.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Arc<Session>> {
        self.sessions.iter()
    }

    /// How many sessions were ever logged.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether no session was ever logged.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// The rows of the roster, oldest first.
    pub fn listed(&self) -> impl DoubleEndedIterator<Item = &Arc<Session>> {
        self.index.listed.iter().map(|slot| &self.sessions[*slot as usize])
    }

    /// The sessions with a process that is starting or alive.
    pub fn live(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.index.live.iter().map(|slot| &self.sessions[*slot as usize])
    }

    /// How many sessions of this kind hold a slot.
    pub fn slots_held(&self, kind: SessionKind) -> u32 {
        match kind {
            SessionKind::Job => self.index.slots_of_jobs,
            SessionKind::Conversation => self.index.slots_of_conversations,
        }
    }

    /// The queued sessions that wait for a slot, in the order in which they get one: by priority, then by age.
    pub fn slot_queue(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.index.slot_queue.iter().map(|(_, slot)| &self.sessions[*slot as usize])
    }

    /// The sessions that wait to be started, whatever they wait for.
    pub fn queued(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.listed().filter(|session| session.wake.is_some() && !session.is_live())
    }

    /// The queued sessions that wait for other sessions, oldest first.
    pub fn waiting_for_others(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.index.after.iter().map(|slot| &self.sessions[*slot as usize])
    }

    /// The listed row with this key.
    pub fn keyed(&self, key: &str) -> Option<&Arc<Session>> {
        let slot = self.index.keys.get(key)?.last()?;
        Some(&self.sessions[*slot as usize])
    }

    /// The listed row with exactly this name.
    pub fn named(&self, name: &str) -> Option<&Arc<Session>> {
        let slots = self.index.by_name.get(name)?;
        slots.iter().rev().map(|slot| &self.sessions[*slot as usize]).find(|session| session.is_listed())
    }

    /// The first deadline and the session it is of.
    pub fn first_deadline(&self) -> Option<(Awake, &Arc<Session>)> {
        let (awake, slot) = self.index.deadlines.first()?;
        Some((*awake, &self.sessions[*slot as usize]))
    }

    /// The session that a person means: a full id; else the exact name of a listed row; else the newest other
    /// session of that name; else a unique prefix of an id. `id:` and `n:` force one reading.
    pub fn lookup(&self, text: &str) -> Result<SessionId, LookupError> {
        if let Some(id) = text.strip_prefix("id:") {
            return self.by_prefix(id);
        }
        let (name, only_name) = text.strip_prefix("n:").map_or((text, false), |name| (name, true));
        if let (false, Ok(id)) = (only_name, text.parse::<SessionId>())
            && self.index.by_id.contains_key(&id)
        {
            return Ok(id);
        }
        if let Some(session) = self.named(name) {
            return Ok(session.id);
        }
        if let Some(slot) = self.index.by_name.get(name).and_then(BTreeSet::last) {
            return Ok(self.sessions[*slot as usize].id);
        }
        if only_name {
            return Err(LookupError::None { text: name.into() });
        }
        self.by_prefix(text)
    }

    fn by_prefix(&self, text: &str) -> Result<SessionId, LookupError> {
        let none = || LookupError::None { text: text.into() };
        let (low, high) = SessionId::range_of_prefix(text).ok_or_else(none)?;
        if text.len() < SessionId::SHORTEST_TYPED {
            return Err(LookupError::TooShort { text: text.into() });
        }
        let mut found = self.index.by_id.range(low..=high).map(|(id, _)| *id);
        match (found.next(), found.next()) {
            (None, _) => Err(none()),
            (Some(id), None) => Ok(id),
            (Some(first), Some(second)) => {
                let candidates = [first, second].into_iter().chain(found).take(10).collect();
                Err(LookupError::Several { text: text.into(), candidates })
            }
        }
    }

    /// How many digits of this id people must see: unique among all ids, and at least 8.
    pub fn shown_digits(&self, id: SessionId) -> usize {
        let before = self.index.by_id.range(..id).next_back();
        let after = self.index.by_id.range(id..).find(|(other, _)| **other != id);
        let shared = before.into_iter().chain(after).map(|(other, _)| other.shared_digits(&id) + 1).max();
        shared.unwrap_or(0).clamp(SessionId::SHORTEST_SHOWN, SessionId::DIGITS)
    }

    /// The roster as bytes: equal rosters give equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode_value(&(&self.fleet, &self.sessions))
    }

    /// The roster that these bytes are; `None` if they are not one of [`ROSTER_SCHEMA`].
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (fleet, sessions): (Fleet, Vec<Arc<Session>>) = codec::decode_value(bytes)?;
        let mut roster =
            Self { sessions: Vec::with_capacity(sessions.len()), fleet, index: Index::default() };
        for session in sessions {
            if roster.index.by_id.contains_key(&session.id) {
                return None;
            }
            roster.add(session);
        }
        Some(roster)
    }

    pub(crate) fn add(&mut self, session: Arc<Session>) {
        let slot = self.sessions.len() as u32;
        self.index.add(slot, &session, &self.fleet.policy);
        self.sessions.push(session);
    }

    /// Changes one session, except its name, and keeps the indexes true. `None` if there is no such session.
    pub(crate) fn change<R>(&mut self, id: SessionId, change: impl FnOnce(&mut Session) -> R) -> Option<R> {
        let slot = *self.index.by_id.get(&id)?;
        let session = &mut self.sessions[slot as usize];
        let was = Facts::of(session, &self.fleet.policy);
        let result = change(Arc::make_mut(session));
        let is = Facts::of(session, &self.fleet.policy);
        if was != is {
            self.index.update(slot, session, was, is);
        }
        Some(result)
    }

    pub(crate) fn rename(&mut self, id: SessionId, name: &str) {
        let Some(&slot) = self.index.by_id.get(&id) else { return };
        let session = Arc::make_mut(&mut self.sessions[slot as usize]);
        self.index.rename(slot, &session.name, name);
        session.name = name.into();
    }

    /// Takes new values for the rules; every deadline is counted again.
    pub(crate) fn set_policy(&mut self, policy: Policy) {
        self.fleet.policy = policy;
        self.index.deadlines = self
            .sessions
            .iter()
            .zip(0..)
            .filter_map(|(session, slot)| {
                timers::deadline(session, &self.fleet.policy).map(|(awake, _)| (awake, slot))
            })
            .collect();
    }

    /// Which rule's deadline comes first for this session, and when.
    pub fn deadline_of(&self, session: &Session) -> Option<(Awake, TimerRule)> {
        timers::deadline(session, &self.fleet.policy)
    }

    /// Whether the indexes are what the sessions say. For tests.
    pub fn is_consistent(&self) -> bool {
        let mut fresh = Index::default();
        for (session, slot) in self.sessions.iter().zip(0..) {
            fresh.add(slot, session, &self.fleet.policy);
        }
        fresh == self.index
    }
}

impl PartialEq for Roster {
    fn eq(&self, other: &Self) -> bool {
        self.fleet == other.fleet && self.sessions == other.sessions
    }
}

impl Eq for Roster {}

/// What the indexes hold about one session besides its id, name and key.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Facts {
    listed: bool,
    live: bool,
    slot: Option<SessionKind>,
    waiting: Option<WakeKind>,
    deadline: Option<Awake>,
}

impl Facts {
    const NOTHING: Self = Self { listed: false, live: false, slot: None, waiting: None, deadline: None };

    fn of(session: &Session, policy: &Policy) -> Self {
        let live = session.is_live();
        Self {
            listed: session.is_listed(),
            live,
            slot: session.holds_slot().then(|| session.kind()),
            waiting: session.wake.as_ref().filter(|_| !live).map(|wake| wake.kind),
            deadline: timers::deadline(session, policy).map(|(awake, _)| awake),
        }
    }
}

impl Index {
    fn add(&mut self, slot: u32, session: &Session, policy: &Policy) {
        self.by_id.insert(session.id, slot);
        self.by_name.entry(session.name.clone()).or_default().insert(slot);
        self.update(slot, session, Facts::NOTHING, Facts::of(session, policy));
    }

    fn rename(&mut self, slot: u32, from: &str, to: &str) {
        if let Some(slots) = self.by_name.get_mut(from) {
            slots.remove(&slot);
            if slots.is_empty() {
                self.by_name.remove(from);
            }
        }
        self.by_name.entry(to.into()).or_default().insert(slot);
    }

    fn update(&mut self, slot: u32, session: &Session, was: Facts, is: Facts) {
        put(&mut self.listed, slot, is.listed);
        put(&mut self.live, slot, is.live);
        put(&mut self.after, slot, is.waiting == Some(WakeKind::After));
        let place = (Reverse(session.dispatched.priority), slot);
        put(&mut self.slot_queue, place, is.waiting == Some(WakeKind::Slot));
        self.slots_of_jobs += u32::from(is.slot == Some(SessionKind::Job));
        self.slots_of_jobs -= u32::from(was.slot == Some(SessionKind::Job));
        self.slots_of_conversations += u32::from(is.slot == Some(SessionKind::Conversation));
        self.slots_of_conversations -= u32::from(was.slot == Some(SessionKind::Conversation));
        if was.deadline != is.deadline {
            was.deadline.map(|awake| self.deadlines.remove(&(awake, slot)));
            is.deadline.map(|awake| self.deadlines.insert((awake, slot)));
        }
        if let Some(key) = &session.dispatched.key
            && was.listed != is.listed
        {
            let slots = self.keys.entry(key.clone()).or_default();
            put(slots, slot, is.listed);
            if slots.is_empty() {
                self.keys.remove(key);
            }
        }
    }
}

fn put<T: Ord>(set: &mut BTreeSet<T>, item: T, present: bool) {
    if present {
        set.insert(item);
    } else {
        set.remove(&item);
    }
}
