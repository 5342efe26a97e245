//! Times and dates as agents and their clients write them, always in UTC, and how long something takes, for people.

use std::time::Duration;

use chrono::{DateTime, Datelike, SecondsFormat, Utc};

/// The last millisecond of the year 9999: RFC 3339 has no later years.
const LAST_MS: u64 = 253_402_300_799_999;

/// Formats milliseconds since 1970 as RFC 3339 with milliseconds. The milliseconds may be those of a peer's clock,
/// which can show anything: a time after the year 9999 is shown as the end of that year.
pub(crate) fn rfc3339(ms: u64) -> String {
    utc(ms).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The milliseconds since 1970 of a time as [`rfc3339`] writes it.
pub(crate) fn ms_of(text: &str) -> Option<u64> {
    u64::try_from(DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis()).ok()
}

/// The year, the month and the day of the month at this many milliseconds after 1970.
pub(crate) fn date(ms: u64) -> (i32, u32, u32) {
    let time = utc(ms);
    (time.year(), time.month(), time.day())
}

/// A time in its two largest units.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, ..) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

fn utc(ms: u64) -> DateTime<Utc> {
    let ms = i64::try_from(ms.min(LAST_MS)).unwrap_or_default();
    // Every millisecond from 1970 to 9999 is a time that chrono knows.
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_with_milliseconds() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (68_256_000_000, "1972-03-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_343_640_007, "2026-11-22T10:34:00.007Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (LAST_MS, "9999-12-31T23:59:59.999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(ms), text, "{ms}");
            assert_eq!(ms_of(text), Some(ms.min(LAST_MS)));
        }
    }

    #[test]
    fn times_are_told_in_their_two_largest_units() {
        let spans = [0, 59, 60, 3_599, 3_600, 86_399, 86_400, 1_000_000];
        let told = spans.map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(
            told,
            ["0 s", "59 s", "1 min", "59 min", "1 h 0 min", "23 h 59 min", "1 d 0 h", "11 d 13 h"]
        );
    }

    #[test]
    fn dates_change_at_midnight() {
        assert_eq!(date(951_782_399_999), (2000, 2, 28));
        assert_eq!(date(951_782_400_000), (2000, 2, 29));
    }
}
