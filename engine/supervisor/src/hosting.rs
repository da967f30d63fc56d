//! Workers: starting them, holding a connection to each, finding out what became of those that nobody held.
//!
//! One task a run. It reports observations to the core and carries out the core's orders; it never decides what an
//! observation means.

mod ending;
mod found;
mod spare;
mod task;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use decklog_engine::command::Observation;
use decklog_engine::dispatcher::Launch;
use decklog_engine::id::{RunKey, SessionId};
use decklog_worker::{Lock, Spawned};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

pub(crate) use ending::last_output;
use found::Sight;
pub(crate) use spare::Spare;

use crate::core::ToCore;
use crate::journal::Journal;
use crate::launch::{self, Instance, Surroundings};
use crate::tasks;

/// At its end a supervisor waits up to a second for workers to be told what they need to leave.
const TOLD_TRIES: u32 = 500;
const TOLD_PAUSE: Duration = Duration::from_millis(2);

/// A worker that lives says what it knows within this.
const HEARD_WITHIN: Duration = Duration::from_secs(2);

/// Every worker of this supervisor.
#[derive(Clone)]
pub(crate) struct Hosting {
    shared: Arc<Shared>,
}

struct Shared {
    instance: Instance,
    journal: Journal,
    to_core: mpsc::UnboundedSender<ToCore>,
    table: Mutex<Table>,
    spare: spare::Keeper,
}

#[derive(Default)]
struct Table {
    hosts: HashMap<RunKey, Host>,
    /// How many hosts there were so far: a host is known by its number, for a run may be hosted again.
    hosted: u64,
    /// Workers that were started while the intent of their run was being made durable. They wait for their config; one
    /// whose connection ends before that leaves without a trace.
    ready: HashMap<SessionId, Ready>,
    /// Which session a worker's process holds.
    holders: HashMap<i32, SessionId>,
}

/// A worker that waits for its config, and what goes into it.
struct Ready {
    spawned: Spawned,
    surroundings: Surroundings,
}

struct Host {
    number: u64,
    /// The end of its run is in the log: all that is left is to tell its worker.
    recorded: bool,
    orders: mpsc::UnboundedSender<Order>,
    growth: watch::Receiver<Growth>,
    /// The clients that are attached and want to type: the first of them controls.
    clients: watch::Sender<Vec<u64>>,
}

/// What a host task works with.
struct Post {
    hosting: Hosting,
    run: RunKey,
    number: u64,
    orders: mpsc::UnboundedReceiver<Order>,
    growth: watch::Sender<Growth>,
}

/// What a host task is told.
#[derive(Debug)]
enum Order {
    Stop {
        grace_ms: u64,
    },
    /// Type a reply, once.
    Deliver {
        reply_id: u64,
        bytes: Vec<u8>,
    },
    /// Type what a client that is attached typed.
    Type {
        bytes: Vec<u8>,
    },
    Resize {
        columns: u16,
        rows: u16,
    },
    Recorded,
    Follow,
}

/// How far a run's output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Growth {
    /// Rises with what is written; a hint, the files are what counts.
    pub(crate) end: u64,
    /// The run has ended and the files are final.
    pub(crate) ended: bool,
    /// Its worker has said what it knows.
    pub(crate) known: bool,
    /// Width and height of its terminal, if it has one; from its worker.
    pub(crate) terminal: Option<(u16, u16)>,
    /// How often the worker refused what was typed.
    pub(crate) refused: u64,
}

impl Hosting {
    pub(crate) fn new(instance: Instance, journal: Journal, to_core: mpsc::UnboundedSender<ToCore>) -> Self {
        let (table, spare) = (Mutex::new(Table::default()), spare::Keeper::default());
        Self { shared: Arc::new(Shared { instance, journal, to_core, table, spare }) }
    }

    pub(crate) fn instance(&self) -> &Instance {
        &self.shared.instance
    }

    /// The worker that was started before anybody asked for it, if there is one.
    pub(crate) fn take_spare(&self) -> Option<Spare> {
        self.shared.spare.take()
    }

    /// Starts a worker for the next session that is dispatched, unless there is one.
    pub(crate) fn keep_spare(&self) {
        let hosting = self.clone();
        tasks::start(async move {
            tasks::blocking(move || hosting.shared.spare.fill(&hosting.shared.instance)).await;
        });
    }

    /// Lets the worker go that nobody asked for. Nothing of it stays.
    pub(crate) async fn end_spare(&self) {
        let hosting = self.clone();
        tasks::blocking(move || hosting.shared.spare.close()).await;
    }

    /// Has a worker ready for a session whose dispatch is not durable yet: this one, or a new one. It starts nothing
    /// until it is told. Blocks for a fraction of a millisecond; that it fails costs nothing but the head start.
    pub(crate) fn prepare(&self, session: SessionId, spare: Option<Spare>, surroundings: Surroundings) {
        let start = || {
            let job_dir = launch::job_dir(&self.shared.instance.home, session);
            let lock = Lock::try_take(&job_dir.lock()).ok()??;
            task::spawn(&job_dir, lock).ok()
        };
        if let Some(spawned) = spare.map(Spare::into_worker).or_else(start) {
            self.table().ready.insert(session, Ready { spawned, surroundings });
        }
    }

    /// Lets a prepared worker go that is not needed now.
    pub(crate) fn discard(&self, session: SessionId) {
        let ready = self.table().ready.remove(&session);
        if let Some(Ready { spawned, .. }) = ready {
            tasks::start(task::reap(spawned.child));
        }
    }

    /// Starts a run.
    pub(crate) fn launch(&self, launch: Launch) {
        let ready = self.table().ready.remove(&launch.run.session);
        self.host(launch.run, |post| task::launch(post, launch, ready));
    }

    /// Finds out what became of a run of an earlier supervisor, and observes it; goes on with it if it is held.
    pub(crate) fn probe(&self, run: RunKey) {
        let hosting = self.clone();
        tasks::start(async move {
            let Sight { observation, held } = task::look(&hosting, run).await;
            if let Observation::Held { worker: Some(worker), .. } = &observation {
                hosting.holds(worker.pid as i32, run.session);
            }
            if held {
                // Before anything is said: what follows from it is ordered of this host.
                hosting.host(run, task::adopt);
            }
            hosting.observe(run, observation);
        });
    }

    /// Ends a run.
    pub(crate) fn stop(&self, run: RunKey, grace_ms: u64) {
        self.order(run, Order::Stop { grace_ms });
    }

    /// Says that the end of a run is in the log.
    pub(crate) fn recorded(&self, run: RunKey) {
        if let Some(host) = self.table().hosts.get_mut(&run) {
            host.recorded = true;
            let _ = host.orders.send(Order::Recorded);
        }
    }

    /// Waits until every worker whose run is recorded was told so, and may leave; not for long: one that was not told
    /// leaves by itself after its linger time.
    pub(crate) async fn recorded_are_told(&self) {
        for _ in 0..TOLD_TRIES {
            if !self.table().hosts.values().any(|host| host.recorded) {
                return;
            }
            sleep(TOLD_PAUSE).await;
        }
    }

    /// How far the output of a run is, from now on; `None` if nobody holds the run.
    pub(crate) fn follow(&self, run: RunKey) -> Option<watch::Receiver<Growth>> {
        let table = self.table();
        let host = table.hosts.get(&run)?;
        let _ = host.orders.send(Order::Follow);
        Some(host.growth.clone())
    }

    /// Types a reply into a run's terminal, unless its worker did so before.
    pub(crate) fn deliver(&self, run: RunKey, reply_id: u64, bytes: Vec<u8>) {
        self.order(run, Order::Deliver { reply_id, bytes });
    }

    /// One more client that wants to type: it controls if no other does. `None` if nobody holds the run.
    pub(crate) fn join(&self, run: RunKey, client: u64) -> Option<watch::Receiver<Vec<u64>>> {
        let table = self.table();
        let host = table.hosts.get(&run)?;
        host.clients.send_modify(|clients| clients.push(client));
        Some(host.clients.subscribe())
    }

    /// The client controls from now on.
    pub(crate) fn take_control(&self, run: RunKey, client: u64) {
        self.change_clients(run, |clients| {
            clients.retain(|other| *other != client);
            clients.insert(0, client);
        });
    }

    /// The client has gone: whoever came next controls.
    pub(crate) fn part(&self, run: RunKey, client: u64) {
        self.change_clients(run, |clients| clients.retain(|other| *other != client));
    }

    /// What the client that controls typed.
    pub(crate) fn type_in(&self, run: RunKey, bytes: Vec<u8>) {
        self.order(run, Order::Type { bytes });
    }

    /// The terminal of the client that controls has this size.
    pub(crate) fn resize(&self, run: RunKey, columns: u16, rows: u16) {
        self.order(run, Order::Resize { columns, rows });
    }

    /// Width and height of a run's terminal, once its worker has said them; `None` if it has none or has ended. Soon
    /// after a supervisor began its workers have not been heard yet; one that is stuck is not waited for.
    pub(crate) async fn terminal(&self, run: RunKey) -> Option<(u16, u16)> {
        let mut growth = self.table().hosts.get(&run)?.growth.clone();
        let heard = growth.wait_for(|growth| growth.known || growth.ended);
        let heard = tokio::time::timeout(HEARD_WITHIN, heard).await;
        heard.ok()?.ok()?.terminal
    }

    /// Removes what a session printed, and its environment. It has ended, and the log says that this is to be done.
    pub(crate) fn remove_output(&self, session: SessionId) {
        let hosting = self.clone();
        tasks::start(async move {
            let folder = launch::job_dir(&hosting.shared.instance.home, session);
            let path = folder.path().to_owned();
            let removed = tasks::blocking(move || std::fs::remove_dir_all(folder.path())).await;
            match removed {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    hosting.note(format!("cannot remove {}: {error}", path.display()));
                }
                _ => {}
            }
        });
    }

    fn change_clients(&self, run: RunKey, change: impl FnOnce(&mut Vec<u64>)) {
        if let Some(host) = self.table().hosts.get(&run) {
            host.clients.send_modify(change);
        }
    }

    /// Which session a worker's process holds.
    pub(crate) fn holder(&self, pid: i32) -> Option<SessionId> {
        self.table().holders.get(&pid).copied()
    }

    /// Whether any worker's process is known.
    pub(crate) fn any_holder(&self) -> bool {
        !self.table().holders.is_empty()
    }

    /// How many runs are held.
    pub(crate) fn count(&self) -> usize {
        self.table().hosts.len()
    }

    fn host<F>(&self, run: RunKey, task: impl FnOnce(Post) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (orders, receiver) = mpsc::unbounded_channel();
        let (growing, growth) = watch::channel(Growth::default());
        let number = {
            let mut table = self.table();
            table.hosted += 1;
            let number = table.hosted;
            let clients = watch::Sender::new(Vec::new());
            table.hosts.insert(run, Host { number, recorded: false, orders, growth, clients });
            number
        };
        tasks::start(task(Post { hosting: self.clone(), run, number, orders: receiver, growth: growing }));
    }

    fn forget(&self, run: RunKey, number: u64) {
        let mut table = self.table();
        if table.hosts.get(&run).is_some_and(|host| host.number == number) {
            table.hosts.remove(&run);
            table.holders.retain(|_, session| *session != run.session);
        }
    }

    fn holds(&self, pid: i32, session: SessionId) {
        self.table().holders.insert(pid, session);
    }

    fn order(&self, run: RunKey, order: Order) {
        if let Some(host) = self.table().hosts.get(&run) {
            let _ = host.orders.send(order);
        }
    }

    fn observe(&self, run: RunKey, observation: Observation) {
        let _ = self.shared.to_core.send(ToCore::Observed { run, observation });
    }

    fn note(&self, text: impl AsRef<str>) {
        self.shared.journal.note(text);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.shared.table.lock().expect("nobody panics while holding the table")
    }
}
