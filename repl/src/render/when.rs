//! Times as people say them: ages, lengths, the time of day. From the contract's RFC 3339 text.

use decklog_engine::time::Time;
use decklog_protocol::moment;
use jiff::tz::TimeZone;

/// What is needed to say times and people as the reader knows them.
#[derive(Debug, Clone)]
pub(crate) struct When {
    /// The reader's login name, for `you`.
    pub(crate) reader: Option<String>,
    /// The present.
    pub(crate) now: Time,
    /// The local zone.
    pub(crate) zone: TimeZone,
}

impl When {
    /// The time of day, `09:12:03`; the date before it when that is not today.
    pub(crate) fn clock(&self, rfc3339: &str) -> String {
        let Some(time) = moment::from_rfc3339(rfc3339) else { return rfc3339.into() };
        moment::clock_text(time, self.now, &self.zone)
    }

    /// The time of day with milliseconds, `09:12:03.114`.
    pub(crate) fn exact_clock(&self, rfc3339: &str) -> String {
        let ms = rfc3339.split('.').nth(1).map_or("000", |rest| rest.trim_end_matches('Z'));
        format!("{}.{ms}", self.clock(rfc3339))
    }

    /// Date and time of day.
    pub(crate) fn date(&self, rfc3339: &str) -> String {
        let Some(time) = moment::from_rfc3339(rfc3339) else { return rfc3339.into() };
        let timestamp = jiff::Timestamp::from_millisecond(time.0 as i64).unwrap_or(jiff::Timestamp::MAX);
        timestamp.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// How long ago: `41m`.
    pub(crate) fn ago(&self, rfc3339: &str) -> Option<String> {
        let then = moment::from_rfc3339(rfc3339)?;
        Some(age(self.now.since(then) / 1000))
    }
}

/// An age in one number and its unit: `3s`, `41m`, `2h`, `9d`.
pub(crate) fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A length: `34 ms`, and `30m` rather than `30m 0s`.
pub(crate) fn length(ms: u64) -> String {
    if (1..1_000).contains(&ms) {
        return format!("{ms} ms");
    }
    let text = moment::duration_text(ms);
    match text.rsplit_once(' ') {
        Some((whole, "0s" | "0m" | "0h")) => whole.to_owned(),
        _ => text,
    }
}

/// Milliseconds between two moments, if both are known.
pub(crate) fn between(from: Option<&str>, to: Option<&str>) -> Option<u64> {
    Some(moment::from_rfc3339(to?)?.since(moment::from_rfc3339(from?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_one_unit() {
        assert_eq!([3, 61, 7_300, 172_799, 800_000].map(age), ["3s", "1m", "2h", "47h", "9d"]);
    }

    #[test]
    fn lengths_are_short() {
        let said: Vec<_> = [1_800_000, 134_000, 12_000, 34, 0, 7_200_000].map(length).into();
        assert_eq!(said, ["30m", "2m 14s", "12 s", "34 ms", "0 s", "2h"]);
    }

    #[test]
    fn times_are_local() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let when = When { now: moment::from_rfc3339("2026-11-20T12:00:00Z").unwrap(), zone, reader: None };
        assert_eq!(when.clock("2026-11-20T08:12:03.114Z"), "09:12:03");
        assert_eq!(when.exact_clock("2026-11-20T08:12:03.114Z"), "09:12:03.114");
        assert_eq!(when.clock("2026-11-19T22:30:00.000Z"), "2026-11-19 23:30:00");
        assert_eq!(when.date("2026-11-20T08:12:03.900Z"), "2026-11-20 09:12:03");
        assert_eq!(when.ago("2026-11-20T11:19:00.000Z"), Some("41m".into()));
    }
}
