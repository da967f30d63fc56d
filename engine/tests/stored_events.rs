//! Stored bytes of every released event, which must decode for ever. Add a line when an event is added; never change
//! one: a body that has another shape is a new schema number with an upcast.

use decklog_engine::actor::{Actor, Cause};
use decklog_engine::codec::{self, DecodeError};
use decklog_engine::event::{
    Admitted, Adopted, AfterStop, AskKind, AskWithdrawn, Attached, BackgroundEnded, BackgroundStarted,
    Blocked, ClockStepped, Deleted, Delivered, DeliveryFailed, DeliveryIntended, DeliveryUnknown, Detached,
    Event, EventKind, ExitStatus, Exited, Finished, Grouped, JobCommand, Looked, Lost, OutcomeKind,
    OutputDropped, OutputMode, Pinned, Place, PolicyChanged, Prompted, Queued, Reaped, ReapedWhat,
    ReasonKind, Record, Refused, Renamed, Replied, Respawned, Restored, RunIntended, Seen, Slept,
    SpawnFailed, Started, StopRequested, Stopped, SupervisorStarted, SupervisorStopped, TimerRule, TurnEnd,
    TurnEnded, TurnStarted, Unpinned, WakeKind, Work,
};
use decklog_engine::id::AskId;
use decklog_engine::policy::Policy;
use decklog_engine::raw::Raw;
use decklog_engine::time::Time;

use crate::support::{id, job, process};

const ASK: AskId = AskId { run: 1, offset: 1024 };

/// Values of their own, so that another default is no other fixture.
fn policy() -> Policy {
    Policy {
        finished_job_ms: 1,
        empty_row_ms: 2,
        idle_process_ms: 3,
        finished_conversation_ms: 4,
        stop_grace_ms: 5,
        live_jobs: 6,
        output_bytes_max: 7,
        output_retention_ms: 8,
        live_conversations: 9,
    }
}

/// One of each, with every optional part present.
fn examples() -> Vec<Event> {
    let mut dispatched = job("build");
    dispatched.work = Work::Job {
        command: JobCommand::Program(vec!["make".into(), Raw(vec![0xff])]),
        output: OutputMode::Pipes,
    };
    dispatched.place =
        Some(Place { repo: "/r".into(), branch: Some("main".into()), base_commit: Some("3f2a".into()) });
    dispatched.group = Some("g".into());
    dispatched.parent = Some(id(2));
    dispatched.key = Some("k".into());
    dispatched.timeout_ms = Some(1000);
    dispatched.after = vec![id(3)];
    dispatched.after_any = true;
    dispatched.priority = -7;
    let text = || String::from("text");
    vec![
        dispatched.into(),
        Queued { wake: WakeKind::After, until: Some(Time(5)), ids: vec![id(3)] }.into(),
        Admitted {}.into(),
        RunIntended {}.into(),
        Started { process: process(10), worker: process(9) }.into(),
        Adopted { process: Some(process(10)), worker: None, started_at: Some(Time(4)) }.into(),
        SpawnFailed { text: text() }.into(),
        Exited {
            status: ExitStatus::Signal(9),
            output_end: 99,
            output_dropped: 9,
            last_line: Some(text()),
            worker_told_to_end: true,
            stop_reached: false,
            started_at: Some(Time(3)),
        }
        .into(),
        Lost { evidence: text(), output_end: 99, last_line: None }.into(),
        Finished { outcome: OutcomeKind::Failed, reason: ReasonKind::Timeout, text: text() }.into(),
        StopRequested { grace_ms: 10_000, then: AfterStop::Respawn }.into(),
        Stopped { text: text() }.into(),
        Reaped { what: ReapedWhat::Row, rule: TimerRule::FinishedJob, due: Time(7) }.into(),
        Respawned {}.into(),
        Deleted {}.into(),
        Restored {}.into(),
        Prompted { prompt_id: 1, text: text() }.into(),
        TurnStarted {}.into(),
        TurnEnded { end: TurnEnd::Failed(text()) }.into(),
        Blocked {
            ask_id: ASK,
            kind: AskKind::Question,
            text: text(),
            tool: Some("Bash".into()),
            options: vec![text()],
        }
        .into(),
        Replied { ask_id: Some(ASK), reply_id: 2, text: text() }.into(),
        AskWithdrawn { ask_id: ASK }.into(),
        BackgroundStarted { key: text() }.into(),
        BackgroundEnded { key: text() }.into(),
        Attached { client: 3 }.into(),
        Detached { client: 3 }.into(),
        Seen {}.into(),
        OutputDropped { from: 1, to: 2 }.into(),
        DeliveryIntended { reply_id: 2 }.into(),
        Delivered { reply_id: 2 }.into(),
        DeliveryFailed { reply_id: 2, text: text() }.into(),
        DeliveryUnknown { reply_id: 2, text: text() }.into(),
        SupervisorStarted {
            version: "0.1.0".into(),
            boot_id: text(),
            pid: 1,
            epoch: 2,
            watched_until: Some(Time(3)),
        }
        .into(),
        SupervisorStopped { text: text() }.into(),
        Slept { ms: 5 }.into(),
        ClockStepped { ms: -5, leapt_ms: 0 }.into(),
        PolicyChanged { policy: policy() }.into(),
        Renamed { name: text() }.into(),
        Pinned {}.into(),
        Unpinned {}.into(),
        Grouped { group: None }.into(),
        Refused { verb: "rm".into(), rule: text() }.into(),
        Looked {}.into(),
    ]
}

fn record(event: Event) -> Record {
    Record {
        seq: 1,
        at: Time(1_000_000),
        happened_at: Some(Time(999_000)),
        actor: Actor::user("ada", "cli"),
        session: Some(id(1)),
        run: Some(1),
        cause: Cause::Request(4),
        event,
    }
}

#[test]
fn every_kind_has_an_example() {
    let kinds: Vec<EventKind> = examples().iter().map(Event::kind).collect();
    assert_eq!(kinds, EventKind::ALL);
}

#[test]
fn stored_bytes_are_what_they_always_were() {
    let mut lines = String::new();
    for event in examples() {
        let encoded = codec::encode(&record(event));
        let hex: String = encoded.payload.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = EventKind::from_number(encoded.kind).unwrap().name();
        lines += &format!("{} {} {name} {hex}\n", encoded.kind, encoded.schema);
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn what_was_encoded_decodes() {
    for event in examples() {
        let record = record(event);
        let encoded = codec::encode(&record);
        let decoded =
            codec::decode(1, record.at, record.session, encoded.kind, encoded.schema, &encoded.payload);
        assert_eq!(decoded, Ok(record.clone()));
        for cut in 0..encoded.payload.len() {
            let cut = &encoded.payload[..cut];
            let kind = record.event.kind();
            assert_eq!(
                codec::decode(1, record.at, record.session, encoded.kind, encoded.schema, cut),
                Err(DecodeError::Payload(kind))
            );
        }
    }
}

/// Stored bodies of earlier schemas, and the present fact that each is.
#[test]
fn bytes_of_earlier_schemas_decode() {
    let context = "01583e0f0000000000000000000300000000000000616461010300000000000000636c6901010000000100000004\
                   00000000000000";
    let policy_changed = "0100000000000000020000000000000003000000000000000400000000000000050000000000000006000000\
                          0700000000000000";
    let hex = format!("{context}{policy_changed}");
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let decoded = codec::decode(1, Time(1_000_000), Some(id(1)), EventKind::PolicyChanged as u16, 1, &bytes);
    let then = Policy { output_retention_ms: u64::MAX, live_conversations: 0, ..policy() };
    assert_eq!(decoded, Ok(record(PolicyChanged { policy: then }.into())));
}

#[test]
fn json_says_all_of_an_event() {
    for event in examples() {
        let json = serde_json::to_string(&event).unwrap();
        let mut data = serde_json::Deserializer::from_str(&json);
        assert_eq!(Event::from_data(event.kind(), &mut data).unwrap(), event, "{json}");
    }
}

#[test]
fn what_a_newer_version_wrote_is_named() {
    let record = record(Event::from(Pinned {}));
    let encoded = codec::encode(&record);
    let decode = |kind, schema| codec::decode(1, record.at, None, kind, schema, &encoded.payload);
    assert_eq!(decode(9999, 1), Err(DecodeError::UnknownKind(9999)));
    assert_eq!(decode(102, 2), Err(DecodeError::UnknownSchema { kind: EventKind::Pinned, schema: 2 }));
}
