//! Stored payloads: whatever they are, decoding says what is wrong; what decodes is folded without a panic and encodes
//! to the same bytes.
#![no_main]

use decklog_engine::codec;
use decklog_engine::evolve::evolve;
use decklog_engine::id::SessionId;
use decklog_engine::roster::Roster;
use decklog_engine::time::Time;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, bool, Vec<u8>)| {
    let (kind, of_session, payload) = input;
    let session = of_session.then_some(SessionId([1; 16]));
    if let Ok(record) = codec::decode(1, Time(1), session, kind, 1, &payload) {
        assert_eq!(codec::encode(&record).payload, payload);
        let mut roster = Roster::default();
        evolve(&mut roster, &record);
        assert!(roster.is_consistent());
    }
});
