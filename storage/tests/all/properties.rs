//! Whatever is appended, however it is cut, is there after opening again.

use decklog_storage::{Entry, Log, MemoryLog, verify};
use proptest::prelude::*;

use crate::common::{Folder, assert_holds};

prop_compose! {
    fn an_entry()(
        delta_ms in prop_oneof![9 => 0_u64..1_000, 1 => 0_u64..10_000_000_000],
        kind in any::<u16>(),
        schema in any::<u8>(),
        stream in prop_oneof![Just([0; 16]), any::<[u8; 16]>()],
        payload in prop_oneof![
            20 => prop::collection::vec(any::<u8>(), 0..300),
            2 => prop::collection::vec(any::<u8>(), 5_900..6_300),
            1 => prop::collection::vec(any::<u8>(), 0..40_000),
        ],
    ) -> Entry {
        Entry { at_ms: delta_ms, kind, schema, stream, payload }
    }
}

/// Appends with times that never run back.
fn appends() -> impl Strategy<Value = Vec<Vec<Entry>>> {
    prop::collection::vec(prop::collection::vec(an_entry(), 1..60), 1..12).prop_map(|mut appends| {
        let mut at_ms = 0;
        for entry in appends.iter_mut().flatten() {
            at_ms += entry.at_ms;
            entry.at_ms = at_ms;
        }
        appends
    })
}

fn append_all(log: &mut impl Log, appends: &[Vec<Entry>]) {
    for entries in appends {
        log.append(log.head().seq + 1, entries).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_appended_is_there_after_opening_again(appends in appends()) {
        let folder = Folder::new();
        let mut log = folder.open();
        append_all(&mut log, &appends);
        let head = log.head();
        drop(log);
        let log = folder.open();
        prop_assert_eq!(log.head(), head);
        prop_assert_eq!(log.notes(), &[]);
        assert_holds(&log.reader(), &appends.concat());
        let report = verify(&log.reader(), &mut |_| {});
        prop_assert!(report.is_intact());
    }

    #[test]
    fn the_twin_keeps_the_same_bytes(appends in appends()) {
        let (mut memory, folder) = (MemoryLog::new([7; 16]), Folder::new());
        let mut log = folder.open();
        append_all(&mut memory, &appends);
        append_all(&mut log, &appends);
        prop_assert_eq!(memory.head(), log.head());
    }

    #[test]
    fn first_seq_after_is_a_partition_point(appends in appends(), pick in any::<prop::sample::Index>()) {
        let mut log = MemoryLog::new([7; 16]);
        append_all(&mut log, &appends);
        let entries = appends.concat();
        let at_ms = entries[pick.index(entries.len())].at_ms;
        let expected = entries.partition_point(|entry| entry.at_ms <= at_ms) as u64 + 1;
        prop_assert_eq!(log.reader().first_seq_after(at_ms), Ok((expected <= log.head().seq).then_some(expected)));
    }
}
