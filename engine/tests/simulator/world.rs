//! The world outside the dispatcher: what is true of processes, whatever the log says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use decklog_engine::actor::Actor;
use decklog_engine::clock::Reading;
use decklog_engine::command::{Command, Dispatch, Ended, Gone, Observation};
use decklog_engine::dispatcher::{
    Answer, Boot, Dispatcher, Effect, Input, Look, ShutdownMode, Step, Token, WaitGoal,
};
use decklog_engine::event::{ExitStatus, JobCommand, OutputMode, Record, Work};
use decklog_engine::evolve::replay;
use decklog_engine::id::{RunKey, SessionId};
use decklog_engine::policy::Policy;
use decklog_engine::time::Time;

use super::random::Random;
use crate::support::{job, process};

/// A worker and its job, as they really are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Worker {
    /// Alive, job not started yet.
    Starting,
    /// Alive, job running.
    Running { started_at: Time, to_stop: bool },
    /// Its job ended and the exit is on file; the worker may have left.
    Ended { status: ExitStatus, at: Time, stop_reached: bool },
    /// Killed; nothing on file. Its job may live on as an orphan.
    Killed { orphans: u32, began: bool },
}

/// What a token's answer must prove.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    Dispatch(SessionId),
    Other,
}

pub(crate) struct World {
    pub(crate) wall: u64,
    pub(crate) since_boot_ms: u64,
    pub(crate) awake_ms: u64,
    pub(crate) boot: u64,
    /// What a crash leaves.
    pub(crate) durable: Vec<Record>,
    /// Appended, not yet durable: batches, each of which is kept whole or not at all.
    pub(crate) pending: VecDeque<Vec<Record>>,
    pub(crate) supervisor: Option<Dispatcher>,
    pub(crate) workers: BTreeMap<RunKey, Worker>,
    /// How often each run's job was really started.
    pub(crate) starts: BTreeMap<RunKey, u32>,
    /// On their way to the supervisor.
    pub(crate) in_flight: VecDeque<(RunKey, Observation)>,
    pub(crate) asked: BTreeMap<Token, Asked>,
    /// Sessions whose dispatch was acknowledged.
    pub(crate) acknowledged: BTreeSet<SessionId>,
    /// The replies that each run's worker was told to type, in order.
    pub(crate) typed: BTreeMap<RunKey, Vec<u64>>,
    tokens: Token,
    sessions: u8,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            wall: 1_800_000_000_000,
            since_boot_ms: 5_000,
            awake_ms: 5_000,
            boot: 1,
            durable: vec![],
            pending: VecDeque::new(),
            supervisor: None,
            workers: BTreeMap::new(),
            starts: BTreeMap::new(),
            in_flight: VecDeque::new(),
            asked: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            typed: BTreeMap::new(),
            tokens: 0,
            sessions: 0,
        }
    }

    pub(crate) fn reading(&self) -> Reading {
        Reading { wall: Time(self.wall), since_boot_ms: self.since_boot_ms, awake_ms: self.awake_ms }
    }

    fn pass(&mut self, ms: u64) {
        self.wall += ms;
        self.since_boot_ms += ms;
        self.awake_ms += ms;
    }

    /// One thing that happens.
    pub(crate) fn act(&mut self, random: &mut Random) {
        let passed = random.below(40) as u64;
        self.pass(passed);
        if self.supervisor.is_none() {
            match random.below(3) {
                0 => self.start_supervisor(random),
                _ => self.a_worker_moves(random),
            }
            return;
        }
        match random.below(100) {
            0..18 => self.a_client_wishes(random),
            18..40 => self.the_log_moves(random),
            40..62 => self.a_worker_moves(random),
            62..84 => self.a_worker_is_heard(random),
            84..90 => self.time_passes(random),
            90..94 => self.kill_a_worker(random),
            94..98 => self.crash(random),
            98 => self.everything_goes_down(random),
            _ => self.stop_in_good_order(),
        }
    }

    fn a_client_wishes(&mut self, random: &mut Random) {
        self.tokens += 1;
        let token = self.tokens;
        let actor = Actor::user("ada", "cli");
        let some: Vec<String> =
            (1..=self.sessions).map(|number| SessionId([number; 16]).to_string()).collect();
        let targets: Vec<String> = random.pick(&some).into_iter().collect();
        let input = if targets.is_empty() || (self.sessions < 40 && random.one_in(3)) {
            self.sessions += 1;
            let id = SessionId([self.sessions; 16]);
            let mut dispatched = job("it");
            if random.one_in(2) {
                dispatched.work =
                    Work::Job { command: JobCommand::Shell("true".into()), output: OutputMode::Tty };
            }
            dispatched.timeout_ms = random.one_in(4).then_some(500);
            dispatched.after_any = random.one_in(2);
            dispatched.priority = random.below(3) as i32;
            let after = if random.one_in(4) { targets } else { vec![] };
            self.asked.insert(token, Asked::Dispatch(id));
            Input::Dispatch {
                token,
                actor,
                wish: Box::new(Dispatch { id, name_given: false, dispatched }),
                after,
            }
        } else {
            self.asked.insert(token, Asked::Other);
            let command = match random.below(13) {
                0..3 => Command::Stop { grace_ms: None },
                3 => Command::Delete { force: random.one_in(2) },
                4 => Command::Restore,
                5..7 => Command::Respawn { force: random.one_in(2) },
                7 => Command::Pin,
                8..10 => Command::Unpin,
                _ => Command::Reply { text: "yes".into() },
            };
            match random.below(13) {
                0 => Input::Look { token, at: Look::Listed { finished_most: Some(2) } },
                1 => {
                    let goal = WaitGoal { states: vec![], any: false, through_asks: true };
                    Input::Wait { token, targets, goal }
                }
                2 => Input::Gone { token: token.saturating_sub(3) },
                3 => {
                    let policy = Policy { live_jobs: random.below(4) as u32, ..policy() };
                    Input::Policy { policy }
                }
                4 => Input::Attach { token, actor, target: targets[0].clone(), client: token },
                5 => {
                    let session = targets[0].parse().expect("it is a whole id");
                    Input::Detach { actor, session, client: random.below(token as usize) as u64 }
                }
                6 => Input::Looked { actor },
                _ => Input::Command { token, actor, targets, command },
            }
        };
        self.step(input);
    }

    /// Some of what was appended becomes durable.
    fn the_log_moves(&mut self, random: &mut Random) {
        let count = random.below(self.pending.len() + 1);
        self.persist(count);
        if let Some(last) = self.durable.last() {
            self.step(Input::Durable { seq: last.seq });
        }
    }

    fn persist(&mut self, count: usize) {
        let count = count.min(self.pending.len());
        self.durable.extend(self.pending.drain(..count).flatten());
    }

    fn a_worker_moves(&mut self, random: &mut Random) {
        let runs: Vec<RunKey> = self.workers.keys().copied().collect();
        let Some(run) = random.pick(&runs) else { return };
        let now = Time(self.wall);
        match self.workers[&run].clone() {
            Worker::Starting => self.start_job(run, now, random),
            Worker::Running { to_stop, .. } if to_stop || random.one_in(3) => {
                let status =
                    if to_stop { ExitStatus::Signal(15) } else { ExitStatus::Code(random.below(3) as i32) };
                self.workers.insert(run, Worker::Ended { status, at: now, stop_reached: to_stop });
                self.say(run, random);
            }
            Worker::Running { .. } | Worker::Killed { .. } => {}
            // Until it is recorded, it says so again and again.
            Worker::Ended { .. } => self.say(run, random),
        }
    }

    fn start_job(&mut self, run: RunKey, now: Time, random: &mut Random) {
        *self.starts.entry(run).or_insert(0) += 1;
        self.workers.insert(run, Worker::Running { started_at: now, to_stop: false });
        self.say(run, random);
    }

    /// The worker tells the supervisor what it knows; sometimes twice.
    fn say(&mut self, run: RunKey, random: &mut Random) {
        let observation = match &self.workers[&run] {
            Worker::Running { started_at, .. } => {
                Observation::Started { process: process(2), worker: process(1), at: *started_at }
            }
            Worker::Ended { status, at, stop_reached } => ended(*status, *at, *stop_reached),
            Worker::Starting | Worker::Killed { .. } => return,
        };
        if self.supervisor.is_some() {
            for _ in 0..=usize::from(random.one_in(4)) {
                self.in_flight.push_back((run, observation.clone()));
            }
        }
    }

    fn a_worker_is_heard(&mut self, random: &mut Random) {
        if self.in_flight.is_empty() {
            return;
        }
        let at = random.below(self.in_flight.len().min(3));
        // Of one run, in order.
        let run = self.in_flight[at].0;
        let first = self.in_flight.iter().position(|(other, _)| *other == run).unwrap();
        let (run, observation) = self.in_flight.remove(first).unwrap();
        self.step(Input::Observed { run, observation });
    }

    fn time_passes(&mut self, random: &mut Random) {
        let ms = random.below(400_000) as u64;
        match random.below(6) {
            0 => {
                // Sleep.
                self.wall += ms;
                self.since_boot_ms += ms;
            }
            1 => self.wall += ms * 20,
            2 => self.wall -= ms.min(300_000),
            _ => self.pass(ms),
        }
        self.step(Input::Tick);
    }

    fn kill_a_worker(&mut self, random: &mut Random) {
        let alive = |worker: &Worker| matches!(worker, Worker::Starting | Worker::Running { .. });
        let runs: Vec<RunKey> =
            self.workers.iter().filter(|(_, worker)| alive(worker)).map(|(run, _)| *run).collect();
        let Some(run) = random.pick(&runs) else { return };
        let began = matches!(self.workers[&run], Worker::Running { .. });
        let orphans = u32::from(began && random.one_in(2));
        self.workers.insert(run, Worker::Killed { orphans, began });
        if self.supervisor.is_some() {
            let observation = self.look_at(run);
            self.in_flight.push_back((run, observation));
        }
    }

    /// The supervisor is killed: what was not durable may or may not have made it.
    pub(crate) fn crash(&mut self, random: &mut Random) {
        let made_it = random.below(self.pending.len() + 1);
        self.persist(made_it);
        self.pending.clear();
        self.in_flight.clear();
        self.asked.clear();
        self.supervisor = None;
    }

    fn everything_goes_down(&mut self, random: &mut Random) {
        for worker in self.workers.values_mut() {
            match worker {
                Worker::Starting => *worker = Worker::Killed { orphans: 0, began: false },
                Worker::Running { .. } => *worker = Worker::Killed { orphans: 0, began: true },
                Worker::Ended { .. } | Worker::Killed { .. } => {}
            }
        }
        self.boot += 1;
        self.since_boot_ms = 1_000;
        self.awake_ms = 1_000;
        self.crash(random);
    }

    fn stop_in_good_order(&mut self) {
        self.tokens += 1;
        let (token, actor) = (Some(self.tokens), Actor::user("ada", "cli"));
        self.step(Input::Shutdown { token, actor, mode: ShutdownMode::KeepWorkers, text: "asked".into() });
    }

    pub(crate) fn start_supervisor(&mut self, random: &mut Random) {
        let boot = Boot {
            version: "1".into(),
            boot_id: self.boot.to_string(),
            pid: 1,
            watched_until: None,
            policy: Policy { live_jobs: random.below(4) as u32, ..policy() },
        };
        let (dispatcher, step) = Dispatcher::begin(replay(&self.durable), self.reading(), &boot);
        self.supervisor = Some(dispatcher);
        self.carry_out(step);
    }

    pub(crate) fn step(&mut self, input: Input) {
        let reading = self.reading();
        let Some(supervisor) = self.supervisor.as_mut() else { return };
        let step = supervisor.step(reading, input);
        self.carry_out(step);
    }

    fn carry_out(&mut self, step: Step) {
        if !step.records.is_empty() {
            self.pending.push_back(step.records);
        }
        for effect in step.effects {
            match effect {
                Effect::Probe(run) => {
                    let observation = self.look_at(run);
                    self.in_flight.push_back((run, observation));
                }
                Effect::Launch(launch) => {
                    self.check_launch(&launch);
                    // A worker that lives holds the session's lock; one that never began anything is replaced.
                    let free = matches!(
                        self.workers.get(&launch.run),
                        None | Some(Worker::Killed { began: false, .. })
                    );
                    if free {
                        self.workers.insert(launch.run, Worker::Starting);
                    }
                }
                Effect::Stop { run, .. } => match self.workers.get_mut(&run) {
                    Some(Worker::Running { to_stop, .. }) => *to_stop = true,
                    Some(worker @ Worker::Starting) => {
                        // Stopped before it began: its job starts and is told to end at once.
                        *self.starts.entry(run).or_insert(0) += 1;
                        *worker = Worker::Running { started_at: Time(self.wall), to_stop: true };
                    }
                    _ => {}
                },
                Effect::Deliver { run, reply_id, .. } => self.type_reply(run, reply_id),
                Effect::RemoveOutput(session) => self.check_output_removed(session),
                Effect::Recorded(run) => self.check_recorded(run),
                Effect::Answer { token, answer } => self.answered(token, &answer),
                Effect::Exit => {
                    self.check_stopped();
                    self.in_flight.clear();
                    self.asked.clear();
                    self.supervisor = None;
                    return;
                }
            }
        }
    }

    /// The worker types it, unless it did so before or has nothing to type into; and says so, unless it is killed first.
    fn type_reply(&mut self, run: RunKey, reply_id: u64) {
        self.check_delivery(run, reply_id);
        let observation = if matches!(self.workers.get(&run), Some(Worker::Running { .. })) {
            let typed = self.typed.entry(run).or_default();
            if typed.last().is_none_or(|last| *last < reply_id) {
                typed.push(reply_id);
            }
            assert!(typed.contains(&reply_id), "reply {reply_id} came after a later one: {typed:?}");
            Observation::Delivered { reply_id }
        } else {
            Observation::DeliveryFailed { reply_id, text: "it has ended".into() }
        };
        self.in_flight.push_back((run, observation));
    }

    /// What a probe finds: the truth, from lock and files.
    fn look_at(&self, run: RunKey) -> Observation {
        match self.workers.get(&run) {
            None | Some(Worker::Killed { began: false, .. }) => Observation::NeverStarted,
            Some(Worker::Starting) => {
                Observation::Held { process: None, worker: Some(process(1)), started_at: None }
            }
            Some(Worker::Running { started_at, .. }) => Observation::Held {
                process: Some(process(2)),
                worker: Some(process(1)),
                started_at: Some(*started_at),
            },
            Some(Worker::Ended { status, at, stop_reached }) => ended(*status, *at, *stop_reached),
            Some(Worker::Killed { orphans, .. }) => Observation::Gone(Gone {
                evidence: "gone".into(),
                other_boot: false,
                orphans: *orphans,
                output_end: 0,
                last_line: None,
            }),
        }
    }

    fn answered(&mut self, token: Token, answer: &Answer) {
        if let (Some(Asked::Dispatch(id)), Answer::Dispatched { session, .. }) =
            (self.asked.remove(&token), answer)
        {
            assert_eq!(session.session.id, id);
            self.check_acknowledged(id);
            self.acknowledged.insert(id);
        }
    }

    /// Nobody interferes any more: a supervisor lives, everything is heard, every job ends.
    pub(crate) fn let_everything_end(&mut self, random: &mut Random) {
        for _ in 0..2_000 {
            self.pass(10);
            if self.supervisor.is_none() {
                self.start_supervisor(random);
            }
            self.persist(usize::MAX);
            if let Some(last) = self.durable.last().map(|record| record.seq) {
                self.step(Input::Durable { seq: last });
            }
            while !self.in_flight.is_empty() {
                self.a_worker_is_heard(random);
            }
            for _ in 0..4 {
                self.a_worker_moves(random);
            }
            let unheard: Vec<RunKey> = self.supervisor.as_ref().map_or(vec![], |supervisor| {
                supervisor.roster().live().filter_map(|session| session.run_key()).collect()
            });
            for run in unheard {
                if matches!(self.workers.get(&run), Some(Worker::Ended { .. } | Worker::Killed { .. })) {
                    let observation = self.look_at(run);
                    self.in_flight.push_back((run, observation));
                }
            }
        }
    }
}

fn ended(status: ExitStatus, at: Time, stop_reached: bool) -> Observation {
    Observation::Ended(Ended {
        status,
        at,
        output_end: 0,
        output_dropped: 0,
        last_line: None,
        worker_told_to_end: false,
        stop_reached,
        started_at: None,
    })
}

/// Output is removed soon enough to be removed within a play.
fn policy() -> Policy {
    Policy { output_retention_ms: 600_000, ..Policy::default() }
}
