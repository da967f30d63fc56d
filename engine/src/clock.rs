//! Log time from three readings of the machine's clocks. The readings are handed in; nothing here can take one.

use crate::event::{ClockStepped, Event, Slept};
use crate::time::Time;
use alloc::vec::Vec;

/// Less than this is a clock being slewed, or the noise of three separate readings.
const WORTH_RECORDING_MS: u64 = 2_000;

/// One reading of the machine's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock.
    pub wall: Time,
    /// Milliseconds since boot, sleep included (CLOCK_BOOTTIME).
    pub since_boot_ms: u64,
    /// Milliseconds since boot, sleep left out (CLOCK_MONOTONIC).
    pub awake_ms: u64,
}

/// Keeps log time: the later of wall time and predecessor + elapsed time, so that it never runs backwards and never
/// stands still while something happens.
#[derive(Debug, Clone)]
pub struct LogClock {
    at: Time,
    last: Option<Reading>,
    /// Wall time less log time, as last recorded.
    wall_offset_ms: i64,
}

impl LogClock {
    /// A clock whose log ends at this moment.
    pub fn after(last_at: Time) -> Self {
        Self { at: last_at, last: None, wall_offset_ms: 0 }
    }

    /// The log time of this reading, without taking note of it.
    pub fn peek(&self, now: Reading) -> Time {
        let elapsed_ms = self.last.map_or(0, |last| now.since_boot_ms.saturating_sub(last.since_boot_ms));
        self.at.plus(elapsed_ms).max(now.wall)
    }

    /// The log time of this reading, and what is to be recorded before anything else at that time.
    pub fn read(&mut self, now: Reading) -> (Time, Vec<Event>) {
        let mut events = Vec::new();
        let (elapsed_ms, slept_ms) = self.last.map_or((0, 0), |last| {
            let elapsed = now.since_boot_ms.saturating_sub(last.since_boot_ms);
            (elapsed, elapsed.saturating_sub(now.awake_ms.saturating_sub(last.awake_ms)))
        });
        if slept_ms >= WORTH_RECORDING_MS {
            events.push(Slept { ms: slept_ms }.into());
        }
        let first = self.last.is_none();
        let expected = self.at.plus(elapsed_ms);
        self.at = expected.max(now.wall);
        self.last = Some(now);
        let offset_ms = now.wall.0 as i64 - self.at.0 as i64;
        let leapt_ms = self.at.since(expected);
        // Between two supervisors no elapsed time is known: a wall clock that is ahead has simply gone on.
        let moved_ms = offset_ms - self.wall_offset_ms + if first { 0 } else { leapt_ms as i64 };
        if moved_ms.unsigned_abs() >= WORTH_RECORDING_MS {
            let leapt_ms = if first { 0 } else { leapt_ms };
            events.push(ClockStepped { ms: moved_ms, leapt_ms }.into());
            self.wall_offset_ms = offset_ms;
        }
        (self.at, events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(wall: u64, since_boot_ms: u64, awake_ms: u64) -> Reading {
        Reading { wall: Time(wall), since_boot_ms, awake_ms }
    }

    #[test]
    fn log_time_is_wall_time_while_all_is_well() {
        let mut clock = LogClock::after(Time(500_000));
        assert_eq!(clock.read(reading(1_000_000, 100, 100)), (Time(1_000_000), vec![]));
        assert_eq!(clock.read(reading(1_005_000, 5_100, 5_100)), (Time(1_005_000), vec![]));
        // Slewed by 30 ms.
        assert_eq!(clock.read(reading(1_010_030, 10_100, 10_100)), (Time(1_010_030), vec![]));
    }

    #[test]
    fn sleep_is_recorded() {
        let mut clock = LogClock::after(Time(0));
        clock.read(reading(1_000_000, 0, 0));
        let (at, events) = clock.read(reading(4_600_000, 3_600_000, 60_000));
        assert_eq!((at, events), (Time(4_600_000), vec![Slept { ms: 3_540_000 }.into()]));
    }

    #[test]
    fn a_wall_clock_that_goes_back_does_not_take_the_log_with_it() {
        let mut clock = LogClock::after(Time(0));
        clock.read(reading(10_000_000, 0, 0));
        let (at, events) = clock.read(reading(6_401_000, 1_000, 1_000));
        assert_eq!(at, Time(10_001_000));
        assert_eq!(events, vec![ClockStepped { ms: -3_600_000, leapt_ms: 0 }.into()]);
        // Said once, and time goes on by what elapsed.
        assert_eq!(clock.read(reading(6_411_000, 11_000, 11_000)), (Time(10_011_000), vec![]));
        // Set right again: said, and nothing leaps, for the log never left.
        let (at, events) = clock.read(reading(10_012_000, 12_000, 12_000));
        assert_eq!(
            (at, events),
            (Time(10_012_000), vec![ClockStepped { ms: 3_600_000, leapt_ms: 0 }.into()])
        );
    }

    #[test]
    fn a_wall_clock_that_leaps_takes_the_log_along_and_says_so() {
        let mut clock = LogClock::after(Time(0));
        clock.read(reading(10_000_000, 0, 0));
        let (at, events) = clock.read(reading(13_601_000, 1_000, 1_000));
        assert_eq!(at, Time(13_601_000));
        assert_eq!(events, vec![ClockStepped { ms: 3_600_000, leapt_ms: 3_600_000 }.into()]);
    }

    #[test]
    fn a_new_supervisor_with_a_wall_clock_behind_the_log_goes_on_from_the_log() {
        let mut clock = LogClock::after(Time(10_000_000));
        let (at, events) = clock.read(reading(6_400_000, 0, 0));
        assert_eq!(
            (at, events),
            (Time(10_000_000), vec![ClockStepped { ms: -3_600_000, leapt_ms: 0 }.into()])
        );
        let (at, events) = clock.read(reading(6_405_000, 5_000, 5_000));
        assert_eq!((at, events), (Time(10_005_000), vec![]));
    }
}
