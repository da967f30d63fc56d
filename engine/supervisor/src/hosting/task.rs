//! The task of one run: connected to its worker as long as that lives.

use std::io;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use decklog_engine::command::Observation;
use decklog_engine::dispatcher::Launch;
use decklog_engine::event::ProcessName;
use decklog_engine::id::RunKey;
use decklog_engine::time::Time;
use decklog_worker::frame::{self, Decoder, MESSAGE_BYTES_MAX};
use decklog_worker::layout::{JobDir, RunDir};
use decklog_worker::{
    Config, ExitRecord, FromWorker, Hello, Lock, ProcessIdentity, Spawned, StartedChild, ToWorker,
    process_identity, read_meta,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep, sleep_until};

use super::found::{self, Sight};
use super::{Hosting, Order, Post, Ready, ending};
use crate::{launch, tasks};

/// The binary that runs, even if its path was replaced by a newer one.
const OWN_BINARY: &str = "/proc/self/exe";
const NO_PROCESS: &str =
    "cannot start a worker: no more processes may be started, by this user or on this machine";
/// What a worker has beyond the grace of a stop, to end and to say so.
const WORKER_GRACE: Duration = Duration::from_secs(5);
/// How long to wait before looking again at a worker that holds its session and does not answer: at first, and at most.
const AGAIN_FIRST: Duration = Duration::from_millis(5);
const AGAIN_MOST: Duration = Duration::from_secs(1);

pub(super) fn spawn(job_dir: &JobDir, lock: Lock) -> io::Result<Spawned> {
    decklog_worker::spawn(Path::new(OWN_BINARY), job_dir, lock)
}

/// Waits for a worker that this supervisor started, so that it leaves no zombie.
pub(super) async fn reap(mut child: Child) {
    tasks::blocking(move || drop(child.wait())).await;
}

/// What became of a run, however long it takes to find out.
pub(super) async fn look(hosting: &Hosting, run: RunKey) -> Sight {
    let mut again = AGAIN_FIRST;
    loop {
        let instance = hosting.instance().clone();
        match tasks::blocking(move || found::look(&instance, run)).await {
            Ok(sight) => return sight,
            Err(error) => hosting.note(format!("{run}: {error}: trying again")),
        }
        sleep(again).await;
        again = (again * 2).min(AGAIN_MOST);
    }
}

/// Starts a run, then holds it.
pub(super) async fn launch(post: Post, launch: Launch, ready: Option<Ready>) {
    let instance = post.hosting.instance().clone();
    let started = match ready {
        Some(Ready { spawned, surroundings }) => {
            instance.config(&launch, Some(surroundings)).map(|config| Some((spawned, config)))
        }
        None => tasks::blocking(move || start(&instance, &launch)).await,
    };
    let mut task = Task::new(post);
    match started {
        Ok(Some((spawned, config))) => task.begin(spawned, config).await,
        // Somebody holds the session: an earlier try that got further than it could say.
        Ok(None) => task.hold(None).await,
        Err(text) => task.post.hosting.observe(task.post.run, Observation::SpawnFailed { text }),
    }
    task.leave();
}

/// Goes on with a run that an earlier supervisor started.
pub(super) async fn adopt(post: Post) {
    let mut task = Task::new(post);
    task.hold(None).await;
    task.leave();
}

/// Blocks. `None`: the session is held already.
fn start(instance: &launch::Instance, launch: &Launch) -> Result<Option<(Spawned, Config)>, String> {
    let config = instance.config(launch, None)?;
    let job_dir = launch::job_dir(&instance.home, launch.run.session);
    let failed = |what: &str, error: io::Error| format!("{what} {}: {error}", job_dir.path().display());
    let lock = Lock::try_take(&job_dir.lock()).map_err(|error| failed("cannot lock", error))?;
    let Some(lock) = lock else { return Ok(None) };
    let spawned = spawn(&job_dir, lock).map_err(|error| match error.kind() {
        // What the system says of it ("temporarily unavailable") names no cause.
        io::ErrorKind::WouldBlock => NO_PROCESS.into(),
        _ => format!("cannot start a worker: {error}"),
    })?;
    Ok(Some((spawned, config)))
}

struct Task {
    post: Post,
    following: bool,
    /// The end was observed.
    ended: bool,
    /// The process that holds the run.
    worker: Option<ProcessIdentity>,
    /// Replies of which the worker has not said that they were typed. It types each once, however often it is told to.
    undelivered: Vec<(u64, Vec<u8>)>,
    /// A worker that has not ended the run by then cannot: it is ended, and its run with it.
    kill_at: Option<Instant>,
}

/// Why a connection was left.
enum Left {
    /// The end is recorded and the worker was told so.
    Recorded,
    /// The connection ended. That is not an exit.
    Disconnected,
}

impl Task {
    fn new(post: Post) -> Self {
        let undelivered = Vec::new();
        Self { post, following: false, ended: false, worker: None, undelivered, kill_at: None }
    }

    async fn begin(&mut self, spawned: Spawned, config: Config) {
        let Spawned { pid, child, control } = spawned;
        self.post.hosting.holds(pid, self.post.run.session);
        self.worker = process_identity(pid);
        let control = control.set_nonblocking(true).and_then(|()| UnixStream::from_std(control));
        let left = match control {
            Ok(mut stream) => {
                let config = frame::encode(&ToWorker::Config(Box::new(config)));
                match stream.write_all(&config).await {
                    Ok(()) => self.converse(stream).await,
                    Err(_) => Left::Disconnected,
                }
            }
            Err(_) => Left::Disconnected,
        };
        if matches!(left, Left::Disconnected) {
            self.hold(Some(child)).await;
        } else {
            tasks::start(reap(child));
        }
    }

    /// Connects, listens, and looks what became of the run whenever nobody answers, until its end is observed.
    async fn hold(&mut self, child: Option<Child>) {
        let mut child = child;
        let mut again = AGAIN_FIRST;
        loop {
            // A dead child is reaped before its lock is looked at: a zombie holds nothing, but costs a process.
            if let Some(worker) = child.as_mut()
                && matches!(worker.try_wait(), Ok(Some(_)))
            {
                child = None;
            }
            let sight = look(&self.post.hosting, self.post.run).await;
            if !sight.held {
                if !self.ended {
                    self.end(sight.observation);
                }
                if let Some(child) = child {
                    tasks::start(reap(child));
                }
                return;
            }
            let run_dir = self.run_dir();
            let connected = decklog_worker::connect(&run_dir).and_then(|stream| {
                stream.set_nonblocking(true)?;
                UnixStream::from_std(stream)
            });
            if self.worker.is_none() {
                self.worker = read_meta(&self.run_dir()).ok().flatten().map(|meta| meta.worker);
            }
            if let Ok(stream) = connected {
                again = AGAIN_FIRST;
                if let Left::Recorded = self.converse(stream).await {
                    if let Some(child) = child {
                        tasks::start(reap(child));
                    }
                    return;
                }
            }
            sleep(again).await;
            again = (again * 2).min(AGAIN_MOST);
        }
    }

    /// Speaks with the worker until the connection ends or the end of the run is recorded.
    async fn converse(&mut self, mut stream: UnixStream) -> Left {
        let mut decoder = Decoder::new(MESSAGE_BYTES_MAX);
        let mut bytes = vec![0; 4096];
        if self.following && send(&mut stream, &ToWorker::Follow { on: true }).await.is_err() {
            return Left::Disconnected;
        }
        for (id, bytes) in self.undelivered.clone() {
            if send(&mut stream, &ToWorker::Deliver { id, bytes: bytes.into() }).await.is_err() {
                return Left::Disconnected;
            }
        }
        loop {
            let too_late = self.kill_at.filter(|_| !self.ended);
            tokio::select! {
                () = until(too_late) => {
                    self.kill_worker();
                    return Left::Disconnected;
                }
                read = stream.read(&mut bytes) => {
                    let Ok(1..) = read else { return Left::Disconnected };
                    decoder.push(&bytes[..read.unwrap_or(0)]);
                    loop {
                        match decoder.next_message::<FromWorker>() {
                            Ok(Some(message)) => self.hear(message).await,
                            Ok(None) => break,
                            Err(error) => {
                                self.post.hosting.note(format!("{}: its worker says what cannot be read: {error}", self.post.run));
                                return Left::Disconnected;
                            }
                        }
                    }
                }
                order = self.post.orders.recv() => {
                    let message = match order {
                        Some(Order::Stop { grace_ms }) => {
                            self.kill_at = Some(later(Duration::from_millis(grace_ms) + WORKER_GRACE));
                            ToWorker::Stop { grace_ms }
                        }
                        Some(Order::Deliver { reply_id, bytes }) => {
                            self.undelivered.push((reply_id, bytes.clone()));
                            ToWorker::Deliver { id: reply_id, bytes: bytes.into() }
                        }
                        Some(Order::Type { bytes }) => ToWorker::Input { bytes: bytes.into() },
                        Some(Order::Resize { columns, rows }) => {
                            self.post.growth.send_modify(|growth| growth.terminal = Some((columns, rows)));
                            ToWorker::Resize { columns, rows }
                        }
                        Some(Order::Follow) => {
                            self.following = true;
                            ToWorker::Follow { on: true }
                        }
                        Some(Order::Recorded) => {
                            let _ = send(&mut stream, &ToWorker::ExitRecorded).await;
                            return Left::Recorded;
                        }
                        // The supervisor ends; the worker goes on.
                        None => std::future::pending().await,
                    };
                    if send(&mut stream, &message).await.is_err() {
                        return Left::Disconnected;
                    }
                }
            }
        }
    }

    /// Ends a worker that does not do what it is told: stopped by a signal, or stuck. What it held is swept by whoever
    /// finds its lock free.
    fn kill_worker(&mut self) {
        self.kill_at = None;
        let Some(worker) = self.worker else { return };
        let text = match worker.kill() {
            Ok(true) => "was told to stop its run, did not, and was killed".into(),
            Ok(false) => "is gone".into(),
            Err(error) => format!("does not stop its run and cannot be killed: {error}"),
        };
        self.post.hosting.note(format!("{}: its worker (process {}) {text}", self.post.run, worker.pid));
    }

    async fn hear(&mut self, message: FromWorker) {
        match message {
            FromWorker::Hello(hello) => self.hello(&hello),
            FromWorker::Running(child) => self.running(child, None),
            FromWorker::SpawnFailed { error } => {
                self.end(Observation::SpawnFailed { text: error.to_string() });
            }
            FromWorker::Exited { exit } => self.exited(*exit).await,
            FromWorker::Grew { end } => self.post.growth.send_modify(|growth| growth.end = end),
            FromWorker::Delivered { id } => {
                self.answered(id, Observation::Delivered { reply_id: id });
            }
            FromWorker::DeliveryRefused { id, why } => {
                self.answered(id, Observation::DeliveryFailed { reply_id: id, text: why });
            }
            FromWorker::InputRefused => self.post.growth.send_modify(|growth| growth.refused += 1),
            FromWorker::OutputDropped { from, to } => {
                self.post.hosting.observe(self.post.run, Observation::OutputDropped { from, to });
            }
            FromWorker::StopAcknowledged | FromWorker::Unknown => {}
        }
    }

    /// A reply needs no more telling.
    fn answered(&mut self, id: u64, observation: Observation) {
        self.undelivered.retain(|(other, _)| *other != id);
        self.post.hosting.observe(self.post.run, observation);
    }

    fn hello(&mut self, hello: &Hello) {
        self.post.hosting.holds(hello.worker_pid, self.post.run.session);
        self.worker = process_identity(hello.worker_pid);
        self.post.growth.send_modify(|growth| {
            growth.terminal = hello.terminal;
            growth.known = true;
        });
        if let Some(child) = hello.child {
            self.running(child, Some(hello.worker_pid));
        }
    }

    fn running(&mut self, child: StartedChild, worker_pid: Option<i32>) {
        let run_dir = self.run_dir();
        let meta = || decklog_worker::read_meta(&run_dir).ok().flatten().map(|meta| meta.worker);
        let worker = worker_pid.and_then(process_identity).or_else(meta);
        let Some(worker) = worker else { return };
        self.post.hosting.observe(
            self.post.run,
            Observation::Started {
                process: found::child_name(child),
                worker: ProcessName { pid: worker.pid as u32, start_ticks: worker.start_time },
                at: Time(child.started_at_ms),
            },
        );
    }

    async fn exited(&mut self, exit: ExitRecord) {
        let run_dir = self.run_dir();
        let observation = tasks::blocking(move || ending::observation(&run_dir, &exit)).await;
        self.end(observation);
    }

    fn end(&mut self, observation: Observation) {
        self.post.hosting.observe(self.post.run, observation);
        self.ended = true;
        self.post.growth.send_modify(|growth| growth.ended = true);
    }

    fn run_dir(&self) -> RunDir {
        let run = self.post.run;
        launch::run_dir(&self.post.hosting.instance().home, run)
    }

    fn leave(self) {
        self.post.growth.send_modify(|growth| growth.ended = true);
        self.post.hosting.forget(self.post.run, self.post.number);
    }
}

/// A moment so long from now.
#[allow(clippy::disallowed_methods, reason = "a deadline of this process alone; nothing is recorded from it")]
fn later(length: Duration) -> Instant {
    Instant::now() + length
}

/// Waits for a moment; for ever if there is none.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

async fn send(stream: &mut UnixStream, message: &ToWorker) -> io::Result<()> {
    stream.write_all(&frame::encode(message)).await
}
