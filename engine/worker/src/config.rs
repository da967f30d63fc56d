//! What a worker is told before it starts its job.
//!
//! Additive: unknown keys are ignored, and every later key has a default, because an old worker must
//! understand a newer supervisor and the reverse.

use serde::{Deserialize, Serialize};

use crate::{Exempt, Raw};

/// Everything a worker needs to know about its run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The session's full id.
    pub session: String,
    /// Which run of the session this is; its folder is `<job dir>/<run>`.
    pub run: u64,
    /// Program and arguments; the program is searched in the `PATH` of `env` unless it has a slash.
    pub argv: Vec<Raw>,
    /// Where the job starts.
    pub cwd: Raw,
    /// The job's whole environment; the worker adds its own few variables and nothing of its surroundings.
    pub env: Vec<(Raw, Raw)>,
    /// How the job's output (and input) is connected.
    #[serde(default)]
    pub output: OutputMode,
    /// Width of the terminal.
    #[serde(default = "default_columns")]
    pub columns: u16,
    /// Height of the terminal.
    #[serde(default = "default_rows")]
    pub rows: u16,
    /// How much output is kept: the first half and the last part. At least 256 KiB are kept.
    #[serde(default = "default_output_bytes_max")]
    pub output_bytes_max: u64,
    /// How long the worker stays after the end while nobody is connected and nobody has said that the exit is
    /// recorded. Short by default: the exit file makes leaving safe, and a supervisor that starts later finds
    /// the session's lock free and reads that file.
    #[serde(default = "default_linger_ms")]
    pub linger_ms: u64,
    /// The job's file mode mask; `None` leaves the one that the worker was started with.
    #[serde(default)]
    pub umask: Option<u32>,
    /// The job's soft limit of open files, if the supervisor has raised its own.
    #[serde(default)]
    pub open_files_soft: Option<u64>,
    /// What a sweep of this run must leave alone.
    #[serde(default)]
    pub exempt: Exempt,
}

impl Config {
    /// A config with every default: a job on a PTY of 80x24.
    pub fn new(session: impl Into<String>, run: u64, argv: Vec<Raw>, cwd: Raw) -> Self {
        Self {
            session: session.into(),
            run,
            argv,
            cwd,
            env: Vec::new(),
            output: OutputMode::default(),
            columns: default_columns(),
            rows: default_rows(),
            output_bytes_max: default_output_bytes_max(),
            linger_ms: default_linger_ms(),
            umask: None,
            open_files_soft: None,
            exempt: Exempt::default(),
        }
    }
}

/// How a job is connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputMode {
    /// Output on a PTY without translation, input from `/dev/null`, no controlling terminal: coloured and
    /// line-buffered as a person would see it, and nothing waits for a key.
    #[default]
    Pty,
    /// A full terminal: the job can read keys and be resized.
    Tty,
    /// Pipes: the fastest, and byte-exact, but block-buffered by most programs.
    Pipes,
}

fn default_columns() -> u16 {
    80
}

fn default_rows() -> u16 {
    24
}

fn default_output_bytes_max() -> u64 {
    256 << 20
}

fn default_linger_ms() -> u64 {
    30_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_ignored_and_missing_ones_have_defaults() {
        let json =
            r#"{"session":"ab","run":1,"argv":["true"],"cwd":"/","env":[["K",{"hex":"ff"}]],"new":{}}"#;
        let mut expected = Config::new("ab", 1, vec!["true".into()], "/".into());
        expected.env.push(("K".into(), Raw(vec![255])));
        assert_eq!(serde_json::from_str::<Config>(json).unwrap(), expected);
    }
}
