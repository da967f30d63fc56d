//! `exit`: how a run ended, on disk before anybody is told.
//!
//! The file is one line of JSON and one line with its CRC-32, so that a torn file is known to be torn. Its
//! space is reserved before the job is started: a full disk must not lose an exit code.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
};

use nix::{errno::Errno, fcntl::posix_fallocate};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::layout::RunDir;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// Version of this record; it rises with added fields.
    pub version: u32,
    /// The run.
    pub run: u64,
    /// What ended it.
    pub reason: Reason,
    /// The job's wait status as the kernel gave it; `None` if it was never started, or could not be reaped.
    #[serde(default)]
    pub raw_status: Option<i32>,
    /// The exit code, if the job exited by itself.
    #[serde(default)]
    pub code: Option<i32>,
    /// The signal that killed the job, if one did.
    #[serde(default)]
    pub signal: Option<i32>,
    /// Whether that signal left a core dump.
    #[serde(default)]
    pub core_dumped: bool,
    /// Why it was not started.
    #[serde(default)]
    pub spawn_error: Option<SpawnError>,
    /// Whether a stop or kill was asked for before the end.
    #[serde(default)]
    pub stop_requested: bool,
    /// When it was started, UTC milliseconds.
    #[serde(default)]
    pub started_at_ms: Option<u64>,
    /// When the job itself ended, UTC milliseconds.
    pub ended_at_ms: u64,
    /// The offset after the last byte of output, dropped bytes counted.
    pub output_end: u64,
    /// What was dropped, in order; the first [`DROPPED_RANGES_MAX`] ranges.
    #[serde(default)]
    pub dropped: Vec<DroppedRange>,
    /// How many bytes were dropped in all.
    #[serde(default)]
    pub dropped_bytes: u64,
    /// How many processes were killed besides the job, as far as the worker saw: what was killed together with
    /// its parent may have been reaped by that.
    #[serde(default)]
    pub leftovers_killed: u64,
    /// How many of them could not be killed in time.
    #[serde(default)]
    pub leftovers_alive: u64,
    /// False: the job ended, but the worker was still sweeping and capturing what leftovers print. A run whose
    /// worker is gone and whose exit is not final needs a sweep, and its output may go on past `output_end`.
    pub is_final: bool,
}

/// What ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The job ended, by itself or because it was stopped.
    Exited,
    /// The worker was told by a signal to end (logout, shutdown), and ended the job.
    WorkerTerminated,
    /// The job could not be started.
    SpawnFailed,
}

/// A range of output that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedRange {
    /// First offset that is gone.
    pub from: u64,
    /// The offset after the last one that is gone.
    pub to: u64,
}

/// Why a job could not be started.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{stage} {name:?}: {text}")]
pub struct SpawnError {
    /// What could not be had.
    pub stage: SpawnStage,
    /// Its name.
    pub name: String,
    /// The error's number, if the system gave one.
    #[serde(default)]
    pub errno: Option<i32>,
    /// The error in words.
    pub text: String,
}

/// What stood in the way of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpawnStage {
    /// The program: missing, or not executable.
    Program,
    /// The working directory: vanished, or not accessible.
    Directory,
    /// What the worker itself needs: its files, a socket, a terminal.
    Worker,
}

impl std::fmt::Display for SpawnStage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Program => "program",
            Self::Directory => "directory",
            Self::Worker => "worker file",
        })
    }
}

impl SpawnError {
    pub(crate) fn new(stage: SpawnStage, name: &std::ffi::OsStr, error: &io::Error) -> Self {
        let name = name.to_string_lossy().chars().take(NAME_CHARS_MAX).collect();
        let errno = error.raw_os_error();
        if errno == Some(libc::EAGAIN) {
            // What the system says of it ("try again") helps nobody.
            let text = "no more processes may be started, by this user or on this machine".into();
            return Self { stage, name, errno, text };
        }
        let text =
            errno.map_or_else(|| error.to_string(), |number| Errno::from_raw(number).desc().to_owned());
        Self { stage, name, errno, text }
    }
}

/// How many dropped ranges a record names; its space on disk is reserved, so it must be small.
pub const DROPPED_RANGES_MAX: usize = 24;

const NAME_CHARS_MAX: usize = 256;
const RESERVED_BYTES: i64 = 4096;

/// Why an exit file could not be read.
#[derive(Debug, Error)]
pub enum ExitReadError {
    /// It could not be read at all.
    #[error("the exit file cannot be read")]
    Io(#[from] io::Error),
    /// Its checksum is missing or wrong: it was torn or changed.
    #[error("the exit file is torn")]
    Torn,
    /// It is whole, and yet not an exit record.
    #[error("the exit file is not understood")]
    NotUnderstood(#[source] serde_json::Error),
}

/// The run's exit; `None` if none was recorded.
pub fn read_exit(run_dir: &RunDir) -> Result<Option<ExitRecord>, ExitReadError> {
    let bytes = match fs::read(run_dir.exit()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        result => result?,
    };
    parse(&bytes).map(Some)
}

fn parse(bytes: &[u8]) -> Result<ExitRecord, ExitReadError> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let (json, checksum) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    if checksum != format!("crc32 {:08x}", crc32fast::hash(json)).as_bytes() {
        return Err(ExitReadError::Torn);
    }
    serde_json::from_slice(json).map_err(ExitReadError::NotUnderstood)
}

fn format(record: &ExitRecord) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(record).expect("a record holds only what JSON can say");
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(format!("\ncrc32 {checksum:08x}\n").as_bytes());
    bytes
}

/// The worker's side: space for the record, reserved before the job is started.
#[derive(Debug)]
pub(crate) struct ExitFile {
    run_dir: RunDir,
    reserved: Option<File>,
}

impl ExitFile {
    pub(crate) fn reserve(run_dir: &RunDir) -> io::Result<Self> {
        let file = create(run_dir)?;
        posix_fallocate(&file, 0, RESERVED_BYTES)?;
        Ok(Self { run_dir: run_dir.clone(), reserved: Some(file) })
    }

    /// Makes `record` the run's exit, durably. Can be repeated, with a later record or after an error; only
    /// the first success is sure to have space on a full disk.
    pub(crate) fn write(&mut self, record: &ExitRecord) -> io::Result<()> {
        let bytes = format(record);
        let file = match &self.reserved {
            Some(file) => file,
            None => &create(&self.run_dir)?,
        };
        file.write_all_at(&bytes, 0)?;
        file.set_len(bytes.len() as u64)?;
        file.sync_all()?;
        fs::rename(self.run_dir.exit_reserved(), self.run_dir.exit())?;
        self.reserved = None;
        File::open(self.run_dir.path())?.sync_all()
    }
}

fn create(run_dir: &RunDir) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(run_dir.exit_reserved())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> ExitRecord {
        ExitRecord {
            version: 1,
            run: 3,
            reason: Reason::Exited,
            raw_status: Some(9),
            code: None,
            signal: Some(9),
            core_dumped: false,
            spawn_error: None,
            stop_requested: true,
            started_at_ms: Some(1),
            ended_at_ms: u64::MAX,
            output_end: u64::MAX,
            dropped: vec![DroppedRange { from: u64::MAX - 1, to: u64::MAX }; DROPPED_RANGES_MAX],
            dropped_bytes: u64::MAX,
            leftovers_killed: u64::MAX,
            leftovers_alive: u64::MAX,
            is_final: true,
        }
    }

    #[test]
    fn the_largest_record_fits_the_reserved_space() {
        let mut largest = record();
        let name = "\u{1}".repeat(5000);
        let error = io::Error::from_raw_os_error(libc::ENAMETOOLONG);
        largest.spawn_error = Some(SpawnError::new(SpawnStage::Program, name.as_ref(), &error));
        let length = format(&largest).len();
        assert!(length <= RESERVED_BYTES as usize, "{length}");
    }

    #[test]
    fn a_torn_file_is_known_at_every_cut_and_every_changed_byte() {
        let whole = format(&record());
        assert_eq!(parse(&whole).unwrap(), record());
        // The last byte is the final newline, which carries nothing.
        for cut in 0..whole.len() - 1 {
            assert!(matches!(parse(&whole[..cut]), Err(ExitReadError::Torn)), "cut at {cut}");
        }
        for place in 0..whole.len() - 1 {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            assert!(matches!(parse(&changed), Err(ExitReadError::Torn)), "changed at {place}");
        }
    }

    #[test]
    fn an_exit_can_be_replaced_by_its_final_form() {
        let folder = tempfile::tempdir().unwrap();
        let run_dir = RunDir::new(folder.path());
        assert!(read_exit(&run_dir).unwrap().is_none());
        let mut file = ExitFile::reserve(&run_dir).unwrap();
        assert!(read_exit(&run_dir).unwrap().is_none());
        let provisional = ExitRecord { is_final: false, ..record() };
        file.write(&provisional).unwrap();
        assert_eq!(read_exit(&run_dir).unwrap(), Some(provisional));
        file.write(&record()).unwrap();
        assert_eq!(read_exit(&run_dir).unwrap(), Some(record()));
    }
}
