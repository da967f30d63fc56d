//! Records to bytes and back: the one place that names bincode's format.
//!
//! The layout is `bincode` 2 with the *legacy* configuration (little endian, fixed-width integers, u64 lengths, u32
//! variants), the same bytes that bincode 1.3 writes, so that another implementation can take over without touching
//! a log. A stored payload is the record's context followed by the event's body; kind and schema stand outside of it.

use alloc::vec::Vec;

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::de::{BorrowDecoder as _, DecoderImpl, read::Reader as _, read::SliceReader};
use bincode::enc::EncoderImpl;
use bincode::{Decode, Encode};

use crate::actor::{Actor, Cause};
use crate::event::{Event, EventKind, Record, upcast};
use crate::id::{Seq, SessionId};
use crate::time::Time;

/// No payload is larger; a decoder never allocates more than this for one.
pub const PAYLOAD_BYTES_MAX: usize = 4 << 20;
/// No roster snapshot is larger.
pub const SNAPSHOT_BYTES_MAX: usize = 1 << 30;

/// A record as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The event's number in the catalogue.
    pub kind: u16,
    /// The schema of its body.
    pub schema: u8,
    /// Context and body.
    pub payload: Vec<u8>,
}

/// Stored bytes that are not a record of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A kind that this version does not know.
    #[error("event kind {0} is not known to this version")]
    UnknownKind(u16),
    /// A schema that this version does not know.
    #[error("schema {schema} of {} is not known to this version", kind.name())]
    UnknownSchema {
        /// The kind.
        kind: EventKind,
        /// Its stored schema.
        schema: u8,
    },
    /// The payload is not what its kind and schema promise.
    #[error("the payload is not a {}", .0.name())]
    Payload(EventKind),
}

#[derive(Encode, Decode)]
struct Context {
    happened_at: Option<Time>,
    actor: Actor,
    run: Option<u32>,
    cause: Cause,
}

const fn format<const MAX: usize>() -> Configuration<LittleEndian, Fixint, Limit<MAX>> {
    bincode::config::legacy().with_limit::<MAX>()
}

/// The bytes of a record, less what the log keeps itself (seq, time, session).
pub fn encode(record: &Record) -> Encoded {
    let context = Context {
        happened_at: record.happened_at,
        actor: record.actor.clone(),
        run: record.run,
        cause: record.cause,
    };
    let mut encoder = EncoderImpl::new(Growing(Vec::with_capacity(96)), format::<PAYLOAD_BYTES_MAX>());
    Encode::encode(&context, &mut encoder).expect("writing into memory cannot fail");
    record.event.encode_body(&mut encoder).expect("writing into memory cannot fail");
    let kind = record.event.kind();
    Encoded { kind: kind as u16, schema: kind.schema(), payload: encoder.into_writer().0 }
}

/// The record that these stored bytes are.
pub fn decode(
    seq: Seq,
    at: Time,
    session: Option<SessionId>,
    kind: u16,
    schema: u8,
    payload: &[u8],
) -> Result<Record, DecodeError> {
    let kind = EventKind::from_number(kind).ok_or(DecodeError::UnknownKind(kind))?;
    let mut decoder = DecoderImpl::new(SliceReader::new(payload), format::<PAYLOAD_BYTES_MAX>(), ());
    let context = Context::decode(&mut decoder).map_err(|_| DecodeError::Payload(kind))?;
    let event = if schema == kind.schema() {
        Event::decode_body(kind, &mut decoder)
    } else {
        upcast::decode(kind, schema, &mut decoder).ok_or(DecodeError::UnknownSchema { kind, schema })?
    };
    let event = event.map_err(|_| DecodeError::Payload(kind))?;
    if decoder.borrow_reader().peek_read(1).is_some() {
        return Err(DecodeError::Payload(kind));
    }
    let Context { happened_at, actor, run, cause } = context;
    Ok(Record { seq, at, happened_at, actor, session, run, cause, event })
}

/// The bytes of a whole value: a roster snapshot.
pub fn encode_value<T: Encode>(value: &T) -> Vec<u8> {
    bincode::encode_to_vec(value, format::<SNAPSHOT_BYTES_MAX>()).expect("writing into memory cannot fail")
}

/// The value that these bytes are; `None` if they are not one, or have bytes left over.
pub fn decode_value<T: Decode<()>>(bytes: &[u8]) -> Option<T> {
    let (value, used) = bincode::decode_from_slice(bytes, format::<SNAPSHOT_BYTES_MAX>()).ok()?;
    (used == bytes.len()).then_some(value)
}

struct Growing(Vec<u8>);

impl bincode::enc::write::Writer for Growing {
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}
