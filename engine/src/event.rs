//! The catalogue of facts. **To add an event, start here**: a line in the `catalogue!` table, a body in
//! one of the modules below, its arm in
//! [`crate::evolve`], and a stored example in `tests/stored_events.rs`.
//!
//! Past tense, versioned, additive. A released body never changes: a new shape is a new schema number here, and an
//! upcast of the old one in `event/upcast.rs`.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::actor::{Actor, Cause};
use crate::id::{RunKey, Seq, SessionId};
use crate::time::Time;

mod conversation;
mod fleet;
mod life;
pub(crate) mod upcast;
mod work;

pub use conversation::*;
pub use fleet::*;
pub use life::*;
pub use work::*;

/// How soon a record must be on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Within 100 ms: an observation that the worker's files can yield again.
    Soon,
    /// Before anything follows from it: intents, decisions, outcomes, what a person said.
    Now,
}

macro_rules! catalogue {
    ($( $number:literal $schema:literal $durability:ident $name:ident: $doc:literal ),* $(,)?) => {
        /// A fact: what changed in the life of a session or of the fleet.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(untagged)]
        #[allow(missing_docs, reason = "each body documents itself")]
        #[allow(clippy::large_enum_variant, reason = "a record lives for a step; only few wait in memory")]
        pub enum Event { $( #[doc = $doc] $name($name) ),* }

        /// The name of a fact, and its number in the log.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u16)]
        pub enum EventKind { $( #[doc = $doc] $name = $number ),* }

        impl EventKind {
            /// Every kind, in catalogue order.
            pub const ALL: &[Self] = &[ $( Self::$name ),* ];

            /// The kind with this number; `None` if this version knows none.
            pub fn from_number(number: u16) -> Option<Self> {
                match number { $( $number => Some(Self::$name), )* _ => None }
            }

            /// The name as the contract spells it: `RunIntended`.
            pub fn name(self) -> &'static str {
                match self { $( Self::$name => stringify!($name) ),* }
            }

            /// The schema number that bodies of this kind are written with.
            pub fn schema(self) -> u8 {
                match self { $( Self::$name => $schema ),* }
            }

            /// How soon a record of this kind must be durable.
            pub fn durability(self) -> Durability {
                match self { $( Self::$name => Durability::$durability ),* }
            }
        }

        impl Event {
            /// Which kind this fact is.
            pub fn kind(&self) -> EventKind {
                match self { $( Self::$name(_) => EventKind::$name ),* }
            }

            pub(crate) fn encode_body<E: bincode::enc::Encoder>(
                &self,
                encoder: &mut E,
            ) -> Result<(), bincode::error::EncodeError> {
                match self { $( Self::$name(body) => Encode::encode(body, encoder) ),* }
            }

            pub(crate) fn decode_body<D: bincode::de::Decoder<Context = ()>>(
                kind: EventKind,
                decoder: &mut D,
            ) -> Result<Self, bincode::error::DecodeError> {
                Ok(match kind { $( EventKind::$name => Self::$name(Decode::decode(decoder)?) ),* })
            }

            /// The fact of this kind with this JSON body.
            pub fn from_data<'de, D: serde::Deserializer<'de>>(kind: EventKind, data: D) -> Result<Self, D::Error> {
                Ok(match kind { $( EventKind::$name => Self::$name(Deserialize::deserialize(data)?) ),* })
            }
        }

        $( impl From<$name> for Event { fn from(body: $name) -> Self { Self::$name(body) } } )*
    };
}

catalogue! {
    // life
    1 1 Now Dispatched: "A session was asked for.",
    2 1 Now Queued: "It waits; no process.",
    3 1 Now Admitted: "What it waited for is there.",
    4 1 Now RunIntended: "A run will be started; nothing is started before this is durable.",
    5 1 Soon Started: "The session's own process runs.",
    6 1 Soon Adopted: "A new supervisor found the run alive.",
    7 1 Now SpawnFailed: "The program could not be started.",
    8 1 Now Exited: "The process ended.",
    9 1 Now Lost: "The process and its worker are gone, and nothing says how it ended.",
    10 1 Now Finished: "An outcome was decided.",
    11 1 Now StopRequested: "The run is to end; recorded before anything is signalled.",
    12 1 Now Stopped: "It was stopped.",
    13 1 Now Reaped: "A timer took the process, the row or the output.",
    14 1 Now Respawned: "A new run was asked for.",
    15 1 Now Deleted: "A person took the row off the roster.",
    16 1 Now Restored: "The row is back on the roster.",
    // conversation
    32 1 Now Prompted: "Somebody said what to do next.",
    33 1 Soon TurnStarted: "The agent works on a prompt.",
    34 1 Now TurnEnded: "The agent stopped working on it.",
    35 1 Now Blocked: "An ask was opened.",
    36 1 Now Replied: "An ask was answered.",
    37 1 Now AskWithdrawn: "An ask no longer waits for an answer.",
    38 1 Soon BackgroundStarted: "Work of the agent goes on beside its turns.",
    39 1 Soon BackgroundEnded: "Such work ended.",
    40 1 Soon Attached: "A client watches.",
    41 1 Soon Detached: "It no longer does.",
    42 1 Soon Seen: "A person looked at the outcome.",
    43 1 Soon OutputDropped: "Bytes of the output were not kept.",
    44 1 Now DeliveryIntended: "A reply is on its way.",
    45 1 Soon Delivered: "The session has it.",
    46 1 Now DeliveryFailed: "The session does not have it, and will not get it.",
    47 1 Now DeliveryUnknown: "Nobody can say whether the session has it.",
    // fleet
    96 1 Now SupervisorStarted: "A supervisor began its epoch.",
    97 1 Now SupervisorStopped: "A supervisor ended in good order.",
    98 1 Soon Slept: "The machine slept.",
    99 1 Soon ClockStepped: "The wall clock and elapsed time parted.",
    100 2 Now PolicyChanged: "The values that rules use.",
    101 1 Now Renamed: "A session has another name.",
    102 1 Now Pinned: "No timer takes it.",
    103 1 Now Unpinned: "Timers apply again.",
    104 1 Now Grouped: "A session joined or left a group.",
    105 1 Now Refused: "A rule stopped an attempt that matters to an audit.",
    106 1 Soon Looked: "A person read what happened up to here.",
}

/// A fact with everything around it that the log keeps, except the chain hash, which the log itself computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the log.
    pub seq: Seq,
    /// When it was entered. Never earlier than the record before it.
    pub at: Time,
    /// When it was true, if that is another time.
    pub happened_at: Option<Time>,
    /// Who caused it.
    pub actor: Actor,
    /// Which session it is of; `None` for the fleet.
    pub session: Option<SessionId>,
    /// Which run of the session, where it concerns one.
    pub run: Option<u32>,
    /// What led to it.
    pub cause: Cause,
    /// The fact.
    pub event: Event,
}

impl Record {
    /// When it was true.
    pub fn true_at(&self) -> Time {
        self.happened_at.unwrap_or(self.at)
    }

    /// The run it concerns, if it concerns one.
    pub fn run_key(&self) -> Option<RunKey> {
        Some(RunKey { session: self.session?, run: self.run? })
    }
}
