//! Rows and events as the contract writes them in JSON. Keys are only ever added; what is not known is null.

use decklog_engine::actor::{Actor, Cause};
use decklog_engine::event::{Event, ExitStatus, Record, SessionKind, Work};
use decklog_engine::session::{Process, Session, State, Turn};
use decklog_engine::time::Time;
use serde::{Deserialize, Serialize};

use crate::moment;

/// A summary has at most this many characters.
pub const SUMMARY_CHARACTERS_MAX: usize = 200;

/// One session, as `ls` and `show` say it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the keys are the contract's, explained where the command line is documented")]
pub struct Row {
    pub id: String,
    pub name: String,
    pub kind: String,
    pub origin: String,
    pub agent: Option<String>,
    pub state: String,
    pub reason: Option<Reason>,
    pub process: String,
    pub turn: String,
    pub wake: Option<WakeRow>,
    pub review: Option<String>,
    pub seen: bool,
    pub pinned: bool,
    pub left: Option<LeftRow>,
    pub cwd: String,
    pub repo: Option<String>,
    pub branch: Option<String>,
    pub worktree: Option<String>,
    pub base_commit: Option<String>,
    pub prompt: Option<String>,
    pub command: Option<String>,
    pub summary: Option<String>,
    pub waiting_for: Option<AskRow>,
    pub open_asks: u64,
    pub created_at: String,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub updated_at: String,
    pub age_seconds: u64,
    pub exit_code: Option<i32>,
    pub signal: Option<i32>,
    pub pid: Option<u32>,
    pub worker_pid: Option<u32>,
    pub runs: u32,
    pub group: Option<String>,
    pub parent: Option<String>,
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    #[serde(default)]
    pub priority: i32,
    #[serde(default)]
    pub key: Option<String>,
    pub after: Vec<String>,
    pub pull_requests: Vec<String>,
    pub input_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    pub cache_read_tokens: Option<u64>,
    pub cost: Option<f64>,
    pub currency: Option<String>,
    pub cost_source: Option<String>,
    pub files_changed: Option<u64>,
    pub lines_added: Option<u64>,
    pub lines_removed: Option<u64>,
    pub permission_mode: Option<PermissionMode>,
    pub last_seq: u64,
    /// How many bytes the latest run printed; null while it runs.
    pub output_bytes: Option<u64>,
    /// How many of them were not kept.
    pub output_dropped_bytes: Option<u64>,
}

/// Why an outcome is what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the contract's keys")]
pub struct Reason {
    pub kind: String,
    pub text: String,
    pub by: String,
    pub seq: u64,
}

/// What a queued session waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the contract's keys")]
pub struct WakeRow {
    pub kind: String,
    pub until: Option<String>,
    pub ids: Vec<String>,
}

/// How a row left the roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the contract's keys")]
pub struct LeftRow {
    pub at: String,
    pub by: String,
    pub why: String,
}

/// What a blocked session waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the contract's keys")]
pub struct AskRow {
    pub ask_id: String,
    pub kind: String,
    pub text: String,
    pub tool: Option<String>,
    pub options: Vec<String>,
    pub since: String,
}

/// The permission mode asked for, and the one in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the contract's keys")]
pub struct PermissionMode {
    pub requested: Option<String>,
    pub effective: Option<String>,
}

impl Row {
    /// The row of a session at a moment. `watched` is false in a gap between two supervisors, where what was alive
    /// may have ended. The summary of what still runs is for the caller to add: it is in the output, not in the log.
    pub fn of(session: &Session, now: Time, watched: bool) -> Self {
        let dispatched = &session.dispatched;
        let run = session.run.as_ref();
        let live = session.is_live();
        let state = if watched { session.state() } else { session.state_unwatched() };
        let status = run.filter(|_| !live).and_then(|run| run.status);
        let (agent, prompt, command) = match &dispatched.work {
            Work::Job { command, .. } => (None, None, Some(command.text())),
            Work::Conversation { agent, prompt } => (Some(agent.clone()), prompt.clone(), None),
        };
        Self {
            id: session.id.to_string(),
            name: session.name.clone(),
            kind: session.kind().word().into(),
            origin: "hosted".into(),
            agent,
            state: state.word().into(),
            reason: reason(session, state),
            process: session.process.word().into(),
            turn: turn(session, watched).word().into(),
            wake: session.wake.as_ref().map(|wake| WakeRow {
                kind: wake.kind.word().into(),
                until: wake.until.map(moment::rfc3339),
                ids: wake.ids.iter().map(ToString::to_string).collect(),
            }),
            review: None,
            seen: session.seen,
            pinned: session.pinned,
            left: session.left.as_ref().map(|left| LeftRow {
                at: moment::rfc3339(left.stamp.at),
                by: left.by.clone(),
                why: left.why.word().into(),
            }),
            cwd: dispatched.cwd.text().into_owned(),
            repo: dispatched.place.as_ref().map(|place| place.repo.text().into_owned()),
            branch: dispatched.place.as_ref().and_then(|place| place.branch.clone()),
            worktree: None,
            base_commit: dispatched.place.as_ref().and_then(|place| place.base_commit.clone()),
            prompt,
            command,
            summary: summary(session),
            waiting_for: session.asks.first().map(|ask| AskRow {
                ask_id: ask.id.to_string(),
                kind: ask.kind.word().into(),
                text: ask.text.clone(),
                tool: ask.tool.clone(),
                options: ask.options.clone(),
                since: moment::rfc3339(ask.since.at),
            }),
            open_asks: session.asks.len() as u64,
            created_at: moment::rfc3339(session.created.at),
            started_at: run.and_then(|run| run.started_at).map(moment::rfc3339),
            finished_at: session.finished_at().map(moment::rfc3339),
            updated_at: moment::rfc3339(session.updated.at),
            age_seconds: now.since(session.created.at) / 1000,
            exit_code: status.and_then(|status| match status {
                ExitStatus::Code(code) => Some(code),
                ExitStatus::Signal(_) => None,
            }),
            signal: status.and_then(|status| match status {
                ExitStatus::Signal(signal) => Some(signal),
                ExitStatus::Code(_) => None,
            }),
            pid: run.filter(|_| live).and_then(|run| run.process).map(|process| process.pid),
            worker_pid: run.filter(|_| live).and_then(|run| run.worker).map(|worker| worker.pid),
            runs: run.map_or(0, |run| run.number),
            group: session.group.clone(),
            parent: dispatched.parent.map(|parent| parent.to_string()),
            timeout_ms: dispatched.timeout_ms,
            priority: dispatched.priority,
            key: dispatched.key.clone(),
            after: dispatched.after.iter().map(ToString::to_string).collect(),
            pull_requests: Vec::new(),
            input_tokens: None,
            output_tokens: None,
            cache_read_tokens: None,
            cost: None,
            currency: None,
            cost_source: None,
            files_changed: None,
            lines_added: None,
            lines_removed: None,
            permission_mode: None,
            last_seq: session.updated.seq,
            output_bytes: run.and_then(|run| run.output_end),
            output_dropped_bytes: run.filter(|run| run.output_end.is_some()).map(|run| run.output_dropped),
        }
    }
}

fn reason(session: &Session, state: State) -> Option<Reason> {
    let outcome = session.outcome.as_ref().filter(|_| state.is_finished())?;
    Some(Reason {
        kind: outcome.reason.word().into(),
        text: outcome.text.clone(),
        by: outcome.by.clone(),
        seq: outcome.stamp.seq,
    })
}

fn turn(session: &Session, watched: bool) -> Turn {
    match (session.is_live(), watched, session.kind()) {
        (true, false, _) => Turn::Unknown,
        (true, true, SessionKind::Job) => Turn::Running,
        _ => session.turn,
    }
}

/// What the log itself knows: the open ask, or the last line of what has ended.
fn summary(session: &Session) -> Option<String> {
    let text = match session.asks.first() {
        Some(ask) => Some(ask.text.clone()),
        None if session.process == Process::None => {
            session.outcome.as_ref().map(|outcome| outcome.text.clone())
        }
        None => session.run.as_ref().and_then(|run| run.last_line.clone()),
    };
    text.map(|text| text.chars().take(SUMMARY_CHARACTERS_MAX).collect())
}

/// One record, as `history` says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventRow {
    /// Its place in the log.
    pub seq: u64,
    /// When it was entered (RFC 3339).
    pub at: String,
    /// When it was true, if that is another time.
    pub happened_at: Option<String>,
    /// Which session it is of.
    pub session: Option<String>,
    /// Which run.
    pub run: Option<u32>,
    /// Its kind, in PascalCase.
    pub kind: String,
    /// Who caused it.
    pub actor: Actor,
    /// What led to it: `{"seq": n}` or `{"request": n}`; null where the log does not know.
    pub cause: Option<Cause>,
    /// The head of the chain after the commit that it is in, in hex.
    pub hash: String,
    /// Its body.
    pub data: serde_json::Value,
}

impl EventRow {
    /// The row of a record, with its commit's chain head.
    pub fn of(record: &Record, hash: &[u8; 32]) -> Self {
        Self {
            seq: record.seq,
            at: moment::rfc3339(record.at),
            happened_at: record.happened_at.map(moment::rfc3339),
            session: record.session.map(|session| session.to_string()),
            run: record.run,
            kind: record.event.kind().name().into(),
            actor: record.actor.clone(),
            cause: Some(record.cause).filter(|cause| *cause != Cause::Unknown),
            hash: hex(hash),
            data: serde_json::to_value(&record.event).expect("events have string keys"),
        }
    }

    /// The fact itself; `None` if it comes from a newer version.
    pub fn event(&self) -> Option<Event> {
        let kind = decklog_engine::event::EventKind::ALL.iter().find(|kind| kind.name() == self.kind)?;
        Event::from_data(*kind, self.data.clone()).ok()
    }
}

/// Lower-case hex digits of bytes.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
