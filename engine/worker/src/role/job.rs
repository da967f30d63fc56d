//! Starting the job: its terminal or pipes, its environment, its process.
//!
//! A job gets exactly the environment it was given and a few variables of decklog's, a session of its own,
//! default signals, and nothing to wait on: unless it has a full terminal, a read of its input ends at once.

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io,
    os::{fd::OwnedFd, unix::fs::OpenOptionsExt},
    path::Path,
    process::{Command, Stdio},
};

use nix::{
    fcntl::{FcntlArg, FdFlag, OFlag, fcntl},
    pty::{Winsize, openpty},
    sys::termios::{InputFlags, OutputFlags, SetArg, tcgetattr, tcsetattr},
    unistd::{AccessFlags, access},
};

use super::clock;
use crate::{
    Config, OutputMode, SpawnError, SpawnStage, StartedChild,
    layout::{JobDir, make_private_folder, run_tag},
    process_identity,
    sys::{self, BeforeExec},
};

/// A job that runs.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) child: StartedChild,
    pub(super) wires: Wires,
}

/// The worker's ends of what a job is connected to.
#[derive(Debug, Default)]
pub(super) struct Wires {
    /// Where output arrives; does not block.
    pub(super) output: Option<File>,
    /// The terminal, to be resized.
    pub(super) terminal: Option<File>,
    /// Whether the terminal can be typed into.
    pub(super) takes_input: bool,
    /// The job's end of the terminal, kept open so that the terminal survives the last writer: what reopens it
    /// later finds it, and there is no end-of-file to mistake for an exit.
    _kept_open: Option<OwnedFd>,
}

/// Starts the job of this config.
pub(super) fn start(config: &Config, job_dir: &JobDir) -> Result<Job, SpawnError> {
    let worker_error = |name: &Path| {
        let name = name.as_os_str().to_owned();
        move |error: io::Error| SpawnError::new(SpawnStage::Worker, &name, &error)
    };
    let Some((program, arguments)) = config.argv.split_first() else {
        let nothing = io::Error::new(io::ErrorKind::InvalidInput, "no program was given");
        return Err(SpawnError::new(SpawnStage::Program, OsStr::new(""), &nothing));
    };
    make_private_folder(&job_dir.tmp()).map_err(worker_error(&job_dir.tmp()))?;
    let cwd = config.cwd.as_path();
    check_directory(cwd).map_err(|error| SpawnError::new(SpawnStage::Directory, cwd.as_os_str(), &error))?;
    let (wires, ends) = match config.output {
        OutputMode::Pty | OutputMode::Tty => terminal(config).map_err(worker_error(Path::new("pty")))?,
        OutputMode::Pipes => pipes().map_err(worker_error(Path::new("pipe")))?,
    };

    let mut command = new_command(program.as_os_str());
    command.args(arguments.iter().map(crate::Raw::as_os_str)).current_dir(cwd);
    command.env_clear().envs(config.env.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str())));
    if config.output != OutputMode::Tty {
        // A pager would wait for a key that nobody can press.
        command.env("PAGER", "cat").env("GIT_PAGER", "cat");
    }
    command.env("DECKLOG_SESSION", &config.session);
    command.env("DECKLOG_RUN", run_tag(&config.session, config.run));
    command.env("DECKLOG_JOB_DIR", job_dir.path());
    command.stdin(ends.input).stdout(ends.output).stderr(ends.errors);
    let wish = BeforeExec {
        controlling_terminal: config.output == OutputMode::Tty,
        umask: config.umask,
        open_files_soft: config.open_files_soft,
    };
    sys::before_exec(&mut command, wish);

    let started_at_ms = clock::wall_ms();
    let process =
        command.spawn().map_err(|error| SpawnError::new(SpawnStage::Program, program.as_os_str(), &error))?;
    let pid = i32::try_from(process.id()).expect("pids are positive and fit");
    // It is not yet reaped, so it is there, even if it has ended.
    let start_time = process_identity(pid).map_or(0, |identity| identity.start_time);
    Ok(Job { child: StartedChild { pid, start_time, started_at_ms }, wires })
}

/// The job's ends.
struct Ends {
    input: Stdio,
    output: Stdio,
    errors: Stdio,
}

fn terminal(config: &Config) -> io::Result<(Wires, Ends)> {
    let size = Winsize { ws_row: config.rows, ws_col: config.columns, ws_xpixel: 0, ws_ypixel: 0 };
    let pair = openpty(&size, None)?;
    fcntl(&pair.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    fcntl(&pair.slave, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    fcntl(&pair.master, FcntlArg::F_SETFL(OFlag::O_RDWR | OFlag::O_NONBLOCK))?;
    let master = File::from(pair.master);
    let is_full = config.output == OutputMode::Tty;
    let mut modes = tcgetattr(&pair.slave)?;
    modes.input_flags.insert(InputFlags::IUTF8);
    if !is_full {
        // No translation: the bytes that the job writes are the bytes that are kept.
        modes.output_flags.remove(OutputFlags::OPOST);
    }
    tcsetattr(&pair.slave, SetArg::TCSANOW, &modes)?;

    let ends = if is_full {
        Ends {
            input: pair.slave.try_clone()?.into(),
            output: pair.slave.try_clone()?.into(),
            errors: pair.slave.try_clone()?.into(),
        }
    } else {
        // Write only: some pagers, finding no terminal to ask, would read keys from their standard error.
        let slave = write_only(&pair.slave)?;
        Ends { input: Stdio::null(), output: slave.try_clone()?.into(), errors: slave.into() }
    };
    let wires = Wires {
        terminal: Some(master.try_clone()?),
        output: Some(master),
        takes_input: is_full,
        _kept_open: Some(pair.slave),
    };
    Ok((wires, ends))
}

fn write_only(slave: &OwnedFd) -> io::Result<File> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", slave.as_raw_fd());
    OpenOptions::new().write(true).custom_flags(libc::O_NOCTTY).open(path)
}

/// One pipe for both streams: `output` is one sequence of bytes, and two pipes would lose the order in which
/// they were written.
fn pipes() -> io::Result<(Wires, Ends)> {
    let (reader, writer) = io::pipe()?;
    let reader = File::from(OwnedFd::from(reader));
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let ends = Ends { input: Stdio::null(), output: writer.try_clone()?.into(), errors: writer.into() };
    Ok((Wires { output: Some(reader), ..Wires::default() }, ends))
}

/// Tells a directory that is missing from a program that is missing: both are one error to `exec`'s caller.
fn check_directory(cwd: &Path) -> io::Result<()> {
    if !cwd.metadata()?.is_dir() {
        return Err(io::Error::from_raw_os_error(libc::ENOTDIR));
    }
    Ok(access(cwd, AccessFlags::X_OK)?)
}

#[allow(clippy::disallowed_methods, reason = "the one place where jobs are started")]
fn new_command(program: &OsStr) -> Command {
    Command::new(program)
}
