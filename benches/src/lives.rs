//! Lives of jobs, made up but always the same: what a log holds after months of use.
//!
//! Each session is dispatched once and run again and again, as a nightly build or a test run is. All of them are
//! equally likely to be next: the worst case for a processor's caches.

use decklog_engine::actor::{Actor, Cause};
use decklog_engine::codec;
use decklog_engine::event::{
    AfterStop, Attached, Detached, Dispatched, Event, ExitStatus, Exited, Finished, JobCommand, Lost,
    OutcomeKind, OutputMode, Place, ProcessName, ReasonKind, Record, Respawned, RunIntended, Seen, Started,
    StopRequested, Stopped, SupervisorStarted, Work,
};
use decklog_engine::id::{Seq, SessionId};
use decklog_engine::time::Time;
use decklog_storage::{Entry, Stored};

const FIRST_MS: u64 = 1_780_000_000_000;
/// What the environment of a developer's shell is made of.
const VARIABLES: [&str; 24] = [
    "CARGO_HOME",
    "COLORTERM",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "EDITOR",
    "HOME",
    "LANG",
    "LESSOPEN",
    "LOGNAME",
    "LS_COLORS",
    "OLDPWD",
    "PAGER",
    "PATH",
    "PWD",
    "RUSTUP_HOME",
    "SHELL",
    "SHLVL",
    "SSH_AUTH_SOCK",
    "SSH_CONNECTION",
    "TERM",
    "TMUX",
    "TMUX_PANE",
    "USER",
    "XDG_RUNTIME_DIR",
];
const COMMANDS: [&str; 8] = [
    "cargo test --workspace",
    "make -j8 all",
    "npm run build && npm test",
    "python3 train.py --epochs 40",
    "./scripts/nightly.sh",
    "rsync -a --delete src/ backup:src/",
    "pytest -x tests/integration",
    "go test ./... -race",
];
const LAST_LINES: [&str; 4] = [
    "test result: ok. 412 passed; 0 failed; 3 ignored; finished in 31.42s",
    "Done in 48.21s.",
    "epoch 40/40 loss=0.0312 accuracy=0.981",
    "FAILED tests/integration/test_restart.py::test_adopts - AssertionError",
];

/// An endless log: every record follows from those before it as it would in a supervisor's.
#[derive(Debug)]
pub struct Lives {
    random: u64,
    seq: Seq,
    at_ms: u64,
    sessions: Vec<Life>,
}

#[derive(Debug)]
struct Life {
    id: SessionId,
    next: Next,
    run: u32,
    process: ProcessName,
    watched: bool,
}

/// What happens to a session next.
#[derive(Clone, Copy, Debug)]
enum Next {
    Dispatch,
    Intend,
    Start,
    /// It runs: it may be watched, told to stop, or end.
    Live,
    EndStopped,
    Stop,
    Finish(OutcomeKind, ReasonKind),
    /// It has ended: somebody looks, then it runs again.
    Over,
    Respawn,
}

impl Lives {
    /// Of so many sessions.
    pub fn of(sessions: usize) -> Lives {
        let mut random = 0x0dec_1095;
        let life = |random: &mut u64| {
            let id = u128::from(next_random(random)) << 64 | u128::from(next_random(random));
            let process = ProcessName { pid: 0, start_ticks: 0 };
            Life { id: SessionId(id.to_be_bytes()), next: Next::Dispatch, run: 0, process, watched: false }
        };
        let sessions = (0..sessions).map(|_| life(&mut random)).collect();
        Lives { random, seq: 0, at_ms: FIRST_MS, sessions }
    }
}

impl Iterator for Lives {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        self.seq += 1;
        let random = next_random(&mut self.random);
        self.at_ms += random % 2_000;
        let at = Time(self.at_ms);
        let number = (random >> 32) as usize % self.sessions.len();
        if self.seq == 1 {
            return Some(Record {
                seq: 1,
                at,
                happened_at: None,
                actor: Actor::supervisor(),
                session: None,
                run: None,
                cause: Cause::Unknown,
                event: supervisor_started(),
            });
        }
        let life = &mut self.sessions[number];
        let (actor, event) = live_on(life, number, self.seq, random >> 11);
        let by_worker = actor.name == "worker";
        let in_a_run = !matches!(
            event,
            Event::Dispatched(_)
                | Event::Respawned(_)
                | Event::Seen(_)
                | Event::Attached(_)
                | Event::Detached(_)
        );
        Some(Record {
            seq: self.seq,
            at,
            happened_at: by_worker.then(|| Time(at.0 - random % 3)),
            actor,
            session: Some(life.id),
            run: in_a_run.then_some(life.run),
            cause: if by_worker { Cause::Unknown } else { Cause::Request(self.seq) },
            event,
        })
    }
}

/// A log that holds so many finished jobs, all of them on the roster.
pub fn finished(sessions: usize) -> impl Iterator<Item = Record> {
    let mut random = 0x0dec_1095;
    let first = (None, None, Actor::supervisor(), supervisor_started());
    let lives = (0..sessions).flat_map(move |number| {
        let id = u128::from(next_random(&mut random)) << 64 | u128::from(next_random(&mut random));
        let (session, run) = (Some(SessionId(id.to_be_bytes())), Some(1));
        let (process, worker) = (1, 2);
        let named = |pid| ProcessName { pid, start_ticks: number as u64 };
        let user = || Actor::user("maintainer", "cli");
        let dispatched = Dispatched { pinned: false, key: None, ..dispatched(number) };
        let ended = exited(ExitStatus::Code(0), next_random(&mut random));
        let (outcome, reason, text) = (OutcomeKind::Done, ReasonKind::Exit, "exited with 0".into());
        [
            (session, None, user(), dispatched.into()),
            (session, run, user(), RunIntended {}.into()),
            (
                session,
                run,
                Actor::worker(),
                Started { process: named(process), worker: named(worker) }.into(),
            ),
            (session, run, Actor::worker(), ended.into()),
            (session, run, Actor::worker(), Finished { outcome, reason, text }.into()),
        ]
    });
    std::iter::once(first).chain(lives).zip(1..).map(|((session, run, actor, event), seq)| Record {
        seq,
        at: Time(FIRST_MS + seq),
        happened_at: None,
        actor,
        session,
        run,
        cause: Cause::Unknown,
        event,
    })
}

fn live_on(life: &mut Life, number: usize, seq: Seq, random: u64) -> (Actor, Event) {
    let user = || Actor::user("maintainer", "cli");
    let one_in = |chance: u64| random.is_multiple_of(chance);
    let (next, actor, event) = match life.next {
        Next::Dispatch => (Next::Intend, user(), dispatched(number).into()),
        Next::Intend => {
            life.run += 1;
            (Next::Start, user(), RunIntended {}.into())
        }
        Next::Start => {
            life.process = ProcessName { pid: 2_000 + (random % 60_000) as u32, start_ticks: seq };
            let worker = ProcessName { pid: life.process.pid - 1, start_ticks: seq };
            (Next::Live, Actor::worker(), Started { process: life.process, worker }.into())
        }
        Next::Live if life.watched => {
            life.watched = false;
            (Next::Live, user(), Detached { client: 7 }.into())
        }
        Next::Live if one_in(5) => {
            life.watched = true;
            (Next::Live, user(), Attached { client: 7 }.into())
        }
        Next::Live if one_in(12) => {
            (Next::EndStopped, user(), StopRequested { grace_ms: 10_000, then: AfterStop::Stay }.into())
        }
        Next::Live if one_in(499) => {
            let evidence = "the worker is gone and left no exit file".into();
            let lost = Lost { evidence, output_end: random % 100_000, last_line: None };
            (Next::Finish(OutcomeKind::Failed, ReasonKind::Lost), Actor::supervisor(), lost.into())
        }
        Next::Live => {
            let (code, outcome) = if one_in(7) { (1, OutcomeKind::Failed) } else { (0, OutcomeKind::Done) };
            let exited = exited(ExitStatus::Code(code), random);
            (Next::Finish(outcome, ReasonKind::Exit), Actor::worker(), exited.into())
        }
        Next::EndStopped => (Next::Stop, Actor::worker(), exited(ExitStatus::Signal(15), random).into()),
        Next::Stop => (Next::Over, Actor::supervisor(), Stopped { text: "stopped by request".into() }.into()),
        Next::Finish(outcome, reason) => {
            let text = "exited with 0".into();
            (Next::Over, Actor::supervisor(), Finished { outcome, reason, text }.into())
        }
        Next::Over if one_in(2) => (Next::Respawn, user(), Seen {}.into()),
        Next::Over | Next::Respawn => (Next::Intend, user(), Respawned {}.into()),
    };
    life.next = next;
    (actor, event)
}

fn dispatched(number: usize) -> Dispatched {
    let command = COMMANDS[number % COMMANDS.len()];
    let word = command.split(' ').next().unwrap_or(command).trim_start_matches("./scripts/");
    let repo = format!("/home/maintainer/src/project-{}", number % 40);
    Dispatched {
        name: format!("{word}-{number}"),
        work: Work::Job {
            command: JobCommand::Shell(command.into()),
            output: if number.is_multiple_of(9) { OutputMode::Pipes } else { OutputMode::Pty },
        },
        cwd: repo.as_str().into(),
        place: Some(Place {
            repo: repo.as_str().into(),
            branch: Some("main".into()),
            base_commit: Some(format!("{number:040x}")),
        }),
        environment: VARIABLES.map(Into::into).to_vec(),
        group: number.is_multiple_of(4).then(|| format!("group-{}", number % 12)),
        pinned: number.is_multiple_of(10),
        parent: None,
        key: number.is_multiple_of(6).then(|| format!("build-{number:07x}")),
        timeout_ms: number.is_multiple_of(5).then_some(7_200_000),
        after: Vec::new(),
        after_any: false,
        priority: 0,
    }
}

fn exited(status: ExitStatus, random: u64) -> Exited {
    Exited {
        status,
        output_end: random % 1_000_000,
        output_dropped: 0,
        last_line: Some(LAST_LINES[(random >> 20) as usize % LAST_LINES.len()].into()),
        worker_told_to_end: false,
        stop_reached: false,
        started_at: None,
    }
}

fn supervisor_started() -> Event {
    let boot_id = "5b1d7c1e-6a0e-4f57-9d2c-0f5f3f0c7a11".into();
    SupervisorStarted { version: "0.1.0".into(), boot_id, pid: 812, epoch: 1, watched_until: None }.into()
}

/// A record as a supervisor hands it to the log.
pub fn entry(record: &Record) -> Entry {
    let encoded = codec::encode(record);
    Entry {
        at_ms: record.at.0,
        kind: encoded.kind,
        schema: encoded.schema,
        stream: record.session.map_or([0; 16], |session| session.0),
        payload: encoded.payload,
    }
}

/// A record as the engine knows it.
pub fn record(stored: &Stored) -> Record {
    let entry = &stored.entry;
    let session = (entry.stream != [0; 16]).then_some(SessionId(entry.stream));
    codec::decode(stored.seq, Time(entry.at_ms), session, entry.kind, entry.schema, &entry.payload)
        .expect("it was encoded here")
}

/// The next number of a SplitMix64 sequence.
fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use decklog_engine::evolve::replay;
    use decklog_engine::session::State;

    use super::*;

    #[test]
    fn the_lives_are_always_the_same_and_believable() {
        let records: Vec<Record> = Lives::of(50).take(5_000).collect();
        assert_eq!(records, Lives::of(50).take(5_000).collect::<Vec<_>>());
        let roster = replay(&records);
        assert!(roster.is_consistent());
        assert_eq!(roster.len(), 50);
        for state in [State::Working, State::Done, State::Failed, State::Stopped] {
            assert!(roster.all().any(|session| session.state() == state), "none is {state:?}");
        }
        // Every run that was intended was also followed: nothing is folded as noise.
        assert!(roster.all().all(|session| session.run.as_ref().is_some_and(|run| run.number > 5)));
    }
}
