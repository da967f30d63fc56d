//! Bytes that are nearly always text: paths and arguments of Unix programs.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A path or an argument exactly as the operating system has it. In JSON a string where it is UTF-8, otherwise
/// `{"hex": "…"}`, so that nothing is lost either way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
pub struct Raw(pub Vec<u8>);

impl Raw {
    /// For people: what is not UTF-8 shows as replacement characters.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl From<&str> for Raw {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text())
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).expect("half a byte is one hex digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Wire<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Hex {
        hex: String,
    },
}

impl Serialize for Raw {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match core::str::from_utf8(&self.0) {
            Ok(text) => Wire::Text(Cow::Borrowed(text)),
            Err(_) => Wire::Hex { hex: hex(&self.0) },
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Wire::deserialize(deserializer)? {
            Wire::Text(text) => Ok(Self(text.into_owned().into_bytes())),
            Wire::Hex { hex } => {
                let pairs = hex.as_bytes().chunks(2).map(|pair| {
                    let pair = core::str::from_utf8(pair).map_err(|_| ())?;
                    if pair.len() == 2 { u8::from_str_radix(pair, 16).map_err(|_| ()) } else { Err(()) }
                });
                let bytes = pairs.collect::<Result<Vec<u8>, ()>>();
                bytes.map(Self).map_err(|()| serde::de::Error::custom("not pairs of hex digits"))
            }
        }
    }
}
