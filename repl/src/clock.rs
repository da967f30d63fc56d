//! The one place of a client that reads clocks. Nothing else may: what is shown of times is a function of these.

#![expect(clippy::disallowed_methods, reason = "this is the one clock of a client")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use decklog_engine::time::Time;

/// Now, as the wall clock has it.
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(since.as_millis() as u64)
}

/// A moment by which something must have happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    pub(crate) fn after(length: Duration) -> Self {
        let now = Instant::now();
        // A length past the end of the clock is as good as a century.
        Self(now.checked_add(length).unwrap_or_else(|| now + Duration::from_secs(100 * 365 * 86_400)))
    }

    /// How long there is until it; zero once it has passed.
    pub(crate) fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether it has passed.
    pub(crate) fn passed(self) -> bool {
        self.remaining().is_zero()
    }
}

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds since the start.
    pub(crate) fn ms(self) -> u64 {
        self.0.elapsed().as_millis() as u64
    }
}
