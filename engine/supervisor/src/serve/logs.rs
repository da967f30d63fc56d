//! A session's output, from its files: what is there, then what comes, without a gap between the two.

use std::io;

use decklog_engine::dispatcher::{Answer, Input, WaitGoal};
use decklog_engine::id::RunKey;
use decklog_engine::session::State;
use decklog_engine::time::Time;
use decklog_protocol::frame::Frame;
use decklog_protocol::message::{Moment, Reply};
use decklog_worker::layout::RunDir;
use decklog_worker::{Chunk, OutputReader, Since, output_since};

use super::Server;
use super::out::Out;
use crate::store::{Store, StoreError};
use crate::{launch, tasks};

pub(super) const CHUNK_BYTES: usize = 256 << 10;
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
        let of_run = session.run.as_ref().filter(|latest| latest.number == run.run);
        let span = of_run.map_or((None, None), |run| (run.started_at, run.ended_at));
        let (mut reader, mut offset) = match begin.open(&run_dir, span, &self.store).await? {
            Ok(opened) => opened,
            Err(NotKnown::Log(error)) => return out.fail(error.to_string()).await,
            Err(NotKnown::Times) => {
                let text = format!(
                    "when run {} of {} printed what is not known: its worker noted no times",
                    run.run, session.name
                );
                let hints = vec!["-n N says the last lines, without --since everything is said".into()];
                return out.last(&Reply::Failed { text, hints }).await;
            }
        };
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
    /// With what came since then, and no more than the last lines.
    With {
        /// Since when; ever, where it is not said.
        since: Option<Moment>,
        /// How many lines; all, where it is not said.
        lines: Option<u64>,
    },
}

/// Why it is not known where to begin.
pub(super) enum NotKnown {
    /// The worker noted no times.
    Times,
    /// The log cannot be read.
    Log(StoreError),
}

impl Begin {
    /// A reader, and the offset to begin at.
    async fn open(
        self,
        run_dir: &RunDir,
        span: Span,
        store: &Store,
    ) -> io::Result<Result<(OutputReader, u64), NotKnown>> {
        let (run_dir, store) = (run_dir.clone(), store.clone());
        tasks::blocking(move || {
            let mut reader = OutputReader::open(&run_dir);
            let (since, lines) = match self {
                Self::At(offset) => return Ok(Ok((reader, offset))),
                Self::With { since, lines } => (since, lines),
            };
            let mut offset = match since.map(|since| store.time_of(since)).transpose() {
                Err(error) => return Ok(Err(NotKnown::Log(error))),
                Ok(None) => 0,
                Ok(Some(time)) => match offset_since(&mut reader, &run_dir, span, time)? {
                    None => return Ok(Err(NotKnown::Times)),
                    Some(offset) => offset,
                },
            };
            if let Some(lines) = lines {
                offset = offset.max(offset_of_last(&mut reader, lines)?);
            }
            Ok(Ok((reader, offset)))
        })
        .await
    }
}

/// When a run began and ended, as far as that is known.
type Span = (Option<Time>, Option<Time>);

/// Where what came since a time begins; `None` if that is not known.
fn offset_since(
    reader: &mut OutputReader,
    run_dir: &RunDir,
    (began, ended): Span,
    time: Time,
) -> io::Result<Option<u64>> {
    // Before the notes are read: what comes after this was not there yet.
    let end = reader.end()?;
    Ok(match output_since(run_dir, time.0)? {
        Since::At(offset) => Some(offset),
        Since::Nothing => Some(end),
        Since::NotNoted if end == 0 || began.is_some_and(|began| began >= time) => Some(0),
        Since::NotNoted if ended.is_some_and(|ended| ended < time) => Some(end),
        Since::NotNoted => None,
    })
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
    let mut is_all = false;
    while !is_all {
        (reader, offset, is_all) = send_some(out, reader, offset).await?;
    }
    Ok((reader, offset))
}

/// Sends the next piece of output; whether that was all of it.
pub(super) async fn send_some(
    out: &mut Out,
    mut reader: OutputReader,
    offset: u64,
) -> io::Result<(OutputReader, u64, bool)> {
    let (reader, read) = tasks::blocking(move || {
        let mut buffer = vec![0; CHUNK_BYTES];
        let read = reader.read_at(offset, &mut buffer);
        (reader, read.map(|chunk| (chunk, buffer)))
    })
    .await;
    match read? {
        (Chunk::Bytes { len, .. }, mut buffer) => {
            buffer.truncate(len);
            out.send(&Frame::Output(buffer)).await?;
            Ok((reader, offset + len as u64, false))
        }
        (Chunk::Dropped { from, to }, _) => {
            out.send(&Frame::message(&Reply::Dropped { from, to })).await?;
            Ok((reader, to, false))
        }
        (Chunk::End, _) => Ok((reader, offset, true)),
    }
}
