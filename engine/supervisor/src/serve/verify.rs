//! Every record, the chain, the snapshots and the fold: checked against each other.

use std::io;
use std::path::Path;

use decklog_engine::evolve::evolve;
use decklog_engine::roster::{ROSTER_SCHEMA, Roster};
use decklog_protocol::frame::Frame;
use decklog_protocol::message::{FirstBad, Reply, Verified};
use decklog_protocol::row::hex;
use decklog_storage::snapshots::Bound;
use decklog_storage::{Damage, ReadError};

use super::Server;
use super::out::Out;
use crate::clock;
use crate::store::{self, Store, StoreError};

/// Progress is told after so many records.
const PROGRESS_EVERY: u64 = 100_000;

impl Server {
    pub(super) async fn verify(&self, out: &mut Out, expect: Option<String>) -> io::Result<()> {
        let Some(live) = self.handle.roster().await else { return out.closing().await };
        let last = live.fleet().last_seq;
        let _ = self.handle.durable().wait_for(|durable| *durable >= last).await;
        let store = self.store.clone();
        let verified = out
            .stream(move |send| {
                let total = last;
                check(&store, Some(&live), expect.as_deref(), &mut |done| {
                    if done % PROGRESS_EVERY == 0 {
                        send(Frame::message(&Reply::Progress { done, total }));
                    }
                })
            })
            .await?;
        out.last(&Reply::Verified(verified)).await
    }
}

/// Checks the log of this store, and the live roster against it if there is one. Blocks.
pub(crate) fn check(
    store: &Store,
    live: Option<&Roster>,
    expect: Option<&str>,
    progress: &mut dyn FnMut(u64),
) -> Verified {
    let begun = clock::read().awake_ms;
    let genesis = store.reader.genesis();
    let mut verified = Verified {
        ok: false,
        records: 0,
        head: hex(&genesis),
        first_bad: None,
        snapshots_checked: 0,
        fold_equal: None,
        duration_ms: 0,
    };
    let mut expected = expect.is_none_or(|expect| begins(&hex(&genesis), expect));
    if let Err(bad) = walk(store, live, expect, &mut expected, &mut verified, progress) {
        verified.first_bad = Some(bad);
    }
    if let (true, None, Some(expect)) = (!expected, &verified.first_bad, expect) {
        let what = format!("no record has the chain head {expect}");
        verified.first_bad = Some(FirstBad { seq: None, file: "head".into(), what });
    }
    verified.ok = verified.first_bad.is_none() && verified.fold_equal != Some(false);
    verified.duration_ms = clock::read().awake_ms - begun;
    verified
}

/// What is known of a log that does not open.
pub(crate) fn of_damage(damage: &Damage) -> Verified {
    Verified {
        ok: false,
        records: damage.intact_through(),
        head: String::new(),
        first_bad: Some(first_bad(damage)),
        snapshots_checked: 0,
        fold_equal: None,
        duration_ms: 0,
    }
}

fn walk(
    store: &Store,
    live: Option<&Roster>,
    expect: Option<&str>,
    expected: &mut bool,
    verified: &mut Verified,
    progress: &mut dyn FnMut(u64),
) -> Result<(), FirstBad> {
    let (headers, unreadable) =
        store.snapshots.list().map_err(|error| elsewhere("snap", error.to_string()))?;
    let mut headers = headers.into_iter().filter(|header| header.state_schema == ROSTER_SCHEMA).peekable();
    let mut roster = Roster::default();
    for stored in store.reader.read(1, u64::MAX) {
        let (record, hash) = stored.map_err(StoreError::from).and_then(store::record).map_err(bad)?;
        evolve(&mut roster, &record);
        verified.records = record.seq;
        let head = hex(&hash);
        *expected |= expect.is_some_and(|expect| begins(&head, expect));
        verified.head = head;
        if headers.next_if(|header| header.seq == record.seq).is_some() {
            check_snapshot(store, &roster)?;
            verified.snapshots_checked += 1;
        }
        if let Some(live) = live.filter(|live| live.fleet().last_seq == record.seq) {
            verified.fold_equal = Some(live.encode() == roster.encode());
        }
        progress(record.seq);
    }
    if let Some(skipped) = unreadable.first() {
        return Err(elsewhere(&skipped.path.display().to_string(), skipped.why.clone()));
    }
    match headers.next() {
        Some(header) => {
            Err(elsewhere("snap", format!("a snapshot has seen record {}, which is not there", header.seq)))
        }
        None => Ok(()),
    }
}

/// The snapshot of this very roster, against it.
fn check_snapshot(store: &Store, roster: &Roster) -> Result<(), FirstBad> {
    let seq = roster.fleet().last_seq;
    let found = store.snapshots.newest(Bound::Seq(seq), ROSTER_SCHEMA, &store.reader);
    let found = found.map_err(|error| elsewhere("snap", error.to_string()))?;
    if let Some(skipped) = found.skipped.first() {
        return Err(elsewhere(&skipped.path.display().to_string(), skipped.why.clone()));
    }
    match found.snapshot {
        Some(snapshot) if snapshot.header.seq == seq && snapshot.state == roster.encode() => Ok(()),
        _ => Err(elsewhere(&format!("snap/{seq:020}"), "it is not what the log folds to".into())),
    }
}

/// Whether a head is the one that is expected: of which the first digits are enough.
fn begins(head: &str, expect: &str) -> bool {
    head.starts_with(&expect.to_ascii_lowercase())
}

fn bad(error: StoreError) -> FirstBad {
    match error {
        StoreError::Read(ReadError::Damaged(damage)) => first_bad(&damage),
        StoreError::Decode { seq, source } => {
            FirstBad { seq: Some(seq), file: "sled/db".into(), what: source.to_string() }
        }
        other => elsewhere("log", other.to_string()),
    }
}

fn first_bad(damage: &Damage) -> FirstBad {
    FirstBad { seq: Some(damage.seq), file: shown(&damage.file), what: damage.what.clone() }
}

fn elsewhere(file: &str, what: String) -> FirstBad {
    FirstBad { seq: None, file: file.into(), what }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
