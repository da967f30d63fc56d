//! The life of a worker: settle in, wait for the config, prepare the run's files, start the job, hold it.
//!
//! The order is what makes a crash at any point tellable from outside: no config, no trace; no `meta`, never
//! started; the space for `exit` reserved and the socket bound before anything runs.

mod holder;

mod capture;
mod clock;
mod connections;
mod ending;
mod job;
mod segments;
mod sweep;
mod times;

use std::{
    fs::File,
    io::{self, Read},
    os::{
        fd::AsFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::Path,
    process::ExitCode,
};

use nix::{
    sys::{
        prctl,
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
        stat::Mode,
    },
    unistd::{dup2_stderr, dup2_stdin, dup2_stdout, setsid},
};

use self::{capture::Capture, connections::Connections, ending::Ending, holder::Holder, job::Wires};
use crate::{
    Config, FromWorker, Lock, Meta, PROTOCOL_VERSION, Phase, ProcessIdentity, SpawnError, SpawnStage,
    ToWorker, boot_id,
    exit::ExitFile,
    frame::{self, Decoder},
    layout::{JobDir, RunDir, make_private_folder},
    process_identity, socket, sys,
};

/// The hidden role `decklog worker <job dir>`: holds one run from start to end, then returns.
///
/// Must be called first thing, from the only thread of a process that [`crate::spawn()`] started: it takes over
/// standard input (the control connection) and standard output (the session's lock). Anything else is
/// refused.
pub fn main(job_dir: &Path) -> ExitCode {
    if !job_dir.is_absolute() {
        return ExitCode::from(2);
    }
    let job_dir = JobDir::new(job_dir);
    let Ok(Some((mut control, _lock))) = settle(&job_dir) else { return ExitCode::from(2) };
    let Some((config, decoder)) = await_config(&mut control) else { return ExitCode::FAILURE };
    match prepare(&job_dir, &config) {
        Ok(files) => run(&job_dir, config, files, control, decoder),
        Err(error) => {
            // Without the run's files no job can be held; a supervisor that no longer listens will find no
            // `meta`: never started.
            let mut connections = Connections::default();
            connections.add(control, decoder, &[FromWorker::SpawnFailed { error }]);
            connections.flush(clock::monotonic(), 0);
            ExitCode::FAILURE
        }
    }
}

/// Leaves the starter's surroundings. `None`: this is not how a worker is started.
fn settle(job_dir: &JobDir) -> io::Result<Option<(UnixStream, Lock)>> {
    sys::close_all_but_standard();
    sys::ignore_sigpipe();
    let control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let locked = io::stdout().as_fd().try_clone_to_owned()?;
    let null = File::options().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    let Some(lock) = Lock::inherited(locked, &job_dir.lock())? else { return Ok(None) };
    // Fails only for a process that leads a group already, and then it need not be done.
    let _ = setsid();
    prctl::set_child_subreaper(true)?;
    prctl::set_name(c"decklog-worker")?;
    std::env::set_current_dir("/")?;
    Ok(Some((control, lock)))
}

/// Waits for the whole config. `None`: the connection ended, or said something else, before that.
fn await_config(control: &mut UnixStream) -> Option<(Config, Decoder)> {
    let mut decoder = Decoder::new(frame::CONFIG_BYTES_MAX);
    let mut buffer = [0; 4096];
    loop {
        match control.read(&mut buffer) {
            Ok(0) => return None,
            Ok(len) => decoder.push(&buffer[..len]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
        match decoder.next_message() {
            Ok(Some(ToWorker::Config(config))) => return Some((*config, decoder)),
            Ok(Some(_)) | Err(_) => return None,
            Ok(None) => {}
        }
    }
}

/// What must be there before anything is started.
struct RunFiles {
    run_dir: RunDir,
    meta: Meta,
    exit: ExitFile,
    listener: UnixListener,
    signals: SignalFd,
    starters_umask: Mode,
}

fn prepare(job_dir: &JobDir, config: &Config) -> Result<RunFiles, SpawnError> {
    let run_dir = job_dir.run(config.run);
    prepare_in(&run_dir, config)
        .map_err(|error| SpawnError::new(SpawnStage::Worker, run_dir.path().as_os_str(), &error))
}

fn prepare_in(run_dir: &RunDir, config: &Config) -> io::Result<RunFiles> {
    let starters_umask = nix::sys::stat::umask(Mode::from_bits_truncate(0o077));
    make_private_folder(run_dir.path())?;
    // A run is started once. Its files are the proof, so they are never overwritten.
    if run_dir.meta().exists() || run_dir.exit().exists() {
        return Err(io::Error::from_raw_os_error(libc::EEXIST));
    }
    let exit = ExitFile::reserve(run_dir)?;
    let own = std::process::id() as i32;
    let meta = Meta {
        version: PROTOCOL_VERSION,
        boot_id: boot_id()?,
        worker: process_identity(own).unwrap_or(ProcessIdentity { pid: own, start_time: 0 }),
        session: config.session.clone(),
        run: config.run,
        phase: Phase::Starting,
        child: None,
    };
    let listener = socket::listen(run_dir)?;
    let signals = take_signals()?;
    meta.write(run_dir)?;
    Ok(RunFiles { run_dir: run_dir.clone(), meta, exit, listener, signals, starters_umask })
}

/// From here on these signals are read, not suffered.
fn take_signals() -> io::Result<SignalFd> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        signals.add(signal);
    }
    signals.thread_block()?;
    Ok(SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?)
}

fn run(
    job_dir: &JobDir,
    mut config: Config,
    files: RunFiles,
    control: UnixStream,
    decoder: Decoder,
) -> ExitCode {
    let RunFiles { run_dir, mut meta, exit, listener, signals, starters_umask } = files;
    config.umask.get_or_insert(starters_umask.bits());
    let (start, wires) = match job::start(&config, job_dir) {
        Ok(job) => (Ok(job.child), job.wires),
        Err(error) => (Err(error), Wires::default()),
    };
    let capture = Capture::new(&run_dir, &config, wires);
    let ending = Ending::new(config.run, config.exempt.clone(), exit, start);
    let mut holder = Holder::new(&config, (signals, listener), capture, ending);
    holder.greet(control, decoder);
    // What the config held (an environment, perhaps large) is not needed any more.
    drop(config);
    sys::trim_memory();
    if let Some(child) = holder.child() {
        // Told first, on file next: a full disk changes neither.
        meta.phase = Phase::Running;
        meta.child = Some(child);
        let _ = meta.write(&run_dir);
    }
    holder.hold();
    let _ = std::fs::remove_file(run_dir.sock());
    ExitCode::SUCCESS
}
