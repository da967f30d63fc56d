//! What an opened log must end with: at least what the `head` file says was acknowledged, chained to its end.

use sled::IVec;

use crate::entry::Head;
use crate::keys;
use crate::reader::{self, Reader};
use crate::source::{Damage, Source};

/// Where the log ends.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) head: Head,
    /// The keys of an append of which only a part is there. It was never acknowledged; it is to be removed.
    pub(crate) torn: Vec<IVec>,
}

/// Checks the log's end against what was recorded. More than was recorded is fine if it is whole and chained; less
/// is damage.
pub(crate) fn check(source: &dyn Source, recorded: Head) -> Result<Tail, Damage> {
    if recorded.seq > 0 {
        let commit = reader::find(source, recorded.seq)?;
        if commit.head() != recorded {
            let what = "its commit is not the one that was acknowledged".to_owned();
            return Err(reader::damage(source, recorded.seq, what));
        }
    } else if recorded.hash != source.genesis() {
        return Err(reader::damage(source, 1, "the head file's genesis is another store's".into()));
    }

    let mut scan = source.from(&keys::commit_key(recorded.seq + 1));
    let mut whole = recorded;
    let mut last = recorded;
    loop {
        let next = reader::next_in_scan(&mut scan, last.seq + 1).and_then(|commit| {
            commit
                .map(|commit| reader::follows(&commit, last.seq + 1, Some(last.hash)).map(|()| commit))
                .transpose()
        });
        match next.map_err(|what| reader::damage(source, last.seq + 1, what))? {
            None => break,
            Some(commit) => {
                last = commit.head();
                if !commit.continues() {
                    whole = last;
                }
            }
        }
    }
    let mut torn = Vec::new();
    if last != whole {
        for item in source.from(&keys::commit_key(whole.seq + 1)) {
            torn.push(item.map_err(|what| reader::damage(source, whole.seq + 1, what))?.0);
        }
    }
    Ok(Tail { head: whole, torn })
}

/// The first damage of a whole log, for saying where it is: what `check` finds at the end may be the last of many.
pub(crate) fn first_damage(reader: &Reader, found: Damage) -> Damage {
    let report = crate::verify::verify(reader, &mut |_| {});
    report.first_bad.filter(|first| first.seq < found.seq).unwrap_or(found)
}
