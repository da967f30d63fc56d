//! The faulty twin: what each fault leaves on the disk, after a kill and after a power cut.

use decklog_storage::{AppendError, Fault, Log as _, MemoryLog, OpenError};

use crate::common::{append_in_chunks, assert_holds, entries};

/// A log of 10 records in which the append of 11 through 13 met `fault`.
fn with_fault(fault: Fault) -> (MemoryLog, Result<(), AppendError>) {
    let mut log = MemoryLog::new([7; 16]);
    append_in_chunks(&mut log, &entries(1, 10), 5);
    log.disk().set_fault(0, fault);
    let result = log.append(11, &entries(11, 13)).map(drop);
    (log, result)
}

#[test]
fn a_failed_append_is_the_last() {
    for fault in [Fault::WriteFails, Fault::DiskFull, Fault::SyncFails] {
        let (mut log, result) = with_fault(fault);
        match fault {
            Fault::DiskFull => assert!(matches!(result, Err(AppendError::Full { .. }))),
            _ => assert!(matches!(result, Err(AppendError::Failed { .. }))),
        }
        assert!(matches!(log.append(11, &entries(11, 11)), Err(AppendError::Dead)));
        assert_eq!(log.head().seq, 10);
        assert_holds(&log.reader(), &entries(1, 10));
    }
}

#[test]
fn what_was_never_written_is_gone() {
    for fault in [Fault::WriteFails, Fault::DiskFull] {
        let (log, _) = with_fault(fault);
        assert_eq!(log.disk().after_kill().unwrap().head().seq, 10);
        for seed in 0..20 {
            assert_eq!(log.disk().after_power_cut(seed).unwrap().head().seq, 10);
        }
    }
}

#[test]
fn what_was_written_and_not_synced_may_be_there_whole_or_not() {
    let (log, _) = with_fault(Fault::SyncFails);
    assert_eq!(log.disk().after_kill().unwrap().head().seq, 13);
    let ends: Vec<u64> = (0..40).map(|seed| log.disk().after_power_cut(seed).unwrap().head().seq).collect();
    assert!(
        ends.contains(&10) && ends.contains(&13) && ends.iter().all(|end| [10, 13].contains(end)),
        "{ends:?}"
    );
    let mut again = log.disk().after_kill().unwrap();
    append_in_chunks(&mut again, &entries(14, 20), 2);
    assert_holds(&again.reader(), &entries(1, 20));
}

/// The one fault that the log cannot prevent is at least noticed, unless the head file was lost with the records.
#[test]
fn a_sync_that_lied_is_damage_or_silent_with_the_head_file() {
    let (log, result) = with_fault(Fault::SyncLies);
    result.unwrap();
    assert_eq!(log.head().seq, 13);
    let (mut damaged, mut kept, mut lost) = (0, 0, 0);
    for seed in 0..60 {
        match log.disk().after_power_cut(seed) {
            Err(OpenError::Damaged(damage)) => {
                assert_eq!(damage.seq, 11);
                damaged += 1;
            }
            Ok(log) if log.head().seq == 13 => kept += 1,
            Ok(log) if log.head().seq == 10 => lost += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(damaged > 0 && kept > 0 && lost > 0);
}

#[test]
fn faults_can_be_left_to_a_seed() {
    let run = |seed| {
        let mut log = MemoryLog::new([7; 16]);
        log.disk().set_random_faults(seed, 20);
        while log.append(log.head().seq + 1, &entries(log.head().seq + 1, log.head().seq + 2)).is_ok() {}
        let survivor = log.disk().after_power_cut(seed).unwrap();
        assert!(survivor.head().seq >= log.head().seq);
        log.head().seq
    };
    let ends: Vec<u64> = (0..30).map(run).collect();
    assert_eq!(ends, (0..30).map(run).collect::<Vec<_>>());
    assert!(ends.iter().any(|&end| end != ends[0]));
}
