//! The log itself: records filtered, oldest first, then those that come.

use std::io;

use decklog_engine::dispatcher::Answer;
use decklog_engine::event::{EventKind, Record};
use decklog_engine::id::{Seq, SessionId};
use decklog_protocol::frame::Frame;
use decklog_protocol::message::{Reply, Request};
use decklog_protocol::row::EventRow;

use super::Server;
use super::out::Out;
use crate::store::{self, Store, StoreError};
use crate::tasks;

/// What is wanted of the log.
#[derive(Debug, Clone)]
struct Wanted {
    session: Option<SessionId>,
    kinds: Vec<EventKind>,
    actor: Option<String>,
}

impl Wanted {
    fn has(&self, record: &Record) -> bool {
        let actor = |wanted: &String| {
            let actor = &record.actor;
            actor.name == *wanted
                || serde_json::to_value(actor.kind).is_ok_and(|kind| kind == wanted.as_str())
        };
        self.session.is_none_or(|session| record.session == Some(session))
            && (self.kinds.is_empty() || self.kinds.contains(&record.event.kind()))
            && self.actor.as_ref().is_none_or(actor)
    }
}

impl Server {
    pub(super) async fn history(&self, out: &mut Out, request: Request) -> io::Result<()> {
        let Request::History { target, since, until, kinds, actor, last, follow } = request else {
            return out.closing().await;
        };
        let mut wanted = Wanted { session: None, kinds: Vec::new(), actor };
        for name in &kinds {
            match EventKind::ALL.iter().find(|kind| kind.name().eq_ignore_ascii_case(name)) {
                Some(kind) => wanted.kinds.push(*kind),
                None => return out.last(&no_such_kind(name)).await,
            }
        }
        let mut from = 1;
        if let Some(target) = target {
            match self.look_at(target).await {
                Some(Answer::Sessions { sessions }) if sessions.len() == 1 => {
                    let session = &sessions[0].session;
                    wanted.session = Some(session.id);
                    from = session.created.seq;
                    // What was observed a moment ago belongs to its history too.
                    let last = session.updated.seq;
                    let _ = self.handle.durable().wait_for(|durable| *durable >= last).await;
                }
                Some(other) => return self.reply(out, other).await,
                None => return out.closing().await,
            }
        }
        let store = self.store.clone();
        let range = tasks::blocking(move || {
            let through = until.map_or(Ok(store.reader.head().seq), |until| store.seq_at(until))?;
            let from = match since {
                None => from,
                Some(since) => from.max(store.first_at(since)?),
            };
            Ok::<_, StoreError>((from, through))
        });
        let (from, through) = match range.await {
            Ok(range) => range,
            Err(error) => return out.fail(error.to_string()).await,
        };
        if let Err(error) = self.send_range(out, &wanted, from, through, last).await? {
            return out.fail(error.to_string()).await;
        }
        if follow {
            return self.send_new(out, wanted, through).await;
        }
        out.last(&Reply::End).await
    }

    async fn send_range(
        &self,
        out: &mut Out,
        wanted: &Wanted,
        from: Seq,
        through: Seq,
        last: Option<u64>,
    ) -> io::Result<Result<(), StoreError>> {
        let (store, wanted) = (self.store.clone(), wanted.clone());
        out.stream(move |send| match last {
            None => forwards(&store, &wanted, from, through, send),
            Some(last) => backwards(&store, &wanted, from, through, last, send),
        })
        .await
    }

    /// Records as they become durable: read from the log again, so none is ever missed, however slow the client is.
    async fn send_new(&self, out: &mut Out, wanted: Wanted, mut sent: Seq) -> io::Result<()> {
        out.send(&Frame::message(&Reply::Live)).await?;
        out.flush().await?;
        let mut durable = self.handle.durable();
        loop {
            let Ok(through) = durable.wait_for(|durable| *durable > sent).await.map(|through| *through)
            else {
                return out.closing().await;
            };
            if let Err(error) = self.send_range(out, &wanted, sent + 1, through, None).await? {
                return out.fail(error.to_string()).await;
            }
            sent = through;
        }
    }
}

fn forwards(
    store: &Store,
    wanted: &Wanted,
    from: Seq,
    through: Seq,
    send: &mut dyn FnMut(Frame) -> bool,
) -> Result<(), StoreError> {
    for stored in store.reader.read(from, through) {
        let (record, hash) = store::record(stored?)?;
        if wanted.has(&record) && !send(event(&record, &hash)) {
            break;
        }
    }
    Ok(())
}

fn backwards(
    store: &Store,
    wanted: &Wanted,
    from: Seq,
    through: Seq,
    last: u64,
    send: &mut dyn FnMut(Frame) -> bool,
) -> Result<(), StoreError> {
    let mut frames = Vec::new();
    for stored in store.reader.read_back(through) {
        let (record, hash) = store::record(stored?)?;
        if record.seq < from || frames.len() as u64 >= last {
            break;
        }
        if wanted.has(&record) {
            frames.push(event(&record, &hash));
        }
    }
    for frame in frames.into_iter().rev() {
        if !send(frame) {
            break;
        }
    }
    Ok(())
}

fn event(record: &Record, hash: &[u8; 32]) -> Frame {
    Frame::message(&Reply::Event(Box::new(EventRow::of(record, hash))))
}

fn no_such_kind(name: &str) -> Reply {
    let names: Vec<_> = EventKind::ALL.iter().map(|kind| kind.name()).collect();
    let hints = vec![format!("kinds are {}", names.join(", "))];
    Reply::Failed { text: format!("`{name}` is no kind of event"), hints }
}
