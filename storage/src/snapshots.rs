//! Snapshots of the roster, as plain files beside the log: `<dir>/snap/<seq>`. They are caches.
//!
//! What is in one is the engine's affair. A snapshot that is damaged or does not belong to this log is reported and
//! skipped, never an error: the log itself says everything that a snapshot says.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::entry::Hash;
use crate::files;
use crate::reader::{ReadError, Reader};

const MAGIC: &[u8; 8] = b"decklogS";
const FORMAT: u16 = 1;
const HEADER_BYTES: usize = 70;
const HEADER_CRC_AT: usize = 66;
/// No snapshot's state is larger.
pub const STATE_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// What a snapshot is of, without its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// The version of the state's layout, as the engine counts it.
    pub state_schema: u32,
    /// The last record that the state has seen.
    pub seq: u64,
    /// That record's time.
    pub at_ms: u64,
    /// That record's hash: its commit's chain head.
    pub hash: Hash,
}

/// A snapshot that was read whole and whose CRC holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What it is of.
    pub header: SnapshotHeader,
    /// The state, opaque to the log.
    pub state: Vec<u8>,
}

/// Up to where a snapshot may have seen the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// No record after this one.
    Seq(u64),
    /// No record dated later.
    Time(u64),
}

/// A snapshot that was passed over, and why.
#[derive(Debug)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// The newest snapshot that is good.
    pub snapshot: Option<Snapshot>,
    /// Newer ones that are not.
    pub skipped: Vec<Skipped>,
}

/// Why snapshots could not be written, listed or compared with the log. A bad snapshot is no reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// A file or the folder could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log could not be read, to compare hashes.
    #[error("cannot compare a snapshot with the log")]
    Log(#[from] ReadError),
    /// The state is over [`STATE_BYTES_MAX`].
    #[error("a snapshot of {bytes} bytes is over the limit of {STATE_BYTES_MAX}")]
    TooLarge {
        /// How large it is.
        bytes: u64,
    },
}

/// The snapshots of one log.
#[derive(Clone, Debug)]
pub struct Snapshots {
    folder: PathBuf,
}

impl Snapshots {
    /// The snapshots in a log's folder; makes their folder if need be.
    pub fn open(dir: &Path) -> Result<Snapshots, SnapshotError> {
        let folder = dir.join("snap");
        files::create_folder(&folder).map_err(failed("create", &folder))?;
        Ok(Snapshots { folder })
    }

    /// Writes one: whole or not at all, and durable on return. Replaces an older one of the same seq.
    pub fn write(&self, snapshot: &Snapshot) -> Result<PathBuf, SnapshotError> {
        let bytes = snapshot.state.len() as u64;
        if bytes > STATE_BYTES_MAX {
            return Err(SnapshotError::TooLarge { bytes });
        }
        let path = self.folder.join(format!("{:020}", snapshot.header.seq));
        let head = lay_out(&snapshot.header, bytes);
        let crc = crc32fast::hash(&snapshot.state).to_be_bytes();
        files::write_whole(&path, &[&head, &snapshot.state, &crc]).map_err(failed("write", &path))?;
        Ok(path)
    }

    /// The newest good snapshot of this state schema within a bound that agrees with the log's own hash.
    pub fn newest(&self, bound: Bound, state_schema: u32, log: &Reader) -> Result<Found, SnapshotError> {
        let mut found = Found::default();
        for (seq, path) in self.files()?.into_iter().rev() {
            if matches!(bound, Bound::Seq(through) if seq > through) {
                continue;
            }
            match consider(&path, seq, bound, state_schema, log)? {
                Verdict::Good(snapshot) => {
                    found.snapshot = Some(snapshot);
                    break;
                }
                Verdict::Later => {}
                Verdict::Bad(why) => found.skipped.push(Skipped { path, why }),
            }
        }
        Ok(found)
    }

    /// What snapshots there are, oldest first, and the files whose header cannot be read.
    pub fn list(&self) -> Result<(Vec<SnapshotHeader>, Vec<Skipped>), SnapshotError> {
        let (mut headers, mut skipped) = (Vec::new(), Vec::new());
        for (seq, path) in self.files()? {
            match open_header(&path, seq).map_err(failed("read", &path))? {
                Ok((header, ..)) => headers.push(header),
                Err(why) => skipped.push(Skipped { path, why }),
            }
        }
        Ok((headers, skipped))
    }

    /// Removes snapshots until `keep` are left, so that those left are spread evenly; the newest always stays.
    /// Returns how many it removed.
    pub fn prune(&self, keep: usize) -> Result<usize, SnapshotError> {
        let mut files = self.files()?;
        let mut removed = 0;
        while files.len() > keep.max(1) {
            let before = |at: usize| if at == 0 { 0 } else { files[at - 1].0 };
            let gap_without = |at: &usize| files[at + 1].0 - before(*at);
            let thinnest = (0..files.len() - 1).min_by_key(gap_without).expect("at least two files are left");
            let (_, path) = files.remove(thinnest);
            fs::remove_file(&path).map_err(failed("remove", &path))?;
            removed += 1;
        }
        Ok(removed)
    }

    /// The files that are named like snapshots, oldest first.
    fn files(&self) -> Result<Vec<(u64, PathBuf)>, SnapshotError> {
        let mut files = Vec::new();
        let items = fs::read_dir(&self.folder).map_err(failed("read", &self.folder))?;
        for item in items {
            let item = item.map_err(failed("read", &self.folder))?;
            let name = item.file_name();
            if let Some(seq) =
                name.to_str().filter(|name| name.len() == 20).and_then(|name| name.parse().ok())
            {
                files.push((seq, item.path()));
            }
        }
        files.sort_unstable();
        Ok(files)
    }
}

enum Verdict {
    Good(Snapshot),
    Later,
    Bad(String),
}

/// Whether the snapshot in a file is the one that is wanted.
fn consider(
    path: &Path,
    seq: u64,
    bound: Bound,
    state_schema: u32,
    log: &Reader,
) -> Result<Verdict, SnapshotError> {
    let opened = open_header(path, seq).map_err(failed("read", path))?;
    let (header, bytes, file) = match opened {
        Ok(opened) => opened,
        Err(why) => return Ok(Verdict::Bad(why)),
    };
    if matches!(bound, Bound::Time(at_ms) if header.at_ms > at_ms) {
        return Ok(Verdict::Later);
    }
    if header.state_schema != state_schema {
        return Ok(Verdict::Bad(format!("its state schema is {}, not {state_schema}", header.state_schema)));
    }
    match log.hash_at(header.seq)? {
        Some(hash) if hash == header.hash => {}
        Some(_) => return Ok(Verdict::Bad("its hash is not the log's: it is of another history".into())),
        None => return Ok(Verdict::Bad("it has seen more than the log holds".into())),
    }
    match read_state(file, bytes) {
        Ok(Some(state)) => Ok(Verdict::Good(Snapshot { header, state })),
        Ok(None) => Ok(Verdict::Bad("its CRC does not hold".into())),
        Err(error) => Ok(Verdict::Bad(format!("it cannot be read: {error}"))),
    }
}

fn lay_out(header: &SnapshotHeader, state_bytes: u64) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..10].copy_from_slice(&FORMAT.to_be_bytes());
    bytes[10..14].copy_from_slice(&header.state_schema.to_be_bytes());
    bytes[14..22].copy_from_slice(&header.seq.to_be_bytes());
    bytes[22..30].copy_from_slice(&header.at_ms.to_be_bytes());
    bytes[30..62].copy_from_slice(&header.hash);
    bytes[62..66].copy_from_slice(&u32::try_from(state_bytes).expect("write bounds it").to_be_bytes());
    let crc = crc32fast::hash(&bytes[..HEADER_CRC_AT]);
    bytes[HEADER_CRC_AT..].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// Reads a header and checks it against the file's name and length; what is wrong with it otherwise.
fn open_header(path: &Path, seq: u64) -> io::Result<Result<(SnapshotHeader, usize, File), String>> {
    let mut file = File::open(path)?;
    let file_bytes = file.metadata()?.len();
    let mut bytes = [0; HEADER_BYTES];
    if file_bytes < HEADER_BYTES as u64 {
        return Ok(Err("it is cut short".into()));
    }
    file.read_exact(&mut bytes)?;
    let u32_at = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let u64_at = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    if bytes[..8] != *MAGIC || crc32fast::hash(&bytes[..HEADER_CRC_AT]) != u32_at(HEADER_CRC_AT) {
        return Ok(Err("its header does not hold".into()));
    }
    let format = u16::from_be_bytes([bytes[8], bytes[9]]);
    if format != FORMAT {
        return Ok(Err(format!("its format is {format}, not {FORMAT}")));
    }
    let hash = bytes[30..62].try_into().expect("thirty-two bytes");
    let header = SnapshotHeader { state_schema: u32_at(10), seq: u64_at(14), at_ms: u64_at(22), hash };
    let state_bytes = u32_at(62) as usize;
    if header.seq != seq {
        return Ok(Err(format!("it is of record {}, not of the one in its name", header.seq)));
    }
    if file_bytes != (HEADER_BYTES + state_bytes + 4) as u64 {
        return Ok(Err("it is not as long as its header says".into()));
    }
    Ok(Ok((header, state_bytes, file)))
}

/// Reads the state after the header; none if its CRC does not hold.
fn read_state(mut file: File, bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let mut state = vec![0; bytes];
    let mut crc = [0; 4];
    file.read_exact(&mut state)?;
    file.read_exact(&mut crc)?;
    Ok((crc32fast::hash(&state) == u32::from_be_bytes(crc)).then_some(state))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError + use<> {
    let path = path.to_owned();
    move |source| SnapshotError::Io { action, path, source }
}
