//! Opening: what an interrupted or tampered store looks like, and what comes of it. Each trap has its test.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use decklog_storage::{Damage, Log as _, Note, OpenError, VALUE_BYTES_MAX, verify};

use crate::common::{Folder, append_in_chunks, assert_holds, entries, sized};

/// Every file's content, to see that nothing was touched.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for item in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = item.file_name().into_string().unwrap();
        if item.file_type().unwrap().is_dir() {
            all.extend(
                contents(&item.path()).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)),
            );
            all.insert(name, Vec::new());
        } else if name != "lock" {
            all.insert(name, fs::read(item.path()).unwrap());
        }
    }
    all
}

fn damage(folder: &Folder) -> Damage {
    match folder.try_open() {
        Err(OpenError::Damaged(damage)) => damage,
        Err(other) => panic!("not damage: {other:?}"),
        Ok(log) => panic!("it opened, at {:?}", log.head()),
    }
}

/// Asserts that opening finds damage and changes nothing.
fn damage_untouched(folder: &Folder) -> Damage {
    let before = contents(&folder.path());
    let damage = damage(folder);
    assert_eq!(contents(&folder.path()), before);
    damage
}

#[test]
fn a_store_opens_again_with_all_it_had() {
    let (folder, entries) = Folder::with_records(500);
    let log = folder.open();
    assert_eq!(log.notes(), []);
    assert_holds(&log.reader(), &entries);
    assert!(verify(&log.reader(), &mut |_| {}).is_intact());
}

#[test]
fn appends_go_on_after_reopening() {
    let (folder, _) = Folder::with_records(30);
    for round in 0..5 {
        let mut log = folder.open();
        append_in_chunks(&mut log, &entries(31 + round * 10, 40 + round * 10), 3);
    }
    assert_holds(&folder.open().reader(), &entries(1, 80));
}

#[test]
fn everything_is_private_whatever_the_umask() {
    let (folder, _) = Folder::with_records(100);
    drop(folder.open());
    fn check(path: &Path) {
        let found = fs::metadata(path).unwrap();
        let mode = found.permissions().mode() & 0o777;
        assert_eq!(mode, if found.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        if found.is_dir() {
            for item in fs::read_dir(path).unwrap() {
                check(&item.unwrap().path());
            }
        }
    }
    check(&folder.path());
}

#[test]
fn a_page_table_left_unfinished_is_removed() {
    let (folder, entries) = Folder::with_records(100);
    let leftover = folder.file("sled/snap.00000000FFFFFFFF.generating");
    fs::write(&leftover, b"half a page table").unwrap();
    let log = folder.open();
    assert_eq!(log.notes(), [Note::UnfinishedPageTable(leftover.clone())]);
    assert!(!leftover.exists());
    assert_holds(&log.reader(), &entries);
}

#[test]
fn a_damaged_page_table_is_set_aside() {
    let (folder, entries) = Folder::with_records(100);
    drop(folder.open());
    let tables: Vec<_> =
        fs::read_dir(folder.file("sled")).unwrap().map(|item| item.unwrap().path()).collect();
    let table = tables.iter().find(|path| path.to_string_lossy().contains("snap.")).unwrap();
    let mut bytes = fs::read(table).unwrap();
    bytes[3] ^= 1;
    fs::write(table, bytes).unwrap();
    let log = folder.open();
    assert_eq!(log.notes(), [Note::PageTablesSetAside(folder.file("aside"))]);
    assert_holds(&log.reader(), &entries);
}

#[test]
fn lost_page_tables_and_conf_are_made_again() {
    let (folder, entries) = Folder::with_records(100);
    for name in fs::read_dir(folder.file("sled")).unwrap().map(|item| item.unwrap().path()) {
        let text = name.to_string_lossy();
        if text.contains("snap.") || text.ends_with("conf") {
            fs::remove_file(name).unwrap();
        }
    }
    assert_holds(&folder.open().reader(), &entries);
}

#[test]
fn a_deleted_db_is_damage_and_nothing_is_created() {
    let (folder, _) = Folder::with_records(50);
    fs::remove_file(folder.file("sled/db")).unwrap();
    let damage = damage_untouched(&folder);
    assert_eq!((damage.file, damage.seq), (folder.file("sled/db"), 1));
    assert!(!folder.file("sled/db").exists());
}

#[test]
fn a_deleted_sled_folder_is_damage() {
    let (folder, _) = Folder::with_records(50);
    fs::remove_dir_all(folder.file("sled")).unwrap();
    damage_untouched(&folder);
    assert!(!folder.file("sled").exists());
}

#[test]
fn an_emptied_db_is_damage() {
    let (folder, _) = Folder::with_records(50);
    fs::write(folder.file("sled/db"), b"").unwrap();
    damage_untouched(&folder);
}

#[test]
fn a_deleted_head_is_damage() {
    let (folder, _) = Folder::with_records(50);
    fs::remove_file(folder.file("head")).unwrap();
    assert_eq!(damage_untouched(&folder).file, folder.file("head"));
}

#[test]
fn a_head_file_with_one_bad_slot_still_speaks() {
    let (folder, entries) = Folder::with_records(50);
    for offset in [0, 4096] {
        let good = fs::read(folder.file("head")).unwrap();
        let mut bytes = good.clone();
        bytes[offset + 30] ^= 4;
        fs::write(folder.file("head"), bytes).unwrap();
        let log = folder.open();
        assert!(log.notes().contains(&Note::HeadSlotUnreadable));
        assert_holds(&log.reader(), &entries);
        drop(log);
        fs::write(folder.file("head"), good).unwrap();
    }
}

#[test]
fn a_head_file_with_two_bad_slots_is_damage() {
    let (folder, _) = Folder::with_records(50);
    fs::write(folder.file("head"), vec![0; 8192]).unwrap();
    damage_untouched(&folder);
}

#[test]
fn another_stores_head_file_is_damage() {
    let (folder, _) = Folder::with_records(50);
    let other = Folder::new();
    let lock = decklog_storage::Lock::acquire(&other.path(), "").unwrap();
    drop(decklog_storage::SledLog::open(&lock, &decklog_storage::Options::default()).unwrap());
    fs::copy(other.file("head"), folder.file("head")).unwrap();
    damage(&folder);
}

#[test]
fn a_head_file_that_lags_is_caught_up() {
    let (folder, _) = Folder::with_records(20);
    let lagging = fs::read(folder.file("head")).unwrap();
    append_in_chunks(&mut folder.open(), &entries(21, 40), 3);
    fs::write(folder.file("head"), lagging).unwrap();
    let log = folder.open();
    assert_eq!(log.notes(), [Note::HeadLagged { recorded_seq: 20, found_seq: 40 }]);
    assert_holds(&log.reader(), &entries(1, 40));
    drop(log);
    assert_eq!(folder.open().notes(), []);
}

/// The head file leads: sled lost a tail that was acknowledged.
#[test]
fn a_tail_that_sled_lost_is_damage() {
    let (folder, _) = Folder::with_records(20);
    let shorter = Folder::new();
    crate::common::copy_folder(&folder.path(), &shorter.path());
    append_in_chunks(&mut folder.open(), &entries(21, 40), 3);
    fs::copy(folder.file("head"), shorter.file("head")).unwrap();
    assert_eq!(damage(&shorter).seq, 21);
    assert_eq!(damage(&shorter).intact_through(), 20);
}

#[test]
fn a_truncated_db_is_damage_wherever_it_ends() {
    let (folder, _) = Folder::with_records(2_000);
    let length = fs::metadata(folder.file("sled/db")).unwrap().len();
    for part in 0..12 {
        let copy = Folder::new();
        crate::common::copy_folder(&folder.path(), &copy.path());
        let db = fs::OpenOptions::new().write(true).open(copy.file("sled/db")).unwrap();
        db.set_len(length * part / 12).unwrap();
        drop(db);
        let damage = damage(&copy);
        assert_eq!(damage.file, copy.file("sled/db"));
        assert!(damage.intact_through() < 2_000);
    }
}

#[test]
fn a_making_that_was_interrupted_goes_on() {
    let folder = Folder::new();
    drop(folder.open());
    // As after a kill between the head file and sled's.
    fs::remove_dir_all(folder.file("sled")).unwrap();
    append_in_chunks(&mut folder.open(), &entries(1, 5), 2);
    assert_holds(&folder.open().reader(), &entries(1, 5));
}

#[test]
fn a_newer_store_is_refused_and_not_written() {
    let (folder, _) = Folder::with_records(10);
    let mut bytes = fs::read(folder.file("head")).unwrap();
    for offset in [0, 4096] {
        bytes[offset + 9] = 2;
        let crc = crc32fast::hash(&bytes[offset..offset + 74]);
        bytes[offset + 74..offset + 78].copy_from_slice(&crc.to_be_bytes());
    }
    fs::write(folder.file("head"), bytes).unwrap();
    let before = contents(&folder.path());
    let error = folder.try_open().unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 2 }));
    assert!(error.to_string().contains("newer decklog"), "{error}");
    assert_eq!(contents(&folder.path()), before);
}

#[test]
fn blobs_stay_empty_and_no_value_is_over_the_limit() {
    let folder = Folder::new();
    let mut log = folder.open();
    for round in 0..40 {
        let at_ms = round;
        let entries =
            [sized(at_ms, 5_900), sized(at_ms, 50_000), sized(at_ms, 25_000), sized(at_ms, 200_000)];
        log.append(log.head().seq + 1, &entries).unwrap();
        for _ in 0..4 {
            log.append(log.head().seq + 1, &[sized(at_ms, 6_020)]).unwrap();
        }
    }
    let count = log.head().seq;
    drop(log);
    let log = folder.open();
    assert_eq!(log.notes(), []);
    assert_eq!(verify(&log.reader(), &mut |_| {}).records, count);
    drop(log);
    assert_eq!(fs::read_dir(folder.file("sled/blobs")).unwrap().count(), 0);
    let db = sled::open(folder.file("sled")).unwrap();
    let longest = db.open_tree("hot").unwrap().iter().values().map(|value| value.unwrap().len()).max();
    assert_eq!(longest, Some(VALUE_BYTES_MAX));
}

/// Were sled to lose the end of an append that was never acknowledged, the rest of it goes too: all or none.
#[test]
fn a_torn_append_is_removed() {
    let (folder, _) = Folder::with_records(20);
    let lagging = fs::read(folder.file("head")).unwrap();
    let mut log = folder.open();
    let large: Vec<_> = (0..5).map(|_| sized(2_000_000, 5_000)).collect();
    log.append(21, &large).unwrap();
    drop(log);
    let db = sled::open(folder.file("sled")).unwrap();
    db.open_tree("hot").unwrap().remove(25_u64.to_be_bytes()).unwrap().unwrap();
    drop(db);

    let acknowledged = fs::read(folder.file("head")).unwrap();
    assert_eq!(damage(&folder).seq, 25);
    assert_eq!(fs::read(folder.file("head")).unwrap(), acknowledged);

    fs::write(folder.file("head"), lagging).unwrap();
    let mut log = folder.open();
    assert_eq!(log.notes(), [Note::TornAppendRemoved { first_seq: 21 }]);
    append_in_chunks(&mut log, &entries(21, 30), 3);
    drop(log);
    assert_holds(&folder.open().reader(), &entries(1, 30));
}

#[test]
fn a_store_that_a_reader_still_holds_is_not_opened_twice() {
    let folder = Folder::new();
    let lock = decklog_storage::Lock::acquire(&folder.path(), "one").unwrap();
    let log = decklog_storage::SledLog::open(&lock, &decklog_storage::Options::default()).unwrap();
    let reader = log.reader();
    drop(log);
    let again = decklog_storage::SledLog::open(&lock, &decklog_storage::Options::default());
    assert!(matches!(again, Err(OpenError::StillOpen { .. })));
    drop(reader);
    decklog_storage::SledLog::open(&lock, &decklog_storage::Options::default()).unwrap();
}
