//! Identities: sessions, runs and places in the log.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// The identity of a session: 128 random bits, fixed for life, written as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct SessionId(pub [u8; 16]);

impl SessionId {
    /// How many hex digits a full id has.
    pub const DIGITS: usize = 32;
    /// People see at least this many digits of an id.
    pub const SHORTEST_SHOWN: usize = 8;
    /// A prefix that is typed must have at least this many digits.
    pub const SHORTEST_TYPED: usize = 4;

    /// The first `digits` hex digits.
    pub fn prefix(&self, digits: usize) -> String {
        let mut text = alloc::format!("{self}");
        text.truncate(digits);
        text
    }

    /// How many leading hex digits two ids share.
    pub fn shared_digits(&self, other: &Self) -> usize {
        let (a, b) = (u128::from_be_bytes(self.0), u128::from_be_bytes(other.0));
        ((a ^ b).leading_zeros() / 4) as usize
    }

    /// The lowest and highest id that begin with these hex digits; `None` if they are not 1 to 32 hex digits.
    pub fn range_of_prefix(digits: &str) -> Option<(Self, Self)> {
        if digits.is_empty() || digits.len() > Self::DIGITS || !digits.bytes().all(|b| b.is_ascii_hexdigit())
        {
            return None;
        }
        let value = u128::from_str_radix(digits, 16).ok()?;
        let free = 4 * (Self::DIGITS - digits.len()) as u32;
        let low = value.checked_shl(free).unwrap_or(0);
        let rest = u128::MAX.checked_shr(128 - free).unwrap_or(0);
        Some((Self(low.to_be_bytes()), Self((low | rest).to_be_bytes())))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text is not 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a session id is 32 hex digits")]
pub struct NotAnId;

impl FromStr for SessionId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        if text.len() != Self::DIGITS {
            return Err(NotAnId);
        }
        Self::range_of_prefix(text).map(|(low, _)| low).ok_or(NotAnId)
    }
}

impl Serialize for SessionId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// One life of a session's process: the session, and the number of the run (from 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct RunKey {
    /// The session.
    pub session: SessionId,
    /// The run's number within it, from 1.
    pub run: u32,
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.session, self.run)
    }
}

/// A place in the log: dense, from 1. 0 is before the first record.
pub type Seq = u64;

/// Which ask of a session: the run it was asked in and the offset of the request in that run's wire log.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
pub struct AskId {
    /// The run it was asked in; a permission answer dies with it.
    pub run: u32,
    /// The byte offset of the request in the run's wire log.
    pub offset: u64,
}

impl fmt::Display for AskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.run, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_and_parse() {
        let id = SessionId([0x7c, 0x5d, 0xcf, 0x5d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(id.to_string(), "7c5dcf5d000000000000000000000001");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.prefix(8), "7c5dcf5d");
        assert!("7c5d".parse::<SessionId>().is_err());
        assert!("zc5dcf5d000000000000000000000001".parse::<SessionId>().is_err());
    }

    #[test]
    fn a_prefix_is_a_range() {
        let (low, high) = SessionId::range_of_prefix("7c5d").unwrap();
        assert_eq!(low.to_string(), "7c5d0000000000000000000000000000");
        assert_eq!(high.to_string(), "7c5dffffffffffffffffffffffffffff");
        let full = "7c5dcf5d000000000000000000000001";
        let (low, high) = SessionId::range_of_prefix(full).unwrap();
        assert_eq!((low, low.to_string()), (high, full.into()));
        assert_eq!(SessionId::range_of_prefix(""), None);
        assert_eq!(SessionId::range_of_prefix("xyz"), None);
        assert_eq!(SessionId::range_of_prefix("+123"), None);
    }

    #[test]
    fn shared_digits_count_from_the_left() {
        let a = SessionId::range_of_prefix("7c5d").unwrap().0;
        let b = SessionId::range_of_prefix("7c5e").unwrap().0;
        assert_eq!(a.shared_digits(&b), 3);
        assert_eq!(a.shared_digits(&a), 32);
    }
}
