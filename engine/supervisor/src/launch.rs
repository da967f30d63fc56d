//! From a dispatch to a worker's config: the session's folder, its environment's file, what is run.

use std::io;
use std::path::Path;

use decklog_engine::dispatcher::Launch;
use decklog_engine::event::{JobCommand, OutputMode, Work};
use decklog_engine::id::{RunKey, SessionId};
use decklog_engine::raw::Raw;
use decklog_protocol::home::Home;
use decklog_worker::layout::{JobDir, RunDir};
use decklog_worker::{Config, Exempt};

use crate::files;

/// How long a worker stays after the end of its job while nobody is connected. Its exit file makes leaving safe.
const LINGER_MS: u64 = 30_000;

/// An id for a session that is to be: random.
pub(crate) fn new_id() -> Result<SessionId, getrandom::Error> {
    let mut id = [0; 16];
    getrandom::fill(&mut id)?;
    Ok(SessionId(id))
}

/// The folder of a session.
pub(crate) fn job_dir(home: &Home, session: SessionId) -> JobDir {
    JobDir::new(home.job(&session.to_string()))
}

/// The folder of a run.
pub(crate) fn run_dir(home: &Home, run: RunKey) -> RunDir {
    job_dir(home, run.session).run(u64::from(run.run))
}

/// The environment of a session, as its dispatching shell had it, and that shell's file mode mask. Values never enter
/// the log; they are kept here, 0600, for as long as the session's folder is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Surroundings {
    pub(crate) environment: Vec<(Raw, Raw)>,
    pub(crate) umask: Option<u32>,
}

const NAME: &str = "environment";

/// Makes the session's folder and keeps its surroundings there.
pub(crate) fn keep(job_dir: &JobDir, surroundings: &Surroundings) -> io::Result<()> {
    job_dir.create()?;
    let stored = (&surroundings.environment, surroundings.umask);
    let bytes = serde_json::to_vec(&stored).expect("pairs of byte strings are JSON");
    files::write_private(&job_dir.path().join(NAME), &bytes)
}

/// Whether surroundings are kept in the folder of a session.
pub(crate) fn has_surroundings(folder: &Path) -> bool {
    folder.join(NAME).exists()
}

fn kept(job_dir: &JobDir) -> io::Result<Surroundings> {
    let bytes = std::fs::read(job_dir.path().join(NAME))?;
    let (environment, umask) = serde_json::from_slice(&bytes)?;
    Ok(Surroundings { environment, umask })
}

/// What is the same for every run of this instance.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) home: Home,
    /// The soft limit of open files that jobs get.
    pub(crate) open_files_soft: Option<u64>,
}

impl Instance {
    /// What a sweep leaves alone: this supervisor and its workers.
    pub(crate) fn exempt(&self) -> Exempt {
        let raw = |path: &Path| Some(decklog_worker::Raw::from(path.to_owned()));
        Exempt { jobs_root: raw(&self.home.jobs()), supervisor_lock: raw(&self.home.log().join("lock")) }
    }

    /// What a worker is told. `surroundings`, where they are at hand; else they are read from the session's folder, which
    /// blocks. An error says in words why the run cannot be started.
    pub(crate) fn config(
        &self,
        launch: &Launch,
        surroundings: Option<Surroundings>,
    ) -> Result<Config, String> {
        let dispatched = &launch.session.dispatched;
        let Work::Job { command, output } = &dispatched.work else {
            return Err("this version hosts no conversations".into());
        };
        let surroundings = if let Some(surroundings) = surroundings {
            surroundings
        } else {
            let job_dir = job_dir(&self.home, launch.run.session);
            let gone = |error| format!("its environment in {} is gone: {error}", job_dir.path().display());
            kept(&job_dir).map_err(gone)?
        };
        let text = |raw: &Raw| decklog_worker::Raw(raw.0.clone());
        let argv = match command {
            JobCommand::Shell(line) => vec!["/bin/sh".into(), "-c".into(), text(line)],
            JobCommand::Program(arguments) => arguments.iter().map(text).collect(),
        };
        let session = launch.run.session.to_string();
        let mut config = Config::new(session, u64::from(launch.run.run), argv, text(&dispatched.cwd));
        config.env = surroundings.environment.iter().map(|(name, value)| (text(name), text(value))).collect();
        config.umask = surroundings.umask;
        config.output = match output {
            OutputMode::Pty => decklog_worker::OutputMode::Pty,
            OutputMode::Pipes => decklog_worker::OutputMode::Pipes,
            OutputMode::Tty => decklog_worker::OutputMode::Tty,
        };
        config.output_bytes_max = launch.output_bytes_max;
        config.linger_ms = LINGER_MS;
        config.open_files_soft = self.open_files_soft;
        config.exempt = self.exempt();
        Ok(config)
    }
}
