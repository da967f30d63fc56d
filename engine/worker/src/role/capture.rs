//! Moving bytes: what the job prints goes to disk, what was typed goes to the job.
//!
//! Never waits for either side, and never takes an end-of-file for an exit.

use std::{
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd},
};

use nix::poll::PollFlags;

use super::{job::Wires, segments::Segments, times::Times};
use crate::{Config, DroppedRange, layout::RunDir, sys};

/// The job's wires and where they lead.
#[derive(Debug)]
pub(super) struct Capture {
    wires: Wires,
    segments: Segments,
    times: Times,
    buffer: Vec<u8>,
    typed: Vec<u8>,
}

/// Input that cannot be kept, because the job does not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InputRefused;

const BUFFER_BYTES: usize = 64 << 10;
const TYPED_BYTES_MAX: usize = 256 << 10;
/// How much is read after the job's end: more than a pipe or a terminal can hold. A leftover that writes
/// without pause must not delay the exit.
const DRAIN_BYTES_MAX: usize = 4 << 20;

impl Capture {
    pub(super) fn new(run_dir: &RunDir, config: &Config, wires: Wires) -> Self {
        Self {
            wires,
            segments: Segments::new(run_dir, config.output_bytes_max),
            times: Times::new(run_dir),
            buffer: vec![0; BUFFER_BYTES],
            typed: Vec::new(),
        }
    }

    /// The offset after the last byte of output.
    pub(super) fn end(&self) -> u64 {
        self.segments.end()
    }

    /// All that was dropped.
    pub(super) fn dropped(&self) -> &[DroppedRange] {
        self.segments.dropped()
    }

    /// What was dropped since the last call.
    pub(super) fn take_dropped_news(&mut self) -> Vec<DroppedRange> {
        self.segments.take_news()
    }

    /// What to wait for.
    pub(super) fn polled(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let writes = if self.typed.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
        self.wires.output.as_ref().map(|output| (output.as_fd(), PollFlags::POLLIN | writes))
    }

    /// Moves what can be moved, a bounded amount of it.
    pub(super) fn step(&mut self) {
        self.write_typed();
        self.read();
    }

    /// Reads what is readable now.
    pub(super) fn drain(&mut self) {
        for _ in 0..DRAIN_BYTES_MAX / BUFFER_BYTES {
            if !self.read() {
                return;
            }
        }
    }

    /// Lets go of the job's wires; the output is complete, and as durable as it is small.
    pub(super) fn close(&mut self) {
        self.wires = Wires::default();
        self.segments.sync();
        self.buffer = Vec::new();
        self.typed = Vec::new();
    }

    /// Whether the job has a full terminal.
    pub(super) fn takes_input(&self) -> bool {
        self.wires.takes_input
    }

    /// Types into the terminal: all of `bytes` or none. Without a full terminal nothing happens.
    pub(super) fn type_in(&mut self, bytes: &[u8]) -> Result<(), InputRefused> {
        if !self.takes_input() {
            return Ok(());
        }
        if self.typed.len() + bytes.len() > TYPED_BYTES_MAX {
            return Err(InputRefused);
        }
        self.typed.extend_from_slice(bytes);
        self.write_typed();
        Ok(())
    }

    pub(super) fn resize(&self, columns: u16, rows: u16) {
        if let Some(terminal) = &self.wires.terminal {
            // A terminal that was hung up has no size that matters.
            let _ = sys::set_window_size(terminal, columns, rows);
        }
    }

    /// Width and height of the job's terminal; `None` without one.
    pub(super) fn terminal_size(&self) -> Option<(u16, u16)> {
        self.wires.terminal.as_ref().and_then(|terminal| sys::window_size(terminal).ok())
    }

    /// Reads a buffer full, or what there is. Whether there may be more.
    fn read(&mut self) -> bool {
        let Some(mut output) = self.wires.output.as_ref() else { return false };
        let mut len = 0;
        let mut is_over = false;
        while len < self.buffer.len() {
            match output.read(&mut self.buffer[len..]) {
                Ok(read) if read > 0 => len += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Nobody can write any more, or the terminal was hung up. The job may live on.
                Ok(_) | Err(_) => {
                    is_over = true;
                    break;
                }
            }
        }
        if len > 0 {
            self.times.note(self.segments.end());
        }
        self.segments.append(&self.buffer[..len]);
        if is_over {
            self.wires.output = None;
        }
        len == self.buffer.len()
    }

    fn write_typed(&mut self) {
        let Some(mut terminal) = self.wires.terminal.as_ref() else { return };
        while !self.typed.is_empty() {
            match terminal.write(&self.typed) {
                Ok(written) if written > 0 => drop(self.typed.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The terminal is gone, and with it whoever would have read.
                Ok(_) | Err(_) => self.typed.clear(),
            }
        }
    }
}
