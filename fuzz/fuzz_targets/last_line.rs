//! What a job printed: its last line is short, visible, and found without a panic.
#![no_main]

use decklog_drivers::shell::{LINE_CHARACTERS_MAX, last_line};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(line) = last_line(bytes) {
        assert!(!line.is_empty() && line.chars().count() <= LINE_CHARACTERS_MAX);
        assert!(!line.chars().any(char::is_control));
    }
});
