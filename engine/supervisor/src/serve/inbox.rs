//! The way in from one client: its request, and what it says afterwards if it is attached.

use decklog_protocol::frame::{Frame, PROTOCOL};
use decklog_protocol::message::{Hello, Request};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::OwnedReadHalf;

/// A dispatch with a usual environment fits into this.
const REQUEST_BYTES_USUAL: usize = 16 << 10;

pub(super) struct Inbox {
    reader: OwnedReadHalf,
    /// Bytes that are not a whole frame yet.
    buffer: Vec<u8>,
}

impl Inbox {
    pub(super) fn new(reader: OwnedReadHalf) -> Self {
        Self { reader, buffer: Vec::with_capacity(REQUEST_BYTES_USUAL) }
    }

    /// The client's first two frames; `None` if it only looked whether anybody listens.
    pub(super) async fn request(&mut self) -> Result<Option<(Hello, Request)>, String> {
        let Some(hello) = self.frame().await? else { return Ok(None) };
        let hello: Hello = hello.parse().map_err(|error| error.to_string())?;
        let Some(request) = self.frame().await? else { return Ok(None) };
        let request = request.parse().map_err(|error| format!("the supervisor cannot do this: {error}"));
        // How to look at a supervisor and how to end it never changes: any other version can replace it.
        let always = matches!(request, Ok(Request::Status | Request::Shutdown { .. }));
        if hello.protocol != PROTOCOL && !always {
            return Err(format!("this client speaks protocol {}, the supervisor {PROTOCOL}", hello.protocol));
        }
        Ok(Some((hello, request?)))
    }

    /// The next frame; `None` once the client has closed its end. May be dropped and called again.
    pub(super) async fn frame(&mut self) -> Result<Option<Frame>, String> {
        loop {
            if let Some(frame) = Frame::decode(&mut self.buffer).map_err(|error| error.to_string())? {
                return Ok(Some(frame));
            }
            match self.reader.read_buf(&mut self.buffer).await {
                Ok(1..) => {}
                _ => return Ok(None),
            }
        }
    }

    /// Returns when the client has closed its end; what it says until then is not heard.
    pub(super) async fn ended(&mut self) {
        let mut ignored = [0; 64];
        while let Ok(1..) = self.reader.read(&mut ignored).await {}
    }
}
