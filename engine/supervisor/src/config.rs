//! `config.toml`: read into values that cannot be wrong, or refused with file, line and key.
//!
//! A file that is refused changes nothing: the values that were in force stay, and every verb warns.

use std::fmt::Display;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use decklog_engine::policy::Policy;
use decklog_engine::raw::Raw;
use decklog_protocol::moment::parse_duration_ms;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// What a session gets of the environment of the shell that dispatched it. A name may end in `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EnvironmentRules {
    deny: Vec<String>,
    clean: bool,
    pass: Vec<String>,
}

/// What `clean = true` lets through, besides `pass`.
const CLEAN: [&str; 6] = ["PATH", "HOME", "LANG", "LC_*", "TERM", "TMPDIR"];

impl EnvironmentRules {
    /// Whether a session gets this variable.
    pub(crate) fn lets_through(&self, name: &Raw) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, &name.0));
        let clean = || CLEAN.iter().any(|pattern| matches(pattern, &name.0));
        !any(&self.deny) && (!self.clean || clean() || any(&self.pass))
    }
}

fn matches(pattern: &str, name: &[u8]) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix.as_bytes()),
        None => name == pattern.as_bytes(),
    }
}

/// The values of the file, over the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) policy: Policy,
    pub(crate) environment: EnvironmentRules,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    timers: Timers,
    limits: Limits,
    retention: Retention,
    environment: EnvironmentRules,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Timers {
    finished_job: Option<Duration>,
    idle_process: Option<Duration>,
    empty_row: Option<Duration>,
    finished_conversation: Option<Duration>,
    stop_grace: Option<Duration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Limits {
    live_jobs: Option<u32>,
    live_conversations: Option<u32>,
    output_bytes: Option<Size>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Retention {
    output: Option<Duration>,
}

/// Milliseconds, written `90s`, `5m`, `1h`.
#[derive(Debug, Clone, Copy)]
struct Duration(u64);

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let ms = parse_duration_ms(&text);
        ms.map(Self).ok_or_else(|| {
            D::Error::custom(format!("`{text}` is no duration: write \"90s\", \"5m\" or \"1h\""))
        })
    }
}

/// Bytes, written `64MiB`.
#[derive(Debug, Clone, Copy)]
struct Size(u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = parse_size(&text);
        bytes.map(Self).ok_or_else(|| {
            D::Error::custom(format!("`{text}` is no size: write \"512KiB\", \"64MiB\" or \"1GiB\""))
        })
    }
}

fn parse_size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let shift = match text[digits..].trim() {
        "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// Reads a configuration's text. An error names the line and what is wrong there.
fn parse(text: &str) -> Result<Config, String> {
    let file: File = toml::from_str(text).map_err(|error| {
        let line =
            error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let key = text.lines().nth(line - 1).and_then(|line| line.split_once('=')).map(|(key, _)| key.trim());
        let key = key.map(|key| format!("{key}: ")).unwrap_or_default();
        format!("line {line}: {key}{}", error.message())
    })?;
    let mut policy = Policy::default();
    let set =
        |value: &mut u64, duration: Option<Duration>| *value = duration.map_or(*value, |duration| duration.0);
    set(&mut policy.finished_job_ms, file.timers.finished_job);
    set(&mut policy.idle_process_ms, file.timers.idle_process);
    set(&mut policy.empty_row_ms, file.timers.empty_row);
    set(&mut policy.finished_conversation_ms, file.timers.finished_conversation);
    set(&mut policy.stop_grace_ms, file.timers.stop_grace);
    set(&mut policy.output_retention_ms, file.retention.output);
    policy.live_conversations = file.limits.live_conversations.unwrap_or(policy.live_conversations);
    policy.live_jobs = file.limits.live_jobs.unwrap_or(policy.live_jobs);
    policy.output_bytes_max = file.limits.output_bytes.map_or(policy.output_bytes_max, |size| size.0);
    Ok(Config { policy, environment: file.environment })
}

/// Whether the file is a configuration; the error names the line, the key and what is wrong. One that is not there is.
pub fn check(path: &Path) -> Result<(), String> {
    let text = read(path).map_err(|error| error.to_string())?;
    parse(&text).map(drop)
}

/// The text of the file; empty if there is none.
fn read(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => other,
    }
}

/// The file, as it was when it was last looked at.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    /// Whether the file is there, its inode, size and times: a change of it is a change of these.
    stamp: Option<(u64, u64, i64, i64)>,
    in_force: Config,
    /// Why the file's values are not those in force.
    problem: Option<String>,
}

impl ConfigFile {
    /// Reads the file. If it is refused, `before` stays in force: the policy of the supervisor before this one.
    pub(crate) fn open(path: PathBuf, before: Policy) -> Self {
        let in_force = Config { policy: before, environment: EnvironmentRules::default() };
        let file = Self { seen: Mutex::new(Seen { stamp: None, in_force, problem: None }), path };
        file.read(&mut file.lock(), stamp(&file.path));
        file
    }

    /// The values in force, after looking whether the file has changed; and why they are not the file's.
    pub(crate) fn look(&self) -> (Config, Option<String>) {
        let mut seen = self.lock();
        let stamp = stamp(&self.path);
        if stamp != seen.stamp {
            self.read(&mut seen, stamp);
        }
        (seen.in_force.clone(), seen.problem.clone())
    }

    fn read(&self, seen: &mut Seen, stamp: Option<(u64, u64, i64, i64)>) {
        seen.stamp = stamp;
        let refused = |what: &dyn Display| {
            Some(format!("{}: {what}; the values before it stay in force", self.path.display()))
        };
        seen.problem = match read(&self.path) {
            Err(error) => refused(&error),
            Ok(text) => match parse(&text) {
                Err(what) => refused(&what),
                Ok(config) => {
                    seen.in_force = config;
                    None
                }
            },
        };
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nobody panics while holding it")
    }
}

fn stamp(path: &Path) -> Option<(u64, u64, i64, i64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.ino(), metadata.size(), metadata.mtime(), metadata.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_over_the_defaults() {
        let text = "[timers]\nfinished_job = \"90s\"\n[limits]\nlive_jobs = 2\nlive_conversations = 3\n\
                    output_bytes = \"64MiB\"\n[retention]\noutput = \"7d\"\n";
        let expected = Policy {
            finished_job_ms: 90_000,
            live_jobs: 2,
            live_conversations: 3,
            output_bytes_max: 64 << 20,
            output_retention_ms: 7 * 86_400_000,
            ..Policy::default()
        };
        assert_eq!(parse(text).unwrap().policy, expected);
        assert_eq!(parse("").unwrap(), Config::default());
    }

    #[test]
    fn what_is_wrong_is_named_with_line_and_key() {
        let said = |text| parse(text).unwrap_err();
        assert!(
            said("[timers]\n\nfinished_job = \"soon\"\n")
                .starts_with("line 3: finished_job: `soon` is no duration")
        );
        assert!(
            said("[timers]\nfinished_jobs = \"5m\"\n")
                .contains("line 2: finished_jobs: unknown field `finished_jobs`")
        );
        assert!(said("[timer]\n").contains("unknown field `timer`"));
        assert!(said("[limits]\nlive_jobs = -1\n").starts_with("line 2: live_jobs: "));
        assert!(said("[limits]\noutput_bytes = \"64 parsecs\"\n").contains("is no size"));
        assert!(said("[limits\n").starts_with("line 1: "));
    }

    #[test]
    fn the_environment_is_filtered_by_name() {
        let rules = |text| parse(text).unwrap().environment;
        let through = |rules: &EnvironmentRules, name: &str| rules.lets_through(&name.into());
        let deny = rules("[environment]\ndeny = [\"AWS_*\", \"TOKEN\"]\n");
        assert!(through(&deny, "PATH") && through(&deny, "TOKENS"));
        assert!(!through(&deny, "AWS_KEY") && !through(&deny, "TOKEN"));
        let clean = rules("[environment]\nclean = true\npass = [\"CARGO_*\"]\n");
        assert!(through(&clean, "PATH") && through(&clean, "LC_ALL") && through(&clean, "CARGO_HOME"));
        assert!(!through(&clean, "EDITOR"));
    }

    #[test]
    fn a_file_that_is_refused_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let before = Policy { live_jobs: 7, ..Policy::default() };
        fs::write(&path, "nonsense").unwrap();
        let file = ConfigFile::open(path.clone(), before.clone());
        let (config, problem) = file.look();
        assert_eq!(config.policy, before);
        assert!(problem.unwrap().contains("config.toml: line 1"));

        fs::write(&path, "[limits]\nlive_jobs = 3\n").unwrap();
        let (config, problem) = file.look();
        assert_eq!((config.policy.live_jobs, problem), (3, None));
        fs::write(&path, "[limits]\nlive_job = 4\n").unwrap();
        let (config, problem) = file.look();
        assert_eq!(config.policy.live_jobs, 3);
        assert!(problem.is_some());
        fs::remove_file(&path).unwrap();
        assert_eq!(file.look(), (Config::default(), None));
    }
}
