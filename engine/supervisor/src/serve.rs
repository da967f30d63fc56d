//! Clients: one connection, one request, one task. It reads the log and the output files for itself; everything else
//! it asks of the core.

mod history;
mod logs;
mod out;
mod requests;
mod rows;
mod status;
pub(crate) mod verify;

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use decklog_engine::actor::Actor;
use decklog_engine::dispatcher::Input;
use decklog_engine::time::Time;
use decklog_protocol::frame::{Frame, PROTOCOL};
use decklog_protocol::home::Home;
use decklog_protocol::message::{Hello, Reply, Request};
use decklog_storage::Room;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::sleep;

use crate::config::ConfigFile;
use crate::core::{ToCore, ToCoreHandle};
use crate::hosting::Hosting;
use crate::run::VERSION;
use crate::store::Store;
use crate::{peer, tasks};

use logs::Begin;
use out::Out;

/// After an accept that failed (no file descriptor left), before the next try.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// A client that has not said what it wants by then is no client.
const REQUEST_WITHIN: Duration = Duration::from_secs(30);

/// A dispatch with a usual environment fits into this.
const REQUEST_BYTES_USUAL: usize = 16 << 10;

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
        let (mut reader, writer) = stream.into_split();
        let mut out = Out::new(writer);
        let asked = tokio::select! {
            asked = read_request(&mut reader) => asked,
            () = sleep(REQUEST_WITHIN) => return,
        };
        let answered = match asked {
            Ok(Some((hello, request))) => {
                self.handle.recovered().await;
                let actor = peer.actor(&hello.via, self.hosting.any_holder(), |pid| self.hosting.holder(pid));
                tokio::select! {
                    answered = self.answer(&mut out, actor, request) => answered,
                    () = gone(&mut reader) => return,
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
            Request::Logs { target, run, follow, lines, from } => {
                let begin = match (from, lines) {
                    (Some(offset), _) => Begin::At(offset),
                    (None, Some(lines)) => Begin::LastLines(lines),
                    (None, None) => Begin::At(0),
                };
                self.logs(out, target, run, follow, begin).await
            }
            Request::History { .. } => self.history(out, request).await,
            Request::Verify { expect } => self.verify(out, expect).await,
            Request::Status => self.status(out).await,
            Request::List { all, at, json } => self.list(out, all, at, json).await,
            Request::Show { target, at } => self.show(out, target, at).await,
            Request::Why { target } => self.why(out, target).await,
            other => self.wish(out, actor, other).await,
        }
    }
}

/// The client's first two frames; `None` if it only looked whether anybody listens.
async fn read_request(reader: &mut (impl AsyncRead + Unpin)) -> Result<Option<(Hello, Request)>, String> {
    let mut buffer = Vec::with_capacity(REQUEST_BYTES_USUAL);
    let Some(hello) = read_frame(reader, &mut buffer).await? else { return Ok(None) };
    let hello: Hello = hello.parse().map_err(|error| error.to_string())?;
    let Some(request) = read_frame(reader, &mut buffer).await? else { return Ok(None) };
    let request = request.parse().map_err(|error| format!("the supervisor cannot do this: {error}"));
    // How to look at a supervisor and how to end it never changes: any other version can replace it.
    let always = matches!(request, Ok(Request::Status | Request::Shutdown { .. }));
    if hello.protocol != PROTOCOL && !always {
        return Err(format!("this client speaks protocol {}, the supervisor {PROTOCOL}", hello.protocol));
    }
    Ok(Some((hello, request?)))
}

async fn read_frame(
    reader: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> Result<Option<Frame>, String> {
    loop {
        if let Some(frame) = Frame::decode(buffer).map_err(|error| error.to_string())? {
            return Ok(Some(frame));
        }
        match reader.read_buf(buffer).await {
            Ok(1..) => {}
            _ => return Ok(None),
        }
    }
}

/// Returns when the client has closed its end.
async fn gone(reader: &mut (impl AsyncRead + Unpin)) {
    let mut ignored = [0; 64];
    while let Ok(1..) = reader.read(&mut ignored).await {}
}
