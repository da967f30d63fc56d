//! Who caused an event.

use alloc::string::String;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// What kind of cause an actor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// A person, through a client.
    User,
    /// What runs inside a session: its name is the session's id.
    Agent,
    /// A schedule.
    Schedule,
    /// A rule: a timer, a limit, a dependency. Its name is the rule's.
    Rule,
    /// The holder process of a session.
    Worker,
    /// The daemon itself.
    Supervisor,
}

/// Who caused an event, and through what.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Actor {
    /// What kind of cause.
    pub kind: ActorKind,
    /// A user's login name, a session's id, a rule's name.
    pub name: String,
    /// The client that a request came through: `cli`, `shell`.
    pub via: Option<String>,
}

impl Actor {
    /// The daemon itself.
    pub fn supervisor() -> Self {
        Self { kind: ActorKind::Supervisor, name: "supervisor".into(), via: None }
    }

    /// The holder process of a session.
    pub fn worker() -> Self {
        Self { kind: ActorKind::Worker, name: "worker".into(), via: None }
    }

    /// A rule, by its name.
    pub fn rule(name: &str) -> Self {
        Self { kind: ActorKind::Rule, name: name.into(), via: None }
    }

    /// A person, by login name, through a client.
    pub fn user(name: &str, via: &str) -> Self {
        Self { kind: ActorKind::User, name: name.into(), via: Some(via.into()) }
    }
}

/// What led to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// Nothing that the log knows.
    #[default]
    Unknown,
    /// A request of a client, by the id that the supervisor gave it.
    Request(u64),
    /// An earlier record.
    Seq(u64),
}
