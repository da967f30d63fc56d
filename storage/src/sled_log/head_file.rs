//! `<dir>/head`: how far the log was acknowledged, kept outside sled, because sled can lose a tail silently.
//!
//! Two slots, written in turn, each with its own CRC: a torn write costs one slot. Written before each
//! acknowledgement and synced a little later; so after a power cut it may lag, and never leads.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::entry::Head;
use crate::files;

use super::meta::{FORMAT_VERSION, genesis_of};

const MAGIC: &[u8; 8] = b"decklogH";
const SLOT_BYTES: usize = 78;
/// Far enough apart that no sector holds both.
const SLOT_OFFSETS: [u64; 2] = [0, 4096];
const FILE_BYTES: usize = 8192;

/// What is in the file.
pub(crate) enum Found {
    /// There is no file.
    Missing,
    /// It was written by a newer version of decklog.
    Newer(u16),
    /// Neither slot can be read.
    Unreadable(String),
    /// What was acknowledged.
    Recorded(Recorded),
}

pub(crate) struct Recorded {
    pub(crate) uuid: [u8; 16],
    pub(crate) head: Head,
    /// Whether the other slot could not be read: a torn write, or rot.
    pub(crate) one_slot_bad: bool,
    slot: usize,
}

#[derive(Debug)]
pub(crate) struct HeadFile {
    file: File,
    uuid: [u8; 16],
    next_slot: usize,
    unsynced: bool,
}

pub(crate) fn path_in(dir: &Path) -> PathBuf {
    dir.join("head")
}

/// Looks at the file without changing anything.
pub(crate) fn look(dir: &Path) -> io::Result<Found> {
    let bytes = match fs::read(path_in(dir)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
        other => other?,
    };
    let mut slots = Vec::new();
    for (slot, offset) in SLOT_OFFSETS.into_iter().enumerate() {
        let Some(bytes) = bytes.get(offset as usize..offset as usize + SLOT_BYTES) else { continue };
        match parse(bytes) {
            Some(Ok((uuid, head))) => slots.push((slot, uuid, head)),
            Some(Err(version)) => return Ok(Found::Newer(version)),
            None => {}
        }
    }
    if let [(_, one, _), (_, other, _)] = slots[..]
        && one != other
    {
        return Ok(Found::Unreadable("its slots are of two different stores".into()));
    }
    let one_slot_bad = slots.len() == 1;
    let newest = slots.into_iter().max_by_key(|(_, _, head)| head.seq);
    Ok(match newest {
        Some((slot, uuid, head)) => Found::Recorded(Recorded { uuid, head, one_slot_bad, slot }),
        None => Found::Unreadable("neither slot can be read".into()),
    })
}

/// Makes the file of a new store, durably.
pub(crate) fn create(dir: &Path, uuid: [u8; 16]) -> io::Result<()> {
    let slot = lay_out(&uuid, &Head { seq: 0, at_ms: 0, hash: genesis_of(&uuid) });
    let mut bytes = vec![0; FILE_BYTES];
    for offset in SLOT_OFFSETS {
        bytes[offset as usize..][..SLOT_BYTES].copy_from_slice(&slot);
    }
    files::write_whole(&path_in(dir), &[&bytes])
}

impl HeadFile {
    /// Opens the file that was looked at, to be written.
    pub(crate) fn open(dir: &Path, recorded: &Recorded) -> io::Result<HeadFile> {
        let file = files::open_or_create(&path_in(dir))?;
        Ok(HeadFile { file, uuid: recorded.uuid, next_slot: 1 - recorded.slot, unsynced: false })
    }

    pub(crate) fn uuid(&self) -> [u8; 16] {
        self.uuid
    }

    /// Records what is about to be acknowledged. Survives the end of this process; see [`sync`](Self::sync).
    pub(crate) fn write(&mut self, head: Head) -> io::Result<()> {
        self.file.write_all_at(&lay_out(&self.uuid, &head), SLOT_OFFSETS[self.next_slot])?;
        self.next_slot = 1 - self.next_slot;
        self.unsynced = true;
        Ok(())
    }

    /// Makes what was written survive a power cut.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.unsynced { self.sync_always() } else { Ok(()) }
    }

    /// The same for what an earlier process wrote.
    pub(crate) fn sync_always(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.unsynced = false;
        Ok(())
    }
}

fn lay_out(uuid: &[u8; 16], head: &Head) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[..8].copy_from_slice(MAGIC);
    slot[8..10].copy_from_slice(&FORMAT_VERSION.to_be_bytes());
    slot[10..26].copy_from_slice(uuid);
    slot[26..34].copy_from_slice(&head.seq.to_be_bytes());
    slot[34..42].copy_from_slice(&head.at_ms.to_be_bytes());
    slot[42..74].copy_from_slice(&head.hash);
    let crc = crc32fast::hash(&slot[..74]);
    slot[74..].copy_from_slice(&crc.to_be_bytes());
    slot
}

/// A slot's content, or the version of a newer format, or none if it cannot be read. Magic, version, and a CRC
/// over the first 74 bytes at 74, stay where they are in every version.
fn parse(slot: &[u8]) -> Option<Result<([u8; 16], Head), u16>> {
    let crc = u32::from_be_bytes(slot[74..78].try_into().expect("four bytes"));
    if slot[..8] != *MAGIC || crc != crc32fast::hash(&slot[..74]) {
        return None;
    }
    let version = u16::from_be_bytes([slot[8], slot[9]]);
    if version > FORMAT_VERSION {
        return Some(Err(version));
    }
    let u64_at = |at: usize| u64::from_be_bytes(slot[at..at + 8].try_into().expect("eight bytes"));
    let head =
        Head { seq: u64_at(26), at_ms: u64_at(34), hash: slot[42..74].try_into().expect("thirty-two bytes") };
    Some(Ok((slot[10..26].try_into().expect("sixteen bytes"), head)))
}
