//! What wishes and observations lead to: given events, when somebody wishes or a worker reports, then these facts or
//! this refusal.

use decklog_engine::actor::{Actor, ActorKind};
use decklog_engine::command::{Command, Ended, Fact, Gone, Observation};
use decklog_engine::decide::{Granted, GrantedDispatch, attach, decide, decide_dispatch, observe, permit};
use decklog_engine::event::{
    AfterStop, Deleted, Delivered, DeliveryIntended, Event, ExitStatus, JobCommand, OutcomeKind, OutputMode,
    PolicyChanged, Prompted, Queued, Reaped, ReapedWhat, ReasonKind, Replied, RunIntended, Started,
    StopRequested, TimerRule, TurnEnd, TurnEnded, WakeKind, Work,
};
use decklog_engine::policy::Policy;
use decklog_engine::settle::settle;
use decklog_engine::time::Time;

use crate::support::{Book, conversation, exited, id, job, process, wish};

fn running(name: &str) -> Book {
    let mut book = Book::default();
    book.of(1, job(name)).of_run(1, 1, RunIntended {});
    book.of_run(1, 1, Started { process: process(2), worker: process(1) });
    book
}

fn ended(status: ExitStatus) -> Observation {
    ended_before_a_stop(status, true)
}

fn ended_before_a_stop(status: ExitStatus, stop_reached: bool) -> Observation {
    Observation::Ended(Ended {
        status,
        at: Time(2500),
        output_end: 5,
        output_dropped: 0,
        last_line: Some("bye".into()),
        worker_told_to_end: false,
        stop_reached,
        started_at: None,
    })
}

fn gone(orphans: u32, other_boot: bool) -> Observation {
    let (output_end, last_line) = (0, None);
    Observation::Gone(Gone { evidence: "no trace".into(), other_boot, orphans, output_end, last_line })
}

/// The kinds of the facts that a wish leads to; or the rule that refused it; or the note that it holds already.
fn granted(book: &Book, command: &Command) -> String {
    let session = book.roster.get(id(1)).unwrap();
    match decide(&book.roster, session, command) {
        Ok(Granted::Facts(facts)) => kinds(&facts),
        Ok(Granted::Already(note)) => format!("already: {note}"),
        Err(refusal) => format!("refused: {} ({})", refusal, refusal.rule),
    }
}

fn kinds(facts: &[Fact]) -> String {
    facts.iter().map(|fact| fact.event.kind().name()).collect::<Vec<_>>().join(" ")
}

/// The outcome that an observation leads to.
fn outcome(book: &Book, observation: &Observation, shutdown: bool) -> String {
    let session = book.roster.get(id(1)).unwrap();
    let facts = observe(session, 1, observation, shutdown);
    match facts.last().map(|fact| &fact.event) {
        Some(Event::Finished(finished)) => {
            format!("{} {}: {}", finished.outcome, finished.reason, finished.text)
        }
        Some(Event::Stopped(stopped)) => format!("stopped: {}", stopped.text),
        other => format!("{other:?}"),
    }
}

/// A job with a terminal that runs.
fn running_on_a_terminal() -> Book {
    let mut dispatched = job("a");
    dispatched.work = Work::Job { command: JobCommand::Shell("cat".into()), output: OutputMode::Tty };
    let mut book = Book::default();
    book.of(1, dispatched).of_run(1, 1, RunIntended {});
    book.of_run(1, 1, Started { process: process(2), worker: process(1) });
    book
}

#[test]
fn a_line_is_typed_to_a_job_that_reads_and_runs() {
    let reply = Command::Reply { text: "y".into() };
    assert_eq!(granted(&running("a"), &reply), "refused: a reads no input (no-input)");
    let mut book = running_on_a_terminal();
    assert_eq!(granted(&book, &reply), "Replied DeliveryIntended");
    let long = Command::Reply { text: "y".repeat((64 << 10) + 1) };
    assert!(granted(&book, &long).ends_with("(too-long)"));
    book.of_run(1, 1, exited(0));
    assert_eq!(granted(&book, &reply), "refused: a does not run: it is idle (not-running)");
}

/// A reply is on its way when the supervisor ends.
fn with_a_reply_on_its_way() -> Book {
    let mut book = running_on_a_terminal();
    book.of_run(1, 1, Replied { ask_id: None, reply_id: 4, text: "y".into() });
    book.of_run(1, 1, DeliveryIntended { reply_id: 4 });
    book
}

#[test]
fn what_became_of_a_reply_is_what_the_worker_says_and_unknown_if_nobody_can() {
    let book = with_a_reply_on_its_way();
    let session = book.roster.get(id(1)).unwrap();
    let found = |observation| kinds(&observe(session, 1, &observation, false));
    assert_eq!(found(ended(ExitStatus::Code(0))), "DeliveryUnknown Exited Finished");
    assert_eq!(found(gone(0, false)), "DeliveryUnknown Lost Finished");
    assert_eq!(found(Observation::Delivered { reply_id: 4 }), "Delivered");
    assert_eq!(found(Observation::Delivered { reply_id: 3 }), "", "it is another one");
    let failed = Observation::DeliveryFailed { reply_id: 4, text: "full".into() };
    assert_eq!(found(failed.clone()), "DeliveryFailed");
    let mut book = with_a_reply_on_its_way();
    book.of_run(1, 1, Delivered { reply_id: 4 });
    assert_eq!(observe(book.roster.get(id(1)).unwrap(), 1, &failed, false), [], "it has arrived");
}

#[test]
fn only_a_running_terminal_can_be_attached_to() {
    assert_eq!(attach(running_on_a_terminal().roster.get(id(1)).unwrap()), Ok(()));
    let mut book = running("a");
    book.of_run(1, 1, exited(0));
    assert_eq!(attach(book.roster.get(id(1)).unwrap()).unwrap_err().rule, "not-running");
    let agent = Actor { kind: ActorKind::Agent, name: id(2).to_string(), via: Some("cli".into()) };
    for verb in ["attach", "reply"] {
        assert_eq!(
            permit(&agent, verb, book.roster.get(id(1)).map(|it| &**it)).unwrap_err().rule,
            "no-self-approval"
        );
    }
}

#[test]
fn what_was_removed_cannot_be_started_again() {
    let mut book = running("a");
    book.of_run(1, 1, exited(0));
    assert_eq!(granted(&book, &Command::Respawn { force: false }), "Respawned RunIntended");
    book.of(1, Reaped { what: ReapedWhat::Output, rule: TimerRule::OutputRetention, due: Time(0) });
    assert!(granted(&book, &Command::Respawn { force: false }).ends_with("(expired)"));
}

#[test]
fn conversations_hold_a_slot_while_they_work_only() {
    let mut book = Book::default();
    book.enter(Fact::of_fleet(PolicyChanged {
        policy: Policy { live_conversations: 1, ..Policy::default() },
    }));
    book.of(1, conversation("a")).of_run(1, 1, RunIntended {});
    book.of_run(1, 1, Started { process: process(2), worker: process(1) });
    book.of_run(1, 1, Prompted { prompt_id: 1, text: "go".into() });
    let queued = |book: &Book| {
        let granted = decide_dispatch(&book.roster, &wish(2, conversation("b"))).unwrap();
        matches!(granted, GrantedDispatch::New(facts) if kinds(&facts) == "Dispatched Queued")
    };
    assert!(queued(&book));
    let jobs = decide_dispatch(&book.roster, &wish(3, job("c"))).unwrap();
    assert!(matches!(jobs, GrantedDispatch::New(facts) if kinds(&facts) == "Dispatched RunIntended"));
    book.of_run(1, 1, TurnEnded { end: TurnEnd::Claimed });
    assert!(!queued(&book), "an idle one holds none");
}

#[test]
fn a_dispatch_intends_its_run_at_once() {
    let granted = decide_dispatch(&Book::default().roster, &wish(1, job("a"))).unwrap();
    assert!(matches!(granted, GrantedDispatch::New(facts) if kinds(&facts) == "Dispatched RunIntended"));
}

#[test]
fn without_a_slot_it_queues_and_behind_somebody_who_waits_too() {
    let mut book = running("a");
    book.enter(Fact::of_fleet(PolicyChanged { policy: Policy { live_jobs: 1, ..Policy::default() } }));
    let granted = decide_dispatch(&book.roster, &wish(2, job("b"))).unwrap();
    assert!(matches!(granted, GrantedDispatch::New(facts) if kinds(&facts) == "Dispatched Queued"));
    book.of(2, job("b")).of(2, Queued { wake: WakeKind::Slot, until: None, ids: vec![] });
    book.enter(Fact::of_fleet(PolicyChanged { policy: Policy { live_jobs: 5, ..Policy::default() } }));
    let granted = decide_dispatch(&book.roster, &wish(3, job("c"))).unwrap();
    assert!(matches!(granted, GrantedDispatch::New(facts) if kinds(&facts) == "Dispatched Queued"));
}

#[test]
fn a_name_on_the_roster_is_taken_and_one_that_left_is_free() {
    let mut book = running("a");
    let refusal = decide_dispatch(&book.roster, &wish(2, job("a"))).unwrap_err();
    assert_eq!(refusal.rule, "name-taken");
    book.of(1, Deleted {});
    assert!(decide_dispatch(&book.roster, &wish(2, job("a"))).is_ok());
}

#[test]
fn a_name_must_be_printable_and_short() {
    for name in ["", " ", "a\nb", "\u{1b}[31m", "\u{202e}x", &"x".repeat(65)] {
        let refusal = decide_dispatch(&Book::default().roster, &wish(1, job(name))).unwrap_err();
        assert_eq!(refusal.rule, "name", "{name:?}");
    }
}

#[test]
fn the_same_key_and_command_is_the_same_session() {
    let mut keyed = job("a");
    keyed.key = Some("k".into());
    let mut book = Book::default();
    book.of(1, keyed.clone());
    let again = decide_dispatch(&book.roster, &wish(2, keyed.clone()));
    assert_eq!(again, Ok(GrantedDispatch::Existing(id(1))));
    keyed.work = Work::Job { command: JobCommand::Shell("false".into()), output: OutputMode::Pty };
    assert_eq!(decide_dispatch(&book.roster, &wish(2, keyed.clone())).unwrap_err().rule, "key-taken");
    book.of(1, Deleted {});
    assert!(matches!(decide_dispatch(&book.roster, &wish(2, keyed)), Ok(GrantedDispatch::New(_))));
}

#[test]
fn stop_is_recorded_before_it_happens_and_once() {
    let mut book = running("a");
    let stop = Command::Stop { grace_ms: Some(100) };
    assert_eq!(granted(&book, &stop), "StopRequested");
    book.of_run(1, 1, StopRequested { grace_ms: 100, then: AfterStop::Stay });
    assert_eq!(granted(&book, &stop), "already: a is being stopped");
    // Somebody is in more of a hurry.
    assert_eq!(granted(&book, &Command::Stop { grace_ms: Some(0) }), "StopRequested");
    for fact in observe(&book.roster.get(id(1)).unwrap().clone(), 1, &ended(ExitStatus::Code(0)), false) {
        book.enter(fact);
    }
    assert_eq!(granted(&book, &stop), "already: a does not run: it is stopped");
}

#[test]
fn a_queued_session_is_stopped_without_a_process() {
    let mut book = Book::default();
    book.of(1, job("a")).of(1, Queued { wake: WakeKind::Slot, until: None, ids: vec![] });
    assert_eq!(granted(&book, &Command::Stop { grace_ms: None }), "Stopped");
    assert_eq!(granted(&book, &Command::Delete { force: false }), "Stopped Deleted");
}

#[test]
fn what_lives_is_not_removed_or_respawned_without_force() {
    let book = running("a");
    assert_eq!(granted(&book, &Command::Delete { force: false }), "refused: a is working (alive)");
    assert_eq!(granted(&book, &Command::Respawn { force: false }), "refused: a is working (alive)");
    assert_eq!(granted(&book, &Command::Delete { force: true }), "StopRequested");
    assert_eq!(granted(&book, &Command::Respawn { force: true }), "StopRequested");
}

#[test]
fn an_effect_that_holds_already_is_a_note() {
    let mut book = running("a");
    assert_eq!(granted(&book, &Command::Restore), "already: a is on the roster");
    assert_eq!(granted(&book, &Command::Unpin), "already: a is not pinned");
    assert_eq!(granted(&book, &Command::Rename { name: "a".into() }), "already: a is its name");
    book.of(1, Deleted {});
    assert_eq!(granted(&book, &Command::Delete { force: true }), "already: a has left the roster already");
}

#[test]
fn a_row_is_not_restored_onto_a_name_that_is_held() {
    let mut book = running("a");
    book.of(1, Deleted {}).of(2, job("a"));
    assert!(granted(&book, &Command::Restore).ends_with("(name-taken)"));
}

#[test]
fn how_a_job_ends_is_how_it_is_said_to_end() {
    let book = running("a");
    let is = |status| outcome(&book, &ended(status), false);
    assert_eq!(is(ExitStatus::Code(0)), "done exit: exited with 0");
    assert_eq!(is(ExitStatus::Code(101)), "failed exit: exited with 101");
    assert_eq!(is(ExitStatus::Signal(11)), "failed signal: ended by signal 11 (SIGSEGV)");
    assert_eq!(outcome(&book, &Observation::SpawnFailed { text: "no".into() }, false), "failed spawn: no");
}

#[test]
fn stopped_is_stopped_whatever_the_code() {
    let mut book = running("a");
    book.of_run(1, 1, StopRequested { grace_ms: 0, then: AfterStop::Stay });
    for status in [ExitStatus::Code(0), ExitStatus::Code(1), ExitStatus::Signal(15)] {
        assert_eq!(outcome(&book, &ended(status), false), "stopped: stopped");
    }
}

#[test]
fn what_ended_before_the_wish_reached_it_was_not_stopped() {
    let mut timed = job("a");
    timed.timeout_ms = Some(1000);
    for then in [AfterStop::Stay, AfterStop::FailTimeout, AfterStop::Delete] {
        let mut book = Book::default();
        book.of(1, timed.clone()).of_run(1, 1, RunIntended {});
        book.of_run(1, 1, StopRequested { grace_ms: 0, then });
        let by_itself = ended_before_a_stop(ExitStatus::Code(0), false);
        assert_eq!(outcome(&book, &by_itself, false), "done exit: exited with 0");
    }
}

#[test]
fn a_timeout_is_a_failure() {
    let mut timed = job("a");
    timed.timeout_ms = Some(1000);
    let mut book = Book::default();
    book.of(1, timed).of_run(1, 1, RunIntended {});
    book.of_run(1, 1, StopRequested { grace_ms: 0, then: AfterStop::FailTimeout });
    let found = outcome(&book, &ended(ExitStatus::Signal(15)), false);
    assert_eq!(found, "failed timeout: it ran past its limit of 1 s");
}

#[test]
fn a_loss_is_never_a_success() {
    let book = running("a");
    assert_eq!(outcome(&book, &gone(0, false), false), "failed lost: no trace");
    let together = outcome(&book, &gone(0, false), true);
    assert_eq!(together, "failed shutdown: nothing of ours was left alive: no trace");
    let other_boot = outcome(&book, &gone(0, true), false);
    assert_eq!(other_boot, "failed shutdown: the machine was started anew: no trace");
}

#[test]
fn an_observation_of_another_run_or_of_one_that_ended_leads_to_nothing() {
    let mut book = running("a");
    let session = book.roster.get(id(1)).unwrap().clone();
    assert_eq!(observe(&session, 2, &ended(ExitStatus::Code(0)), false), vec![]);
    for fact in observe(&session, 1, &ended(ExitStatus::Code(0)), false) {
        book.enter(fact);
    }
    let session = book.roster.get(id(1)).unwrap().clone();
    assert_eq!(observe(&session, 1, &ended(ExitStatus::Code(1)), false), vec![]);
    let outcome = session.outcome.as_ref().unwrap();
    assert_eq!((outcome.kind, outcome.reason), (OutcomeKind::Done, ReasonKind::Exit));
}

#[test]
fn what_runs_inside_a_session_cannot_help_itself() {
    let mut child = job("child");
    child.parent = Some(id(7));
    let mut book = running("a");
    book.of(2, child);
    let agent = Actor { kind: ActorKind::Agent, name: id(7).to_string(), via: None };
    let stranger = book.roster.get(id(1)).unwrap();
    let child = book.roster.get(id(2)).unwrap();
    assert!(permit(&agent, "dispatch", None).is_ok());
    assert!(permit(&agent, "stop", Some(child)).is_ok());
    for (verb, session) in [("stop", stranger), ("rm", child), ("respawn", child), ("pin", child)] {
        let refusal = permit(&agent, verb, Some(session)).unwrap_err();
        assert_eq!(refusal.rule, "no-self-approval", "{verb}");
    }
    assert!(permit(&agent, "daemon stop", None).is_err());
    assert!(permit(&Actor::user("ada", "cli"), "rm", Some(child)).is_ok());
}

/// The kinds of the facts that dispatching this leads to, without `Dispatched`.
fn dispatched(book: &Book, mut wished: decklog_engine::event::Dispatched) -> String {
    wished.name = "wished".into();
    match decide_dispatch(&book.roster, &wish(9, wished)).unwrap() {
        GrantedDispatch::New(facts) => kinds(&facts[1..]),
        GrantedDispatch::Existing(_) => "existing".into(),
    }
}

/// A job that waits for session 1.
fn after_the_first() -> decklog_engine::event::Dispatched {
    decklog_engine::event::Dispatched { after: vec![id(1)], ..job("next") }
}

#[test]
fn what_waits_for_another_starts_when_that_is_done() {
    let mut book = running("a");
    assert_eq!(dispatched(&book, after_the_first()), "Queued");
    book.of(2, after_the_first()).of(2, Queued { wake: WakeKind::After, until: None, ids: vec![id(1)] });
    assert_eq!(settle(&book.roster, &[], true), vec![]);
    for fact in observe(&book.roster.get(id(1)).unwrap().clone(), 1, &ended(ExitStatus::Code(0)), false) {
        book.enter(fact);
    }
    assert_eq!(kinds(&settle(&book.roster, &[], true)), "Admitted RunIntended");
    assert_eq!(kinds(&settle(&book.roster, &[], false)), "", "nothing starts while the supervisor closes");
    assert_eq!(dispatched(&book, after_the_first()), "RunIntended");
}

#[test]
fn what_waits_for_one_that_fails_fails_unless_any_end_will_do() {
    let any = || decklog_engine::event::Dispatched { after_any: true, ..after_the_first() };
    let mut book = running("a");
    book.of(2, after_the_first()).of(2, Queued { wake: WakeKind::After, until: None, ids: vec![id(1)] });
    for fact in observe(&book.roster.get(id(1)).unwrap().clone(), 1, &ended(ExitStatus::Code(1)), false) {
        book.enter(fact);
    }
    let facts = settle(&book.roster, &[], true);
    assert!(
        matches!(&facts[0].event, Event::Finished(finished) if finished.reason == ReasonKind::Dependency)
    );
    assert_eq!(dispatched(&book, after_the_first()), "Finished");
    assert_eq!(dispatched(&book, any()), "RunIntended");
}

#[test]
fn the_next_slot_goes_to_the_most_urgent_then_to_the_oldest() {
    let urgent = |name: &str, priority| decklog_engine::event::Dispatched { priority, ..job(name) };
    let mut book = running("a");
    book.enter(Fact::of_fleet(PolicyChanged { policy: Policy { live_jobs: 1, ..Policy::default() } }));
    for (number, priority) in [(2, 0), (3, 5), (4, 5), (5, -1)] {
        let queued = Queued { wake: WakeKind::Slot, until: None, ids: vec![] };
        book.of(number, urgent(&number.to_string(), priority)).of(number, queued);
    }
    let mut order = Vec::new();
    let mut holder = 1;
    for _ in 0..4 {
        for fact in
            observe(&book.roster.get(id(holder)).unwrap().clone(), 1, &ended(ExitStatus::Code(0)), false)
        {
            book.enter(fact);
        }
        let facts = settle(&book.roster, &[], true);
        holder = facts[0].session.unwrap().0[0];
        order.push(holder);
        for fact in facts {
            book.enter(fact);
        }
    }
    assert_eq!(order, [3, 4, 2, 5]);
}
