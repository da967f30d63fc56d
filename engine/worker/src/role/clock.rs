//! The worker's only clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// UTC milliseconds: for what is recorded.
#[allow(clippy::disallowed_methods, reason = "the worker's one wall clock")]
pub(super) fn wall_ms() -> u64 {
    // A clock before 1970 is a broken clock; what then is recorded is 0.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// A clock that never steps: for deadlines.
#[allow(clippy::disallowed_methods, reason = "the worker's one monotonic clock")]
pub(super) fn monotonic() -> Instant {
    Instant::now()
}

/// A duration that a peer asked for, kept so small that adding it to an instant cannot overflow.
pub(super) fn bounded_ms(milliseconds: u64) -> Duration {
    const TEN_YEARS_MS: u64 = 10 * 366 * 24 * 3_600_000;
    Duration::from_millis(milliseconds.min(TEN_YEARS_MS))
}
