//! Clients: one connection, one request, one task. It reads the log and the output files for itself; everything else
//! it asks of the core.

mod attach;
mod digest;
mod history;
mod inbox;
mod list;
mod logs;
mod out;
mod requests;
mod rows;
mod status;
pub(crate) mod verify;

use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use decklog_engine::actor::Actor;
use decklog_engine::dispatcher::Input;
use decklog_engine::time::Time;
use decklog_protocol::frame::{Frame, PROTOCOL};
use decklog_protocol::home::Home;
use decklog_protocol::message::{Reply, Request};
use decklog_storage::Room;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::sleep;

use crate::config::ConfigFile;
use crate::core::{ToCore, ToCoreHandle};
use crate::hosting::Hosting;
use crate::run::VERSION;
use crate::store::Store;
use crate::{peer, tasks};

use inbox::Inbox;
use list::Selection;
use logs::Begin;
use out::Out;

/// After an accept that failed (no file descriptor left), before the next try.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// A client that has not said what it wants by then is no client.
const REQUEST_WITHIN: Duration = Duration::from_secs(30);

/// What every connection works with.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) home: Home,
    pub(crate) handle: ToCoreHandle,
    pub(crate) hosting: Hosting,
    pub(crate) store: Store,
    pub(crate) room: Room,
    pub(crate) epoch: u64,
    pub(crate) started_at: Time,
    /// What is wrong with records that no answer needs: said with each of them all the same.
    pub(crate) damage: Arc<OnceLock<String>>,
    pub(crate) config: Arc<ConfigFile>,
    /// How many clients have attached so far.
    pub(crate) attached: Arc<AtomicU64>,
}

impl Server {
    pub(crate) async fn listen(self, listener: UnixListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => tasks::start(self.clone().connection(stream)),
                Err(_) => sleep(ACCEPT_AGAIN).await,
            }
        }
    }

    async fn connection(self, stream: UnixStream) {
        // A stranger is not answered: it could not have opened the socket.
        let Ok(peer) = peer::of(&stream) else { return };
        let (reader, writer) = stream.into_split();
        let mut inbox = Inbox::new(reader);
        let mut out = Out::new(writer);
        let asked = tokio::select! {
            asked = inbox.request() => asked,
            () = sleep(REQUEST_WITHIN) => return,
        };
        let answered = match asked {
            Ok(Some((hello, request))) => {
                self.handle.recovered().await;
                let actor = peer.actor(&hello.via, self.hosting.any_holder(), |pid| self.hosting.holder(pid));
                if let Request::Attach { target, watch, columns, rows } = request {
                    let terminal = (columns, rows);
                    let attached = tokio::select! {
                        biased;
                        attached = self.attach(&mut out, &mut inbox, actor, target, watch, terminal) => attached,
                        () = self.handle.closed() => out.goodbye().await,
                    };
                    drop(attached);
                    return;
                }
                tokio::select! {
                    // An answer that is there is given before it is said that none will be.
                    biased;
                    answered = self.answer(&mut out, actor, request) => answered,
                    () = inbox.ended() => return,
                    () = self.handle.closed() => out.goodbye().await,
                }
            }
            Ok(None) => return,
            Err(text) => {
                let hints = vec![
                    format!("the supervisor is decklog {VERSION}, protocol {PROTOCOL}"),
                    "decklog daemon restart starts one of this version; what runs goes on".into(),
                ];
                out.last(&Reply::Failed { text, hints }).await
            }
        };
        // A client that does not listen any more needs no answer.
        drop(answered);
    }

    async fn answer(&self, out: &mut Out, actor: Actor, request: Request) -> io::Result<()> {
        if let Some(damage) = self.damage.get() {
            let text = format!("{damage}; decklog verify says more");
            out.send(&Frame::message(&Reply::Warning { text })).await?;
        }
        let (config, problem) = self.config.look();
        if let Some(text) = problem {
            out.send(&Frame::message(&Reply::Warning { text })).await?;
        }
        self.handle.tell(ToCore::Input(Input::Policy { policy: config.policy }));
        match request {
            Request::Logs { target, run, follow, lines, from, since } => {
                let begin = match from {
                    Some(offset) => Begin::At(offset),
                    None => Begin::With { since, lines },
                };
                self.logs(out, target, run, follow, begin).await
            }
            Request::History { .. } => self.history(out, request).await,
            Request::Verify { expect } => self.verify(out, expect).await,
            Request::Status => self.status(out).await,
            Request::List { all, at, json, terms, folders, finished_most } => {
                let selection = match Selection::read(&terms, folders, finished_most) {
                    Ok(selection) => selection,
                    Err(error) => return out.fail(error.to_string()).await,
                };
                self.list(out, all, at, json, selection).await
            }
            Request::Tail { target } => self.tail(out, target).await,
            Request::Digest { since, until } => self.digest(out, actor, since, until).await,
            Request::Show { target, at } => self.show(out, target, at).await,
            Request::Why { target } => self.why(out, target).await,
            other => self.wish(out, actor, other).await,
        }
    }
}
