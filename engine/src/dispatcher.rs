//! The machine that owns the roster: inputs in, records to append and effects to carry out, out.
//!
//! It decides against, and applies to, the live roster at once. What follows from a record (a process that is started,
//! an answer that is given) is held back until that record is durable. It does no input or output and reads no clock,
//! so the same machine runs under tokio and in the simulator. Every cause of change is a variant of [`Input`].

mod answers;
mod io;
mod recovery;
mod waits;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use crate::actor::{Actor, Cause};
use crate::clock::{LogClock, Reading};
use crate::command::{Command, Dispatch, Fact, Observation, Refusal};
use crate::decide::{self, Granted, GrantedDispatch};
use crate::event::{
    Attached, Detached, Durability, Event, Looked, PolicyChanged, ReapedWhat, Record, Refused,
    SupervisorStopped,
};
use crate::evolve::evolve;
use crate::id::{RunKey, Seq, SessionId};
use crate::name;
use crate::policy::Policy;
use crate::roster::Roster;
use crate::session::{Delivery, Session};
use crate::settle::settle;
use crate::time::Time;
use crate::timers;

pub use answers::{Answer, LeftOut, Reached, Shown, Unresolved, fold, resolve};
pub use io::{Effect, Input, Launch, Look, ShutdownMode, Token};
pub use recovery::Boot;
pub use waits::{WaitFor, WaitGoal};

use recovery::Recovery;
use waits::Waits;

/// A worker that ends before it begins to start its run is given this many tries.
const LAUNCHES_MAX: u32 = 3;

/// What one step led to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// To be appended, in this order, before the records of any later step.
    pub records: Vec<Record>,
    /// How soon; meaningful if there are records.
    pub durability: Option<Durability>,
    /// To be done now.
    pub effects: Vec<Effect>,
}

/// The machine. See the module.
#[derive(Debug)]
pub struct Dispatcher {
    roster: Roster,
    clock: LogClock,
    /// The last record that is durable.
    durable: Seq,
    /// The last record that an answer must not run ahead of. Observations after it can be made again from the
    /// workers' files.
    binding: Seq,
    /// Effects by the record that they wait for.
    held: BTreeMap<(Seq, u64), Effect>,
    held_count: u64,
    waits: Waits,
    recovery: Option<Recovery>,
    /// Effects that were ordered again for want of a worker, by run.
    launches: BTreeMap<RunKey, u32>,
    /// The last number given to a made name.
    made_names: BTreeMap<String, u32>,
    /// Set once the supervisor is to end when nothing lives: who wished it, and why.
    closing: Option<(Actor, String)>,
    /// The last record of this epoch is written: nothing is decided any more.
    stopped: bool,
    step: Step,
}

impl Dispatcher {
    /// A dispatcher over the roster that a log folds to; everything in that log is durable. Begins its epoch: the
    /// records of [`Boot`] are in the step, and a probe for each run that was live.
    pub fn begin(roster: Roster, now: Reading, boot: &Boot) -> (Self, Step) {
        let fleet = roster.fleet();
        let mut dispatcher = Self {
            clock: LogClock::after(fleet.last_at),
            durable: fleet.last_seq,
            binding: fleet.last_seq,
            held: BTreeMap::new(),
            held_count: 0,
            waits: Waits::default(),
            recovery: None,
            launches: BTreeMap::new(),
            made_names: BTreeMap::new(),
            closing: None,
            stopped: false,
            step: Step::default(),
            roster,
        };
        let at = dispatcher.read_clock(now);
        dispatcher.begin_epoch(at, boot);
        let step = mem::take(&mut dispatcher.step);
        (dispatcher, step)
    }

    /// The live roster.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Whether runs of an earlier supervisor are still to be found.
    pub fn is_recovering(&self) -> bool {
        self.recovery.is_some()
    }

    /// The log time of a reading.
    pub fn log_time(&self, now: Reading) -> Time {
        self.clock.peek(now)
    }

    /// In how many waking milliseconds the next [`Input::Tick`] is due; `None` while no rule waits.
    pub fn next_tick_ms(&self, now: Reading) -> Option<u64> {
        if self.recovery.is_some() || self.stopped {
            return None;
        }
        let (due, _) = self.roster.first_deadline()?;
        Some(due.since(self.roster.fleet().awake(self.log_time(now))))
    }

    /// Takes one input at one moment.
    pub fn step(&mut self, now: Reading, input: Input) -> Step {
        if let Input::Durable { seq } = input {
            self.durable = self.durable.max(seq);
            self.release();
            return mem::take(&mut self.step);
        }
        if self.stopped {
            return Step::default();
        }
        let at = self.read_clock(now);
        self.take(at, input);
        mem::take(&mut self.step)
    }

    fn take(&mut self, at: Time, input: Input) {
        if self.stopped {
            return;
        }
        let Some(input) = self.recover(at, input) else { return };
        match input {
            Input::Dispatch { token, actor, wish, after } => self.dispatch(at, token, &actor, wish, &after),
            Input::Command { token, actor, targets, command } => {
                self.command(at, token, &actor, &targets, &command);
            }
            Input::Look { token, at: look } => self.look(token, &look),
            Input::Wait { token, targets, goal } => self.wait(token, &targets, goal),
            Input::Attach { token, actor, target, client } => self.attach(at, token, &actor, target, client),
            Input::Detach { actor, session, client } => self.detach(at, &actor, session, client),
            Input::Looked { actor } => {
                self.apply_all(at, &actor, Cause::Unknown, Vec::from([Fact::of_fleet(Looked {})]));
            }
            Input::Gone { token } => self.waits.forget(token),
            Input::Observed { run, observation } => self.observed(at, run, &observation, false),
            Input::Policy { policy } => self.policy(at, policy),
            Input::Shutdown { token, actor, mode, text } => self.shutdown(at, token, actor, mode, text),
            Input::Tick => self.fire_timers(at),
            Input::Durable { .. } => {}
        }
        self.finish_closing(at);
        self.answer_waits();
    }

    fn read_clock(&mut self, now: Reading) -> Time {
        let (at, events) = self.clock.read(now);
        for event in events {
            self.apply(at, &Actor::supervisor(), Cause::Unknown, Fact::of_fleet(event));
        }
        at
    }

    // ---- requests

    fn dispatch(&mut self, at: Time, token: Token, actor: &Actor, mut wish: Box<Dispatch>, after: &[String]) {
        if self.closing.is_some() {
            let text = "the supervisor is closing".into();
            return self.answer(token, Answer::Refused(Vec::from([closing(text)])));
        }
        match self.resolve(after) {
            Ok(ids) => wish.dispatched.after = ids,
            Err(unresolved) => return self.answer(token, Answer::Unresolved(unresolved)),
        }
        if !wish.name_given {
            wish.dispatched.name = self.free_name(&wish.dispatched.name);
        }
        match decide::decide_dispatch(&self.roster, &wish) {
            Err(refusal) => self.answer(token, Answer::Refused(Vec::from([refusal]))),
            Ok(GrantedDispatch::Existing(id)) => {
                let session = self.roster.get(id).expect("it was just found on the roster");
                let session = Shown::of(&self.roster, session);
                self.answer(token, Answer::Dispatched { session, existing: true });
            }
            Ok(GrantedDispatch::New(facts)) => {
                self.apply_all(at, actor, Cause::Request(token), facts);
                self.waits.add(token, Vec::from([wish.id]), WaitFor::Running);
            }
        }
    }

    /// `build`, or `build-2`, or the first number after the last one made that no listed row holds.
    fn free_name(&mut self, text: &str) -> String {
        let base = name::made_from(text);
        if self.roster.named(&base).is_none() {
            self.made_names.remove(&base);
            return base;
        }
        let last = self.made_names.entry(base.clone()).or_insert(1);
        loop {
            *last += 1;
            let name = alloc::format!("{base}-{last}");
            if self.roster.named(&name).is_none() {
                return name;
            }
        }
    }

    fn command(&mut self, at: Time, token: Token, actor: &Actor, targets: &[String], command: &Command) {
        let resolved = match command {
            // Of one session.
            Command::Rename { .. } | Command::Reply { .. } => self.resolve(targets),
            _ => self.resolve_rows(targets),
        };
        let ids = match resolved {
            Ok(ids) => ids,
            Err(unresolved) => return self.answer(token, Answer::Unresolved(unresolved)),
        };
        let mut granted = Vec::new();
        let mut refusals = Vec::new();
        for id in &ids {
            let session = self.roster.get(*id).expect("it was just resolved");
            let permitted = decide::permit(actor, command.verb(), Some(session));
            match permitted.and_then(|()| decide::decide(&self.roster, session, command)) {
                Ok(decision) => granted.push((*id, decision)),
                Err(refusal) => {
                    self.note_refusal(at, actor, Cause::Request(token), Some(*id), command.verb(), &refusal);
                    refusals.push(refusal);
                }
            }
        }
        if !refusals.is_empty() {
            return self.answer(token, Answer::Refused(refusals));
        }
        let mut notes = Vec::new();
        for (_, decision) in granted {
            match decision {
                Granted::Facts(facts) => self.apply_all(at, actor, Cause::Request(token), facts),
                Granted::Already(note) => notes.push(note),
            }
        }
        let latest_reply =
            |id: &SessionId| Some(self.roster.get(*id)?.open_deliveries().next_back()?.reply_id);
        let wanted = match (command, ids.first().and_then(latest_reply)) {
            (Command::Reply { .. }, Some(reply_id)) => WaitFor::Delivered { reply_id },
            _ => WaitFor::Settled { notes, started: matches!(command, Command::Respawn { .. }) },
        };
        self.waits.add(token, ids, wanted);
    }

    fn attach(&mut self, at: Time, token: Token, actor: &Actor, target: String, client: u64) {
        let id = match self.resolve(&[target]) {
            Ok(ids) => ids[0],
            Err(unresolved) => return self.answer(token, Answer::Unresolved(unresolved)),
        };
        let session = self.roster.get(id).expect("it was just resolved").clone();
        let permitted =
            decide::permit(actor, "attach", Some(&session)).and_then(|()| decide::attach(&session));
        if let Err(refusal) = permitted {
            self.note_refusal(at, actor, Cause::Request(token), Some(id), "attach", &refusal);
            return self.answer(token, Answer::Refused(Vec::from([refusal])));
        }
        self.apply_all(at, actor, Cause::Request(token), Vec::from([Fact::of(id, Attached { client })]));
        let sessions = self.roster.get(id).map(|session| Shown::of(&self.roster, session));
        self.answer(token, Answer::Sessions { sessions: sessions.into_iter().collect() });
    }

    fn detach(&mut self, at: Time, actor: &Actor, id: SessionId, client: u64) {
        if self.roster.get(id).is_some_and(|session| session.attached.contains(&client)) {
            self.apply_all(at, actor, Cause::Unknown, Vec::from([Fact::of(id, Detached { client })]));
        }
    }

    /// An attempt to approve oneself is for an audit, though nothing came of it.
    fn note_refusal(
        &mut self,
        at: Time,
        actor: &Actor,
        cause: Cause,
        session: Option<SessionId>,
        verb: &str,
        refusal: &Refusal,
    ) {
        if refusal.rule == "no-self-approval" {
            let refused = Refused { verb: verb.into(), rule: refusal.rule.into() };
            self.apply(at, actor, cause, Fact { session, ..Fact::of_fleet(refused) });
        }
    }

    fn wait(&mut self, token: Token, targets: &[String], goal: WaitGoal) {
        match self.resolve_rows(targets) {
            Ok(ids) => self.waits.add(token, ids, WaitFor::Goal(goal)),
            Err(unresolved) => self.answer(token, Answer::Unresolved(unresolved)),
        }
    }

    fn policy(&mut self, at: Time, policy: Policy) {
        if policy != self.roster.fleet().policy {
            let fact = Fact::of_fleet(PolicyChanged { policy });
            self.apply_all(at, &Actor::supervisor(), Cause::Unknown, Vec::from([fact]));
        }
    }

    fn shutdown(&mut self, at: Time, token: Option<Token>, actor: Actor, mode: ShutdownMode, text: String) {
        let refused = decide::permit(&actor, "daemon stop", None).err().or_else(|| {
            let live: Vec<_> = self.roster.live().collect();
            (mode == ShutdownMode::RefuseIfLive && !live.is_empty()).then(|| still_alive(&live))
        });
        if let Some(refusal) = refused {
            let cause = token.map_or(Cause::Unknown, Cause::Request);
            self.note_refusal(at, &actor, cause, None, "daemon stop", &refusal);
            if let Some(token) = token {
                self.answer(token, Answer::Refused(Vec::from([refusal])));
            }
            return;
        }
        if mode == ShutdownMode::StopAll {
            let live: Vec<_> = self.roster.live().cloned().collect();
            for session in live {
                let stop = Command::Stop { grace_ms: None };
                if let Ok(Granted::Facts(facts)) = decide::decide(&self.roster, &session, &stop) {
                    self.apply_all(at, &actor, token.map_or(Cause::Unknown, Cause::Request), facts);
                }
            }
        }
        if mode == ShutdownMode::KeepWorkers {
            self.closing = None;
            self.stop_supervisor(at, &actor, text);
        } else {
            self.closing = Some((actor, text));
        }
        if let Some(token) = token {
            self.waits.add(token, Vec::new(), WaitFor::Closed);
        }
    }

    fn finish_closing(&mut self, at: Time) {
        if self.roster.live().next().is_none()
            && let Some((actor, text)) = self.closing.take()
        {
            self.stop_supervisor(at, &actor, text);
        }
    }

    fn stop_supervisor(&mut self, at: Time, actor: &Actor, text: String) {
        self.apply(at, actor, Cause::Unknown, Fact::of_fleet(SupervisorStopped { text }));
        self.stopped = true;
        self.hold(self.roster.fleet().last_seq, Effect::Exit);
    }

    // ---- observations and timers

    fn observed(&mut self, at: Time, run: RunKey, observation: &Observation, shutdown: bool) {
        let Some(session) = self.roster.get(run.session).cloned() else { return };
        if !session.is_live() || session.run_key() != Some(run) {
            // Its end is in the log already, and its worker does not know.
            return self.hold(session.updated.seq, Effect::Recorded(run));
        }
        let mut facts = decide::observe(&session, run.run, observation, shutdown);
        if *observation == Observation::NeverStarted && facts.is_empty() {
            let launches = self.launches.entry(run).or_insert(0);
            *launches += 1;
            if *launches < LAUNCHES_MAX {
                return self.launch(session);
            }
            let text = alloc::format!("its worker ended {LAUNCHES_MAX} times before it could start anything");
            facts = decide::observe(&session, run.run, &Observation::SpawnFailed { text }, shutdown);
        }
        self.apply_all(at, &Actor::worker(), Cause::Unknown, facts);
        if let Observation::Held { .. } = observation {
            self.order_again(&session, run);
        }
    }

    /// What an earlier supervisor may have ordered of a worker, or not: the worker knows.
    fn order_again(&mut self, session: &Session, run: RunKey) {
        let gate = session.updated.seq;
        if let Some(stop) = &session.stop {
            self.hold(gate, Effect::Stop { run, grace_ms: stop.grace_ms });
        }
        for delivery in session.open_deliveries() {
            let (reply_id, bytes) = (delivery.reply_id, delivery.typed());
            self.hold(gate, Effect::Deliver { run, reply_id, bytes });
        }
    }

    fn fire_timers(&mut self, at: Time) {
        while let Some((session, rule, events)) = timers::fire(&self.roster, at) {
            let (id, run) = (session.id, session.run.as_ref().map(|run| run.number));
            let was = self.roster.first_deadline().map(|(due, session)| (due, session.id));
            let facts = events.into_iter().map(|event| Fact { run, ..Fact::of(id, event) }).collect();
            self.apply_all(at, &Actor::rule(rule.word()), Cause::Unknown, facts);
            let is = self.roster.first_deadline().map(|(due, session)| (due, session.id));
            assert_ne!(was, is, "a timer that fired must not be due again");
        }
    }

    // ---- records and what follows from them

    /// Applies these facts, and everything that follows from them by itself.
    fn apply_all(&mut self, at: Time, actor: &Actor, cause: Cause, facts: Vec<Fact>) {
        let mut touched = Vec::new();
        self.apply_each(at, actor, cause, facts, &mut touched);
        self.settle(at, actor, cause, touched);
    }

    fn settle(&mut self, at: Time, actor: &Actor, cause: Cause, mut touched: Vec<SessionId>) {
        loop {
            let facts = settle(&self.roster, &touched, self.closing.is_none());
            if facts.is_empty() {
                return;
            }
            self.apply_each(at, actor, cause, facts, &mut touched);
        }
    }

    fn apply_each(
        &mut self,
        at: Time,
        actor: &Actor,
        cause: Cause,
        facts: Vec<Fact>,
        touched: &mut Vec<SessionId>,
    ) {
        for fact in facts {
            touched.extend(fact.session.filter(|id| !touched.contains(id)));
            self.apply(at, actor, cause, fact);
        }
    }

    fn apply(&mut self, at: Time, actor: &Actor, cause: Cause, fact: Fact) {
        let record = Record {
            seq: self.roster.fleet().last_seq + 1,
            at,
            happened_at: fact.happened_at.filter(|happened_at| *happened_at != at),
            actor: fact.actor.unwrap_or_else(|| actor.clone()),
            session: fact.session,
            run: fact.run,
            cause,
            event: fact.event,
        };
        evolve(&mut self.roster, &record);
        let durability = record.event.kind().durability();
        if durability == Durability::Now {
            self.binding = record.seq;
        }
        self.step.durability = self.step.durability.max(Some(durability));
        self.waits.note(&self.roster, record.session);
        self.order_effects(&record);
        self.step.records.push(record);
    }

    /// What a record leads to in the world.
    fn order_effects(&mut self, record: &Record) {
        let Some(run) = record.run_key() else { return };
        match &record.event {
            Event::RunIntended(_) => {
                if let Some(session) = self.roster.get(run.session).cloned() {
                    self.launch(session);
                }
            }
            Event::StopRequested(request) => {
                self.hold(record.seq, Effect::Stop { run, grace_ms: request.grace_ms });
            }
            Event::Reaped(reaped) if reaped.what == ReapedWhat::Process => {
                self.hold(
                    record.seq,
                    Effect::Stop { run, grace_ms: self.roster.fleet().policy.stop_grace_ms },
                );
            }
            Event::DeliveryIntended(intended) => {
                let reply_id = intended.reply_id;
                let session = self.roster.get(run.session);
                let delivery = session.and_then(|session| session.open_delivery(reply_id));
                if let Some(bytes) = delivery.map(Delivery::typed) {
                    self.hold(record.seq, Effect::Deliver { run, reply_id, bytes });
                }
            }
            Event::Reaped(reaped) if reaped.what == ReapedWhat::Output => {
                self.hold(record.seq, Effect::RemoveOutput(run.session));
            }
            Event::Exited(_) | Event::Lost(_) | Event::SpawnFailed(_) => {
                self.launches.remove(&run);
                self.hold(record.seq, Effect::Recorded(run));
            }
            _ => {}
        }
    }

    fn launch(&mut self, session: Arc<Session>) {
        let Some(run) = session.run.as_ref() else { return };
        let (gate, run) = (run.intended.seq, RunKey { session: session.id, run: run.number });
        let output_bytes_max = self.roster.fleet().policy.output_bytes_max;
        self.hold(gate, Effect::Launch(Launch { run, session, output_bytes_max }));
    }

    /// Lets an effect go now if the record that it waits for is durable, else once it is.
    fn hold(&mut self, gate: Seq, effect: Effect) {
        if gate <= self.durable {
            self.step.effects.push(effect);
        } else {
            self.held_count += 1;
            self.held.insert((gate, self.held_count), effect);
        }
    }

    fn release(&mut self) {
        let later = self.held.split_off(&(self.durable + 1, 0));
        self.step.effects.extend(mem::replace(&mut self.held, later).into_values());
    }
}

fn closing(text: String) -> Refusal {
    let hints = Vec::from(["try again once it has ended: the next one starts by itself".into()]);
    Refusal { rule: "closing", text, hints }
}

fn still_alive(live: &[&Arc<Session>]) -> Refusal {
    let shown: Vec<String> = live
        .iter()
        .take(5)
        .map(|session| alloc::format!("{} {}", session.id.prefix(SessionId::SHORTEST_SHOWN), session.name))
        .collect();
    let more = if live.len() > shown.len() { ", …" } else { "" };
    let (sessions, are) = if live.len() == 1 { ("session", "is") } else { ("sessions", "are") };
    Refusal {
        rule: "alive",
        text: alloc::format!("{} {sessions} {are} alive ({}{more})", live.len(), shown.join(", ")),
        hints: Vec::from([
            "--keep-workers leaves them running for the next supervisor".into(),
            "--any stops them first".into(),
        ]),
    }
}
