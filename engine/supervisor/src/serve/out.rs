//! The way out to one client: frames, written as fast as the client reads them.

use std::io;

use decklog_protocol::frame::Frame;
use decklog_protocol::message::Reply;
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::mpsc;

use crate::tasks;

/// Small frames are gathered up to this size.
const GATHERED_BYTES: usize = 64 << 10;
/// So many frames of blocking work may wait for a slow client.
const QUEUE_FRAMES: usize = 64;

pub(super) struct Out {
    writer: OwnedWriteHalf,
    gathered: Vec<u8>,
    /// A write was begun and has not ended: what is out may be a part of a frame.
    is_writing: bool,
}

impl Out {
    pub(super) fn new(writer: OwnedWriteHalf) -> Self {
        Self { writer, gathered: Vec::new(), is_writing: false }
    }

    /// Gathers a frame; what is gathered goes out once there is enough of it, or with [`Self::flush`].
    pub(super) async fn send(&mut self, frame: &Frame) -> io::Result<()> {
        frame.encode(&mut self.gathered);
        if self.gathered.len() >= GATHERED_BYTES { self.flush().await } else { Ok(()) }
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        self.is_writing = true;
        self.writer.write_all(&self.gathered).await?;
        self.is_writing = false;
        self.gathered.clear();
        self.gathered.shrink_to(GATHERED_BYTES);
        Ok(())
    }

    /// The verdict: nothing comes after it.
    pub(super) async fn last(&mut self, reply: &Reply) -> io::Result<()> {
        self.send(&Frame::message(reply)).await?;
        self.flush().await?;
        self.writer.shutdown().await
    }

    pub(super) async fn fail(&mut self, text: String) -> io::Result<()> {
        self.last(&Reply::Failed { text, hints: vec!["decklog daemon logs may say more".into()] }).await
    }

    /// The supervisor ends before it could answer.
    pub(super) async fn closing(&mut self) -> io::Result<()> {
        self.last(&Reply::Closed).await
    }

    /// Says that the supervisor ends in good order, to a client that is amid an answer.
    pub(super) async fn goodbye(&mut self) -> io::Result<()> {
        if self.is_writing {
            // Nothing that could be said now would be understood.
            return Ok(());
        }
        self.closing().await
    }

    /// Sends what blocking work gives, as it gives it. The work ends early once the client is gone.
    pub(super) async fn stream<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut dyn FnMut(Frame) -> bool) -> T + Send + 'static,
    ) -> io::Result<T> {
        let (sender, mut frames) = mpsc::channel::<Frame>(QUEUE_FRAMES);
        let work = tasks::blocking(move || work(&mut |frame| sender.blocking_send(frame).is_ok()));
        tokio::pin!(work);
        let mut result = None;
        loop {
            tokio::select! {
                frame = frames.recv() => match frame {
                    Some(frame) => self.send(&frame).await?,
                    None => break,
                },
                done = &mut work, if result.is_none() => result = Some(done),
            }
        }
        let result = match result {
            Some(result) => result,
            None => work.await,
        };
        self.flush().await?;
        Ok(result)
    }
}
