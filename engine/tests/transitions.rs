//! The transition table, as a snapshot: from each situation that a session can be in, what each event makes of it.
//! A change of behaviour shows up as a changed line here, for a reviewer to read.

use decklog_engine::event::{
    Admitted, Adopted, AfterStop, AskKind, AskWithdrawn, BackgroundEnded, BackgroundStarted, Blocked,
    Deleted, Event, Finished, Lost, OutcomeKind, Pinned, Prompted, Queued, Reaped, ReapedWhat, ReasonKind,
    Replied, Respawned, Restored, RunIntended, SpawnFailed, Started, StopRequested, Stopped, TimerRule,
    TurnEnd, TurnEnded, TurnStarted, WakeKind,
};
use decklog_engine::id::AskId;
use decklog_engine::session::Session;
use decklog_engine::time::Time;

use crate::support::{Book, conversation, exited, id, job, process};

const ASK: AskId = AskId { run: 1, offset: 7 };

fn finished(outcome: OutcomeKind, reason: ReasonKind) -> Event {
    Finished { outcome, reason, text: "so".into() }.into()
}

fn blocked() -> Event {
    Blocked { ask_id: ASK, kind: AskKind::Permission, text: "may I?".into(), tool: None, options: vec![] }
        .into()
}

/// Every event that moves a session, in catalogue order.
fn events() -> Vec<Event> {
    vec![
        Queued { wake: WakeKind::Slot, until: None, ids: vec![] }.into(),
        Admitted {}.into(),
        RunIntended {}.into(),
        Started { process: process(10), worker: process(9) }.into(),
        Adopted { process: Some(process(10)), worker: Some(process(9)), started_at: None }.into(),
        SpawnFailed { text: "no such program".into() }.into(),
        exited(1),
        Lost { evidence: "gone".into(), output_end: 0, last_line: None }.into(),
        finished(OutcomeKind::Done, ReasonKind::Exit),
        finished(OutcomeKind::Failed, ReasonKind::Exit),
        StopRequested { grace_ms: 0, then: AfterStop::Stay }.into(),
        Stopped { text: "stopped".into() }.into(),
        Reaped { what: ReapedWhat::Row, rule: TimerRule::FinishedJob, due: Time(0) }.into(),
        Respawned {}.into(),
        Deleted {}.into(),
        Restored {}.into(),
        Prompted { prompt_id: 1, text: "go on".into() }.into(),
        TurnStarted {}.into(),
        TurnEnded { end: TurnEnd::Claimed }.into(),
        TurnEnded { end: TurnEnd::Interrupted }.into(),
        blocked(),
        Replied { ask_id: Some(ASK), reply_id: 1, text: "yes".into() }.into(),
        AskWithdrawn { ask_id: ASK }.into(),
        BackgroundStarted { key: "build".into() }.into(),
        BackgroundEnded { key: "build".into() }.into(),
        Pinned {}.into(),
    ]
}

/// The situations, each as the events that lead to it.
fn situations() -> Vec<(&'static str, Book)> {
    let with = |base: fn(&str) -> decklog_engine::event::Dispatched, events: Vec<Event>| {
        let mut book = Book::default();
        book.of(1, base("it"));
        for event in events {
            book.of_run(1, 1, event);
        }
        book
    };
    let started = || -> Event { Started { process: process(10), worker: process(9) }.into() };
    let intended = || -> Event { RunIntended {}.into() };
    let prompted = || -> Event { Prompted { prompt_id: 1, text: "go".into() }.into() };
    let ended = || -> Event { TurnEnded { end: TurnEnd::Claimed }.into() };
    let done = || finished(OutcomeKind::Done, ReasonKind::Agent);
    vec![
        ("job: queued", with(job, vec![Queued { wake: WakeKind::Slot, until: None, ids: vec![] }.into()])),
        ("job: starting", with(job, vec![intended()])),
        ("job: alive", with(job, vec![intended(), started()])),
        (
            "job: alive, to be stopped",
            with(
                job,
                vec![intended(), started(), StopRequested { grace_ms: 0, then: AfterStop::Stay }.into()],
            ),
        ),
        (
            "job: done",
            with(job, vec![intended(), started(), exited(0), finished(OutcomeKind::Done, ReasonKind::Exit)]),
        ),
        (
            "job: lost",
            with(
                job,
                vec![
                    intended(),
                    started(),
                    Lost { evidence: "gone".into(), output_end: 0, last_line: None }.into(),
                    finished(OutcomeKind::Failed, ReasonKind::Lost),
                ],
            ),
        ),
        ("job: left", with(job, vec![intended(), exited(0), Deleted {}.into()])),
        ("conversation: new", with(conversation, vec![])),
        ("conversation: prompted", with(conversation, vec![intended(), started(), prompted()])),
        (
            "conversation: in a turn",
            with(conversation, vec![intended(), started(), prompted(), TurnStarted {}.into()]),
        ),
        (
            "conversation: blocked",
            with(conversation, vec![intended(), started(), prompted(), TurnStarted {}.into(), blocked()]),
        ),
        (
            "conversation: done, process alive",
            with(
                conversation,
                vec![intended(), started(), prompted(), TurnStarted {}.into(), ended(), done()],
            ),
        ),
    ]
}

fn axes(session: &Session) -> String {
    let outcome = session.outcome.as_ref();
    let mut text = format!(
        "{:<8} process {:<8} turn {:<15} outcome {:<14}",
        session.state(),
        session.process,
        session.turn,
        outcome.map_or("-".into(), |outcome| format!("{}/{}", outcome.kind, outcome.reason)),
    );
    for (flag, name) in [
        (session.wake.is_some(), " wake"),
        (session.stop.is_some(), " stop"),
        (!session.asks.is_empty(), " ask"),
        (!session.background.is_empty(), " background"),
        (session.pinned, " pinned"),
        (session.left.is_some(), " left"),
    ] {
        text += if flag { name } else { "" };
    }
    text.trim_end().into()
}

#[test]
fn the_transition_table() {
    let mut table = String::new();
    for (name, book) in situations() {
        let before = axes(book.roster.get(id(1)).unwrap());
        table += &format!("\n## {name}\n{:<40}{before}\n", "");
        for event in events() {
            let mut after = Book { roster: book.roster.clone(), records: vec![] };
            let label = match &event {
                Event::Finished(finished) => format!("Finished {}", finished.outcome),
                Event::TurnEnded(ended) => format!("TurnEnded {:?}", ended.end),
                other => other.kind().name().into(),
            };
            after.of_run(1, 1, event);
            assert!(after.roster.is_consistent(), "{name} + {label}");
            let after = axes(after.roster.get(id(1)).unwrap());
            let shown = if after == before { "." } else { after.as_str() };
            table += &format!("{:<40}{shown}\n", format!("+ {label}"));
        }
    }
    insta::assert_snapshot!(table);
}
