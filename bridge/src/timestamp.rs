//! Times and dates as agents and their clients write them, always in UTC.

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
    fn dates_change_at_midnight() {
        assert_eq!(date(951_782_399_999), (2000, 2, 28));
        assert_eq!(date(951_782_400_000), (2000, 2, 29));
    }
}
