//! Records in human words: `history`, and the grounds that `why` prints. One line a record.

use decklog_engine::actor::{Actor, ActorKind};
use decklog_engine::event::{
    AfterStop, Dispatched, Event, ExitStatus, Exited, Reaped, ReapedWhat, TurnEnd, Work,
};
use decklog_protocol::moment;
use decklog_protocol::row::EventRow;

use super::style::{self, Paint, Style};
use super::when::{self, When};
use super::{outcome, text};

const WORD_COLUMNS: usize = 12;
const SESSION_COLUMNS: usize = 26;
/// A record that was entered so much later than it was true says so.
const LATE_MS: u64 = 1_000;

/// The records of one session.
pub(crate) fn of_session(events: &[EventRow], when: &When, style: Style) -> String {
    events.iter().map(|event| line(event, None, when, style)).collect()
}

/// One record as a line. `of` says whose it is, where records of several sessions stand together.
pub(crate) fn line(event: &EventRow, of: Option<&str>, when: &When, style: Style) -> String {
    let said = Said::of(event);
    let time = when.clock(event.happened_at.as_deref().filter(|_| late(event)).unwrap_or(&event.at));
    let session = of.map(|of| {
        let of = text::shown(of);
        let of = text::cut(&of, SESSION_COLUMNS).into_owned();
        let padding = SESSION_COLUMNS.saturating_sub(text::width(&of)) + 2;
        format!("{of}{}", " ".repeat(padding))
    });
    let session = session.unwrap_or_default();
    let mut parts: Vec<String> = said.what.into_iter().filter(|part| !part.is_empty()).collect();
    // Who asked for a run stands where it was asked for.
    parts.extend(by(&event.actor, when.reader.as_deref()).filter(|_| event.kind != "RunIntended"));
    if late(event) {
        parts.push(format!("(entered {})", when.clock(&event.at)));
    }
    let used = 2 + text::width(&time) + 2 + text::width(&session) + WORD_COLUMNS;
    let description = description(&parts, style.width.map(|width| width.saturating_sub(used).max(20)));
    let word = style.paint(said.paint, &format!("{:WORD_COLUMNS$}", said.word));
    format!("  {}  {session}{word}{description}", style.paint(Paint::Dim, &time)).trim_end().to_owned() + "\n"
}

/// The parts side by side. Where there is no room for all of them the first gives way, for it is the longest: a command.
fn description(parts: &[String], columns: Option<usize>) -> String {
    const FIRST_MIN: usize = 24;
    let parts: Vec<_> = parts.iter().map(|part| text::shown(part)).collect();
    let whole = parts.join("  ");
    let (Some(columns), Some((first, rest))) = (columns, parts.split_first()) else { return whole };
    let rest = rest.iter().map(|part| format!("  {part}")).collect::<String>();
    let excess = text::width(&whole).saturating_sub(columns);
    let first = text::cut(first, text::width(first).saturating_sub(excess).max(FIRST_MIN));
    text::cut(&format!("{first}{rest}"), columns).into_owned()
}

fn late(event: &EventRow) -> bool {
    let happened = event.happened_at.as_deref().and_then(moment::from_rfc3339);
    let entered = moment::from_rfc3339(&event.at);
    matches!((happened, entered), (Some(happened), Some(entered)) if entered.since(happened) >= LATE_MS)
}

/// Who caused it, where that is not plain from what it is.
fn by(actor: &Actor, reader: Option<&str>) -> Option<String> {
    let via = actor.via.as_deref().map(|via| format!(" ({via})")).unwrap_or_default();
    match actor.kind {
        ActorKind::User if reader == Some(&actor.name) => Some(format!("by you{via}")),
        ActorKind::User => Some(format!("by {}{via}", actor.name)),
        ActorKind::Agent => Some(format!("by session {}{via}", actor.name.get(..8).unwrap_or(&actor.name))),
        ActorKind::Rule => Some(format!("by rule {}", actor.name)),
        ActorKind::Schedule => Some(format!("by schedule {}", actor.name)),
        ActorKind::Worker | ActorKind::Supervisor => None,
    }
}

/// A record in words: a past participle, and what there is to say.
struct Said {
    word: String,
    paint: Paint,
    what: Vec<String>,
}

impl Said {
    fn of(row: &EventRow) -> Self {
        let run = row.run.map_or_else(|| "run".into(), |run| format!("run {run}"));
        let Some(event) = row.event() else {
            // A newer version wrote it: its name and its body are all that can be told.
            return Self::new(&row.kind, [row.data.to_string()]);
        };
        match event {
            Event::Dispatched(body) => Self::new("dispatched", dispatched(&body)),
            Event::Queued(body) => Self::new("queued", [format!("waits for {}", waits_for(&body))]),
            Event::Admitted(_) => Self::new("admitted", ["what it waited for is there"]),
            Event::RunIntended(_) => Self::new("intended", [run]),
            Event::Started(body) => Self::new("started", [format!("{run} · pid {}", body.process.pid)]),
            Event::Adopted(body) => {
                let pid = body.process.map(|process| format!(" · pid {}", process.pid)).unwrap_or_default();
                Self::new("adopted", [format!("{run} by a new supervisor{pid}: nothing lost")])
            }
            Event::SpawnFailed(body) => Self::painted("not started", Paint::Red, [body.text]),
            Event::Exited(body) => Self::new("exited", exited(&body)),
            Event::Lost(body) => Self::painted("lost", Paint::Red, [body.evidence]),
            Event::Finished(body) => {
                Self::painted(body.outcome.word(), style::of_state(body.outcome.word()), [body.text])
            }
            Event::StopRequested(body) => {
                let then = match body.then {
                    AfterStop::Delete => ", then it leaves the roster",
                    AfterStop::Respawn => ", then a new run starts",
                    AfterStop::FailTimeout => ": past its time limit",
                    AfterStop::Stay | AfterStop::KeepOutcome => "",
                };
                let grace = format!("{} to end by itself{then}", when::length(body.grace_ms));
                Self::new("to stop", [grace])
            }
            Event::Stopped(body) => Self::new("stopped", [body.text]),
            Event::Reaped(body) => Self::new("reaped", [reaped(&body)]),
            Event::Respawned(_) => Self::new("respawned", ["a new run was asked for"]),
            Event::Deleted(_) => Self::new("deleted", ["left the roster"]),
            Event::Restored(_) => Self::new("restored", ["back on the roster"]),
            other => Self::of_others(row, other),
        }
    }

    /// What conversations and the fleet have beside the life that jobs share with them.
    fn of_others(row: &EventRow, event: Event) -> Self {
        match event {
            Event::Prompted(body) => Self::new("prompted", [quoted(&body.text)]),
            Event::TurnStarted(_) => Self::new("turn", ["began"]),
            Event::TurnEnded(body) => Self::new(
                "turn",
                [match body.end {
                    TurnEnd::Claimed => "ended: it says that it is finished".into(),
                    TurnEnd::Interrupted => "interrupted".into(),
                    TurnEnd::Failed(text) => format!("failed: {text}"),
                }],
            ),
            Event::Blocked(body) => Self::painted("blocked", Paint::Yellow, [body.text]),
            Event::Replied(body) => Self::new("replied", [quoted(&body.text)]),
            Event::DeliveryIntended(body) => {
                Self::new("delivery", [format!("reply {} is on its way", body.reply_id)])
            }
            Event::Delivered(body) => Self::new("delivered", [format!("reply {}", body.reply_id)]),
            Event::DeliveryFailed(body) => {
                Self::painted("undelivered", Paint::Red, [format!("reply {}: {}", body.reply_id, body.text)])
            }
            Event::DeliveryUnknown(body) => Self::painted(
                "delivery",
                Paint::Yellow,
                [format!("nobody knows whether reply {} arrived: {}", body.reply_id, body.text)],
            ),
            Event::Looked(_) => Self::new("looked", ["read what had happened"]),
            Event::AskWithdrawn(body) => Self::new("withdrawn", [format!("ask {}", body.ask_id)]),
            Event::BackgroundStarted(body) => Self::new("background", [format!("{} began", body.key)]),
            Event::BackgroundEnded(body) => Self::new("background", [format!("{} ended", body.key)]),
            Event::Attached(_) => Self::new("attached", [""]),
            Event::Detached(_) => Self::new("detached", [""]),
            Event::Seen(_) => Self::new("seen", [""]),
            Event::OutputDropped(body) => {
                let missing = text::bytes(body.to.saturating_sub(body.from));
                Self::painted(
                    "dropped",
                    Paint::Yellow,
                    [format!("{missing} of output from byte {}", body.from)],
                )
            }
            Event::SupervisorStarted(body) => {
                let lines = format!("epoch {} · pid {} · version {}", body.epoch, body.pid, body.version);
                Self::new("supervisor", [format!("started: {lines}")])
            }
            Event::SupervisorStopped(body) => Self::new("supervisor", [format!("stopped: {}", body.text)]),
            Event::Slept(body) => Self::new("slept", [when::length(body.ms)]),
            Event::ClockStepped(body) => {
                let direction = if body.ms < 0 { "back" } else { "forward" };
                let moved = when::length(body.ms.unsigned_abs());
                Self::new("clock", [format!("moved {direction} by {moved}")])
            }
            Event::PolicyChanged(body) => Self::new(
                "policy",
                [format!(
                    "finished jobs leave after {} · grace {} · live jobs {}",
                    when::length(body.policy.finished_job_ms),
                    when::length(body.policy.stop_grace_ms),
                    if body.policy.live_jobs == 0 {
                        "without a cap".into()
                    } else {
                        body.policy.live_jobs.to_string()
                    },
                )],
            ),
            Event::Renamed(body) => Self::new("renamed", [body.name]),
            Event::Pinned(_) => Self::new("pinned", ["no timer takes it"]),
            Event::Unpinned(_) => Self::new("unpinned", ["timers apply again"]),
            Event::Grouped(body) => Self::new(
                "grouped",
                [body.group.map_or_else(|| "left its group".into(), |group| format!("into {group}"))],
            ),
            Event::Refused(body) => {
                Self::painted("refused", Paint::Yellow, [format!("{} by rule {}", body.verb, body.rule)])
            }
            _ => Self::new(&row.kind, [row.data.to_string()]),
        }
    }

    fn new<T: Into<String>>(word: &str, what: impl IntoIterator<Item = T>) -> Self {
        Self::painted(word, Paint::Plain, what)
    }

    fn painted<T: Into<String>>(word: &str, paint: Paint, what: impl IntoIterator<Item = T>) -> Self {
        Self { word: word.into(), paint, what: what.into_iter().map(Into::into).collect() }
    }
}

fn dispatched(body: &Dispatched) -> Vec<String> {
    let (kind, what) = match &body.work {
        Work::Job { command, .. } => ("job", command.text()),
        Work::Conversation { agent, prompt } => (agent.as_str(), prompt.clone().unwrap_or_default()),
    };
    let mut parts = vec![quoted(&what)];
    let mut rest = format!("{kind} in {}", body.cwd.text());
    if let Some(base) = body.place.as_ref().and_then(|place| place.base_commit.as_ref()) {
        rest.push_str(&format!(" at {}", base.get(..7).unwrap_or(base)));
    }
    if let Some(limit_ms) = body.timeout_ms {
        rest.push_str(&format!(" · limit {}", when::length(limit_ms)));
    }
    parts.push(rest);
    parts
}

fn exited(body: &Exited) -> Vec<String> {
    let how = match body.status {
        ExitStatus::Code(code) => format!("code {code}"),
        ExitStatus::Signal(signal) => outcome::signal_name(signal),
    };
    let mut output = format!("{} of output", text::bytes(body.output_end));
    if body.output_dropped > 0 {
        output.push_str(&format!(", {} of it not kept", text::bytes(body.output_dropped)));
    }
    vec![how, output]
}

fn waits_for(body: &decklog_engine::event::Queued) -> String {
    let ids: Vec<_> = body.ids.iter().map(|id| id.prefix(8)).collect();
    match body.wake.word() {
        "slot" => "a free slot".into(),
        "after" => ids.join(", "),
        word => word.into(),
    }
}

fn reaped(body: &Reaped) -> String {
    match body.what {
        ReapedWhat::Row => "left the roster".into(),
        ReapedWhat::Output => "what it printed and its environment were removed".into(),
        ReapedWhat::Process => "its process was ended; the row stays".into(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use decklog_engine::event::{
        JobCommand, OutcomeKind, OutputMode, Place, ProcessName, ReasonKind, RunIntended, Started,
        StopRequested, SupervisorStarted, TimerRule,
    };
    use decklog_engine::time::Time;

    use super::super::samples::{event, when};
    use super::*;

    fn life() -> Vec<EventRow> {
        let job = Some("7c5dcf5d");
        let you = Actor::user("u", "cli");
        let dispatched = Dispatched {
            name: "flaky".into(),
            work: Work::Job {
                command: JobCommand::Shell("make test\x1b[2J".into()),
                output: OutputMode::Pty,
            },
            cwd: "/home/u/web".into(),
            place: Some(Place {
                repo: "/home/u/web".into(),
                branch: None,
                base_commit: Some("3f2a9c1d".into()),
            }),
            environment: Vec::new(),
            group: None,
            pinned: false,
            parent: None,
            key: None,
            timeout_ms: Some(1_800_000),
            after: Vec::new(),
            after_any: false,
            priority: 0,
        };
        let process = ProcessName { pid: 4312, start_ticks: 1 };
        let exited = Exited {
            status: ExitStatus::Signal(15),
            started_at: None,
            output_end: 14_541,
            output_dropped: 0,
            last_line: None,
            worker_told_to_end: false,
            stop_reached: false,
        };
        let exited = EventRow {
            happened_at: Some("2026-11-20T08:19:30.000Z".into()),
            ..event(5, job, "08:20:56.000", Actor::worker(), exited)
        };
        vec![
            event(1, job, "08:12:03.000", you.clone(), dispatched),
            event(2, job, "08:12:03.000", Actor::supervisor(), RunIntended {}),
            event(3, job, "08:12:04.000", Actor::worker(), Started { process, worker: process }),
            event(4, job, "08:19:00.000", you, StopRequested { grace_ms: 10_000, then: AfterStop::Stay }),
            exited,
            event(
                6,
                job,
                "08:20:56.000",
                Actor::worker(),
                decklog_engine::event::Finished {
                    outcome: OutcomeKind::Failed,
                    reason: ReasonKind::Signal,
                    text: "ended by signal 15 (SIGTERM)".into(),
                },
            ),
            event(
                7,
                job,
                "08:30:00.000",
                Actor::rule("finished_job"),
                Reaped { what: ReapedWhat::Row, rule: TimerRule::FinishedJob, due: Time(0) },
            ),
        ]
    }

    #[test]
    fn a_life_in_words() {
        insta::assert_snapshot!(of_session(&life(), &when(), Style::PLAIN), @r#"
        09:12:03  dispatched  "make test␛[2J"  job in /home/u/web at 3f2a9c1 · limit 30m  by you (cli)
        09:12:03  intended    run 1
        09:12:04  started     run 1 · pid 4312
        09:19:00  to stop     10 s to end by itself  by you (cli)
        09:19:30  exited      SIGTERM  14.2 KiB of output  (entered 09:20:56)
        09:20:56  failed      ended by signal 15 (SIGTERM)
        09:30:00  reaped      left the roster  by rule finished_job
        "#);
    }

    #[test]
    fn the_whole_log_says_whose_record_it_is() {
        let boot = SupervisorStarted {
            version: "0.1.0".into(),
            boot_id: String::new(),
            pid: 4411,
            epoch: 2,
            watched_until: None,
        };
        let boot = event(8, None, "08:31:00.000", Actor::supervisor(), boot);
        let style = Style { color: false, width: Some(90) };
        let mut text = line(&life()[0], Some("7c5dcf5d flaky"), &when(), style);
        text.push_str(&line(&boot, Some(""), &when(), style));
        insta::assert_snapshot!(text, @r#"
        09:12:03  7c5dcf5d flaky              dispatched  "make test␛[2J"  job in /home/u/web a…
        09:31:00                              supervisor  started: epoch 2 · pid 4411 · version…
        "#);
    }

    #[test]
    fn a_record_of_a_newer_version_is_shown_as_it_is() {
        let mut row = life().remove(1);
        row.kind = "Teleported".into();
        row.data = serde_json::json!({"to": "mars"});
        insta::assert_snapshot!(line(&row, None, &when(), Style::PLAIN), @r#"  09:12:03  Teleported  {"to":"mars"}"#);
    }
}
