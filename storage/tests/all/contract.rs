//! What every log keeps to, whoever keeps the bytes: the same tests against sled and against memory.

use decklog_storage::{
    APPEND_BYTES_MAX, AppendError, Head, Log, MemoryLog, PAYLOAD_BYTES_MAX, Refusal, SledLog, verify,
};

use crate::common::{Folder, append_in_chunks, assert_holds, entries, entry, read_all, sized};

macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod in_memory {
            use super::*;
            $(#[test] fn $name() { super::$name(&mut MemoryLog::new([7; 16])); })*
        }
        mod in_sled {
            use super::*;
            $(#[test] fn $name() {
                let folder = Folder::new();
                let mut log: SledLog = folder.open();
                super::$name(&mut log);
            })*
        }
    };
}

contract!(
    starts_empty,
    gives_back_what_was_appended,
    refuses_what_does_not_follow_on,
    refuses_what_is_over_a_limit,
    a_large_record_is_kept_whole,
    the_largest_append_is_kept_whole,
    reads_any_range,
    reads_back_from_anywhere,
    finds_the_first_record_after_a_time,
    a_reader_sees_later_appends,
    hashes_chain_from_genesis,
    verify_reports_progress,
);

fn starts_empty(log: &mut impl Log) {
    let reader = log.reader();
    assert_eq!(log.head(), Head { seq: 0, at_ms: 0, hash: reader.genesis() });
    assert_eq!(reader.read(1, u64::MAX).count(), 0);
    assert_eq!(reader.read_back(u64::MAX).count(), 0);
    assert_eq!(reader.first_seq_after(0), Ok(None));
    assert_eq!(reader.hash_at(0), Ok(Some(reader.genesis())));
    assert_eq!(reader.hash_at(1), Ok(None));
    assert!(verify(&reader, &mut |_| {}).is_intact());
}

fn gives_back_what_was_appended(log: &mut impl Log) {
    let entries = entries(1, 200);
    append_in_chunks(log, &entries, 9);
    assert_eq!((log.head().seq, log.head().at_ms), (200, entries[199].at_ms));
    assert_holds(&log.reader(), &entries);
}

fn refuses_what_does_not_follow_on(log: &mut impl Log) {
    append_in_chunks(log, &entries(1, 3), 3);
    let head = log.head();
    let refusal = |result| match result {
        Err(AppendError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    };
    assert_eq!(refusal(log.append(4, &[])), Refusal::Empty);
    assert_eq!(refusal(log.append(3, &[entry(4)])), Refusal::OutOfOrder { expected: 4, found: 3 });
    assert_eq!(refusal(log.append(5, &[entry(5)])), Refusal::OutOfOrder { expected: 4, found: 5 });
    let backwards = [entry(100), entry(4)];
    assert_eq!(refusal(log.append(4, &backwards)), Refusal::TimeRunsBackwards { seq: 5 });
    assert_eq!(log.head(), head);
    log.append(4, &[entry(4)]).unwrap();
    assert_holds(&log.reader(), &entries(1, 4));
}

fn refuses_what_is_over_a_limit(log: &mut impl Log) {
    let large = [sized(1, PAYLOAD_BYTES_MAX + 1)];
    let Err(AppendError::Refused(refusal)) = log.append(1, &large) else { panic!("not refused") };
    assert_eq!(refusal, Refusal::PayloadTooLarge { seq: 1, bytes: PAYLOAD_BYTES_MAX + 1 });
    let many = vec![sized(1, PAYLOAD_BYTES_MAX); APPEND_BYTES_MAX / PAYLOAD_BYTES_MAX];
    assert!(matches!(log.append(1, &many), Err(AppendError::Refused(Refusal::AppendTooLarge { .. }))));
    log.append(1, &[entry(1)]).unwrap();
}

fn a_large_record_is_kept_whole(log: &mut impl Log) {
    let around_a_value = (6 * 1024 - 130)..(6 * 1024 - 100);
    let mut entries = vec![entry(1)];
    entries.extend(around_a_value.map(|bytes| sized(2_000_000, bytes)));
    entries.extend([sized(2_000_000, PAYLOAD_BYTES_MAX), sized(2_000_000, 12_200), sized(2_000_000, 0)]);
    for chunk in entries.chunks(4) {
        log.append(log.head().seq + 1, chunk).unwrap();
    }
    assert_holds(&log.reader(), &entries);
    let back: Vec<_> = log.reader().read_back(u64::MAX).map(|stored| stored.unwrap().entry).collect();
    assert!(back.iter().rev().eq(&entries));
}

fn the_largest_append_is_kept_whole(log: &mut impl Log) {
    let entries = vec![sized(1, PAYLOAD_BYTES_MAX); APPEND_BYTES_MAX / PAYLOAD_BYTES_MAX - 1];
    log.append(1, &entries).unwrap();
    assert_holds(&log.reader(), &entries);
}

fn reads_any_range(log: &mut impl Log) {
    append_in_chunks(log, &entries(1, 60), 7);
    let reader = log.reader();
    for from in 0..=62 {
        for through in [0, 1, from, from + 1, from + 9, 60, u64::MAX] {
            let read: Vec<u64> = reader.read(from, through).map(|stored| stored.unwrap().seq).collect();
            let expected: Vec<u64> = (from.max(1)..=through.min(60)).collect();
            assert_eq!(read, expected, "{from} through {through}");
        }
    }
}

fn reads_back_from_anywhere(log: &mut impl Log) {
    append_in_chunks(log, &entries(1, 60), 7);
    let reader = log.reader();
    for from in [0, 1, 6, 7, 8, 31, 59, 60, 61, u64::MAX] {
        let read: Vec<u64> = reader.read_back(from).map(|stored| stored.unwrap().seq).collect();
        assert!(read.iter().copied().eq((1..=from.min(60)).rev()), "from {from}: {read:?}");
    }
}

fn finds_the_first_record_after_a_time(log: &mut impl Log) {
    let entries = entries(1, 90);
    append_in_chunks(log, &entries, 8);
    for at_ms in (999_990..1_000_320).chain([0, u64::MAX]) {
        let expected = entries.iter().position(|entry| entry.at_ms > at_ms).map(|at| at as u64 + 1);
        assert_eq!(log.reader().first_seq_after(at_ms), Ok(expected), "after {at_ms}");
    }
}

fn a_reader_sees_later_appends(log: &mut impl Log) {
    let reader = log.reader();
    append_in_chunks(log, &entries(1, 5), 2);
    assert_eq!(reader.head(), log.head());
    assert_eq!(read_all(&reader).len(), 5);
}

fn hashes_chain_from_genesis(log: &mut impl Log) {
    append_in_chunks(log, &entries(1, 40), 6);
    let reader = log.reader();
    let mut previous = reader.genesis();
    for commit in reader.commits(1, u64::MAX).map(Result::unwrap) {
        assert_eq!(commit.previous(), previous);
        previous = commit.head().hash;
        for seq in commit.first_seq()..=commit.last_seq() {
            assert_eq!(reader.hash_at(seq), Ok(Some(previous)));
        }
    }
    assert_eq!(previous, log.head().hash);
    assert!(
        read_all(&reader).iter().all(|stored| reader.hash_at(stored.seq) == Ok(Some(stored.commit_head)))
    );
}

fn verify_reports_progress(log: &mut impl Log) {
    append_in_chunks(log, &entries(1, 50), 5);
    let mut seen = Vec::new();
    let report = verify(&log.reader(), &mut |seq| seen.push(seq));
    assert_eq!((report.records, report.head, report.first_bad), (50, log.head(), None));
    assert!(seen.is_sorted() && seen.last() == Some(&50));
}
