//! Wishes and observations turned into facts, or into a refusal that says the way out. Pure: nothing is changed here.
//!
//! **To add a verb, start here**: a [`Command`], its arm in [`decide`], and a file in the command line's `commands/`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::actor::{Actor, ActorKind};
use crate::command::{Command, Dispatch, Ended, Fact, Gone, Observation, Refusal};
use crate::event::{
    Adopted, AfterStop, Deleted, Delivered, DeliveryFailed, DeliveryIntended, DeliveryUnknown, Dispatched,
    Event, ExitStatus, Exited, Finished, Grouped, Lost, OutcomeKind, OutputDropped, Pinned, Queued,
    ReasonKind, Renamed, Replied, Respawned, Restored, RunIntended, SessionKind, SpawnFailed, Started,
    StopRequested, Stopped, Unpinned, WakeKind,
};
use crate::id::SessionId;
use crate::name;
use crate::roster::Roster;
use crate::session::{Delivery, Process, Session, State};

/// A reply is no longer.
const REPLY_BYTES_MAX: usize = 64 << 10;

/// What a granted wish leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Granted {
    /// These facts.
    Facts(Vec<Fact>),
    /// Nothing: its effect holds already, as this note says.
    Already(String),
}

/// What a granted dispatch leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantedDispatch {
    /// A new session.
    New(Vec<Fact>),
    /// The listed row with the same key and command.
    Existing(SessionId),
}

/// Decides a wish for a new session. A made name must already be unique (see [`crate::dispatcher`]).
pub fn decide_dispatch(roster: &Roster, wish: &Dispatch) -> Result<GrantedDispatch, Refusal> {
    let dispatched = &wish.dispatched;
    if let Some(session) = dispatched.key.as_deref().and_then(|key| roster.keyed(key)) {
        if session.dispatched.work == dispatched.work {
            return Ok(GrantedDispatch::Existing(session.id));
        }
        return Err(Refusal {
            rule: "key-taken",
            text: format!("{} has this key and another command", session.name),
            hints: Vec::from([
                "use another --key".into(),
                format!("decklog rm {} frees this one", session.name),
            ]),
        });
    }
    check_name(roster, &dispatched.name, None)?;
    if roster.get(wish.id).is_some() {
        return Err(Refusal {
            rule: "id-taken",
            text: format!("{} exists already", wish.id),
            hints: Vec::new(),
        });
    }
    let next = match dependencies(roster, dispatched) {
        Dependencies::Met => start_or_queue(roster, wish.id, dispatched, 1),
        Dependencies::Open(ids) => Fact::of(wish.id, Queued { wake: WakeKind::After, until: None, ids }),
        Dependencies::Broken(text) => dependency_failed(wish.id, text),
    };
    let facts = Vec::from([Fact::of(wish.id, dispatched.clone()), next]);
    Ok(GrantedDispatch::New(facts))
}

/// Decides a wish about one session.
pub fn decide(roster: &Roster, session: &Session, command: &Command) -> Result<Granted, Refusal> {
    let id = session.id;
    let facts = match command {
        Command::Stop { grace_ms } => return Ok(stop(roster, session, *grace_ms, AfterStop::Stay)),
        Command::Delete { .. } if !session.is_listed() => {
            return Ok(Granted::Already(format!("{} has left the roster already", session.name)));
        }
        Command::Delete { force: true } if session.is_live() => {
            return Ok(stop(roster, session, None, AfterStop::Delete));
        }
        Command::Delete { force: false } if session.is_live() => return Err(alive(session, "rm --force")),
        Command::Delete { .. } if session.wake.is_some() => Vec::from([
            Fact::of(id, Stopped { text: "deleted while it waited".into() }),
            Fact::of(id, Deleted {}),
        ]),
        Command::Delete { .. } => Vec::from([Fact::of(id, Deleted {})]),
        Command::Restore if session.is_listed() => {
            return Ok(Granted::Already(format!("{} is on the roster", session.name)));
        }
        Command::Restore => {
            check_name(roster, &session.name, Some(id))?;
            Vec::from([Fact::of(id, Restored {})])
        }
        Command::Respawn { force: true } if session.is_live() => {
            return Ok(stop(roster, session, None, AfterStop::Respawn));
        }
        Command::Respawn { force: false } if session.is_live() => {
            return Err(alive(session, "respawn --force"));
        }
        Command::Respawn { .. } if session.wake.is_some() => {
            return Ok(Granted::Already(format!("{} is queued", session.name)));
        }
        Command::Respawn { .. } if session.output_gone => {
            return Err(Refusal {
                rule: "expired",
                text: format!("the environment of {} was removed with its output", session.name),
                hints: Vec::from(["dispatch it again".into()]),
            });
        }
        Command::Respawn { .. } => {
            if !session.is_listed() {
                check_name(roster, &session.name, Some(id))?;
            }
            respawn(roster, session)
        }
        Command::Rename { name } if *name == session.name => {
            return Ok(Granted::Already(format!("{name} is its name")));
        }
        Command::Rename { name } => {
            check_name(roster, name, Some(id))?;
            Vec::from([Fact::of(id, Renamed { name: name.clone() })])
        }
        Command::Pin if session.pinned => return Ok(Granted::Already(format!("{} is pinned", session.name))),
        Command::Pin => Vec::from([Fact::of(id, Pinned {})]),
        Command::Unpin if !session.pinned => {
            return Ok(Granted::Already(format!("{} is not pinned", session.name)));
        }
        Command::Unpin => Vec::from([Fact::of(id, Unpinned {})]),
        Command::Group { group } if *group == session.group => {
            return Ok(Granted::Already(format!("{} is there already", session.name)));
        }
        Command::Group { group } => {
            if let Some(Err(bad)) = group.as_deref().map(name::check) {
                let text = format!("the group cannot be this: {bad}");
                return Err(Refusal { rule: "name", text, hints: Vec::from([name::RULE.into()]) });
            }
            Vec::from([Fact::of(id, Grouped { group: group.clone() })])
        }
        Command::Reply { text } => reply(roster, session, text)?,
    };
    Ok(Granted::Facts(facts))
}

/// Whether this actor may do this at all. What runs inside a session may dispatch and may stop its own children; it
/// cannot approve itself, nor remove what a person would look at.
pub fn permit(actor: &Actor, verb: &'static str, session: Option<&Session>) -> Result<(), Refusal> {
    if actor.kind != ActorKind::Agent || verb == "dispatch" {
        return Ok(());
    }
    let parent = session.and_then(|session| session.dispatched.parent).map(|parent| parent.to_string());
    if verb == "stop" && parent.as_ref() == Some(&actor.name) {
        return Ok(());
    }
    Err(Refusal {
        rule: "no-self-approval",
        text: format!("`{verb}` is not for what runs inside a session"),
        hints: Vec::from(["run it from a shell of your own".into()]),
    })
}

/// What an observation about a run leads to. Nothing, if that run is not the latest or has ended: an observation may
/// come twice, or late.
pub fn observe(session: &Session, run: u32, observation: &Observation, shutdown: bool) -> Vec<Fact> {
    let current = session.is_live() && session.run.as_ref().is_some_and(|latest| latest.number == run);
    if !current {
        return Vec::new();
    }
    let fact = |event: Event| Fact::of_run(session.id, run, event);
    match observation {
        Observation::Started { process, worker, at } => {
            if session.process == Process::Alive {
                return Vec::new();
            }
            Vec::from([fact(Started { process: *process, worker: *worker }.into()).at(*at)])
        }
        Observation::Held { process, worker, started_at } => {
            Vec::from([fact(Adopted { process: *process, worker: *worker, started_at: *started_at }.into())])
        }
        Observation::NeverStarted if session.stop.is_some() => {
            spawn_failed(session, run, "it was not started: a stop was requested first")
        }
        Observation::NeverStarted => Vec::new(),
        Observation::SpawnFailed { text } => spawn_failed(session, run, text),
        Observation::Ended(ended) => {
            let exited = Exited {
                status: ended.status,
                output_end: ended.output_end,
                output_dropped: ended.output_dropped,
                last_line: ended.last_line.clone(),
                worker_told_to_end: ended.worker_told_to_end,
                stop_reached: ended.stop_reached,
                started_at: ended.started_at,
            };
            let mut facts = deliveries_lost(session, run);
            facts.push(fact(exited.into()).at(ended.at));
            facts.extend(outcome_of_exit(session, run, ended).map(|outcome| outcome.at(ended.at)));
            facts
        }
        Observation::Gone(gone) => {
            let lost = Lost {
                evidence: gone.evidence.clone(),
                output_end: gone.output_end,
                last_line: gone.last_line.clone(),
            };
            let mut facts = deliveries_lost(session, run);
            facts.push(fact(lost.into()));
            facts.extend(outcome_of_loss(session, run, gone, shutdown));
            facts
        }
        Observation::Delivered { reply_id } => {
            let open = session.open_delivery(*reply_id);
            open.map(|open| fact(Delivered { reply_id: open.reply_id }.into())).into_iter().collect()
        }
        Observation::DeliveryFailed { reply_id, text } => {
            let failed = |open: &Delivery| DeliveryFailed { reply_id: open.reply_id, text: text.clone() };
            session.open_delivery(*reply_id).map(|open| fact(failed(open).into())).into_iter().collect()
        }
        Observation::OutputDropped { from, to } => {
            Vec::from([fact(OutputDropped { from: *from, to: *to }.into())])
        }
    }
}

/// The facts that start another run of a session, or queue it.
pub(crate) fn respawn(roster: &Roster, session: &Session) -> Vec<Fact> {
    let next = session.run.as_ref().map_or(0, |run| run.number) + 1;
    Vec::from([
        Fact::of(session.id, Respawned {}),
        start_or_queue(roster, session.id, &session.dispatched, next),
    ])
}

/// Whether a slot for another session of this kind is free.
pub(crate) fn slot_is_free(roster: &Roster, kind: SessionKind) -> bool {
    let policy = &roster.fleet().policy;
    let cap = match kind {
        SessionKind::Job => policy.live_jobs,
        SessionKind::Conversation => policy.live_conversations,
    };
    cap == 0 || roster.slots_held(kind) < cap
}

/// What has become of the sessions that another waits for.
pub(crate) enum Dependencies {
    /// They have finished, and well enough.
    Met,
    /// These have not finished.
    Open(Vec<SessionId>),
    /// One did not end well, as this says.
    Broken(String),
}

pub(crate) fn dependencies(roster: &Roster, dispatched: &Dispatched) -> Dependencies {
    let mut open = Vec::new();
    for id in &dispatched.after {
        let Some(session) = roster.get(*id) else { continue };
        match session.state() {
            State::Done => {}
            State::Failed | State::Stopped if dispatched.after_any => {}
            state @ (State::Failed | State::Stopped) => {
                return Dependencies::Broken(format!("it waited for {}, which is {state}", session.name));
            }
            _ => open.push(*id),
        }
    }
    if open.is_empty() { Dependencies::Met } else { Dependencies::Open(open) }
}

pub(crate) fn dependency_failed(id: SessionId, text: String) -> Fact {
    Fact::of(id, Finished { outcome: OutcomeKind::Failed, reason: ReasonKind::Dependency, text })
}

pub(crate) fn start_or_queue(roster: &Roster, id: SessionId, dispatched: &Dispatched, run: u32) -> Fact {
    let kind = dispatched.work.kind();
    // Whoever waits already goes first, unless this one is more urgent.
    let goes_first =
        |other: &Arc<Session>| other.kind() == kind && other.dispatched.priority >= dispatched.priority;
    if slot_is_free(roster, kind) && !roster.slot_queue().any(goes_first) {
        Fact::of_run(id, run, RunIntended {})
    } else {
        Fact::of(id, Queued { wake: WakeKind::Slot, until: None, ids: Vec::new() })
    }
}

fn stop(roster: &Roster, session: &Session, grace_ms: Option<u64>, then: AfterStop) -> Granted {
    let id = session.id;
    if session.is_live() {
        let grace_ms = grace_ms.unwrap_or(roster.fleet().policy.stop_grace_ms);
        if session.stop.as_ref().is_some_and(|stop| stop.then == then && stop.grace_ms <= grace_ms) {
            return Granted::Already(format!("{} is being stopped", session.name));
        }
        let run = session.run.as_ref().map_or(1, |run| run.number);
        return Granted::Facts(Vec::from([Fact::of_run(id, run, StopRequested { grace_ms, then })]));
    }
    if session.wake.is_some() {
        return Granted::Facts(Vec::from([Fact::of(id, Stopped { text: "stopped while it waited".into() })]));
    }
    Granted::Already(format!("{} does not run: it is {}", session.name, session.state()))
}

/// A job takes a line if it has a terminal to type into, and lives.
fn reply(roster: &Roster, session: &Session, text: &str) -> Result<Vec<Fact>, Refusal> {
    let id = session.id;
    if !session.takes_input() {
        return Err(Refusal {
            rule: "no-input",
            text: format!("{} reads no input", session.name),
            hints: Vec::from(["a job that is to be typed to is dispatched with --tty".into()]),
        });
    }
    let Some(run) = session.run.as_ref().filter(|_| session.process == Process::Alive) else {
        return Err(not_running(session));
    };
    if text.len() > REPLY_BYTES_MAX {
        return Err(Refusal {
            rule: "too-long",
            text: format!("the reply has {} bytes; at most {REPLY_BYTES_MAX} are typed", text.len()),
            hints: Vec::from(["put it into a file and let the job read that".into()]),
        });
    }
    let reply_id = roster.fleet().last_seq + 1;
    let replied = Replied { ask_id: None, reply_id, text: text.into() };
    let facts = [replied.into(), DeliveryIntended { reply_id }.into()];
    Ok(facts.map(|event: Event| Fact::of_run(id, run.number, event)).into())
}

/// Whether there is a terminal to look at. A client that attaches changes nothing but who watches.
pub fn attach(session: &Session) -> Result<(), Refusal> {
    if session.process == Process::Alive { Ok(()) } else { Err(not_running(session)) }
}

fn not_running(session: &Session) -> Refusal {
    let name = &session.name;
    let hints = if session.run.is_none() {
        Vec::from([format!("decklog wait --for working {name} returns once it runs")])
    } else {
        Vec::from([
            format!("decklog logs {name} shows what it printed"),
            format!("decklog respawn {name} starts it again"),
        ])
    };
    Refusal { rule: "not-running", text: format!("{name} does not run: it is {}", session.state()), hints }
}

/// The replies that were on their way when a run ended.
fn deliveries_lost(session: &Session, run: u32) -> Vec<Fact> {
    let unknown = |delivery: &Delivery| DeliveryUnknown {
        reply_id: delivery.reply_id,
        text: "the run ended meanwhile".into(),
    };
    session.open_deliveries().map(|delivery| Fact::of_run(session.id, run, unknown(delivery))).collect()
}

fn alive(session: &Session, way_out: &str) -> Refusal {
    Refusal {
        rule: "alive",
        text: format!("{} is {}", session.name, session.state()),
        hints: Vec::from([format!("decklog {way_out} {} stops it first", session.name)]),
    }
}

fn check_name(roster: &Roster, name: &str, but: Option<SessionId>) -> Result<(), Refusal> {
    if let Err(bad) = name::check(name) {
        return Err(Refusal { rule: "name", text: bad.to_string(), hints: Vec::from([name::RULE.into()]) });
    }
    match roster.named(name) {
        Some(holder) if Some(holder.id) != but => Err(Refusal {
            rule: "name-taken",
            text: format!(
                "a row named {name} is on the roster ({})",
                holder.id.prefix(SessionId::SHORTEST_SHOWN)
            ),
            hints: Vec::from([
                "choose another name".into(),
                if holder.is_live() {
                    let short = holder.id.prefix(SessionId::SHORTEST_SHOWN);
                    format!("decklog rename {short} NAME frees this one")
                } else {
                    format!(
                        "it is {}: decklog rm {name} frees the name, respawn {name} runs it again",
                        holder.state()
                    )
                },
            ]),
        }),
        _ => Ok(()),
    }
}

fn spawn_failed(session: &Session, run: u32, text: &str) -> Vec<Fact> {
    let failed = Fact::of_run(session.id, run, SpawnFailed { text: text.into() });
    let outcome = match wished_stop(session, run) {
        Some(stopped) => stopped,
        None => finished(session, run, OutcomeKind::Failed, ReasonKind::Spawn, text.into()),
    };
    Vec::from([failed, outcome])
}

/// StopRequested before the end: stopped, whatever the code.
fn wished_stop(session: &Session, run: u32) -> Option<Fact> {
    let wish = session.stop.as_ref()?;
    let text = match wish.then {
        AfterStop::Stay => "stopped",
        AfterStop::Delete => "stopped to be deleted",
        AfterStop::Respawn => "stopped to be started again",
        AfterStop::FailTimeout | AfterStop::KeepOutcome => return None,
    };
    Some(Fact::of_run(session.id, run, Stopped { text: text.into() }).by(wish.by.clone()))
}

fn finished(session: &Session, run: u32, outcome: OutcomeKind, reason: ReasonKind, text: String) -> Fact {
    Fact::of_run(session.id, run, Finished { outcome, reason, text })
}

fn outcome_of_exit(session: &Session, run: u32, ended: &Ended) -> Option<Fact> {
    // What ended by itself before the wish could reach it was not stopped.
    let wish = session.stop.as_ref().filter(|_| ended.stop_reached);
    if let Some(stopped) = wish.and_then(|_| wished_stop(session, run)) {
        return Some(stopped);
    }
    let failed = |reason, text| Some(finished(session, run, OutcomeKind::Failed, reason, text));
    match wish.map(|stop| stop.then) {
        Some(AfterStop::KeepOutcome) => return None,
        Some(AfterStop::FailTimeout) => {
            let limit_ms = session.dispatched.timeout_ms.unwrap_or(0);
            let limit = if limit_ms.is_multiple_of(1000) {
                format!("{} s", limit_ms / 1000)
            } else {
                format!("{limit_ms} ms")
            };
            return failed(ReasonKind::Timeout, format!("it ran past its limit of {limit}"));
        }
        _ => {}
    }
    if session.kind() == SessionKind::Conversation && !session.has_work() && session.outcome.is_some() {
        return None;
    }
    if ended.worker_told_to_end {
        return failed(ReasonKind::Shutdown, "its worker was told to end by the system".into());
    }
    match ended.status {
        ExitStatus::Code(0) => {
            Some(finished(session, run, OutcomeKind::Done, ReasonKind::Exit, "exited with 0".into()))
        }
        ExitStatus::Code(code) => failed(ReasonKind::Exit, format!("exited with {code}")),
        ExitStatus::Signal(signal) => failed(ReasonKind::Signal, format!("ended by {}", signal_name(signal))),
    }
}

fn outcome_of_loss(session: &Session, run: u32, gone: &Gone, shutdown: bool) -> Option<Fact> {
    if let Some(stopped) = wished_stop(session, run) {
        return Some(stopped);
    }
    // An idle or done conversation keeps its outcome when its process goes.
    if session.kind() == SessionKind::Conversation && !session.has_work() {
        return None;
    }
    let (reason, text) = if shutdown || gone.other_boot {
        let when =
            if gone.other_boot { "the machine was started anew" } else { "nothing of ours was left alive" };
        (ReasonKind::Shutdown, format!("{when}: {}", gone.evidence))
    } else {
        (ReasonKind::Lost, gone.evidence.clone())
    };
    Some(finished(session, run, OutcomeKind::Failed, reason, text))
}

/// `signal 9 (SIGKILL)`: Linux numbers, as the worker reports them.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return format!("signal {signal}"),
    };
    format!("signal {signal} ({name})")
}
