//! What holds for every sequence of records, sensible or not.

use decklog_engine::command::Fact;
use decklog_engine::event::{
    Admitted, Adopted, AfterStop, AskKind, AskWithdrawn, Attached, BackgroundEnded, BackgroundStarted,
    Blocked, ClockStepped, Deleted, Delivered, DeliveryFailed, DeliveryIntended, DeliveryUnknown, Detached,
    Event, Finished, Grouped, Looked, Lost, OutcomeKind, Pinned, PolicyChanged, Prompted, Queued, Reaped,
    ReapedWhat, ReasonKind, Renamed, Replied, Respawned, Restored, RunIntended, Seen, Slept, SpawnFailed,
    Started, StopRequested, Stopped, SupervisorStarted, SupervisorStopped, TimerRule, TurnEnd, TurnEnded,
    TurnStarted, Unpinned, WakeKind,
};
use decklog_engine::evolve::{evolve, replay};
use decklog_engine::id::AskId;
use decklog_engine::policy::Policy;
use decklog_engine::roster::Roster;
use decklog_engine::time::Time;
use decklog_engine::{codec, timers};
use proptest::prelude::*;

use crate::support::{Book, conversation, exited, id, job, process};

fn of_session() -> impl Strategy<Value = Event> {
    let ask = (0..3u64).prop_map(|offset| AskId { run: 1, offset });
    let key = prop_oneof![Just("a"), Just("b")].prop_map(String::from);
    let then = prop::sample::select(AfterStop::ALL);
    let end =
        prop_oneof![Just(TurnEnd::Claimed), Just(TurnEnd::Interrupted), Just(TurnEnd::Failed("x".into()))];
    prop_oneof![
        Just(job("it").into()),
        Just(conversation("it").into()),
        Just(Queued { wake: WakeKind::Slot, until: None, ids: vec![] }.into()),
        Just(Admitted {}.into()),
        Just(RunIntended {}.into()),
        Just(Started { process: process(2), worker: process(1) }.into()),
        Just(Adopted { process: Some(process(2)), worker: None, started_at: None }.into()),
        Just(SpawnFailed { text: "x".into() }.into()),
        (-1..3i32).prop_map(exited),
        Just(Lost { evidence: "x".into(), output_end: 0, last_line: None }.into()),
        (prop::sample::select(OutcomeKind::ALL), prop::sample::select(ReasonKind::ALL))
            .prop_map(|(outcome, reason)| Finished { outcome, reason, text: "x".into() }.into()),
        then.prop_map(|then| StopRequested { grace_ms: 1, then }.into()),
        Just(Stopped { text: "x".into() }.into()),
        prop::sample::select(ReapedWhat::ALL).prop_map(|what| Reaped {
            what,
            rule: TimerRule::FinishedJob,
            due: Time(0)
        }
        .into()),
        Just(Respawned {}.into()),
        Just(Deleted {}.into()),
        Just(Restored {}.into()),
        Just(Prompted { prompt_id: 1, text: "x".into() }.into()),
        Just(TurnStarted {}.into()),
        end.prop_map(|end| TurnEnded { end }.into()),
        ask.clone().prop_map(|ask_id| {
            Blocked { ask_id, kind: AskKind::Question, text: "x".into(), tool: None, options: vec![] }.into()
        }),
        ask.clone().prop_map(|ask_id| Replied { ask_id: Some(ask_id), reply_id: 1, text: "x".into() }.into()),
        ask.prop_map(|ask_id| AskWithdrawn { ask_id }.into()),
        key.clone().prop_map(|key| BackgroundStarted { key }.into()),
        key.prop_map(|key| BackgroundEnded { key }.into()),
        (0..3u64).prop_map(|reply_id| Replied { ask_id: None, reply_id, text: "so".into() }.into()),
        (0..3u64).prop_map(|reply_id| DeliveryIntended { reply_id }.into()),
        (0..3u64).prop_map(|reply_id| Delivered { reply_id }.into()),
        (0..3u64).prop_map(|reply_id| DeliveryFailed { reply_id, text: "no".into() }.into()),
        (0..3u64).prop_map(|reply_id| DeliveryUnknown { reply_id, text: "who knows".into() }.into()),
        (0..2u64).prop_map(|client| Attached { client }.into()),
        (0..2u64).prop_map(|client| Detached { client }.into()),
        Just(Seen {}.into()),
        Just(Pinned {}.into()),
        Just(Unpinned {}.into()),
        prop_oneof![Just("p"), Just("q")].prop_map(|name| Renamed { name: name.into() }.into()),
        Just(Grouped { group: Some("g".into()) }.into()),
    ]
}

fn of_fleet() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..100_000u64).prop_map(|ms| Slept { ms }.into()),
        (0..100_000u64).prop_map(|ms| ClockStepped { ms: ms as i64, leapt_ms: ms }.into()),
        (1..600_000u64).prop_map(|ms| {
            let policy = Policy {
                finished_job_ms: ms,
                empty_row_ms: ms / 2,
                idle_process_ms: ms,
                output_retention_ms: 2 * ms,
                ..Policy::default()
            };
            PolicyChanged { policy }.into()
        }),
        Just(
            SupervisorStarted {
                version: "x".into(),
                boot_id: "b".into(),
                pid: 1,
                epoch: 1,
                watched_until: None
            }
            .into()
        ),
        Just(SupervisorStopped { text: "x".into() }.into()),
        Just(Looked {}.into()),
    ]
}

/// Records in any order, of a few sessions, some of them unknown, some dated back.
fn facts() -> impl Strategy<Value = Vec<(u64, Fact)>> {
    let session = (0..4u8, prop::option::of(0..3u32), of_session(), prop::option::of(0..2_000_000u64))
        .prop_map(|(number, run, event, happened_at)| Fact {
            run,
            happened_at: happened_at.map(Time),
            ..Fact::of(id(number), event)
        });
    let fact = prop_oneof![9 => session, 1 => of_fleet().prop_map(Fact::of_fleet)];
    prop::collection::vec((0..90_000u64, fact), 0..80)
}

fn book(facts: Vec<(u64, Fact)>) -> Book {
    let mut book = Book::default();
    for (after_ms, fact) in facts {
        book.enter_at(book.roster.fleet().last_at.plus(after_ms), fact);
    }
    book
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Replaying the log gives the live roster, bit for bit; and nothing panics, whatever the order.
    #[test]
    fn replay_is_live(facts in facts()) {
        let book = book(facts);
        prop_assert!(book.roster.is_consistent());
        let stored: Vec<_> = book.records.iter().map(|record| {
            let encoded = codec::encode(record);
            let (kind, schema) = (encoded.kind, encoded.schema);
            codec::decode(record.seq, record.at, record.session, kind, schema, &encoded.payload).unwrap()
        }).collect();
        prop_assert_eq!(replay(&stored).encode(), book.roster.encode());
    }

    /// A snapshot at any place and the records after it give what all the records give.
    #[test]
    fn snapshot_and_tail_are_the_full_fold(facts in facts(), cut in any::<prop::sample::Index>()) {
        let book = book(facts);
        let cut = cut.index(book.records.len() + 1);
        let before = replay(&book.records[..cut]);
        let mut roster = Roster::decode(&before.encode()).unwrap();
        prop_assert!(roster.is_consistent());
        for record in &book.records[cut..] {
            evolve(&mut roster, record);
        }
        prop_assert!(roster.is_consistent());
        prop_assert_eq!(roster.encode(), book.roster.encode());
    }

    /// No timer is early, and none fires twice for the same deadline.
    #[test]
    fn timers_are_never_early_and_never_fire_twice(facts in facts(), later in 0..2_000_000u64) {
        let mut book = book(facts);
        let at = book.roster.fleet().last_at.plus(later);
        let now = book.roster.fleet().awake(at);
        let mut fired = Vec::new();
        while let Some((session, rule, events)) = timers::fire(&book.roster, at) {
            let (id, run) = (session.id, session.run.as_ref().map(|run| run.number));
            let (due, _) = book.roster.deadline_of(session).unwrap();
            prop_assert!(due <= now, "{} is early", rule);
            prop_assert!(!fired.contains(&(id, rule)), "{} fired twice", rule);
            fired.push((id, rule));
            for event in events {
                book.enter_at(at, Fact { run, ..Fact::of(id, event) });
            }
        }
        if let Some((due, _)) = book.roster.first_deadline() {
            prop_assert!(due > now, "a deadline was passed over");
        }
    }

    /// What is no roster is refused, not believed.
    #[test]
    fn damaged_snapshots_do_not_decode_into_a_panic(facts in facts(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut bytes = book(facts).roster.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Some(roster) = Roster::decode(&bytes) {
            prop_assert!(roster.is_consistent());
        }
    }

    #[test]
    fn arbitrary_payloads_do_not_panic(kind in 0..110u16, payload in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = codec::decode(1, Time(1), None, kind, 1, &payload);
    }
}
