//! The two wires: what a stranger sends to the supervisor's socket or to a worker's.
#![no_main]

use decklog_protocol::frame::Frame;
use decklog_protocol::message::{Hello, Request};
use decklog_worker::ToWorker;
use decklog_worker::frame::{Decoder, MESSAGE_BYTES_MAX};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut buffer = bytes.to_vec();
    while let Ok(Some(frame)) = Frame::decode(&mut buffer) {
        let _ = frame.parse::<Hello>();
        let _ = frame.parse::<Request>();
    }
    let mut decoder = Decoder::new(MESSAGE_BYTES_MAX);
    decoder.push(bytes);
    while let Ok(Some(_)) = decoder.next_message::<ToWorker>() {}
});
