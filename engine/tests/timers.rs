//! Timers: each rule, what it counts from, and each exemption. Given events, when time passes, then what is due.

use decklog_engine::command::Fact;
use decklog_engine::event::{
    Attached, BackgroundEnded, BackgroundStarted, Blocked, ClockStepped, Deleted, Detached, Event, Finished,
    OutcomeKind, Pinned, PolicyChanged, Prompted, Queued, Reaped, ReapedWhat, ReasonKind, Restored,
    RunIntended, Slept, Started, StopRequested, TimerRule, TurnEnd, TurnEnded, TurnStarted, Unpinned,
    WakeKind,
};
use decklog_engine::id::AskId;
use decklog_engine::policy::Policy;
use decklog_engine::time::Time;
use decklog_engine::timers;

use crate::support::{Book, conversation, exited, id, job, process};

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;
const START: Time = Time(1_000_000_000);

/// What the first timer does at a moment.
fn due(book: &Book, at: Time) -> Option<(TimerRule, Event)> {
    timers::fire(&book.roster, at).map(|(_, rule, events)| (rule, events.into_iter().next().unwrap()))
}

/// Asserts that a rule fires at exactly this moment and not a millisecond before.
fn fires(book: &Book, rule: TimerRule, at: Time) -> Event {
    assert_eq!(due(book, Time(at.0 - 1)), None, "{rule} is early");
    let (found, event) = due(book, at).unwrap_or_else(|| panic!("{rule} is late"));
    assert_eq!(found, rule);
    event
}

fn never(book: &Book) {
    assert_eq!(due(book, START.plus(1000 * 24 * 60 * MINUTE)), None);
}

fn done() -> Event {
    Finished { outcome: OutcomeKind::Done, reason: ReasonKind::Exit, text: String::new() }.into()
}

fn started() -> Event {
    Started { process: process(2), worker: process(1) }.into()
}

/// A job that ended at this moment.
fn ended_job(at: Time) -> Book {
    let mut book = Book::default();
    book.enter_at(START, Fact::of(id(1), job("it")));
    for event in [RunIntended {}.into(), started()] {
        book.enter_at(START, Fact::of_run(id(1), 1, event));
    }
    for event in [exited(0), done()] {
        book.enter_at(at, Fact::of_run(id(1), 1, event));
    }
    book
}

/// A conversation whose turn ended at this moment and whose process is alive.
fn ended_turn(at: Time) -> Book {
    let mut book = Book::default();
    book.enter_at(START, Fact::of(id(1), conversation("it")));
    let prompted: Event = Prompted { prompt_id: 1, text: "go".into() }.into();
    for event in [RunIntended {}.into(), started(), prompted, TurnStarted {}.into()] {
        book.enter_at(START, Fact::of_run(id(1), 1, event));
    }
    for event in [TurnEnded { end: TurnEnd::Claimed }.into(), done()] {
        book.enter_at(at, Fact::of_run(id(1), 1, event));
    }
    book
}

#[test]
fn a_finished_job_leaves_5_minutes_after_its_exit() {
    let book = ended_job(START.plus(MINUTE));
    let due = START.plus(6 * MINUTE);
    let event = fires(&book, TimerRule::FinishedJob, due);
    assert_eq!(event, Reaped { what: ReapedWhat::Row, rule: TimerRule::FinishedJob, due }.into());
}

#[test]
fn a_reaped_row_is_not_reaped_again() {
    let book = reaped_job();
    fires(&book, TimerRule::OutputRetention, START.plus(30 * DAY));
}

/// A job that ended at the start, and whose row has left.
fn reaped_job() -> Book {
    let mut book = ended_job(START);
    let event = fires(&book, TimerRule::FinishedJob, START.plus(5 * MINUTE));
    book.enter_at(START.plus(5 * MINUTE), Fact::of(id(1), event));
    book
}

#[test]
fn output_is_removed_30_days_after_the_end_and_once() {
    let mut book = reaped_job();
    let due = START.plus(30 * DAY);
    let event = fires(&book, TimerRule::OutputRetention, due);
    assert_eq!(event, Reaped { what: ReapedWhat::Output, rule: TimerRule::OutputRetention, due }.into());
    book.enter_at(due, Fact::of(id(1), event));
    never(&book);
    assert!(book.roster.get(id(1)).unwrap().output_gone);
}

#[test]
fn output_of_a_restored_row_is_kept_as_long_again_and_of_a_pinned_one_for_ever() {
    let mut book = reaped_job();
    book.enter_at(START.plus(DAY), Fact::of(id(1), Restored {}));
    book.enter_at(START.plus(DAY), Fact::of(id(1), Pinned {}));
    never(&book);
    book.enter_at(START.plus(2 * DAY), Fact::of(id(1), Unpinned {}));
    book.enter_at(START.plus(2 * DAY), Fact::of(id(1), Deleted {}));
    fires(&book, TimerRule::OutputRetention, START.plus(32 * DAY));
}

#[test]
fn output_of_what_runs_waits_or_is_watched_is_not_removed() {
    let mut book = reaped_job();
    book.enter_at(START.plus(DAY), Fact::of(id(1), Attached { client: 1 }));
    never(&book);
    book.enter_at(START.plus(DAY), Fact::of(id(1), Detached { client: 1 }));
    fires(&book, TimerRule::OutputRetention, START.plus(30 * DAY));
    book.enter_at(
        START.plus(DAY),
        Fact::of(id(1), Queued { wake: WakeKind::Slot, until: None, ids: vec![] }),
    );
    never(&book);
    book.enter_at(START.plus(DAY), Fact::of_run(id(1), 2, RunIntended {}));
    never(&book);
}

#[test]
fn output_of_what_never_ran_is_not_removed() {
    let mut book = Book::default();
    book.enter_at(START, Fact::of(id(1), job("it")));
    book.enter_at(START, Fact::of(id(1), done()));
    book.enter_at(START, Fact::of(id(1), Deleted {}));
    never(&book);
}

#[test]
fn a_job_that_ended_while_nobody_watched_is_counted_from_its_true_end() {
    let mut book = ended_job(START);
    let mut other = Book::default();
    for record in book.records.drain(..3) {
        other.enter_at(record.at, Fact { run: record.run, ..Fact::of(id(1), record.event) });
    }
    // Found an hour later; it had ended after 10 minutes.
    let ended = START.plus(10 * MINUTE);
    for event in [exited(0), done()] {
        other.enter_at(START.plus(60 * MINUTE), Fact::of_run(id(1), 1, event).at(ended));
    }
    fires(&other, TimerRule::FinishedJob, ended.plus(5 * MINUTE));
}

#[test]
fn a_restored_row_has_its_5_minutes_again() {
    let mut book = ended_job(START);
    book.enter_at(START.plus(MINUTE), Fact::of(id(1), Deleted {}));
    fires(&book, TimerRule::OutputRetention, START.plus(30 * DAY));
    book.enter_at(START.plus(60 * MINUTE), Fact::of(id(1), Restored {}));
    fires(&book, TimerRule::FinishedJob, START.plus(65 * MINUTE));
}

#[test]
fn a_pinned_row_stays_and_counts_again_from_unpin() {
    let mut book = ended_job(START);
    book.enter_at(START.plus(MINUTE), Fact::of(id(1), Pinned {}));
    never(&book);
    book.enter_at(START.plus(60 * MINUTE), Fact::of(id(1), Unpinned {}));
    fires(&book, TimerRule::FinishedJob, START.plus(65 * MINUTE));
}

#[test]
fn a_job_that_runs_or_waits_is_left_alone() {
    let mut book = ended_job(START);
    book.enter_at(START.plus(1), Fact::of(id(1), Queued { wake: WakeKind::Slot, until: None, ids: vec![] }));
    never(&book);
    book.enter_at(START.plus(2), Fact::of_run(id(1), 2, RunIntended {}));
    never(&book);
}

#[test]
fn sleep_is_not_idle_time() {
    let mut book = ended_job(START);
    book.enter_at(START.plus(61 * MINUTE), Fact::of_fleet(Slept { ms: 60 * MINUTE }));
    fires(&book, TimerRule::FinishedJob, START.plus(65 * MINUTE));
}

#[test]
fn a_leap_of_the_clock_is_not_idle_time() {
    let mut book = ended_job(START);
    let leap = 24 * 60 * MINUTE;
    let stepped = ClockStepped { ms: leap as i64, leapt_ms: leap };
    book.enter_at(START.plus(leap + MINUTE), Fact::of_fleet(stepped));
    fires(&book, TimerRule::FinishedJob, START.plus(leap + 5 * MINUTE));
}

#[test]
fn another_policy_counts_from_the_same_moment() {
    let mut book = ended_job(START);
    let policy = Policy { finished_job_ms: 60 * MINUTE, ..Policy::default() };
    book.enter_at(START.plus(MINUTE), Fact::of_fleet(PolicyChanged { policy }));
    fires(&book, TimerRule::FinishedJob, START.plus(60 * MINUTE));
}

#[test]
fn a_row_never_prompted_leaves_5_minutes_after_its_dispatch() {
    let mut book = Book::default();
    book.enter_at(START, Fact::of(id(1), conversation("it")));
    fires(&book, TimerRule::EmptyRow, START.plus(5 * MINUTE));
    book.enter_at(START, Fact::of(id(1), Attached { client: 1 }));
    never(&book);
    book.enter_at(START, Fact::of(id(1), Detached { client: 1 }));
    fires(&book, TimerRule::EmptyRow, START.plus(5 * MINUTE));
    book.enter_at(START, Fact::of(id(1), Pinned {}));
    never(&book);
}

#[test]
fn an_idle_process_is_reaped_an_hour_after_its_turn() {
    let book = ended_turn(START.plus(MINUTE));
    let event = fires(&book, TimerRule::IdleProcess, START.plus(61 * MINUTE));
    assert!(matches!(event, Event::Reaped(Reaped { what: ReapedWhat::Process, .. })));
}

#[test]
fn an_idle_process_counts_again_from_detach() {
    let mut book = ended_turn(START);
    book.enter_at(START.plus(MINUTE), Fact::of(id(1), Attached { client: 1 }));
    never(&book);
    book.enter_at(START.plus(30 * MINUTE), Fact::of(id(1), Detached { client: 1 }));
    fires(&book, TimerRule::IdleProcess, START.plus(90 * MINUTE));
}

#[test]
fn a_process_with_something_to_do_is_not_idle() {
    let ask = Blocked {
        ask_id: AskId { run: 1, offset: 0 },
        kind: decklog_engine::event::AskKind::Question,
        text: "which?".into(),
        tool: None,
        options: vec![],
    };
    let exemptions: [Event; 5] = [
        Pinned {}.into(),
        ask.into(),
        TurnStarted {}.into(),
        BackgroundStarted { key: "build".into() }.into(),
        Prompted { prompt_id: 2, text: "more".into() }.into(),
    ];
    for exemption in exemptions {
        let mut book = ended_turn(START);
        book.enter_at(START.plus(1), Fact::of_run(id(1), 1, exemption));
        never(&book);
    }
    let mut book = ended_turn(START);
    book.enter_at(START, Fact::of(id(1), BackgroundStarted { key: "build".into() }));
    book.enter_at(START, Fact::of(id(1), BackgroundEnded { key: "build".into() }));
    fires(&book, TimerRule::IdleProcess, START.plus(60 * MINUTE));
}

#[test]
fn a_finished_conversation_leaves_after_14_days() {
    let mut book = ended_turn(START);
    book.enter_at(START.plus(MINUTE), Fact::of_run(id(1), 1, exited(0)));
    fires(&book, TimerRule::FinishedConversation, START.plus(14 * 24 * 60 * MINUTE));
    book.enter_at(START.plus(MINUTE), Fact::of(id(1), Pinned {}));
    never(&book);
}

#[test]
fn a_run_past_its_timeout_is_stopped_once() {
    let mut book = Book::default();
    let mut timed = job("it");
    timed.timeout_ms = Some(MINUTE);
    book.enter_at(START, Fact::of(id(1), timed));
    book.enter_at(START, Fact::of_run(id(1), 1, RunIntended {}));
    // Counted from the start of the process, not from the intent.
    never(&book);
    book.enter_at(START.plus(500), Fact::of_run(id(1), 1, started()));
    let event = fires(&book, TimerRule::RunTimeout, START.plus(MINUTE + 500));
    assert!(matches!(event, Event::StopRequested(StopRequested { .. })));
    book.enter_at(START.plus(MINUTE + 500), Fact::of_run(id(1), 1, event));
    never(&book);
}
