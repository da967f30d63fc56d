//! The loop around the dispatcher: inputs in, records to the commit thread, effects out. It owns the dispatcher; what
//! wants something of it sends it a [`ToCore`].

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use decklog_engine::command::Observation;
use decklog_engine::dispatcher::{Answer, Dispatcher, Effect, Input, Step, Token};
use decklog_engine::event::Durability;
use decklog_engine::id::{RunKey, Seq};
use decklog_engine::roster::Roster;
use decklog_storage::commit_thread::{Batch, SubmitError, Submitter};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;

use crate::hosting::Hosting;
use crate::journal::Journal;
use crate::store::{self, SNAPSHOT_EVERY, Store};
use crate::{clock, tasks};

/// What the core is told.
#[derive(Debug)]
pub(crate) enum ToCore {
    /// By clients and signals.
    Input(Input),
    /// By hosts.
    Observed { run: RunKey, observation: Observation },
    /// By the commit thread: everything up to here is durable.
    Durable(Seq),
    /// By the commit thread: nothing more will be.
    LogFailed(String),
    /// A copy of the live roster, please.
    CopyRoster(oneshot::Sender<Roster>),
}

/// How others reach the core.
#[derive(Clone)]
pub(crate) struct ToCoreHandle {
    sender: mpsc::UnboundedSender<ToCore>,
    answers: Arc<Mutex<HashMap<Token, oneshot::Sender<Answer>>>>,
    tokens: Arc<AtomicU64>,
    durable: watch::Receiver<Seq>,
    recovered: watch::Receiver<bool>,
    /// The supervisor ends in good order.
    closed: watch::Sender<bool>,
}

impl ToCoreHandle {
    pub(crate) fn new(
        sender: mpsc::UnboundedSender<ToCore>,
        durable: watch::Receiver<Seq>,
        recovered: watch::Receiver<bool>,
    ) -> Self {
        Self {
            sender,
            answers: Arc::default(),
            tokens: Arc::new(AtomicU64::new(1)),
            durable,
            recovered,
            closed: watch::Sender::new(false),
        }
    }

    /// Waits until every run of an earlier supervisor was found: before that nobody knows who descends from a worker.
    pub(crate) async fn recovered(&self) {
        let _ = self.recovered.clone().wait_for(|recovered| *recovered).await;
    }

    /// Waits until the supervisor ends in good order: nothing more is answered then.
    pub(crate) async fn closed(&self) {
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    /// Asks, and waits for the answer. `None`: the supervisor ends without one. Dropping the future says that nobody
    /// waits any more.
    pub(crate) async fn ask(&self, input: impl FnOnce(Token) -> Input) -> Option<Answer> {
        let token = self.tokens.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.answers.lock().expect("nobody panics while holding it").insert(token, sender);
        let asked = Asked { handle: self, token };
        self.tell(ToCore::Input(input(token)));
        let answer = receiver.await.ok();
        drop(asked);
        answer
    }

    /// Tells without waiting.
    pub(crate) fn tell(&self, message: ToCore) {
        let _ = self.sender.send(message);
    }

    /// A copy of the live roster.
    pub(crate) async fn roster(&self) -> Option<Roster> {
        let (sender, receiver) = oneshot::channel();
        self.tell(ToCore::CopyRoster(sender));
        receiver.await.ok()
    }

    /// How far the log is durable, and word of each change.
    pub(crate) fn durable(&self) -> watch::Receiver<Seq> {
        self.durable.clone()
    }
}

/// Takes its place in the list of those who wait away, whether there was an answer or not.
struct Asked<'a> {
    handle: &'a ToCoreHandle,
    token: Token,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let waited = self.handle.answers.lock().expect("nobody panics while holding it").remove(&self.token);
        if waited.is_some() {
            self.handle.tell(ToCore::Input(Input::Gone { token: self.token }));
        }
    }
}

/// The core's own things.
pub(crate) struct Core {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) inputs: mpsc::UnboundedReceiver<ToCore>,
    pub(crate) handle: ToCoreHandle,
    pub(crate) submitter: Submitter,
    pub(crate) durable: watch::Sender<Seq>,
    pub(crate) recovered: watch::Sender<bool>,
    pub(crate) hosting: Hosting,
    pub(crate) store: Store,
    pub(crate) journal: Journal,
    /// Batches for which the commit thread had no room.
    pub(crate) backlog: VecDeque<Batch>,
    /// The last record of the newest snapshot.
    pub(crate) snapshot_seq: Seq,
}

/// Why the core ended.
pub(crate) enum Ended {
    /// In good order.
    Stopped,
    /// The log takes nothing more.
    LogFailed(String),
}

impl Core {
    /// Runs until the supervisor is to end. `first` is what the beginning of its epoch led to.
    pub(crate) async fn run(mut self, first: Step) -> Ended {
        let mut exit = self.carry_out(first);
        while !exit {
            if !self.dispatcher.is_recovering() {
                self.recovered.send_if_modified(|recovered| !std::mem::replace(recovered, true));
            }
            let tick = self.dispatcher.next_tick_ms(clock::read());
            let due = async {
                match tick {
                    Some(ms) => sleep(Duration::from_millis(ms)).await,
                    None => std::future::pending().await,
                }
            };
            let message = tokio::select! {
                message = self.inputs.recv() => message,
                () = due => Some(ToCore::Input(Input::Tick)),
            };
            let input = match message {
                Some(ToCore::Input(input)) => input,
                Some(ToCore::Observed { run, observation }) => Input::Observed { run, observation },
                Some(ToCore::Durable(seq)) => {
                    self.durable.send_replace(seq);
                    self.submit_backlog();
                    self.snapshot_if_due(seq);
                    Input::Durable { seq }
                }
                Some(ToCore::LogFailed(text)) => return Ended::LogFailed(text),
                Some(ToCore::CopyRoster(sender)) => {
                    let _ = sender.send(self.dispatcher.roster().clone());
                    continue;
                }
                None => return Ended::Stopped,
            };
            let step = self.dispatcher.step(clock::read(), input);
            exit = self.carry_out(step);
        }
        self.handle.closed.send_replace(true);
        // A snapshot makes the next start quick, however much there was.
        if let Err(error) = self.store.write_snapshot(self.dispatcher.roster()) {
            self.journal.note(format!("no snapshot at the end: {error}"));
        }
        Ended::Stopped
    }

    /// Appends and acts. True if the supervisor is to end.
    fn carry_out(&mut self, step: Step) -> bool {
        if let Some(first) = step.records.first() {
            let durability = match step.durability {
                Some(Durability::Soon) => decklog_storage::commit_thread::Durability::Within100Ms,
                _ => decklog_storage::commit_thread::Durability::Now,
            };
            let entries = step.records.iter().map(store::entry).collect();
            self.backlog.push_back(Batch { first_seq: first.seq, entries, durability });
            self.submit_backlog();
        }
        let mut exit = false;
        for effect in step.effects {
            match effect {
                Effect::Probe(run) => self.hosting.probe(run),
                Effect::Launch(launch) => self.hosting.launch(launch),
                Effect::Stop { run, grace_ms } => self.hosting.stop(run, grace_ms),
                Effect::Deliver { run, reply_id, bytes } => self.hosting.deliver(run, reply_id, bytes),
                Effect::RemoveOutput(session) => self.hosting.remove_output(session),
                Effect::Recorded(run) => self.hosting.recorded(run),
                Effect::Answer { token, answer } => self.answer(token, answer),
                Effect::Exit => exit = true,
            }
        }
        exit
    }

    /// Hands over what the commit thread has room for, in order. Never blocks: the next progress makes room.
    fn submit_backlog(&mut self) {
        while let Some(batch) = self.backlog.pop_front() {
            match self.submitter.try_send(batch) {
                Ok(()) => {}
                // Its own word comes as LogFailed.
                Err(SubmitError::Full(batch) | SubmitError::Stopped(batch)) => {
                    self.backlog.push_front(batch);
                    return;
                }
                Err(error) => {
                    // What was applied cannot be taken back: end, and recover without it.
                    self.handle.tell(ToCore::LogFailed(error.to_string()));
                    return;
                }
            }
        }
    }

    fn answer(&self, token: Token, answer: Answer) {
        let waiting = self.handle.answers.lock().expect("nobody panics while holding it").remove(&token);
        if let Some(waiting) = waiting {
            let _ = waiting.send(answer);
        }
    }

    fn snapshot_if_due(&mut self, durable: Seq) {
        let roster = self.dispatcher.roster();
        let last = roster.fleet().last_seq;
        if last > durable || last - self.snapshot_seq < SNAPSHOT_EVERY {
            return;
        }
        self.snapshot_seq = last;
        let (roster, store, journal) = (roster.clone(), self.store.clone(), self.journal.clone());
        tasks::start(async move {
            let written = tasks::blocking(move || store.write_snapshot(&roster)).await;
            if let Err(error) = written {
                journal.note(format!("no snapshot: {error}"));
            }
        });
    }
}
