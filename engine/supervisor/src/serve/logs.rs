//! A session's output, from its files: what is there, then what comes, without a gap between the two.

use std::io;

use decklog_engine::dispatcher::{Answer, Input, WaitGoal};
use decklog_engine::id::RunKey;
use decklog_engine::session::State;
use decklog_protocol::frame::Frame;
use decklog_protocol::message::Reply;
use decklog_worker::layout::RunDir;
use decklog_worker::{Chunk, OutputReader};

use super::Server;
use super::out::Out;
use crate::{launch, tasks};

const CHUNK_BYTES: usize = 256 << 10;
/// How far back is looked for the last lines, at first.
const TAIL_FIRST_BYTES: usize = 64 << 10;
/// And at most: a line longer than this is cut.
const TAIL_BYTES_MAX: usize = 64 << 20;

impl Server {
    pub(super) async fn logs(
        &self,
        out: &mut Out,
        target: String,
        run: Option<u32>,
        follow: bool,
        begin: Begin,
    ) -> io::Result<()> {
        let session = match self.look_at(target).await {
            Some(Answer::Sessions { mut sessions }) if sessions.len() == 1 => sessions.remove(0).session,
            Some(other) => return self.reply(out, other).await,
            None => return out.closing().await,
        };
        if follow && session.state() == State::Queued {
            let goal = WaitGoal {
                states: vec![State::Working, State::Done, State::Failed, State::Stopped],
                any: true,
                through_asks: true,
            };
            let targets = vec![session.id.to_string()];
            let _ = self.handle.ask(|token| Input::Wait { token, targets, goal }).await;
        }
        let latest = session.run.as_ref().map_or(1, |run| run.number);
        let run = RunKey { session: session.id, run: run.unwrap_or(latest) };
        if run.run == 0 || run.run > latest {
            let text = format!("{} has no run {}: its latest is {latest}", session.name, run.run);
            return out.last(&Reply::Failed { text, hints: Vec::new() }).await;
        }
        let job_dir = launch::job_dir(&self.home, run.session);
        if !job_dir.path().is_dir() {
            let text = format!("the output of {} is not there any more", session.name);
            let hints = vec![format!("decklog history {} still says what happened", session.name)];
            return out.last(&Reply::Failed { text, hints }).await;
        }
        let run_dir = job_dir.run(u64::from(run.run));
        let recorded_end =
            session.run.as_ref().filter(|latest| latest.number == run.run).and_then(|run| run.output_end);
        let mut growth = if follow { self.hosting.follow(run) } else { None };
        let (mut reader, mut offset) = begin.open(&run_dir).await?;
        out.send(&Frame::message(&Reply::Begins { run: run.run, offset })).await?;
        loop {
            // Whether it had ended is asked before the files are read: then what they hold is all.
            let ended = growth.as_mut().is_none_or(|growth| growth.borrow_and_update().ended);
            (reader, offset) = send_all(out, reader, offset).await?;
            out.flush().await?;
            match growth.as_mut() {
                Some(growth) if !ended => {
                    if growth.changed().await.is_err() {
                        // Its host is gone: one more look, and that is all.
                        (_, offset) = send_all(out, reader, offset).await?;
                        break;
                    }
                }
                _ => break,
            }
        }
        if let Some(to) = recorded_end.filter(|end| *end > offset) {
            // The log knows of more than the files hold.
            out.send(&Frame::message(&Reply::Dropped { from: offset, to })).await?;
        }
        out.last(&Reply::End).await
    }
}

/// Where to begin.
#[derive(Debug, Clone, Copy)]
pub(super) enum Begin {
    /// At this offset.
    At(u64),
    /// With the last so many lines.
    LastLines(u64),
}

impl Begin {
    /// A reader, and the offset to begin at.
    async fn open(self, run_dir: &RunDir) -> io::Result<(OutputReader, u64)> {
        let run_dir = run_dir.clone();
        tasks::blocking(move || {
            let mut reader = OutputReader::open(&run_dir);
            let offset = match self {
                Self::At(offset) => offset,
                Self::LastLines(lines) => offset_of_last(&mut reader, lines)?,
            };
            Ok((reader, offset))
        })
        .await
    }
}

/// Where the last so many lines begin.
fn offset_of_last(reader: &mut OutputReader, lines: u64) -> io::Result<u64> {
    let mut bytes_max = TAIL_FIRST_BYTES;
    loop {
        let (start, tail) = reader.tail(bytes_max)?;
        let ends = tail.strip_suffix(b"\n").unwrap_or(&tail);
        let begins = (0..ends.len()).rev().filter(|at| ends[*at] == b'\n').map(|at| at + 1);
        let found = match lines.checked_sub(1) {
            None => Some(tail.len()),
            Some(before) => begins.clone().nth(before as usize),
        };
        if let Some(at) = found {
            return Ok(start + at as u64);
        }
        if tail.len() < bytes_max || bytes_max >= TAIL_BYTES_MAX {
            return Ok(start);
        }
        bytes_max *= 4;
    }
}

/// Sends everything from an offset on that is on file; returns the offset after it.
pub(super) async fn send_all(
    out: &mut Out,
    mut reader: OutputReader,
    mut offset: u64,
) -> io::Result<(OutputReader, u64)> {
    loop {
        let (back, read) = tasks::blocking(move || {
            let mut buffer = vec![0; CHUNK_BYTES];
            let chunk = reader.read_at(offset, &mut buffer);
            if let Ok(Chunk::Bytes { len, .. }) = chunk {
                buffer.truncate(len);
            }
            (reader, chunk.map(|chunk| (chunk, buffer)))
        })
        .await;
        reader = back;
        match read? {
            (Chunk::Bytes { len, .. }, bytes) => {
                out.send(&Frame::Output(bytes)).await?;
                offset += len as u64;
            }
            (Chunk::Dropped { from, to }, _) => {
                out.send(&Frame::message(&Reply::Dropped { from, to })).await?;
                offset = to;
            }
            (Chunk::End, _) => return Ok((reader, offset)),
        }
    }
}
