//! Between the engine's records and the log's entries: recovery, reading, the roster as it was, snapshots.

use decklog_engine::codec;
use decklog_engine::event::{Event, Record};
use decklog_engine::evolve::evolve;
use decklog_engine::id::{Seq, SessionId};
use decklog_engine::roster::{ROSTER_SCHEMA, Roster};
use decklog_engine::time::Time;
use decklog_protocol::message::Moment;
use decklog_storage::snapshots::{Bound, Snapshot, SnapshotError, SnapshotHeader, Snapshots};
use decklog_storage::{Entry, Hash, ReadError, Reader, Stored, Stream};

/// A snapshot is written after this many records. Folding them takes about a tenth of a second.
pub(crate) const SNAPSHOT_EVERY: u64 = 50_000;
/// So many are kept, spread evenly, for recovery and for the past.
const SNAPSHOTS_KEPT: usize = 32;
const FLEET: Stream = [0; 16];

/// Why records could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("record {seq} cannot be understood: {source}")]
    Decode { seq: Seq, source: codec::DecodeError },
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error("record {seq} is not there yet: the last is {last}")]
    NotYet { seq: Seq, last: Seq },
}

/// A record as the log keeps it.
pub(crate) fn entry(record: &Record) -> Entry {
    let encoded = codec::encode(record);
    Entry {
        at_ms: record.at.0,
        kind: encoded.kind,
        schema: encoded.schema,
        stream: record.session.map_or(FLEET, |session| session.0),
        payload: encoded.payload,
    }
}

/// A record as the engine knows it, with its hash.
pub(crate) fn record(stored: Stored) -> Result<(Record, Hash), StoreError> {
    let Stored { seq, entry, commit_head } = stored;
    let session = (entry.stream != FLEET).then_some(SessionId(entry.stream));
    codec::decode(seq, Time(entry.at_ms), session, entry.kind, entry.schema, &entry.payload)
        .map(|record| (record, commit_head))
        .map_err(|source| StoreError::Decode { seq, source })
}

/// The durable past. Cheap to clone; everything here blocks.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) reader: Reader,
    pub(crate) snapshots: Snapshots,
}

/// A roster, and how it was come by.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) roster: Roster,
    /// Up to here a snapshot was believed; 0 if there was none. The records after it were read.
    pub(crate) snapshot_seq: Seq,
    /// What was wrong with newer snapshots. It cost nothing: they are caches.
    pub(crate) notes: Vec<String>,
}

/// The roster as it was at a moment.
#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) roster: Roster,
    /// The moment, for ages.
    pub(crate) at: Time,
    /// Whether a supervisor is known to have watched then; if not, what was alive is unknown.
    pub(crate) watched: bool,
}

impl Store {
    /// The roster after everything durable: the newest good snapshot and the records after it.
    pub(crate) fn recover(&self) -> Result<Recovered, StoreError> {
        self.fold_through(self.reader.head().seq)
    }

    /// Checks the hashes of these records, as far as there are so many; nothing else is read of them.
    pub(crate) fn check(&self, from: Seq, through: Seq) -> Result<(), StoreError> {
        for commit in self.reader.commits(from, through) {
            commit?;
        }
        Ok(())
    }

    fn fold_through(&self, through: Seq) -> Result<Recovered, StoreError> {
        let found = self.snapshots.newest(Bound::Seq(through), ROSTER_SCHEMA, &self.reader)?;
        let mut notes: Vec<String> = found
            .skipped
            .iter()
            .map(|skipped| {
                format!("the snapshot {} was passed over: {}", skipped.path.display(), skipped.why)
            })
            .collect();
        let decoded = found.snapshot.and_then(|snapshot| {
            let roster = Roster::decode(&snapshot.state)
                .filter(|roster| roster.fleet().last_seq == snapshot.header.seq);
            if roster.is_none() {
                notes.push(format!("the snapshot of record {} is not a roster", snapshot.header.seq));
            }
            roster
        });
        let mut roster = decoded.unwrap_or_default();
        let snapshot_seq = roster.fleet().last_seq;
        for stored in self.reader.read(roster.fleet().last_seq + 1, through) {
            evolve(&mut roster, &record(stored?)?.0);
        }
        Ok(Recovered { roster, snapshot_seq, notes })
    }

    /// The last record at or before a moment.
    pub(crate) fn seq_at(&self, moment: Moment) -> Result<Seq, StoreError> {
        let last = self.reader.head().seq;
        Ok(match moment {
            Moment::Seq(seq) => seq.min(last),
            Moment::Time(time) => self.reader.first_seq_after(time.0)?.map_or(last, |after| after - 1),
        })
    }

    /// The time of a moment; of a record that is not there yet: never.
    pub(crate) fn time_of(&self, moment: Moment) -> Result<Time, StoreError> {
        match moment {
            Moment::Time(time) => Ok(time),
            Moment::Seq(seq) => match self.reader.read(seq.max(1), seq.max(1)).next() {
                Some(stored) => Ok(record(stored?)?.0.at),
                None => Ok(Time(u64::MAX)),
            },
        }
    }

    /// The first record at or after a moment.
    pub(crate) fn first_at(&self, moment: Moment) -> Result<Seq, StoreError> {
        Ok(match moment {
            Moment::Seq(seq) => seq,
            Moment::Time(time) => {
                let after = self.reader.first_seq_after(time.0.saturating_sub(1))?;
                after.unwrap_or(self.reader.head().seq + 1)
            }
        })
    }

    /// The roster as it was at a moment.
    pub(crate) fn at(&self, moment: Moment, now: Time) -> Result<Past, StoreError> {
        let last = self.reader.head().seq;
        if let Moment::Seq(seq) = moment
            && seq > last
        {
            return Err(StoreError::NotYet { seq, last });
        }
        let through = self.seq_at(moment)?;
        let Recovered { roster, .. } = self.fold_through(through)?;
        let last_at = roster.fleet().last_at;
        let (at, watched) = match moment {
            Moment::Seq(_) => (last_at, true),
            Moment::Time(time) => (time.min(now), self.watched_at(&roster, time)?),
        };
        Ok(Past { roster, at, watched })
    }

    /// Whether somebody watched at a time between the last record folded and the next. Nobody did if the next is a new
    /// supervisor's first, the one before it had not ended in that very moment, and it is not known to have lived.
    fn watched_at(&self, roster: &Roster, time: Time) -> Result<bool, StoreError> {
        let fleet = roster.fleet();
        if time <= fleet.last_at {
            return Ok(true);
        }
        let next = fleet.last_seq + 1;
        let Some(stored) = self.reader.read(next, next).next() else { return Ok(true) };
        Ok(match record(stored?)?.0.event {
            Event::SupervisorStarted(started) => started.watched_until.is_some_and(|until| time <= until),
            _ => true,
        })
    }

    /// Keeps the roster as it is after a record that is durable.
    pub(crate) fn write_snapshot(&self, roster: &Roster) -> Result<(), StoreError> {
        let fleet = roster.fleet();
        let Some(hash) = self.reader.hash_at(fleet.last_seq)? else { return Ok(()) };
        let header =
            SnapshotHeader { state_schema: ROSTER_SCHEMA, seq: fleet.last_seq, at_ms: fleet.last_at.0, hash };
        self.snapshots.write(&Snapshot { header, state: roster.encode() })?;
        self.snapshots.prune(SNAPSHOTS_KEPT)?;
        Ok(())
    }
}
