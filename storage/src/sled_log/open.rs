//! Opening a store: look first, change nothing that is damaged, put right what sled leaves behind, check the end.
//!
//! The order matters and is FORMAT.md's ("Opening"). Nothing is created or written before the head file and sled's
//! file were found to agree on whether there is a log.

use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sled::{Db, Tree};

use crate::files;
use crate::lock::Lock;
use crate::panics;
use crate::reader::Reader;
use crate::source::Damage;

use super::head_file::{self, Found, HeadFile, Recorded};
use super::store::Store;
use super::{FORMAT_VERSION, Room, SledLog, genesis_of, meta, reserve, tail};

const META: &[u8] = b"meta";
const HOT: &[u8] = b"hot";

/// A process that is just being forked holds a copy of sled's locked file until it runs its program.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// How to open a store.
#[derive(Clone, Debug)]
pub struct Options {
    /// How much sled may cache.
    pub cache_bytes: u64,
    /// The id of the store, if this makes a new one; random if there is none.
    pub uuid: Option<[u8; 16]>,
    /// Give the reserve back to the disk first: for appending bad news on a full disk.
    pub spend_reserve: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { cache_bytes: 32 * 1024 * 1024, uuid: None, spend_reserve: false }
    }
}

/// Something found while opening that cost no record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// sled had been interrupted while it wrote a page table; the unfinished file was removed.
    UnfinishedPageTable(PathBuf),
    /// sled would not open with these page tables; they were moved here and it rebuilt them.
    PageTablesSetAside(PathBuf),
    /// One of the head file's two slots could not be read.
    HeadSlotUnreadable,
    /// The log reaches further than the head file: a power cut came between.
    HeadLagged {
        /// What the head file says.
        recorded_seq: u64,
        /// Where the log ends.
        found_seq: u64,
    },
    /// A part of an append that was never acknowledged was removed.
    TornAppendRemoved {
        /// Its first record.
        first_seq: u64,
    },
    /// sled has blob files, which are never synced; our values never need them.
    BlobFiles(PathBuf),
    /// The reserve was given back to a full disk.
    ReserveSpent,
    /// There is no room for all of the reserve, or for records to come.
    NoRoomForReserve,
}

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A newer decklog wrote it. Nothing was written.
    #[error(
        "the log was written by a newer decklog (format {found}, this one reads up to {FORMAT_VERSION}): use that one"
    )]
    Newer {
        /// The format found.
        found: u16,
    },
    /// Acknowledged records are missing or changed.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The disk is full, and giving back the reserve did not help.
    #[error("the disk is full: free some space to open the log in {}", dir.display())]
    Full {
        /// The folder of the log.
        dir: PathBuf,
        /// What the system said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A reader of an earlier opening still lives in this process, or a program that ignores our lock has it open.
    #[error("the log in {} is still open elsewhere", dir.display())]
    StillOpen {
        /// The folder of the log.
        dir: PathBuf,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl SledLog {
    /// Opens the log in the folder that is locked, or makes a new one.
    pub fn open(lock: &Lock, options: &Options) -> Result<SledLog, OpenError> {
        let mut opening = Opening { dir: lock.dir(), sled_dir: lock.dir().join("sled"), notes: Vec::new() };
        let recorded = opening.look_before(options)?;
        if options.spend_reserve && reserve::spend(opening.dir).map_err(opening.io("remove", "reserve"))? {
            opening.notes.push(Note::ReserveSpent);
        }
        opening.prepare()?;
        // Opened before sled writes, so that no failed write of its can go unreported to our syncs.
        let db_file = files::open_or_create(&opening.db_path()).map_err(opening.io("open", "sled/db"))?;
        let db = opening.open_sled(options)?;
        let ready = opening.sync_once().and_then(|()| opening.open_trees(&db, &recorded, &db_file));
        let hot = match ready {
            Ok(hot) => hot,
            Err(error) => {
                let _ = panics::catch(|| drop(db));
                return Err(error);
            }
        };

        let store = Store::new(db, hot, genesis_of(&recorded.uuid), opening.db_path(), lock.clone());
        let room = db_file.try_clone().map_err(opening.io("open", "sled/db"))?;
        let mut log = SledLog {
            store: Arc::new(store),
            room: Room::new(room, opening.dir.to_owned()),
            db: db_file,
            head_file: HeadFile::open(opening.dir, &recorded).map_err(opening.io("open", "head"))?,
            dead: false,
            notes: Vec::new(),
        };
        opening.check_tail(&mut log, &recorded)?;
        if !options.spend_reserve {
            // What sled did not need of a reserve that it was given is kept again, before others take it.
            let kept = log.room.secure().map_err(opening.io("write", "reserve"))?;
            opening.notes.extend((!kept).then_some(Note::NoRoomForReserve));
        }
        files::sync_folder(opening.dir).map_err(opening.io("sync", ""))?;
        log.notes = opening.notes;
        Ok(log)
    }
}

struct Opening<'a> {
    dir: &'a Path,
    sled_dir: PathBuf,
    notes: Vec<Note>,
}

impl Opening<'_> {
    fn db_path(&self) -> PathBuf {
        self.sled_dir.join("db")
    }

    fn io(&self, action: &'static str, name: &str) -> impl FnOnce(io::Error) -> OpenError + use<> {
        let dir = self.dir.to_owned();
        let path = self.dir.join(name);
        move |source| {
            if files::is_full(&source) {
                OpenError::Full { dir, source: source.into() }
            } else {
                OpenError::Io { action, path, source }
            }
        }
    }

    /// Decides from the head file and sled's file whether there is a log, a new one to make, or damage.
    fn look_before(&mut self, options: &Options) -> Result<Recorded, OpenError> {
        let db_bytes = match fs::metadata(self.db_path()) {
            Ok(found) => Some(found.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(self.io("read", "sled/db")(error)),
        };
        let found = head_file::look(self.dir).map_err(self.io("read", "head"))?;
        let head_path = head_file::path_in(self.dir);
        match found {
            Found::Newer(found) => Err(OpenError::Newer { found }),
            Found::Unreadable(what) => Err(Damage { seq: 1, file: head_path, what }.into()),
            Found::Missing if db_bytes.is_some() => {
                let what = "it is missing, so nobody knows how far the log must reach".into();
                Err(Damage { seq: 1, file: head_path, what }.into())
            }
            Found::Missing => self.create_head(options),
            Found::Recorded(recorded) => {
                if recorded.head.seq > 0 && db_bytes.unwrap_or(0) == 0 {
                    let what =
                        format!("it is missing or empty; records through {} were in it", recorded.head.seq);
                    return Err(Damage { seq: 1, file: self.db_path(), what }.into());
                }
                self.notes.extend(recorded.one_slot_bad.then_some(Note::HeadSlotUnreadable));
                Ok(recorded)
            }
        }
    }

    /// The head file of a new store comes first: without it, sled's file would look like damage.
    fn create_head(&self, options: &Options) -> Result<Recorded, OpenError> {
        let mut uuid = options.uuid.unwrap_or_default();
        if options.uuid.is_none() {
            getrandom::fill(&mut uuid).map_err(|error| self.io("read", "/dev/urandom")(error.into()))?;
        }
        head_file::create(self.dir, uuid).map_err(self.io("write", "head"))?;
        match head_file::look(self.dir).map_err(self.io("read", "head"))? {
            Found::Recorded(recorded) => Ok(recorded),
            _ => Err(self.io("read back", "head")(io::ErrorKind::InvalidData.into())),
        }
    }

    /// Removes what an interrupted sled leaves behind and would trip over.
    fn prepare(&mut self) -> Result<(), OpenError> {
        files::create_folder(&self.sled_dir).map_err(self.io("create", "sled"))?;
        for path in self.page_tables()? {
            if path.extension().is_some_and(|extension| extension == "generating") {
                fs::remove_file(&path).map_err(self.io("remove", "sled/snap.*.generating"))?;
                self.notes.push(Note::UnfinishedPageTable(path));
            }
        }
        Ok(())
    }

    /// sled's page tables: `snap.*`.
    fn page_tables(&self) -> Result<Vec<PathBuf>, OpenError> {
        let list = || -> io::Result<Vec<PathBuf>> {
            let items = fs::read_dir(&self.sled_dir)?.collect::<io::Result<Vec<_>>>()?;
            let ours = items.iter().filter(|item| item.file_name().as_encoded_bytes().starts_with(b"snap."));
            Ok(ours.map(fs::DirEntry::path).collect())
        };
        list().map_err(self.io("read", "sled"))
    }

    /// Opens sled: once as it is, again with the reserve given back if the disk is full, again without page tables
    /// if they are what is wrong.
    fn open_sled(&mut self, options: &Options) -> Result<Db, OpenError> {
        let config = sled::Config::new()
            .path(&self.sled_dir)
            .cache_capacity(options.cache_bytes)
            // Every append flushes for itself: a flusher beside it would only wake up twice a second.
            .flush_every_ms(None);
        let (mut may_set_aside, mut tries) = (true, 0);
        loop {
            let what = match panics::catch(|| config.open()) {
                Ok(Ok(db)) => return Ok(db),
                Ok(Err(sled::Error::Io(error))) if files::is_full(&error) => {
                    if reserve::spend(self.dir).map_err(self.io("remove", "reserve"))? {
                        self.notes.push(Note::ReserveSpent);
                        continue;
                    }
                    return Err(OpenError::Full { dir: self.dir.to_owned(), source: error.into() });
                }
                Ok(Err(sled::Error::Io(error))) if error.to_string().contains("could not acquire lock") => {
                    if tries < LOCK_TRIES {
                        tries += 1;
                        thread::sleep(LOCK_PAUSE);
                        continue;
                    }
                    return Err(OpenError::StillOpen { dir: self.dir.to_owned() });
                }
                Ok(Err(sled::Error::Unsupported(what))) => {
                    let file = self.sled_dir.join("conf");
                    return Err(
                        Damage { seq: 1, file, what: format!("sled does not accept it: {what}") }.into()
                    );
                }
                Ok(Err(error)) => error.to_string(),
                Err(panic) => panic,
            };
            if !std::mem::take(&mut may_set_aside) || !self.set_page_tables_aside()? {
                return Err(Damage {
                    seq: 1,
                    file: self.db_path(),
                    what: format!("sled cannot open it: {what}"),
                }
                .into());
            }
        }
    }

    /// Returns whether there were any that had not been moved before.
    fn set_page_tables_aside(&mut self) -> Result<bool, OpenError> {
        let tables = self.page_tables()?;
        let aside = self.dir.join("aside");
        if !tables.is_empty() {
            files::create_folder(&aside).map_err(self.io("create", "aside"))?;
        }
        for table in &tables {
            let name = table.file_name().expect("a folder's items have names");
            fs::rename(table, aside.join(name)).map_err(self.io("move", "sled/snap.*"))?;
        }
        self.notes.extend((!tables.is_empty()).then_some(Note::PageTablesSetAside(aside)));
        Ok(!tables.is_empty())
    }

    /// Makes durable what sled never syncs, and private what it made readable.
    fn sync_once(&mut self) -> Result<(), OpenError> {
        let blobs = self.sled_dir.join("blobs");
        let conf = self.sled_dir.join("conf");
        files::make_private(&self.sled_dir).map_err(self.io("make private", "sled"))?;
        File::open(conf).and_then(|file| file.sync_all()).map_err(self.io("sync", "sled/conf"))?;
        files::sync_folder(&blobs).map_err(self.io("sync", "sled/blobs"))?;
        files::sync_folder(&self.sled_dir).map_err(self.io("sync", "sled"))?;
        let mut items = fs::read_dir(&blobs).map_err(self.io("read", "sled/blobs"))?;
        self.notes.extend(items.next().is_some().then_some(Note::BlobFiles(blobs)));
        Ok(())
    }

    /// Opens our trees; in a store whose making was interrupted, writes what it must say of itself.
    fn open_trees(&self, db: &Db, recorded: &Recorded, db_file: &File) -> Result<Tree, OpenError> {
        let damaged = |what: String| OpenError::from(Damage { seq: 1, file: self.db_path(), what });
        let uuid = recorded.uuid;
        let opened = panics::catch(|| -> sled::Result<Result<Tree, String>> {
            if recorded.head.seq > 0 && !db.tree_names().iter().any(|name| name == HOT) {
                return Ok(Err("all its records are gone".into()));
            }
            let says = db.open_tree(META)?;
            let hot = db.open_tree(HOT)?;
            if recorded.head.seq == 0 && says.is_empty() && hot.is_empty() {
                meta::write(&says, &uuid)?;
                db.flush()?;
                db_file.sync_data()?;
            }
            Ok(meta::check(&says, &uuid)?.map(|()| hot))
        });
        match opened.map_err(damaged)? {
            Ok(Ok(hot)) => Ok(hot),
            Ok(Err(what)) => Err(damaged(what)),
            Err(sled::Error::Io(error)) => Err(self.io("write", "sled/db")(error)),
            Err(error) => Err(damaged(error.to_string())),
        }
    }

    /// Checks that the log reaches what was acknowledged, and brings the head file up to where it ends.
    fn check_tail(&mut self, log: &mut SledLog, recorded: &Recorded) -> Result<(), OpenError> {
        let tail = match tail::check(&*log.store, recorded.head) {
            Ok(tail) => tail,
            Err(damage) => {
                log.store.set_durable(recorded.head);
                let reader = Reader { source: log.store.clone() };
                return Err(tail::first_damage(&reader, damage).into());
            }
        };
        if !tail.torn.is_empty() {
            let removed = panics::catch(|| {
                tail.torn.iter().try_for_each(|key| log.store.hot().remove(key).map(drop))?;
                log.store.hot().flush().map(drop)
            });
            let what = match removed {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(panic) => Some(panic),
            };
            if let Some(what) = what {
                return Err(Damage { seq: tail.head.seq + 1, file: self.db_path(), what }.into());
            }
            self.notes.push(Note::TornAppendRemoved { first_seq: tail.head.seq + 1 });
        }
        if tail.head != recorded.head {
            let (recorded_seq, found_seq) = (recorded.head.seq, tail.head.seq);
            self.notes.push(Note::HeadLagged { recorded_seq, found_seq });
        }
        // What was found may have been written by a process that was killed before it synced.
        log.db.sync_data().map_err(self.io("sync", "sled/db"))?;
        if tail.head != recorded.head {
            log.head_file.write(tail.head).map_err(self.io("write", "head"))?;
        }
        log.head_file.sync_always().map_err(self.io("sync", "head"))?;
        log.store.set_durable(tail.head);
        Ok(())
    }
}
