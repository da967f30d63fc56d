//! The worker's side of its control connections.
//!
//! A connection can do no harm by what it does not do: sending never blocks, what is buffered is bounded, what
//! is frequent is coalesced, and a connection that says nothing, garbage or goodbye ends nothing but itself.

use std::{
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::{UnixListener, UnixStream},
    },
    time::{Duration, Instant},
};

use nix::{
    poll::PollFlags,
    sys::socket::{getsockopt, sockopt::PeerCredentials},
    unistd::geteuid,
};

use crate::{
    DroppedRange, FromWorker, ToWorker,
    frame::{self, Decoder},
};

/// All connections, oldest first.
#[derive(Debug, Default)]
pub(super) struct Connections(Vec<Connection>);

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    decoder: Decoder,
    outbox: Vec<u8>,
    follows: bool,
    told_end: u64,
    told_at: Option<Instant>,
    dropped: Vec<DroppedRange>,
    dropped_told_at: Option<Instant>,
    dropped_pause: Duration,
    is_broken: bool,
}

/// More connections than this: the oldest is closed. A supervisor simply connects again.
const CONNECTIONS_MAX: usize = 32;
/// A peer that lets this much wait is closed.
const OUTBOX_BYTES_MAX: usize = 4 << 20;
/// More truncation hints than this wait for nobody; they are hints.
const DROPPED_HINTS_MAX: usize = 64;
/// Growth is told at once, but not more often than this.
const GREW_PAUSE: Duration = Duration::from_millis(5);
/// What is dropped is told at once, then after this pause, and each time after twice that, up to the most: each is
/// recorded, and a job that prints for ever must not fill the log with what is not kept of its output.
const DROPPED_PAUSE_FIRST: Duration = Duration::from_secs(1);
const DROPPED_PAUSE_MOST: Duration = Duration::from_secs(3600);

impl Connections {
    /// Takes one connection in, and greets it.
    pub(super) fn add(&mut self, stream: UnixStream, mut decoder: Decoder, greeting: &[FromWorker]) {
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        decoder.set_frame_bytes_max(frame::MESSAGE_BYTES_MAX);
        let mut connection = Connection {
            stream,
            decoder,
            outbox: Vec::new(),
            follows: false,
            told_end: 0,
            told_at: None,
            dropped: Vec::new(),
            dropped_told_at: None,
            dropped_pause: DROPPED_PAUSE_FIRST,
            is_broken: false,
        };
        for message in greeting {
            connection.send(message);
        }
        if self.0.len() >= CONNECTIONS_MAX {
            self.0.remove(0);
        }
        self.0.push(connection);
    }

    /// Accepts whoever waits at the socket and is the same user.
    pub(super) fn accept(&mut self, listener: &UnixListener, greeting: &[FromWorker]) {
        while let Ok((stream, _)) = listener.accept() {
            let is_same_user =
                getsockopt(&stream, PeerCredentials).is_ok_and(|peer| peer.uid() == geteuid().as_raw());
            if is_same_user {
                self.add(stream, Decoder::new(frame::MESSAGE_BYTES_MAX), greeting);
            }
        }
    }

    /// Answers the connection at `index`.
    pub(super) fn tell(&mut self, index: usize, message: &FromWorker) {
        self.0[index].send(message);
    }

    /// Whether this connection hears of growth from now on.
    pub(super) fn follow(&mut self, index: usize, on: bool) {
        self.0[index].follows = on;
    }

    /// Says the end of the run: after all that there is to say about its output.
    pub(super) fn tell_end(&mut self, now: Instant, end: u64, messages: &[FromWorker]) {
        for connection in &mut self.0 {
            connection.send_dropped(now);
            if connection.grew_due(now, end).is_some() {
                connection.send_grew(now, end);
            }
            for message in messages {
                connection.send(message);
            }
        }
    }

    /// Notes what was dropped, to be told when there is room.
    pub(super) fn note_dropped(&mut self, news: &[DroppedRange]) {
        for connection in &mut self.0 {
            for range in news {
                let dropped = &mut connection.dropped;
                if let Some(last) = dropped.last_mut().filter(|last| last.to == range.from) {
                    last.to = range.to;
                } else if dropped.len() < DROPPED_HINTS_MAX {
                    dropped.push(*range);
                }
            }
        }
    }

    /// Sends what can be sent, and forgets who is gone. `end` is the end of the output.
    pub(super) fn flush(&mut self, now: Instant, end: u64) {
        for connection in &mut self.0 {
            if connection.outbox.is_empty() {
                if connection.dropped_due(now).is_some_and(|due| due <= now) {
                    connection.send_dropped(now);
                }
                if connection.grew_due(now, end).is_some_and(|due| due <= now) {
                    connection.send_grew(now, end);
                }
            }
            connection.write();
        }
        self.0.retain(|connection| !connection.is_broken);
    }

    /// When growth, or what was dropped, should next be told.
    pub(super) fn next_news(&self, now: Instant, end: u64) -> Option<Instant> {
        let idle = self.0.iter().filter(|connection| connection.outbox.is_empty());
        idle.flat_map(|connection| [connection.grew_due(now, end), connection.dropped_due(now)])
            .flatten()
            .min()
    }

    /// Each connection's descriptor and what it waits for, in order.
    pub(super) fn polled(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        self.0.iter().map(|connection| {
            let writes = if connection.outbox.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
            (connection.stream.as_fd(), PollFlags::POLLIN | writes)
        })
    }

    /// What the connection at `index` has to say. One that has ended, or that makes no sense, is broken from
    /// then on; what it said before counts.
    pub(super) fn receive(&mut self, index: usize) -> Vec<ToWorker> {
        self.0[index].receive()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Connection {
    fn send(&mut self, message: &FromWorker) {
        self.outbox.extend_from_slice(&frame::encode(message));
        if self.outbox.len() > OUTBOX_BYTES_MAX {
            self.is_broken = true;
        }
    }

    fn send_dropped(&mut self, now: Instant) {
        if self.dropped.is_empty() {
            return;
        }
        if self.dropped_told_at.replace(now).is_some() {
            self.dropped_pause = (self.dropped_pause * 2).min(DROPPED_PAUSE_MOST);
        }
        for DroppedRange { from, to } in std::mem::take(&mut self.dropped) {
            self.send(&FromWorker::OutputDropped { from, to });
        }
    }

    fn send_grew(&mut self, now: Instant, end: u64) {
        self.told_end = end;
        self.told_at = Some(now);
        self.send(&FromWorker::Grew { end });
    }

    /// When this connection should hear what was dropped.
    fn dropped_due(&self, now: Instant) -> Option<Instant> {
        let due = || self.dropped_told_at.map_or(now, |told| told + self.dropped_pause);
        (!self.dropped.is_empty()).then(due)
    }

    /// When this connection should hear that output has grown up to `end`.
    fn grew_due(&self, now: Instant, end: u64) -> Option<Instant> {
        let has_grown = self.follows && self.told_end < end;
        has_grown.then(|| self.told_at.map_or(now, |told| told + GREW_PAUSE))
    }

    fn write(&mut self) {
        while !self.outbox.is_empty() && !self.is_broken {
            match self.stream.write(&self.outbox) {
                Ok(0) => self.is_broken = true,
                Ok(written) => drop(self.outbox.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.is_broken = true,
            }
        }
        self.outbox.shrink_to(0);
    }

    fn receive(&mut self) -> Vec<ToWorker> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.is_broken = true,
            Ok(len) => self.decoder.push(&buffer[..len]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.is_broken = true,
        }
        let mut messages = Vec::new();
        loop {
            match self.decoder.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => return messages,
                Err(_) => {
                    self.is_broken = true;
                    return messages;
                }
            }
        }
    }
}
