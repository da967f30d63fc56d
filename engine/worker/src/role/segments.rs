//! Writing output: bounded, offset-addressed segment files.
//!
//! The first half of what may be kept stays for ever; of the rest the oldest segments make room for new ones.
//! What was dropped is the gap between the offsets of two segments, so a reader needs nothing but the files.
//! A segment is finished before the next one is made (readers rely on it). A write that fails drops the bytes
//! and says so: the job must never wait for a full disk.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
};

use crate::{DroppedRange, layout::RunDir};

/// The writer of one run's output.
#[derive(Debug)]
pub(super) struct Segments {
    run_dir: RunDir,
    limits: Limits,
    /// What is on disk, in order; the last one is being written while `file` is there.
    kept: VecDeque<Segment>,
    file: Option<File>,
    kept_bytes: u64,
    end: u64,
    dropped: Vec<DroppedRange>,
    news: Vec<DroppedRange>,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    bytes_max: u64,
    segment_bytes: u64,
    /// Segments that start before this offset are never dropped.
    head_end: u64,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    start: u64,
    len: u64,
}

const BYTES_MAX_LEAST: u64 = 256 << 10;
const SEGMENT_BYTES_LEAST: u64 = 64 << 10;
const SEGMENT_BYTES_MOST: u64 = 8 << 20;
/// A disk that is full again and again would otherwise leave ever more, ever smaller files.
const SEGMENTS_MAX: usize = 4096;

impl Segments {
    pub(super) fn new(run_dir: &RunDir, output_bytes_max: u64) -> Self {
        let bytes_max = output_bytes_max.max(BYTES_MAX_LEAST);
        let least = SEGMENT_BYTES_LEAST.max(bytes_max / SEGMENTS_MAX as u64 * 2);
        let segment_bytes = (bytes_max / 8).clamp(least, SEGMENT_BYTES_MOST.max(least));
        Self {
            run_dir: run_dir.clone(),
            limits: Limits { bytes_max, segment_bytes, head_end: bytes_max / 2 },
            kept: VecDeque::new(),
            file: None,
            kept_bytes: 0,
            end: 0,
            dropped: Vec::new(),
            news: Vec::new(),
        }
    }

    /// Keeps `bytes`, or as much of them as can be written.
    pub(super) fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.write_some(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.finish_segment();
                    let from = self.end;
                    self.end += bytes.len() as u64;
                    self.note_dropped(DroppedRange { from, to: self.end });
                    return;
                }
            }
        }
    }

    /// The offset after the last byte, dropped ones counted.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// All that was dropped, in order.
    pub(super) fn dropped(&self) -> &[DroppedRange] {
        &self.dropped
    }

    /// What was dropped since the last call.
    pub(super) fn take_news(&mut self) -> Vec<DroppedRange> {
        std::mem::take(&mut self.news)
    }

    /// Makes the end of the output durable: all of a small output. Earlier segments of a large one are left to
    /// the kernel's own writing back.
    pub(super) fn sync(&self) {
        if let Some(file) = &self.file {
            // Best effort: the exit that follows is what must not be lost.
            let _ = file.sync_data();
        }
    }

    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let segment_bytes = self.limits.segment_bytes;
        if self.file.is_some() && self.kept.back().is_some_and(|last| last.len >= segment_bytes) {
            self.finish_segment();
        }
        if self.file.is_none() {
            self.begin_segment()?;
        }
        let (Some(file), Some(last)) = (&mut self.file, self.kept.back_mut()) else {
            unreachable!("a segment was just begun")
        };
        let room = usize::try_from(segment_bytes - last.len).unwrap_or(usize::MAX);
        let written = file.write(&bytes[..bytes.len().min(room)])?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        last.len += written as u64;
        self.kept_bytes += written as u64;
        self.end += written as u64;
        Ok(written)
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        self.make_room()?;
        let path = self.run_dir.segment(self.end);
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        self.file = Some(file);
        self.kept.push_back(Segment { start: self.end, len: 0 });
        Ok(())
    }

    fn finish_segment(&mut self) {
        if self.file.take().is_some() && self.kept.back().is_some_and(|last| last.len == 0) {
            let empty = self.kept.pop_back().expect("it was just looked at");
            let _ = fs::remove_file(self.run_dir.segment(empty.start));
        }
    }

    fn make_room(&mut self) -> io::Result<()> {
        let Limits { bytes_max, segment_bytes, head_end } = self.limits;
        while self.kept_bytes + segment_bytes > bytes_max || self.kept.len() >= SEGMENTS_MAX {
            let Some(oldest) = self.kept.iter().position(|segment| segment.start >= head_end) else {
                return Err(io::ErrorKind::StorageFull.into());
            };
            let Segment { start, len } = self.kept[oldest];
            fs::remove_file(self.run_dir.segment(start))?;
            self.kept.remove(oldest);
            self.kept_bytes -= len;
            self.note_dropped(DroppedRange { from: start, to: start + len });
        }
        Ok(())
    }

    fn note_dropped(&mut self, range: DroppedRange) {
        merge(&mut self.dropped, range);
        merge(&mut self.news, range);
    }
}

/// Adds a range to ordered, disjoint ranges, joining neighbours.
fn merge(ranges: &mut Vec<DroppedRange>, mut new: DroppedRange) {
    let at = ranges.partition_point(|range| range.from < new.from);
    if ranges.get(at).is_some_and(|next| next.from == new.to) {
        new.to = ranges.remove(at).to;
    }
    match at.checked_sub(1).and_then(|before| ranges.get_mut(before)) {
        Some(previous) if previous.to == new.from => previous.to = new.to,
        _ => ranges.insert(at, new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Chunk, OutputReader};

    fn content(range: std::ops::Range<u64>) -> Vec<u8> {
        range.map(|offset| (offset / 7 % 251) as u8).collect()
    }

    /// Reads all, checks each byte against its offset, and gives the holes.
    fn check(run_dir: &RunDir) -> (u64, Vec<DroppedRange>) {
        let (mut at, mut holes) = (0, Vec::new());
        let mut reader = OutputReader::open(run_dir);
        let mut buffer = vec![0; 100_000];
        loop {
            match reader.read_at(at, &mut buffer).unwrap() {
                Chunk::Bytes { len, .. } => {
                    assert_eq!(buffer[..len], content(at..at + len as u64), "at {at}");
                    at += len as u64;
                }
                Chunk::Dropped { from, to } => {
                    holes.push(DroppedRange { from, to });
                    at = to;
                }
                Chunk::End => return (at, holes),
            }
        }
    }

    #[test]
    fn the_first_half_and_the_last_part_are_kept() {
        const LIMIT: u64 = 1 << 20;
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let mut output = Segments::new(&run_dir, LIMIT);
        let total = 5 << 20;
        let mut at = 0;
        while at < total {
            let next = (at + 33_333).min(total);
            output.append(&content(at..next));
            at = next;
            let on_disk: u64 =
                fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
            assert!(on_disk <= LIMIT, "{on_disk}");
        }
        let (end, holes) = check(&run_dir);
        assert_eq!(end, total);
        assert_eq!(holes, output.dropped());
        assert_eq!(holes.len(), 1);
        assert_eq!(holes[0].from, LIMIT / 2);
        assert!(total - holes[0].to >= LIMIT * 3 / 8, "{holes:?}");
        assert_eq!(output.take_news(), holes);
        assert!(output.take_news().is_empty());
    }

    #[test]
    fn small_output_is_one_file_and_none_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let mut output = Segments::new(&run_dir, u64::MAX);
        output.append(b"");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        output.append(&content(0..10));
        output.append(&content(10..20));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(check(&run_dir), (20, vec![]));
    }

    #[test]
    fn what_cannot_be_written_is_a_marked_hole_and_writing_goes_on_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path().join("run"));
        let aside = folder.path().join("aside");
        fs::create_dir(run_dir.path()).unwrap();
        let mut output = Segments::new(&run_dir, 1 << 20);
        let first = output.limits.segment_bytes;
        output.append(&content(0..first));
        fs::rename(run_dir.path(), &aside).unwrap();
        output.append(&content(first..first + 10));
        output.append(&content(first + 10..first + 30));
        fs::rename(&aside, run_dir.path()).unwrap();
        output.append(&content(first + 30..first + 50));
        let hole = DroppedRange { from: first, to: first + 30 };
        assert_eq!(output.dropped(), [hole]);
        assert_eq!(check(&run_dir), (first + 50, vec![hole]));
    }

    #[test]
    fn a_reader_sees_only_the_truth_while_the_writer_rotates() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        let total = 64 << 20;
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut output = Segments::new(&run_dir, 512 << 10);
                let mut at = 0;
                while at < total {
                    output.append(&content(at..(at + 50_000).min(total)));
                    at = (at + 50_000).min(total);
                }
                output.dropped().to_vec()
            });
            let mut seen_holes = Vec::new();
            while !writer.is_finished() {
                seen_holes = check(&run_dir).1;
            }
            let dropped = writer.join().unwrap();
            // Whatever a reader was told is gone is truly gone.
            for hole in seen_holes {
                assert!(
                    dropped.iter().any(|range| range.from <= hole.from && hole.to <= range.to),
                    "{hole:?}"
                );
            }
            assert_eq!(check(&run_dir), (total, dropped));
        });
    }

    #[test]
    fn ranges_join() {
        let range = |from, to| DroppedRange { from, to };
        let mut ranges = Vec::new();
        for (from, to) in [(10, 20), (40, 50), (20, 30), (0, 5), (30, 40), (5, 10), (60, 61)] {
            merge(&mut ranges, range(from, to));
        }
        assert_eq!(ranges, [range(0, 50), range(60, 61)]);
    }
}
