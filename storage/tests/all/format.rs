//! The bytes on disk, read by hand as FORMAT.md says, and pinned: a change of these is a change of the format.

use std::fs;

use decklog_storage::{Entry, Log as _};
use sha2::{Digest as _, Sha256};

use crate::common::{Folder, entry, sized};

const UUID: [u8; 16] = [7; 16];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn genesis() -> [u8; 32] {
    Sha256::new().chain_update(b"decklog genesis\0").chain_update(UUID).finalize().into()
}

/// Two records appended first of all.
fn store() -> (Folder, [Entry; 2]) {
    let folder = Folder::new();
    let entries = [
        Entry {
            at_ms: 1_700_000_000_000,
            kind: 0x0102,
            schema: 3,
            stream: [4; 16],
            payload: b"one".to_vec(),
        },
        Entry { at_ms: 1_700_000_000_258, kind: 5, schema: 6, stream: [0; 16], payload: b"".to_vec() },
    ];
    folder.open().append(1, &entries).unwrap();
    (folder, entries)
}

#[test]
fn a_commit_is_laid_out_as_format_md_says() {
    let (folder, _) = store();
    let db = sled::open(folder.file("sled")).unwrap();
    let (key, value) = db.open_tree("hot").unwrap().first().unwrap().unwrap();
    assert_eq!(&key[..], 1_u64.to_be_bytes());
    let header = ["01", "00", "0002", "00000091", "0000000000000001", "0000018bcfe56800"].concat();
    let first = ["0102", "03", "00000000", &"04".repeat(16), "00000003", &hex(b"one")].concat();
    let second = ["0005", "06", "00000102", &"00".repeat(16), "00000000"].concat();
    let body = [header, hex(&genesis()), first, second].concat();
    let (found, head) = value.split_at(value.len() - 32);
    assert_eq!(hex(found), body);
    assert_eq!(head, &Sha256::digest(found)[..]);
}

#[test]
fn a_large_commit_is_cut_into_parts() {
    let folder = Folder::new();
    folder.open().append(1, &[entry(1), sized(2_000_000, 13_000), entry_after()]).unwrap();
    let db = sled::open(folder.file("sled")).unwrap();
    let items: Vec<_> = db.open_tree("hot").unwrap().iter().map(Result::unwrap).collect();
    let keys: Vec<String> = items.iter().map(|(key, _)| hex(key)).collect();
    let large = "0000000000000002";
    assert_eq!(
        keys,
        ["0000000000000001", large, &format!("{large}0001"), &format!("{large}0002"), "0000000000000003"]
    );
    let lengths: Vec<usize> = items[1..4].iter().map(|(_, value)| value.len()).collect();
    assert_eq!(lengths, [6144, 6144, 56 + 27 + 13_000 + 32 - 2 * 6144]);
    let flags: Vec<u8> = [0, 1, 4].iter().map(|&at| items[at].1[1]).collect();
    assert_eq!(flags, [1, 1, 0], "all but the last commit of an append say that it continues");
}

fn entry_after() -> Entry {
    sized(2_000_000, 10)
}

#[test]
fn the_head_file_is_laid_out_as_format_md_says() {
    let (folder, entries) = store();
    let bytes = fs::read(folder.file("head")).unwrap();
    assert_eq!(bytes.len(), 8192);
    let log = folder.open();
    let slot = |seq: u64, at_ms: u64, hash: &[u8]| {
        let mut slot = b"decklogH\x00\x01".to_vec();
        slot.extend(UUID);
        slot.extend(seq.to_be_bytes());
        slot.extend(at_ms.to_be_bytes());
        slot.extend(hash);
        slot.extend(crc32fast::hash(&slot).to_be_bytes());
        slot
    };
    let (empty, full) = (slot(0, 0, &genesis()), slot(2, entries[1].at_ms, &log.head().hash));
    let slots = [&bytes[..78], &bytes[4096..4096 + 78]];
    assert!(slots.contains(&&empty[..]) && slots.contains(&&full[..]));
}

#[test]
fn the_store_says_what_it_is() {
    let (folder, _) = store();
    let db = sled::open(folder.file("sled")).unwrap();
    let meta = db.open_tree("meta").unwrap();
    let says = |key: &str| meta.get(key).unwrap().unwrap().to_vec();
    assert_eq!(says("format"), [0, 1]);
    assert_eq!(says("uuid"), UUID);
    assert_eq!(says("codec"), b"opaque");
    assert_eq!(says("genesis"), genesis());
}

/// The whole chain in one figure.
#[test]
fn the_chain_head_of_known_records_is_pinned() {
    let (folder, _) = store();
    assert_eq!(
        hex(&folder.open().head().hash),
        "35cf08f94a2b42598e07ffb5ee0d25acd5240bca76ee7083ad22224f360f498d"
    );
}
