//! Bodies of the facts of the fleet, and of what people change about a row.

use alloc::string::String;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::policy::Policy;
use crate::time::Time;

/// A supervisor began its epoch.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SupervisorStarted {
    /// Its version.
    pub version: String,
    /// The kernel's id of this boot.
    pub boot_id: String,
    /// Its process number.
    pub pid: u32,
    /// Which supervisor of this log it is, from 1.
    pub epoch: u64,
    /// The last moment at which the one before it is known to have lived.
    pub watched_until: Option<Time>,
}

/// A supervisor ended in good order.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct SupervisorStopped {
    /// Why, in words.
    pub text: String,
}

/// The machine slept.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Slept {
    /// For how many milliseconds. Sleep is not idle time.
    pub ms: u64,
}

/// The wall clock and elapsed time parted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClockStepped {
    /// By how many milliseconds the wall clock was moved.
    pub ms: i64,
    /// How far the log's own time leapt forward because of it. A leap is not idle time.
    pub leapt_ms: u64,
}

/// The values that rules use from here on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct PolicyChanged {
    /// All of them.
    pub policy: Policy,
}

/// A person read what happened up to here.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Looked {}

/// A session has another name.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Renamed {
    /// The new name.
    pub name: String,
}

/// No timer takes it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Pinned {}

/// Timers apply again.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Unpinned {}

/// A session joined or left a group.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Grouped {
    /// The group; `None` to leave the one it was in.
    pub group: Option<String>,
}

/// A rule stopped an attempt that matters to an audit.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Refused {
    /// The verb that was tried.
    pub verb: String,
    /// The rule that stopped it.
    pub rule: String,
}
