//! The life of a supervisor: lock, log, roster, socket, loop, end.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use decklog_engine::dispatcher::{Boot, Dispatcher, Input, ShutdownMode};
use decklog_engine::policy::Policy;
use decklog_protocol::home::Home;
use decklog_protocol::message::Verified;
use decklog_storage::commit_thread::{CommitThread, Progress};
use decklog_storage::snapshots::Snapshots;
use decklog_storage::{Damage, Lock, LockError, Log as _, OpenError, Options, SledLog};
use nix::unistd;
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::config::ConfigFile;
use crate::core::{Core, Ended, ToCore, ToCoreHandle};
use crate::heartbeat::{self, Heartbeat};
use crate::hosting::Hosting;
use crate::journal::Journal;
use crate::launch::Instance;
use crate::serve::{Server, verify};
use crate::socket::{self, Bound};
use crate::store::{Recovered, Store, StoreError};
use crate::{clock, files, leftovers, limits, peer, tasks};

/// This version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// So many batches may wait for the commit thread before the core keeps them itself.
const QUEUE_BATCHES: usize = 1024;
/// So many of the records that a snapshot stands for are checked before anything is served (about a tenth of a second);
/// if there are more, the rest is checked while serving.
const CHECKED_FIRST: u64 = 100_000;
/// Threads for what blocks.
const BLOCKING_THREADS: usize = 16;

/// Why a supervisor could not start, or had to end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Another one has the instance.
    #[error("a supervisor runs already: {by}")]
    AlreadyRuns {
        /// What it said of itself.
        by: String,
    },
    /// The log is not what was written.
    #[error("{what}")]
    Damaged {
        /// What is wrong, and where.
        what: String,
        /// What is not.
        intact: String,
    },
    /// A folder, file or socket is not to be had.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A folder that others can write to is no place for a socket.
    #[error("{0}")]
    NotPrivate(String),
    /// The log could not be opened or written.
    #[error("{0}")]
    Log(String),
}

impl RunError {
    /// What to do.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::AlreadyRuns { .. } => vec!["decklog daemon status shows it".into()],
            Self::Damaged { intact, .. } => vec![
                intact.clone(),
                "decklog verify says it again, record by record, and changes nothing".into(),
                "restore the log folder from a copy, or move log and jobs aside to begin a new log".into(),
            ],
            Self::NotPrivate(_) => {
                vec!["chmod go-w takes that away".into(), "DECKLOG_HOME=DIR puts everything elsewhere".into()]
            }
            Self::Io { .. } => vec!["DECKLOG_HOME=DIR puts everything elsewhere".into()],
            Self::Log(_) => vec!["decklog daemon logs may say more".into()],
        }
    }

    /// Whether it is the log that is damaged.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }
}

/// Runs a supervisor until it is told to end. `detached`: started by a client, which reads `ready` (or `already`) on
/// standard output; then the standard streams are let go.
pub fn run(home: Home, detached: bool) -> Result<(), RunError> {
    if detached {
        // What the client's shell had open (a lock, a pipe that somebody reads to its end) is not held on to.
        decklog_worker::close_all_but_standard();
        // A session of its own: nothing that happens to the client's terminal happens to it.
        let _ = unistd::setsid();
        nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    }
    let opened = match Opened::open(&home) {
        Err(RunError::AlreadyRuns { .. }) if detached => {
            say("already");
            return Ok(());
        }
        opened => opened?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(|source| RunError::Io { what: "cannot start".into(), source })?;
    runtime.block_on(opened.serve(home, detached))
}

/// Checks a log that no supervisor can be started on.
pub fn verify_offline(home: &Home, expect: Option<&str>) -> Result<Verified, RunError> {
    match open_log(home) {
        Ok((log, _)) => {
            let snapshots = open_snapshots(home)?;
            let store = Store { reader: log.reader(), snapshots };
            Ok(verify::check(&store, None, expect, &mut |_| ()))
        }
        Err(OpenFailed::Damaged(damage)) => Ok(verify::of_damage(&damage)),
        Err(OpenFailed::Other(error)) => Err(error),
    }
}

/// The log and the roster, ready to be served.
struct Opened {
    log: SledLog,
    store: Store,
    roster: decklog_engine::roster::Roster,
    /// The records from 1 to here have yet to be checked.
    unchecked_seq: u64,
    heartbeat: Heartbeat,
    journal: Journal,
    listener: std::os::unix::net::UnixListener,
    bound: Bound,
}

enum OpenFailed {
    Damaged(Damage),
    Other(RunError),
}

impl From<OpenFailed> for RunError {
    fn from(failed: OpenFailed) -> Self {
        match failed {
            OpenFailed::Damaged(damage) => damaged(&damage),
            OpenFailed::Other(error) => error,
        }
    }
}

impl Opened {
    fn open(home: &Home) -> Result<Self, RunError> {
        for folder in [&home.state, &home.jobs(), &home.run] {
            let what = || format!("cannot make the folder {}", folder.display());
            files::make_folder(folder).map_err(|source| RunError::Io { what: what(), source })?;
        }
        for (folder, others) in [(&home.state, 0o002), (&home.run, 0o022)] {
            if let Ok(Some(text)) = files::not_private(folder, others) {
                return Err(RunError::NotPrivate(text));
            }
        }
        let (log, lock_text) = open_log(home)?;
        let journal = Journal::open(&home.supervisor_log());
        journal.note(format!("decklog {VERSION} starts: {lock_text}"));
        for note in log.notes() {
            journal.note(format!("opening the log: {note:?}"));
        }
        let store = Store { reader: log.reader(), snapshots: open_snapshots(home)? };
        let Recovered { roster, snapshot_seq, notes } = store.recover().map_err(unreadable)?;
        for note in notes {
            journal.note(note);
        }
        let unchecked_seq = snapshot_seq.saturating_sub(CHECKED_FIRST);
        store.check(unchecked_seq + 1, snapshot_seq).map_err(unreadable)?;
        let socket = home.socket();
        let (listener, bound) = socket::bind(&socket).map_err(|source| RunError::Io {
            what: format!("cannot listen on {}", socket.display()),
            source,
        })?;
        let heartbeat = Heartbeat::new(&home.log());
        Ok(Self { log, store, roster, unchecked_seq, heartbeat, journal, listener, bound })
    }

    async fn serve(self, home: Home, detached: bool) -> Result<(), RunError> {
        let Self { log, store, roster, unchecked_seq, heartbeat, journal, listener, bound } = self;
        let started_at = clock::wall();
        let instance = Instance { home: home.clone(), open_files_soft: limits::raise_open_files() };
        let (sender, inputs) = mpsc::unbounded_channel();
        let (durable, durable_receiver) = watch::channel(store.reader.head().seq);
        let (recovered, recovered_receiver) = watch::channel(false);
        let handle = ToCoreHandle::new(sender.clone(), durable_receiver, recovered_receiver);
        let hosting = Hosting::new(instance, journal.clone(), sender.clone());

        let to_core = sender.clone();
        let progress = move |progress| {
            let _ = to_core.send(match progress {
                Progress::Durable(head) => ToCore::Durable(head.seq),
                Progress::Failed(error) => ToCore::LogFailed(causes(&error)),
            });
        };
        let room = log.room();
        let (submitter, commit_thread) = CommitThread::start(log, QUEUE_BATCHES, progress)
            .map_err(|source| RunError::Io { what: "cannot start the commit thread".into(), source })?;
        first_thread()
            .await
            .map_err(|source| RunError::Io { what: "cannot start a thread".into(), source })?;

        let before = if roster.fleet().epoch > 0 { roster.fleet().policy.clone() } else { Policy::default() };
        let config = Arc::new(ConfigFile::open(home.config_file(), before));
        let boot = Boot {
            version: VERSION.into(),
            boot_id: decklog_worker::boot_id().unwrap_or_default(),
            pid: std::process::id(),
            watched_until: heartbeat.last(),
            policy: config.look().0.policy,
        };
        heartbeat.beat();
        let snapshot_seq = roster.fleet().last_seq;
        let (dispatcher, first) = Dispatcher::begin(roster, clock::read(), &boot);
        let epoch = dispatcher.roster().fleet().epoch;
        let core = Core {
            dispatcher,
            inputs,
            handle: handle.clone(),
            submitter,
            durable,
            recovered,
            hosting: hosting.clone(),
            store: store.clone(),
            journal: journal.clone(),
            backlog: VecDeque::new(),
            snapshot_seq,
        };

        let listener = UnixListener::from_std(listener)
            .map_err(|source| RunError::Io { what: "cannot listen".into(), source })?;
        let damage = Arc::new(OnceLock::new());
        tasks::start(check_the_rest(store.clone(), unchecked_seq, damage.clone(), journal.clone()));
        let server = Server {
            home: home.clone(),
            handle: handle.clone(),
            hosting,
            store,
            room,
            epoch,
            started_at,
            damage,
            config,
            attached: Arc::default(),
        };
        tasks::start(server.listen(listener));
        tasks::start(on_signals(handle.clone(), journal.clone()));
        tasks::start(leftovers::sweep(home.jobs(), handle.clone(), journal.clone()));
        let bound = Arc::new(bound);
        tasks::start(keep_alive(heartbeat, bound.clone(), home.clone(), handle, journal.clone()));
        if detached {
            say("ready");
            let_streams_go(&journal);
        }

        // Recovery took more than the roster keeps.
        decklog_worker::trim_memory();
        let hosts = core.hosting.clone();
        let ended = core.run(first).await;
        bound.remove();
        match ended {
            Ended::Stopped => {
                hosts.end_spare().await;
                hosts.recorded_are_told().await;
                // Its submitter is gone with the core: it commits what waits, settles and ends.
                let _ = tasks::blocking(move || commit_thread.join()).await;
                journal.note("ended in good order");
                Ok(())
            }
            Ended::LogFailed(text) => {
                journal.note(format!("the log failed, so this supervisor ends; workers go on: {text}"));
                Err(RunError::Log(text))
            }
        }
    }
}

/// Starts the first thread of the pool for what blocks; [`keep_alive`] keeps one. Where the system gives no thread at all
/// there could be no blocking work, and this says so in time.
async fn first_thread() -> io::Result<()> {
    let tried = std::thread::Builder::new().spawn(|| ())?;
    let _ = tried.join();
    tasks::blocking(|| ()).await;
    Ok(())
}

fn open_log(home: &Home) -> Result<(SledLog, String), OpenFailed> {
    let other = |error| OpenFailed::Other(error);
    let log = home.log();
    let new = !log.join("head").exists() && !log.join("sled").exists();
    if new && std::fs::read_dir(home.jobs()).is_ok_and(|mut jobs| jobs.next().is_some()) {
        let what = "it is missing, but there are jobs that it must have known".into();
        return Err(OpenFailed::Damaged(Damage { seq: 1, file: log, what }));
    }
    let text = format!("pid {}", std::process::id());
    let lock = Lock::acquire(&log, &text).map_err(|error| match error {
        LockError::Held { by, .. } => other(RunError::AlreadyRuns { by }),
        LockError::Io { dir, source } => {
            other(RunError::Io { what: format!("cannot lock {}", dir.display()), source })
        }
        error => other(RunError::Log(causes(&error))),
    })?;
    let open = |spend_reserve| SledLog::open(&lock, &Options { spend_reserve, ..Options::default() });
    match open(false) {
        Ok(log) => Ok((log, text)),
        Err(OpenError::Damaged(damage)) => Err(OpenFailed::Damaged(damage)),
        Err(error) => Err(other(RunError::Log(causes(&error)))),
    }
}

fn open_snapshots(home: &Home) -> Result<Snapshots, RunError> {
    Snapshots::open(&home.log()).map_err(|error| RunError::Log(causes(&error)))
}

fn unreadable(error: StoreError) -> RunError {
    match error {
        StoreError::Read(decklog_storage::ReadError::Damaged(damage)) => damaged(&damage),
        other => RunError::Log(other.to_string()),
    }
}

/// Checks what a snapshot stands for and was not checked before serving. Damage there is said with every answer.
async fn check_the_rest(store: Store, through: u64, damage: Arc<OnceLock<String>>, journal: Journal) {
    let checked = tasks::blocking(move || store.check(1, through)).await;
    if let Err(error) = checked {
        journal.note(error.to_string());
        let _ = damage.set(error.to_string());
    }
}

fn damaged(damage: &Damage) -> RunError {
    let intact = match damage.intact_through() {
        0 => "no record before it is known to be intact".into(),
        last => format!("the records through {last} are intact"),
    };
    RunError::Damaged { what: damage.to_string(), intact }
}

/// An error and what it came of, in one line.
fn causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Tells the client that started this supervisor. That it is gone is no reason to end.
fn say(word: &str) {
    let _ = writeln!(io::stdout(), "{word}");
    let _ = io::stdout().flush();
}

/// Reopens the standard streams, so that nobody waits for their end: input on nothing, the others on the journal.
fn let_streams_go(journal: &Journal) {
    let Ok(null) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null") else { return };
    let output = journal.file().map_or(null.as_fd(), AsFd::as_fd);
    let _ = unistd::dup2_stdin(&null);
    let _ = unistd::dup2_stdout(output);
    let _ = unistd::dup2_stderr(output);
    let _ = unistd::chdir(Path::new("/"));
}

async fn on_signals(handle: ToCoreHandle, journal: Journal) {
    let install = |kind| signal(kind).map_err(|error| journal.note(format!("no signal handler: {error}")));
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) =
        (install(SignalKind::terminate()), install(SignalKind::interrupt()), install(SignalKind::hangup()))
    else {
        return;
    };
    loop {
        let text = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
            // A terminal went away: nothing of ours does with it.
            _ = hangup.recv() => continue,
        };
        handle.tell(ToCore::Input(Input::Shutdown {
            token: None,
            actor: decklog_engine::actor::Actor::user(&peer::user_name(), "signal"),
            mode: ShutdownMode::KeepWorkers,
            text: text.into(),
        }));
    }
}

/// Beats; and ends the supervisor once its folder is gone, or its socket leads elsewhere.
async fn keep_alive(
    heartbeat: Heartbeat,
    bound: Arc<Bound>,
    home: Home,
    handle: ToCoreHandle,
    journal: Journal,
) {
    loop {
        sleep(heartbeat::EVERY).await;
        // Also keeps a thread of the pool alive: where the system gives no new one, blocking work still goes on.
        let (beating, log) = (heartbeat.clone(), home.log());
        if !tasks::blocking(move || beating.beat() && log.exists()).await {
            journal.note(format!("{} is gone, so this supervisor ends", home.shown().display()));
            handle.tell(ToCore::LogFailed("its folder is gone".into()));
            return;
        }
        if !bound.is_there() {
            let text = "its socket was taken away, so this supervisor ends; workers go on";
            journal.note(text);
            handle.tell(ToCore::Input(Input::Shutdown {
                token: None,
                actor: decklog_engine::actor::Actor::supervisor(),
                mode: ShutdownMode::KeepWorkers,
                text: text.into(),
            }));
            return;
        }
    }
}
