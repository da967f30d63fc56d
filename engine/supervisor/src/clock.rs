//! The one place that reads clocks.

use decklog_engine::clock::Reading;
use decklog_engine::time::Time;
use nix::time::{ClockId, clock_gettime};

/// One reading of all three clocks.
pub(crate) fn read() -> Reading {
    Reading {
        wall: Time(milliseconds(ClockId::CLOCK_REALTIME)),
        since_boot_ms: milliseconds(ClockId::CLOCK_BOOTTIME),
        awake_ms: milliseconds(ClockId::CLOCK_MONOTONIC),
    }
}

/// Wall time, for what is only ever shown.
pub(crate) fn wall() -> Time {
    Time(milliseconds(ClockId::CLOCK_REALTIME))
}

fn milliseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock).expect("these clocks exist on every Linux since 2.6.39");
    time.tv_sec() as u64 * 1000 + time.tv_nsec() as u64 / 1_000_000
}
