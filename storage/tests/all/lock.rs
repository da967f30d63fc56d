//! One holder a folder, and everybody can see who.

use std::fs;

use decklog_storage::{Lock, LockError, read_lock};

use crate::common::Folder;

#[test]
fn the_second_is_told_who_has_it() {
    let folder = Folder::new();
    let lock = Lock::acquire(&folder.path(), "pid 42 since 17").unwrap();
    assert_eq!(read_lock(&folder.path()).unwrap().as_deref(), Some("pid 42 since 17"));
    let error = Lock::acquire(&folder.path(), "pid 43").unwrap_err();
    assert!(matches!(&error, LockError::Held { by, .. } if by == "pid 42 since 17"), "{error}");
    // Asking did not overwrite it.
    assert_eq!(fs::read_to_string(folder.file("lock")).unwrap(), "pid 42 since 17");
    drop(lock);
    assert_eq!(read_lock(&folder.path()).unwrap(), None);
    Lock::acquire(&folder.path(), "pid 44").unwrap();
}

#[test]
fn nobody_holds_what_is_not_there() {
    assert_eq!(read_lock(&Folder::new().path()).unwrap(), None);
}

#[test]
fn an_open_store_and_its_readers_keep_the_lock() {
    let folder = Folder::new();
    let log = folder.open();
    let reader = decklog_storage::Log::reader(&log);
    assert!(read_lock(&folder.path()).unwrap().is_some());
    drop(log);
    assert!(read_lock(&folder.path()).unwrap().is_some());
    drop(reader);
    assert_eq!(read_lock(&folder.path()).unwrap(), None);
}
