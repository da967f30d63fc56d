//! Reading a run's output by offset, also while the worker is writing, rotating and dropping it.
//!
//! The worker finishes a segment before it makes the next one, and only ever deletes whole segments. So what a
//! segment holds at an offset never changes, and a hole between two segments is final: it is told as
//! [`Chunk::Dropped`], never skipped in silence.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
};

use crate::layout::{RunDir, segment_offset};

/// What is at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// Output: the first `len` bytes of the buffer.
    Bytes {
        /// Where it starts: the offset that was asked for.
        offset: u64,
        /// How much there is; at least one byte.
        len: usize,
    },
    /// Output that is gone; go on at `to`.
    Dropped {
        /// The offset that was asked for.
        from: u64,
        /// Where output goes on.
        to: u64,
    },
    /// Nothing yet. If the run has ended and its exit's `output_end` is greater, the rest was dropped.
    End,
}

/// A reader of one run's output. Keeps at most one file open.
#[derive(Debug)]
pub struct OutputReader {
    run_dir: RunDir,
    open: Option<(u64, File)>,
}

/// How often a listing is repeated while the worker drops segments faster than they can be listed.
const LISTINGS_MAX: usize = 64;

impl OutputReader {
    /// A reader of the output in `run_dir`, which may still be empty or missing.
    pub fn open(run_dir: &RunDir) -> Self {
        Self { run_dir: run_dir.clone(), open: None }
    }

    /// Reads what is at `offset` into `buffer`, which must not be empty. May give less than there is.
    pub fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<Chunk> {
        assert!(!buffer.is_empty(), "a read needs room");
        if let Some(len) = self.read_open(offset, buffer)? {
            return Ok(Chunk::Bytes { offset, len });
        }
        let mut earlier: Vec<u64> = Vec::new();
        for _ in 0..LISTINGS_MAX {
            let starts = self.list()?;
            // The segment that held the offset may have grown, or begun, since.
            if let Some(start) = starts.iter().copied().rfind(|start| *start <= offset) {
                self.open_segment(start)?;
            }
            if let Some(len) = self.read_open(offset, buffer)? {
                return Ok(Chunk::Bytes { offset, len });
            }
            let Some(to) = starts.iter().copied().find(|start| *start > offset) else {
                return Ok(Chunk::End);
            };
            // A listing can miss a file that is made while it runs, but not one that is older than a file of
            // an earlier listing. So a hole is believed only up to a segment that was listed before.
            if earlier.contains(&to) {
                return Ok(Chunk::Dropped { from: offset, to });
            }
            earlier = starts;
        }
        Ok(Chunk::End)
    }

    /// The last `bytes_max` bytes, or less, and the offset of the first of them. Starts after the last hole.
    pub fn tail(&mut self, bytes_max: usize) -> io::Result<(u64, Vec<u8>)> {
        let end = self.end()?;
        let mut start = end.saturating_sub(bytes_max as u64);
        let mut tail = Vec::new();
        let mut buffer = vec![0; bytes_max.clamp(1, 64 << 10)];
        while tail.len() < bytes_max {
            let room = buffer.len().min(bytes_max - tail.len());
            match self.read_at(start + tail.len() as u64, &mut buffer[..room])? {
                Chunk::Bytes { len, .. } => tail.extend_from_slice(&buffer[..len]),
                Chunk::Dropped { to, .. } => {
                    tail.clear();
                    start = to;
                }
                Chunk::End => break,
            }
        }
        Ok((start, tail))
    }

    /// The offset after the last byte that is on file.
    pub fn end(&mut self) -> io::Result<u64> {
        let Some(last) = self.list()?.last().copied() else { return Ok(0) };
        self.open_segment(last)?;
        match &self.open {
            Some((start, file)) if *start == last => Ok(start + file.metadata()?.len()),
            _ => Ok(last),
        }
    }

    fn read_open(&self, offset: u64, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let Some((start, file)) = &self.open else { return Ok(None) };
        let Some(within) = offset.checked_sub(*start) else { return Ok(None) };
        let len = file.read_at(buffer, within)?;
        Ok((len > 0).then_some(len))
    }

    fn open_segment(&mut self, start: u64) -> io::Result<()> {
        if self.open.as_ref().is_some_and(|(open, _)| *open == start) {
            return Ok(());
        }
        match File::open(self.run_dir.segment(start)) {
            Ok(file) => self.open = Some((start, file)),
            // It was dropped since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The start offsets of all segments, in order.
    fn list(&self) -> io::Result<Vec<u64>> {
        let entries = match fs::read_dir(self.run_dir.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            result => result?,
        };
        let mut starts = Vec::new();
        for entry in entries {
            starts.extend(entry?.file_name().to_str().and_then(segment_offset));
        }
        starts.sort_unstable();
        Ok(starts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_holes_and_the_end_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let mut reader = OutputReader::open(&run_dir);
        let mut buffer = [0; 100];
        assert_eq!(reader.read_at(0, &mut buffer).unwrap(), Chunk::End);
        assert_eq!(reader.tail(10).unwrap(), (0, vec![]));

        fs::write(run_dir.segment(0), "0123").unwrap();
        fs::write(run_dir.segment(4), "4567").unwrap();
        fs::write(run_dir.segment(20), "uvw").unwrap();
        let mut at = 0;
        let mut seen = Vec::new();
        loop {
            match reader.read_at(at, &mut buffer).unwrap() {
                Chunk::Bytes { offset, len } => {
                    assert_eq!(offset, at);
                    seen.push(String::from_utf8(buffer[..len].to_vec()).unwrap());
                    at += len as u64;
                }
                Chunk::Dropped { from, to } => {
                    seen.push(format!("<{from}..{to}>"));
                    at = to;
                }
                Chunk::End => break,
            }
        }
        assert_eq!(seen, ["0123", "4567", "<8..20>", "uvw"]);
        assert_eq!(reader.read_at(6, &mut buffer).unwrap(), Chunk::Bytes { offset: 6, len: 2 });
        assert_eq!(reader.tail(2).unwrap(), (21, b"vw".to_vec()));
        assert_eq!(reader.tail(100).unwrap(), (20, b"uvw".to_vec()));

        // It goes on where it was when the last segment grows.
        assert_eq!(reader.read_at(23, &mut buffer).unwrap(), Chunk::End);
        fs::write(run_dir.segment(23), "x").unwrap();
        assert_eq!(reader.read_at(23, &mut buffer).unwrap(), Chunk::Bytes { offset: 23, len: 1 });
    }
}
