//! What several tests need: a session to dispatch, records in order.

use decklog_engine::actor::{Actor, Cause};
use decklog_engine::command::{Dispatch, Fact};
use decklog_engine::event::{
    Dispatched, Event, ExitStatus, Exited, JobCommand, OutputMode, ProcessName, Record, Work,
};
use decklog_engine::evolve::evolve;
use decklog_engine::id::SessionId;
use decklog_engine::roster::Roster;
use decklog_engine::time::Time;

/// The id with this number.
pub(crate) fn id(number: u8) -> SessionId {
    SessionId([number; 16])
}

/// A job that is asked for under this name.
pub(crate) fn job(name: &str) -> Dispatched {
    Dispatched {
        name: name.into(),
        work: Work::Job { command: JobCommand::Shell("true".into()), output: OutputMode::Pty },
        cwd: "/work".into(),
        place: None,
        environment: vec!["PATH".into()],
        group: None,
        pinned: false,
        parent: None,
        key: None,
        timeout_ms: None,
        after: vec![],
        after_any: false,
        priority: 0,
    }
}

/// A conversation that is asked for under this name.
pub(crate) fn conversation(name: &str) -> Dispatched {
    Dispatched { work: Work::Conversation { agent: "scripted".into(), prompt: None }, ..job(name) }
}

/// The wish for a session with a given name.
pub(crate) fn wish(number: u8, dispatched: Dispatched) -> Box<Dispatch> {
    Box::new(Dispatch { id: id(number), name_given: true, dispatched })
}

/// A process that cannot be mistaken for another.
pub(crate) fn process(pid: u32) -> ProcessName {
    ProcessName { pid, start_ticks: u64::from(pid) * 10 }
}

/// A job's process ended by itself with this code, having printed nothing.
pub(crate) fn exited(code: i32) -> Event {
    Exited {
        status: ExitStatus::Code(code),
        output_end: 0,
        output_dropped: 0,
        last_line: None,
        worker_told_to_end: false,
        stop_reached: false,
        started_at: None,
    }
    .into()
}

/// Folds facts into a roster one after the other, each a second after the one before it.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) roster: Roster,
    pub(crate) records: Vec<Record>,
}

impl Book {
    pub(crate) fn enter(&mut self, fact: Fact) -> &mut Self {
        let at = self.roster.fleet().last_at.plus(1000);
        self.enter_at(at, fact)
    }

    pub(crate) fn enter_at(&mut self, at: Time, fact: Fact) -> &mut Self {
        let record = Record {
            seq: self.roster.fleet().last_seq + 1,
            at,
            happened_at: fact.happened_at,
            actor: fact.actor.unwrap_or_else(|| Actor::user("ada", "cli")),
            session: fact.session,
            run: fact.run,
            cause: Cause::Unknown,
            event: fact.event,
        };
        evolve(&mut self.roster, &record);
        self.records.push(record);
        self
    }

    pub(crate) fn of(&mut self, number: u8, event: impl Into<Event>) -> &mut Self {
        self.enter(Fact::of(id(number), event))
    }

    pub(crate) fn of_run(&mut self, number: u8, run: u32, event: impl Into<Event>) -> &mut Self {
        self.enter(Fact::of_run(id(number), run, event))
    }
}
