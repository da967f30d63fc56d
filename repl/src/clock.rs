//! The one place of a client that reads clocks. Nothing else may: what is shown of times is a function of these.

#![expect(clippy::disallowed_methods, reason = "this is the one clock of a client")]

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use decklog_engine::time::Time;
use jiff::tz::TimeZone;

/// Now, as the wall clock has it.
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(since.as_millis() as u64)
}

/// The local zone: of `TZ`, else of `/etc/localtime`, else UTC. One file is read; a library that knows every zone would
/// first list them all, which costs more than all the rest of a verb.
pub(crate) fn zone() -> TimeZone {
    local_zone().unwrap_or(TimeZone::UTC)
}

/// The local zone, if it can be found.
pub(crate) fn local_zone() -> Option<TimeZone> {
    let file = |path: &Path| std::fs::read(path).ok().and_then(|bytes| TimeZone::tzif("local", &bytes).ok());
    let named = |name: &str| {
        let name = name.strip_prefix(':').unwrap_or(name);
        file(&Path::new("/usr/share/zoneinfo").join(name)).or_else(|| TimeZone::posix(name).ok())
    };
    match std::env::var("TZ") {
        Ok(name) => named(&name),
        Err(_) => file(Path::new("/etc/localtime")),
    }
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
