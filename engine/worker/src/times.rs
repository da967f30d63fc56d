//! When output came: the file `times` beside it, written by the worker, read for those who want output since a time.
//!
//! It is a sequence of entries of 16 bytes: a time (UTC milliseconds) and an offset, both little-endian. The output from
//! an entry's offset up to the next one's came within the entry's span: at its time or after it, but less than
//! [`span_ms`] later by the same clock. A clock that is set back begins another entry, so that holds whatever the clock
//! does. Spans grow with the number of entries: a run of a month has a file of about a megabyte.

use std::{fs, io};

use crate::layout::RunDir;

/// How long an entry is.
pub(crate) const ENTRY_BYTES: usize = 16;
/// After so many entries spans are twice as long.
const ENTRIES_OF_A_SPAN: u64 = 8192;
const FIRST_SPAN_MS: u64 = 1_000;

/// How much time the entry of this number, counted from 0, stands for.
pub(crate) fn span_ms(number: u64) -> u64 {
    FIRST_SPAN_MS << (number / ENTRIES_OF_A_SPAN).min(32)
}

/// An entry's bytes.
pub(crate) fn entry(time_ms: u64, offset: u64) -> [u8; ENTRY_BYTES] {
    let mut bytes = [0; ENTRY_BYTES];
    bytes[..8].copy_from_slice(&time_ms.to_le_bytes());
    bytes[8..].copy_from_slice(&offset.to_le_bytes());
    bytes
}

/// Where the output since a time begins, as the worker's notes tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// At this offset: what came at that time or later, and at most a span of what came before.
    At(u64),
    /// Nothing came since, as far as it is noted.
    Nothing,
    /// The worker noted no times: there was no output, it is an older one, or it could not write them.
    NotNoted,
}

/// Where the output of a run since this time (UTC milliseconds) begins. Never too late: all that came since is at that
/// offset or after it.
pub fn output_since(run_dir: &RunDir, time_ms: u64) -> io::Result<Since> {
    let bytes = match fs::read(run_dir.times()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Since::NotNoted),
        bytes => bytes?,
    };
    let mut entries = bytes.as_chunks::<ENTRY_BYTES>().0.iter().zip(0..).map(|(entry, number)| {
        let [time, offset] =
            [&entry[..8], &entry[8..]].map(|half| u64::from_le_bytes(half.try_into().expect("8 bytes")));
        (time.saturating_add(span_ms(number)), offset)
    });
    Ok(entries.find(|(until, _)| *until > time_ms).map_or(Since::Nothing, |(_, offset)| Since::At(offset)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_since_a_time_is_never_too_little() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        assert_eq!(output_since(&run_dir, 0).unwrap(), Since::NotNoted);
        let entries = [(10_000, 0), (11_500, 40), (90_000, 70), (50_000, 80)];
        let bytes: Vec<u8> = entries.iter().flat_map(|(time, offset)| entry(*time, *offset)).collect();
        fs::write(run_dir.times(), bytes).unwrap();
        let since = |time_ms| output_since(&run_dir, time_ms).unwrap();
        assert_eq!([since(0), since(10_999)], [Since::At(0); 2]);
        assert_eq!([since(11_000), since(12_499)], [Since::At(40); 2]);
        assert_eq!([since(12_500), since(60_000), since(90_999)], [Since::At(70); 3]);
        assert_eq!(since(91_000), Since::Nothing);
    }

    #[test]
    fn a_piece_of_an_entry_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        fs::write(run_dir.times(), [&entry(5, 0)[..], &[1, 2, 3]].concat()).unwrap();
        assert_eq!(output_since(&run_dir, 5_000).unwrap(), Since::Nothing);
    }

    #[test]
    fn spans_grow_so_that_the_file_does_not() {
        assert_eq!(
            [span_ms(0), span_ms(8191), span_ms(8192), span_ms(3 * 8192)],
            [1_000, 1_000, 2_000, 8_000]
        );
        let mut entries = 0;
        let mut ms = 0;
        while ms < 30 * 86_400_000 {
            ms += span_ms(entries);
            entries += 1;
        }
        assert!(entries * (ENTRY_BYTES as u64) < 2 << 20, "{entries}");
    }
}
