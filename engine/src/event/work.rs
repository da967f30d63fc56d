//! What a session is asked to do, and where: the body of `Dispatched` and its parts.

use alloc::string::String;
use alloc::vec::Vec;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::id::SessionId;
use crate::raw::Raw;
use crate::words::words;

words! {
    /// What a session is.
    SessionKind {
        /// A conversation with an agent.
        Conversation = "conversation",
        /// A shell command.
        Job = "job",
    }
}

words! {
    /// Where a job's output goes on its way to the files.
    OutputMode {
        /// One PTY without output translation; nothing to read, no controlling terminal.
        Pty = "pty",
        /// Two pipes; nothing to read.
        Pipes = "pipes",
        /// A full terminal: it can be typed into, resized and attached to.
        Tty = "tty",
    }
}

/// What a job runs.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum JobCommand {
    /// A line for `sh -c`.
    Shell(Raw),
    /// A program and its arguments.
    Program(Vec<Raw>),
}

impl JobCommand {
    /// One line for people: the shell line, or the arguments separated by spaces and quoted where they need it.
    pub fn text(&self) -> String {
        match self {
            Self::Shell(line) => line.text().into_owned(),
            Self::Program(arguments) => {
                let quoted: Vec<String> = arguments.iter().map(|argument| quote(&argument.text())).collect();
                quoted.join(" ")
            }
        }
    }
}

fn quote(argument: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%^".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.into()
    } else {
        alloc::format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

/// What a session was dispatched to do.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Work {
    /// Run a command.
    #[serde(rename_all = "camelCase")]
    Job {
        /// The command.
        command: JobCommand,
        /// Where its output goes.
        output: OutputMode,
    },
    /// Talk with an agent.
    #[serde(rename_all = "camelCase")]
    Conversation {
        /// The agent's profile.
        agent: String,
        /// The first prompt, if there was one.
        prompt: Option<String>,
    },
}

impl Work {
    /// Job or conversation.
    pub fn kind(&self) -> SessionKind {
        match self {
            Self::Job { .. } => SessionKind::Job,
            Self::Conversation { .. } => SessionKind::Conversation,
        }
    }
}

/// Where in a git repository a session was dispatched.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The work tree's top folder (of a bare repository: its own folder).
    pub repo: Raw,
    /// The branch; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// The commit of HEAD, in hex; `None` when there is none yet.
    pub base_commit: Option<String>,
}

/// A session was asked for. Everything that a run of it needs, except values of its environment, which never enter
/// the log.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dispatched {
    /// Its name on the roster.
    pub name: String,
    /// What it is to do.
    pub work: Work,
    /// The working directory.
    pub cwd: Raw,
    /// The git repository it is in.
    pub place: Option<Place>,
    /// The names of its environment's variables.
    pub environment: Vec<Raw>,
    /// The group it is in.
    pub group: Option<String>,
    /// Whether no timer takes it.
    pub pinned: bool,
    /// The session that dispatched it.
    pub parent: Option<SessionId>,
    /// The key that makes dispatching it twice harmless.
    pub key: Option<String>,
    /// Its process is stopped after this many waking milliseconds.
    pub timeout_ms: Option<u64>,
    /// It starts once these have finished.
    pub after: Vec<SessionId>,
    /// However they finish; else one that fails or is stopped fails this one.
    pub after_any: bool,
    /// Of those that wait for a slot the highest goes first, the oldest among equals.
    pub priority: i32,
}
