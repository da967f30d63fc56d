//! How the supervisor does.

use std::io;

use decklog_engine::dispatcher::{Answer, Input, Look};
use decklog_protocol::message::{LogStatus, Reply, SessionCounts, Status};
use decklog_protocol::moment::rfc3339;
use decklog_protocol::row::hex;

use super::Server;
use super::out::Out;
use crate::run::VERSION;
use crate::{files, tasks};

impl Server {
    pub(super) async fn status(&self, out: &mut Out) -> io::Result<()> {
        let look = |token| Input::Look { token, at: Look::Counts };
        let Some(Answer::Counts { listed, live, blocked, queued }) = self.handle.ask(look).await else {
            return out.closing().await;
        };
        let log = self.home.log();
        let bytes = tasks::blocking(move || files::bytes_in(&log)).await;
        let head = self.store.reader.head();
        let status = Status {
            running: true,
            pid: Some(std::process::id()),
            version: Some(VERSION.into()),
            epoch: Some(self.epoch),
            started_at: Some(rfc3339(self.started_at)),
            home: self.home.shown().display().to_string(),
            socket: self.home.socket().display().to_string(),
            sessions: Some(SessionCounts {
                total: listed as u64,
                live: live as u64,
                blocked: blocked as u64,
                queued: queued as u64,
            }),
            workers: Some(self.hosting.count() as u64),
            log: Some(LogStatus { records: head.seq, head: hex(&head.hash), bytes }),
        };
        out.last(&Reply::Status(status)).await
    }
}
