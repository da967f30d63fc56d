//! Frames: a length (u32, little endian, of what follows it), one byte that says what the body is, the body.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version of the wire. A client and a supervisor that differ in it say so and part.
pub const PROTOCOL: u32 = 1;
/// No frame's body is longer.
pub const BODY_BYTES_MAX: usize = 64 << 20;
const HEADER_BYTES: usize = 5;

/// What a frame carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message as JSON.
    Message(Vec<u8>),
    /// Bytes of a session's output.
    Output(Vec<u8>),
    /// JSON for standard output, as the contract writes it, or a part of it: passed on as it is.
    Document(Vec<u8>),
}

/// Bytes that are not a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than any frame may be.
    #[error("a frame of {0} bytes: more than a peer of ours sends")]
    TooLong(usize),
    /// A kind that this version does not know.
    #[error("a frame of unknown kind {0}")]
    UnknownKind(u8),
    /// Not the message that belongs here.
    #[error("a message that cannot be read: {0}")]
    Message(String),
}

impl Frame {
    /// A message as a frame.
    pub fn message(message: &impl Serialize) -> Self {
        Self::Message(serde_json::to_vec(message).expect("messages have string keys and no failing parts"))
    }

    /// The frame's bytes, header first.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (kind, body) = match self {
            Self::Message(body) => (0, body),
            Self::Output(body) => (1, body),
            Self::Document(body) => (2, body),
        };
        out.reserve(HEADER_BYTES + body.len());
        out.extend_from_slice(&(body.len() as u32 + 1).to_le_bytes());
        out.push(kind);
        out.extend_from_slice(body);
    }

    /// Takes the first whole frame off `buffer`; `None` if more bytes are needed.
    pub fn decode(buffer: &mut Vec<u8>) -> Result<Option<Self>, FrameError> {
        let Some(length) = buffer.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*length) as usize;
        if length == 0 || length > BODY_BYTES_MAX + 1 {
            return Err(FrameError::TooLong(length));
        }
        if buffer.len() < 4 + length {
            return Ok(None);
        }
        let kind = buffer[4];
        let body = buffer[HEADER_BYTES..4 + length].to_vec();
        buffer.drain(..4 + length);
        match kind {
            0 => Ok(Some(Self::Message(body))),
            1 => Ok(Some(Self::Output(body))),
            2 => Ok(Some(Self::Document(body))),
            other => Err(FrameError::UnknownKind(other)),
        }
    }

    /// The message that a frame carries.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, FrameError> {
        match self {
            Self::Message(body) => {
                serde_json::from_slice(body).map_err(|error| FrameError::Message(error.to_string()))
            }
            Self::Output(_) | Self::Document(_) => {
                Err(FrameError::Message("bytes where a message belongs".into()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_whole_whatever_the_pieces() {
        let frames =
            [Frame::message(&"hello"), Frame::Output(vec![0, 255, 10]), Frame::Document(b"[]".to_vec())];
        let mut bytes = Vec::new();
        for frame in &frames {
            frame.encode(&mut bytes);
        }
        let mut buffer = Vec::new();
        let mut found = Vec::new();
        for byte in bytes {
            buffer.push(byte);
            found.extend(Frame::decode(&mut buffer).unwrap());
        }
        assert_eq!(found, frames);
        assert_eq!(buffer, Vec::<u8>::new());
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        assert_eq!(Frame::decode(&mut vec![0; 8]), Err(FrameError::TooLong(0)));
        assert!(matches!(Frame::decode(&mut vec![255; 8]), Err(FrameError::TooLong(_))));
        assert_eq!(Frame::decode(&mut vec![1, 0, 0, 0, 9]), Err(FrameError::UnknownKind(9)));
    }
}
