//! A connection on which both sides go on talking: attached to a session. Nothing here ever waits.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;

use decklog_protocol::frame::Frame;
use decklog_protocol::message::Reply;
use serde::Serialize;

use super::connection::Connection;

const READ_BYTES: usize = 64 << 10;
/// Of what is said so much may wait until the supervisor reads it.
const UNSENT_BYTES_MOST: usize = 1 << 20;

/// The connection.
#[derive(Debug)]
pub(crate) struct Link {
    stream: UnixStream,
    /// Bytes that are not a whole frame yet.
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
}

/// What was heard.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A message.
    Reply(Reply),
    /// Bytes of output.
    Output(Vec<u8>),
    /// Nothing more for now.
    Nothing,
    /// The other side is gone, or makes no sense.
    Gone,
}

impl Link {
    pub(super) fn new(connection: Connection) -> io::Result<Self> {
        let (stream, incoming) = connection.into_parts();
        stream.set_nonblocking(true)?;
        Ok(Self { stream, incoming, outgoing: Vec::new() })
    }

    /// Where it can be waited for.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Whether something waits to be sent.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Reads once; `false` if the other side is gone. What came is given by [`Self::heard`].
    pub(crate) fn read(&mut self) -> bool {
        let had = self.incoming.len();
        self.incoming.resize(had + READ_BYTES, 0);
        let read = self.stream.read(&mut self.incoming[had..]);
        self.incoming.truncate(had + read.as_ref().map_or(0, |read| *read));
        match read {
            Ok(read) => read > 0,
            Err(error) => is_for_later(&error),
        }
    }

    /// The next of what was read.
    pub(crate) fn heard(&mut self) -> Heard {
        match Frame::decode(&mut self.incoming) {
            Ok(None) => Heard::Nothing,
            Ok(Some(Frame::Output(bytes))) => Heard::Output(bytes),
            Ok(Some(frame)) => frame.parse().map_or(Heard::Gone, Heard::Reply),
            Err(_) => Heard::Gone,
        }
    }

    /// Says what was typed; `false` if that cannot be said any more.
    pub(crate) fn type_in(&mut self, bytes: Vec<u8>) -> bool {
        if self.outgoing.len() + bytes.len() > UNSENT_BYTES_MOST {
            return false;
        }
        Frame::Output(bytes).encode(&mut self.outgoing);
        self.write()
    }

    /// Says something else; `false` if the other side is gone.
    pub(crate) fn tell(&mut self, message: &impl Serialize) -> bool {
        Frame::message(message).encode(&mut self.outgoing);
        self.write()
    }

    /// Sends what waits, as far as there is room; `false` if the other side is gone.
    pub(crate) fn write(&mut self) -> bool {
        while !self.outgoing.is_empty() {
            match self.stream.write(&self.outgoing) {
                Ok(written) => drop(self.outgoing.drain(..written)),
                Err(error) => return is_for_later(&error),
            }
        }
        true
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
