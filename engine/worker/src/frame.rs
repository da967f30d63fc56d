//! Frames: a length (4 bytes, big-endian) and that many bytes of JSON.
//!
//! No input or output here: the worker's poll loop and the supervisor's runtime both drive this. Memory grows
//! with the bytes that have arrived, never with what a length claims.

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

/// The largest config frame: room for the largest argument list and environment that Linux would start.
pub const CONFIG_BYTES_MAX: usize = 16 << 20;

/// The largest frame of any other kind, either way.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

const LENGTH_BYTES: usize = 4;

/// A frame around `message`.
pub fn encode(message: &impl Serialize) -> Vec<u8> {
    let mut frame = vec![0; LENGTH_BYTES];
    serde_json::to_writer(&mut frame, message).expect("messages hold only what JSON can say");
    let length = u32::try_from(frame.len() - LENGTH_BYTES).expect("messages are far smaller than 4 GiB");
    frame[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
    frame
}

/// Takes bytes as they arrive and gives whole messages.
#[derive(Debug)]
pub struct Decoder {
    bytes: Vec<u8>,
    frame_bytes_max: usize,
}

/// Why a stream cannot be read any further.
#[derive(Debug, Error)]
pub enum FrameError {
    /// A frame is larger than this side accepts.
    #[error("a frame of {frame_bytes} bytes exceeds the limit of {frame_bytes_max}")]
    TooLarge {
        /// What its length says.
        frame_bytes: usize,
        /// What is accepted.
        frame_bytes_max: usize,
    },
    /// A frame is not the JSON of a message.
    #[error("a frame is not a message")]
    Malformed(#[source] serde_json::Error),
}

impl Decoder {
    /// A decoder that accepts frames of up to `frame_bytes_max` bytes.
    pub fn new(frame_bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), frame_bytes_max }
    }

    /// Accepts another size from the next frame on.
    pub fn set_frame_bytes_max(&mut self, frame_bytes_max: usize) {
        self.frame_bytes_max = frame_bytes_max;
    }

    /// Bytes that have arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message; `None` until more bytes arrive. After an error the stream is lost.
    pub fn next_message<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let Some(length) = self.bytes.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let frame_bytes = u32::from_be_bytes(*length) as usize;
        if frame_bytes > self.frame_bytes_max {
            return Err(FrameError::TooLarge { frame_bytes, frame_bytes_max: self.frame_bytes_max });
        }
        let Some(json) = self.bytes.get(LENGTH_BYTES..LENGTH_BYTES + frame_bytes) else { return Ok(None) };
        let message = serde_json::from_slice(json).map_err(FrameError::Malformed)?;
        self.bytes.drain(..LENGTH_BYTES + frame_bytes);
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FromWorker, ToWorker};

    #[test]
    fn messages_arrive_whole_however_the_bytes_are_cut() {
        let sent =
            [ToWorker::Kill, ToWorker::Input { bytes: b"\xff\n".to_vec().into() }, ToWorker::ExitRecorded];
        let stream: Vec<u8> = sent.iter().flat_map(encode).collect();
        for step in 1..=stream.len() {
            let mut decoder = Decoder::new(MESSAGE_BYTES_MAX);
            let mut got = Vec::new();
            for piece in stream.chunks(step) {
                decoder.push(piece);
                while let Some(message) = decoder.next_message::<ToWorker>().unwrap() {
                    got.push(message);
                }
            }
            assert_eq!(got, sent, "in pieces of {step}");
        }
    }

    #[test]
    fn unknown_kinds_are_known_to_be_unknown() {
        let mut decoder = Decoder::new(100);
        decoder.push(&encode(&serde_json::json!({"kind": "of_the_future", "bytes": [1, {"a": 2}]})));
        assert_eq!(decoder.next_message::<FromWorker>().unwrap(), Some(FromWorker::Unknown));
    }

    #[test]
    fn garbage_is_refused_without_being_stored() {
        let mut decoder = Decoder::new(100);
        decoder.push(b"GET / HTTP/1.1\r\n");
        assert!(matches!(decoder.next_message::<ToWorker>(), Err(FrameError::TooLarge { .. })));
        let mut decoder = Decoder::new(100);
        decoder.push(b"\0\0\0\x02{]");
        assert!(matches!(decoder.next_message::<ToWorker>(), Err(FrameError::Malformed(_))));
    }
}
