//! Noting when output came, for those who want output since a time (see [`crate::times`]).
//!
//! Never in the way of the output: where a note cannot be written all notes are taken away, for notes with a gap would
//! hide output.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
};

use super::clock;
use crate::{
    layout::RunDir,
    times::{ENTRY_BYTES, entry, span_ms},
};

/// The notes of one run.
#[derive(Debug)]
pub(super) struct Times {
    run_dir: RunDir,
    file: Option<File>,
    /// How many there are, and the time of the last one.
    noted: u64,
    last_ms: u64,
    is_over: bool,
}

impl Times {
    pub(super) fn new(run_dir: &RunDir) -> Self {
        Self { run_dir: run_dir.clone(), file: None, noted: 0, last_ms: 0, is_over: false }
    }

    /// Output comes now, from this offset on. To be called before it is kept.
    pub(super) fn note(&mut self, offset: u64) {
        self.note_at(clock::wall_ms(), offset);
    }

    fn note_at(&mut self, now_ms: u64, offset: u64) {
        let is_in_span = self.noted > 0
            && now_ms.checked_sub(self.last_ms).is_some_and(|later_ms| later_ms < span_ms(self.noted - 1));
        if self.is_over || is_in_span {
            return;
        }
        if self.write(&entry(now_ms, offset)).is_ok() {
            self.noted += 1;
            self.last_ms = now_ms;
        } else {
            self.is_over = true;
            self.file = None;
            let _ = fs::remove_file(self.run_dir.times());
        }
    }

    fn write(&mut self, entry: &[u8; ENTRY_BYTES]) -> io::Result<()> {
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            self.file = Some(options.append(true).create_new(true).mode(0o600).open(self.run_dir.times())?);
        }
        let file = self.file.as_mut().expect("it was just opened");
        file.write_all(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::times::{Since, output_since};

    #[test]
    fn a_note_is_made_once_a_span_and_when_the_clock_is_set_back() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let mut times = Times::new(&run_dir);
        for (now_ms, offset) in [(5_000, 0), (5_999, 10), (6_000, 20), (6_500, 30), (2_000, 40), (2_999, 50)]
        {
            times.note_at(now_ms, offset);
        }
        let bytes = fs::read(run_dir.times()).unwrap();
        assert_eq!(bytes, [entry(5_000, 0), entry(6_000, 20), entry(2_000, 40)].concat());
    }

    #[test]
    fn notes_that_cannot_be_written_are_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let mut times = Times::new(&run_dir);
        times.note_at(5_000, 0);
        // Nothing can be written through this one.
        times.file = Some(File::open("/dev/null").unwrap());
        times.note_at(9_000, 10);
        times.note_at(19_000, 20);
        assert!(!run_dir.times().exists());
        assert_eq!(output_since(&run_dir, 0).unwrap(), Since::NotNoted);
    }
}
