//! Bodies of the facts of a conversation: prompts, turns, asks, who watches.

use alloc::string::String;
use alloc::vec::Vec;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::id::AskId;
use crate::words::words;

/// Somebody said what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prompted {
    /// The prompt's own identity: it is delivered at most once.
    pub prompt_id: u64,
    /// What was said.
    pub text: String,
}

/// The agent works on a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TurnStarted {}

/// Why an agent stopped working on a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TurnEnd {
    /// It says that it is finished.
    Claimed,
    /// A client interrupted it.
    Interrupted,
    /// It refused, ran out of tokens, or failed: in its own words.
    Failed(String),
}

/// The agent stopped working on a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct TurnEnded {
    /// Why.
    pub end: TurnEnd,
}

words! {
    /// What an ask is about.
    AskKind {
        /// May this tool be used?
        Permission = "permission",
        /// A question to a person.
        Question = "question",
        /// Credentials are missing.
        Credentials = "credentials",
        /// An error that a person must look at.
        Error = "error",
        /// A --verify command that failed.
        Verification = "verification",
    }
}

/// An ask was opened.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blocked {
    /// The ask's identity.
    pub ask_id: AskId,
    /// What it is about.
    pub kind: AskKind,
    /// Its exact text.
    pub text: String,
    /// The tool that wants to run.
    pub tool: Option<String>,
    /// The answers that may be chosen.
    pub options: Vec<String>,
}

/// An ask was answered.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replied {
    /// Which ask; `None` for a prompt-like reply.
    pub ask_id: Option<AskId>,
    /// The reply's own identity, the number of this record: it is delivered at most once.
    pub reply_id: u64,
    /// What was answered.
    pub text: String,
}

/// A reply is on its way; not a byte of it is passed on before this is durable.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryIntended {
    /// Which reply.
    pub reply_id: u64,
}

/// The session has the reply.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivered {
    /// Which reply.
    pub reply_id: u64,
}

/// The session does not have the reply, and will not get it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryFailed {
    /// Which reply.
    pub reply_id: u64,
    /// Why not.
    pub text: String,
}

/// Nobody can say whether the session has the reply. It is never sent again by itself.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryUnknown {
    /// Which reply.
    pub reply_id: u64,
    /// Why nobody can.
    pub text: String,
}

/// An ask no longer waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AskWithdrawn {
    /// Which.
    pub ask_id: AskId,
}

/// Work of the agent goes on beside its turns.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct BackgroundStarted {
    /// The agent's own name for it.
    pub key: String,
}

/// Such work ended.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct BackgroundEnded {
    /// The agent's own name for it.
    pub key: String,
}

/// A client watches.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Attached {
    /// The client's number within the supervisor's epoch.
    pub client: u64,
}

/// A client no longer watches.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Detached {
    /// The client's number within the supervisor's epoch.
    pub client: u64,
}

/// A person looked at the outcome.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Seen {}

/// Bytes of the output were not kept: of a limit, or of a full disk.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct OutputDropped {
    /// The offset of the first byte that is missing.
    pub from: u64,
    /// The offset after the last.
    pub to: u64,
}
