//! Snapshots of the roster: damaged ones are refused, never believed half.
#![no_main]

use decklog_engine::roster::Roster;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(roster) = Roster::decode(bytes) {
        assert!(roster.is_consistent());
        assert_eq!(roster.encode(), bytes);
    }
});
