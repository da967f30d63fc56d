//! TIME on the command line, and times in JSON.

use decklog_engine::time::Time;
use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::message::Moment;

/// A text that is no TIME.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a time")]
pub struct NotATime {
    /// The text.
    pub text: String,
}

impl NotATime {
    /// What a TIME looks like.
    pub const HINT: &str =
        "a time is 2026-11-20T09:00:00Z, \"2026-11-20 09:00\", \"yesterday 09:00\", 2h (ago) or seq:1234";
}

/// A moment as the contract writes it: RFC 3339, UTC, milliseconds.
pub fn rfc3339(time: Time) -> String {
    let timestamp = Timestamp::from_millisecond(time.0 as i64).unwrap_or(Timestamp::MAX);
    format!("{timestamp:.3}")
}

/// The moment that RFC 3339 text names.
pub fn from_rfc3339(text: &str) -> Option<Time> {
    let timestamp: Timestamp = text.parse().ok()?;
    u64::try_from(timestamp.as_millisecond()).ok().map(Time)
}

/// Reads a TIME: RFC 3339, `"2026-11-20 09:00"` and `"yesterday 09:00"` in the local zone, `2h` or `-2h` (ago),
/// `seq:1234`.
pub fn parse(text: &str, now: Time, zone: &TimeZone) -> Result<Moment, NotATime> {
    let not_a_time = || NotATime { text: text.into() };
    let text = text.trim();
    if let Some(seq) = text.strip_prefix("seq:") {
        return seq.parse().map(Moment::Seq).map_err(|_| not_a_time());
    }
    if let Some(time) = from_rfc3339(text) {
        return Ok(Moment::Time(time));
    }
    if text == "now" {
        return Ok(Moment::Time(now));
    }
    if let Some(ms) = parse_duration_ms(text.strip_prefix('-').unwrap_or(text)) {
        return Ok(Moment::Time(Time(now.0.saturating_sub(ms))));
    }
    let local = local_datetime(text, now, zone).ok_or_else(not_a_time)?;
    let zoned = local.to_zoned(zone.clone()).map_err(|_| not_a_time())?;
    let ms = u64::try_from(zoned.timestamp().as_millisecond()).map_err(|_| not_a_time())?;
    Ok(Moment::Time(Time(ms)))
}

fn local_datetime(text: &str, now: Time, zone: &TimeZone) -> Option<civil::DateTime> {
    if let Ok(datetime) = text.replacen(' ', "T", 1).parse::<civil::DateTime>() {
        return Some(datetime);
    }
    let today = Timestamp::from_millisecond(now.0 as i64).ok()?.to_zoned(zone.clone()).date();
    if let Ok(time) = text.parse::<civil::Time>() {
        return Some(today.to_datetime(time));
    }
    let (day, time) = text.split_once(' ').unwrap_or((text, "00:00"));
    let date = match day {
        "today" => today,
        "yesterday" => today.checked_sub(Span::new().days(1)).ok()?,
        _ => day.parse().ok()?,
    };
    Some(date.to_datetime(time.trim().parse::<civil::Time>().ok()?))
}

/// Reads a duration such as `90s`, `5m`, `1h30m`, `250ms`, `2d` or `0` in milliseconds; `None` if it is none.
pub fn parse_duration_ms(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    if text.is_empty() || !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit_ms = match &rest[..letters] {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            _ => return None,
        };
        rest = &rest[letters..];
        total = total.checked_add(number.checked_mul(unit_ms)?)?;
    }
    Some(total)
}

/// Milliseconds as people say them: `0.4 s`, `12 s`, `2m 14s`, `3h 5m`, `4d 2h`.
pub fn duration_text(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..10 if ms > 0 && ms < 10_000 => format!("{}.{} s", seconds, ms % 1000 / 100),
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// The time of day in the local zone, `09:12:03`; with the date before it when that is not today's.
pub fn clock_text(time: Time, now: Time, zone: &TimeZone) -> String {
    let zoned = |time: Time| {
        let timestamp = Timestamp::from_millisecond(time.0 as i64).unwrap_or(Timestamp::MAX);
        timestamp.to_zoned(zone.clone())
    };
    let (time, now) = (zoned(time), zoned(now));
    let of_day = time.time().strftime("%H:%M:%S");
    if time.date() == now.date() { of_day.to_string() } else { format!("{} {of_day}", time.date()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_795_176_000_000); // 2026-11-20T12:00:00Z

    fn read(text: &str) -> Result<Moment, NotATime> {
        parse(text, NOW, &TimeZone::fixed(jiff::tz::offset(1)))
    }

    fn at(text: &str) -> Moment {
        Moment::Time(from_rfc3339(text).unwrap())
    }

    #[test]
    fn every_form_of_the_contract_is_read() {
        assert_eq!(rfc3339(NOW), "2026-11-20T12:00:00.000Z");
        assert_eq!(read("2026-11-20T09:00:00Z"), Ok(at("2026-11-20T09:00:00Z")));
        assert_eq!(read("2026-11-20T09:00:00.250+02:00"), Ok(at("2026-11-20T07:00:00.250Z")));
        assert_eq!(read("2026-11-20 09:00"), Ok(at("2026-11-20T08:00:00Z")));
        assert_eq!(read("2026-11-19"), Ok(at("2026-11-18T23:00:00Z")));
        assert_eq!(read("yesterday 09:00"), Ok(at("2026-11-19T08:00:00Z")));
        assert_eq!(read("09:30"), Ok(at("2026-11-20T08:30:00Z")));
        assert_eq!(read("2h"), Ok(at("2026-11-20T10:00:00Z")));
        assert_eq!(read("-1h30m"), Ok(at("2026-11-20T10:30:00Z")));
        assert_eq!(read("seq:1234"), Ok(Moment::Seq(1234)));
        for text in ["", "soon", "seq:", "seq:x", "2x", "2026-13-01", "h", "1h2", "99999999999999999999h"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn durations_are_said_as_people_do() {
        let said: Vec<_> =
            [0, 400, 9_900, 12_000, 134_000, 11_100_000, 360_000_000].map(duration_text).into();
        assert_eq!(said, ["0 s", "0.4 s", "9.9 s", "12 s", "2m 14s", "3h 5m", "4d 4h"]);
        assert_eq!(parse_duration_ms("90s"), Some(90_000));
        assert_eq!(parse_duration_ms("0"), Some(0));
        assert_eq!(parse_duration_ms("90"), None);
    }
}
