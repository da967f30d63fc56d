//! What a store says of itself: its format, its id, and the genesis hash that follows from the id.

use sha2::{Digest as _, Sha256};
use sled::Tree;

use crate::entry::Hash;

/// The version of the whole store that this build writes, and the newest that it reads.
pub const FORMAT_VERSION: u16 = 1;

/// How payloads are laid out, as far as the log cares: it is a name for whoever reads the store without us.
const CODEC: &str = "opaque";

const KEY_FORMAT: &str = "format";
const KEY_UUID: &str = "uuid";
const KEY_CODEC: &str = "codec";
const KEY_GENESIS: &str = "genesis";

/// The chain head of a store's empty log.
pub(crate) fn genesis_of(uuid: &[u8; 16]) -> Hash {
    Sha256::new().chain_update(b"decklog genesis\0").chain_update(uuid).finalize().into()
}

/// Writes it into a new store.
pub(crate) fn write(meta: &Tree, uuid: &[u8; 16]) -> sled::Result<()> {
    let mut batch = sled::Batch::default();
    batch.insert(KEY_FORMAT, &FORMAT_VERSION.to_be_bytes());
    batch.insert(KEY_UUID, uuid);
    batch.insert(KEY_CODEC, CODEC);
    batch.insert(KEY_GENESIS, &genesis_of(uuid));
    meta.apply_batch(batch)
}

/// Whether it is there and says what it must; what is wrong otherwise.
pub(crate) fn check(meta: &Tree, uuid: &[u8; 16]) -> sled::Result<Result<(), String>> {
    let expected: [(&str, &[u8]); 4] = [
        (KEY_FORMAT, &FORMAT_VERSION.to_be_bytes()),
        (KEY_UUID, uuid),
        (KEY_CODEC, CODEC.as_bytes()),
        (KEY_GENESIS, &genesis_of(uuid)),
    ];
    for (key, value) in expected {
        match meta.get(key)? {
            None => return Ok(Err(format!("the store does not say its {key}"))),
            Some(found) if found != value => {
                return Ok(Err(format!("the store says another {key} than expected")));
            }
            Some(_) => {}
        }
    }
    Ok(Ok(()))
}
