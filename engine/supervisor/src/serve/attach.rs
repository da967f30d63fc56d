//! Clients that look at a session's terminal: attached to it, or at its end once.
//!
//! What a client draws from: the modes that its terminal was set to, the end of its output, and then each byte as it
//! comes. One client controls: what it types reaches the session, and the terminal has its size. The others watch.

use std::io;
use std::sync::atomic::Ordering;

use decklog_drivers::modes::Modes;
use decklog_engine::actor::Actor;
use decklog_engine::dispatcher::{Answer, Input, Shown};
use decklog_engine::id::{RunKey, SessionId};
use decklog_protocol::frame::Frame;
use decklog_protocol::message::{FromAttached, Reply};
use decklog_worker::layout::RunDir;
use decklog_worker::{Chunk, OutputReader};
use tokio::sync::watch;

use super::Server;
use super::inbox::Inbox;
use super::logs::{CHUNK_BYTES, send_all, send_some};
use super::out::Out;
use crate::hosting::Growth;
use crate::{launch, tasks};

/// A screen is drawn from at most so much of the output's end.
const SCREEN_BYTES: usize = 2 << 20;
/// The size of a terminal of which nobody has said it.
const USUAL_TERMINAL: (u16, u16) = (80, 24);

impl Server {
    /// A session's row and the end of its output.
    pub(super) async fn tail(&self, out: &mut Out, target: String) -> io::Result<()> {
        let shown = match self.look_at(target).await {
            Some(Answer::Sessions { mut sessions }) if sessions.len() == 1 => sessions.remove(0),
            Some(other) => return self.reply(out, other).await,
            None => return out.closing().await,
        };
        let run = shown.session.run_key();
        let terminal = match run {
            Some(run) => self.hosting.terminal(run).await,
            None => None,
        };
        let rows = self.rows(vec![shown]).await;
        let Some(row) = rows.into_iter().next() else { return out.closing().await };
        let (columns, rows) = (terminal.map(|size| size.0), terminal.map(|size| size.1));
        out.send(&Frame::message(&Reply::Tail { row: Box::new(row), columns, rows })).await?;
        if let Some(run) = run {
            let (modes, reader, offset) = screen(&launch::run_dir(&self.home, run)).await?;
            out.send(&Frame::Output(modes)).await?;
            send_all(out, reader, offset).await?;
        }
        out.last(&Reply::End).await
    }

    pub(super) async fn attach(
        &self,
        out: &mut Out,
        inbox: &mut Inbox,
        actor: Actor,
        target: String,
        watch: bool,
        size: (u16, u16),
    ) -> io::Result<()> {
        let client = self.attached.fetch_add(1, Ordering::Relaxed) + 1;
        let wish = {
            let actor = actor.clone();
            move |token| Input::Attach { token, actor, target, client }
        };
        let shown = match self.handle.ask(wish).await {
            Some(Answer::Sessions { mut sessions }) if sessions.len() == 1 => sessions.remove(0),
            Some(other) => return self.reply(out, other).await,
            None => return out.closing().await,
        };
        let Some(run) = shown.session.run_key() else { return out.closing().await };
        let guest = Guest { server: self, actor, session: shown.session.id, run, client };
        let Some(growth) = self.hosting.follow(run) else {
            return out.fail(format!("the terminal of {} is gone already", shown.session.name)).await;
        };
        guest.stay(out, inbox, shown, growth, !watch, size).await
    }
}

/// A client that is attached. Dropped, it is not any more, however its connection ended.
struct Guest<'a> {
    server: &'a Server,
    actor: Actor,
    session: SessionId,
    run: RunKey,
    client: u64,
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.server.hosting.part(self.run, self.client);
        let (actor, session, client) = (self.actor.clone(), self.session, self.client);
        self.server.handle.tell(crate::core::ToCore::Input(Input::Detach { actor, session, client }));
    }
}

impl Guest<'_> {
    async fn stay(
        &self,
        out: &mut Out,
        inbox: &mut Inbox,
        shown: Shown,
        mut growth: watch::Receiver<Growth>,
        wants_control: bool,
        mut size: (u16, u16),
    ) -> io::Result<()> {
        let hosting = &self.server.hosting;
        let takes_input = shown.session.takes_input();
        let mut clients =
            if takes_input && wants_control { hosting.join(self.run, self.client) } else { None };
        let mut terminal = hosting.terminal(self.run).await.unwrap_or(USUAL_TERMINAL);
        let mut refused = growth.borrow().refused;
        let row = self.server.rows(vec![shown]).await.into_iter().next();
        let Some(row) = row else { return out.closing().await };
        let (columns, rows) = terminal;
        out.send(&Frame::message(&Reply::Attached { row: Box::new(row), takes_input, columns, rows }))
            .await?;
        let mut controls = false;
        if let Some(clients) = clients.as_mut() {
            let present = clients.borrow_and_update().clone();
            controls = self.tell_control(out, &present).await?;
        }
        let (modes, mut reader, mut offset) = screen(&launch::run_dir(&self.server.home, self.run)).await?;
        out.send(&Frame::Output(modes)).await?;
        // What comes meanwhile is live: a session that never pauses has a screen too.
        let live_from = offset + SCREEN_BYTES as u64;
        let mut is_all = false;
        while !is_all && offset < live_from {
            (reader, offset, is_all) = send_some(out, reader, offset).await?;
        }
        out.send(&Frame::message(&Reply::Live)).await?;
        out.flush().await?;
        if controls {
            hosting.resize(self.run, size.0, size.1);
        }
        loop {
            // Whether it had ended is asked before the files are read: then what they hold is all.
            let now = *growth.borrow_and_update();
            // A piece at a time: who types is heard also while more is printed than the client can follow.
            (reader, offset, is_all) = send_some(out, reader, offset).await?;
            if let Some((columns, rows)) = now.terminal.filter(|now| *now != terminal) {
                terminal = (columns, rows);
                out.send(&Frame::message(&Reply::Resized { columns, rows })).await?;
            }
            if std::mem::replace(&mut refused, now.refused) < now.refused && controls {
                out.send(&Frame::message(&Reply::InputRefused)).await?;
            }
            out.flush().await?;
            if now.ended && is_all {
                return out.last(&Reply::End).await;
            }
            tokio::select! {
                () = std::future::ready(()), if !is_all => {}
                changed = growth.changed(), if is_all => if changed.is_err() {
                    // Its host is gone: one more look, and that is all.
                    send_all(out, reader, offset).await?;
                    return out.last(&Reply::End).await;
                },
                changed = changed(clients.as_mut()) => {
                    let had = controls;
                    controls = self.tell_control(out, &changed).await?;
                    if controls && !had {
                        hosting.resize(self.run, size.0, size.1);
                    }
                }
                frame = inbox.frame() => {
                    let Ok(Some(frame)) = frame else { return Ok(()) };
                    match &frame {
                        Frame::Output(bytes) if controls => hosting.type_in(self.run, bytes.clone()),
                        Frame::Message(_) => match frame.parse::<FromAttached>() {
                            Ok(FromAttached::Resize { columns, rows }) => {
                                size = (columns, rows);
                                if controls {
                                    hosting.resize(self.run, columns, rows);
                                }
                            }
                            Ok(FromAttached::TakeControl) if clients.is_some() => {
                                hosting.take_control(self.run, self.client);
                            }
                            Ok(FromAttached::TakeControl | FromAttached::Unknown) | Err(_) => {}
                        },
                        Frame::Output(_) | Frame::Document(_) => {}
                    }
                }
            }
        }
    }

    /// Tells who controls; whether this client does.
    async fn tell_control(&self, out: &mut Out, clients: &[u64]) -> io::Result<bool> {
        let yours = clients.first() == Some(&self.client);
        let clients = clients.len() as u64;
        out.send(&Frame::message(&Reply::Control { yours, clients })).await?;
        Ok(yours)
    }
}

/// The clients, once they have changed; never, for one that only watches.
async fn changed(clients: Option<&mut watch::Receiver<Vec<u64>>>) -> Vec<u64> {
    if let Some(clients) = clients
        && clients.changed().await.is_ok()
    {
        return clients.borrow_and_update().clone();
    }
    std::future::pending().await
}

/// What sets a terminal to the modes that the output had set before its end, and where that end begins.
async fn screen(run_dir: &RunDir) -> io::Result<(Vec<u8>, OutputReader, u64)> {
    let run_dir = run_dir.clone();
    tasks::blocking(move || {
        let mut reader = OutputReader::open(&run_dir);
        let (begin, _) = reader.tail(SCREEN_BYTES)?;
        let mut modes = Modes::default();
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut offset = 0;
        while offset < begin {
            let most = buffer.len().min((begin - offset) as usize);
            match reader.read_at(offset, &mut buffer[..most])? {
                Chunk::Bytes { len, .. } => {
                    modes.feed(&buffer[..len]);
                    offset += len as u64;
                }
                Chunk::Dropped { to, .. } => offset = to,
                Chunk::End => break,
            }
        }
        Ok((modes.sequences(), reader, begin))
    })
    .await
}
