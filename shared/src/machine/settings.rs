//! Settings: the flag, else the environment variable, else the default.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use crate::protocol::limits::{MAX_SESSION_TIMEOUT, MIN_SESSION_TIMEOUT, MIN_SWEEP_INTERVAL};

/// The value that a parser expected, as a noun phrase ("a port number …").
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it should be {0}")]
pub struct Expected(pub &'static str);

/// A setting has an invalid value. The error names the setting and never quotes the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingError {
    /// The environment variable.
    pub name: &'static str,
    /// The expected value.
    pub expected: Expected,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, Expected(expected)) = (self.name, self.expected);
        write!(f, "{name} must be {expected}. Correct it, or unset {name}.")
    }
}

impl std::error::Error for SettingError {}

/// The value of an environment variable, if it is set.
///
/// An empty value counts as unset, and so does a value that contains `${…}`: agents' configuration files are known to
/// pass such placeholders unexpanded.
#[must_use]
pub fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|raw| given(raw))
}

/// [`env()`] for a path, which need not be UTF-8.
#[must_use]
pub fn env_path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|raw| raw.to_str().is_none_or(given)).map(PathBuf::from)
}

/// Whether a raw value counts as set.
fn given(raw: &str) -> bool {
    let unexpanded = raw.split_once("${").is_some_and(|(_, rest)| rest.contains('}'));
    !raw.trim().is_empty() && !unexpanded
}

/// Resolves a setting: the flag if given, else the environment variable as `parse` reads it, else `default`.
///
/// # Errors
/// [`SettingError`] if the environment variable decides and `parse` refuses it.
pub fn setting<T>(
    flag: Option<T>,
    name: &'static str,
    parse: impl FnOnce(&str) -> Result<T, Expected>,
    default: T,
) -> Result<T, SettingError> {
    setting_from(flag, name, env(name).as_deref(), parse, default)
}

/// [`setting`] with the environment's value as an argument.
///
/// # Errors
/// [`SettingError`] if `raw` decides and `parse` refuses it.
pub fn setting_from<T>(
    flag: Option<T>,
    name: &'static str,
    raw: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T, Expected>,
    default: T,
) -> Result<T, SettingError> {
    match (flag, raw.filter(|raw| given(raw))) {
        (Some(value), _) => Ok(value),
        (None, None) => Ok(default),
        (None, Some(raw)) => parse(raw.trim()).map_err(|expected| SettingError { name, expected }),
    }
}

/// Parses a port number; 0 means any free one.
///
/// # Errors
/// [`Expected`] if the text is something else.
pub fn parse_port(text: &str) -> Result<u16, Expected> {
    digits(text)
        .and_then(|number| u16::try_from(number).ok())
        .ok_or(Expected("a port number from 0 to 65535"))
}

/// Parses a time in milliseconds, from 1 to a year.
///
/// # Errors
/// [`Expected`] if the text is something else.
pub fn parse_millis(text: &str) -> Result<Duration, Expected> {
    parse_time(text, Duration::from_millis(1))
        .ok_or(Expected("a number of milliseconds from 1 to 31536000000"))
}

/// Parses a session timeout in milliseconds, from a second to a year.
///
/// # Errors
/// [`Expected`] if the text is something else.
pub fn parse_session_timeout(text: &str) -> Result<Duration, Expected> {
    parse_time(text, MIN_SESSION_TIMEOUT)
        .ok_or(Expected("a number of milliseconds from 1000 to 31536000000"))
}

/// Parses a sweep interval in milliseconds, from 10 to a year.
///
/// # Errors
/// [`Expected`] if the text is something else.
pub fn parse_sweep_interval(text: &str) -> Result<Duration, Expected> {
    parse_time(text, MIN_SWEEP_INTERVAL)
        .ok_or(Expected("a number of milliseconds from 10 to 31536000000"))
}

fn parse_time(text: &str, shortest: Duration) -> Option<Duration> {
    let time = digits(text).map(Duration::from_millis);
    time.filter(|time| (shortest..=MAX_SESSION_TIMEOUT).contains(time))
}

/// Parses a switch: `true`, `on`, `yes`, `1`, or `false`, `off`, `no`, `0`, in any case.
///
/// # Errors
/// [`Expected`] if the text is something else.
pub fn parse_bool(text: &str) -> Result<bool, Expected> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Ok(true),
        "false" | "off" | "no" | "0" => Ok(false),
        _ => Err(Expected("true or false")),
    }
}

/// Parses an address to bind: an IP address, or `localhost` for 127.0.0.1.
///
/// # Errors
/// [`Expected`] if the text is something else.
pub fn parse_host(text: &str) -> Result<IpAddr, Expected> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    text.parse().map_err(|_| Expected("an IP address or localhost"))
}

/// Parses a decimal number without a sign: `str::parse` alone would accept `+1`.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "JUNCTION_PORT";

    fn port(flag: Option<u16>, raw: Option<&str>) -> Result<u16, SettingError> {
        setting_from(flag, NAME, raw, parse_port, 4200)
    }

    #[test]
    fn flag_goes_before_environment_before_default() {
        assert_eq!(port(Some(1), Some("2")), Ok(1));
        assert_eq!(port(Some(1), Some("nonsense")), Ok(1));
        assert_eq!(port(None, Some("2")), Ok(2));
        assert_eq!(port(None, None), Ok(4200));
    }

    #[test]
    fn empty_and_unexpanded_values_count_as_unset() {
        for raw in ["", "  ", "${JUNCTION_PORT}", "${JUNCTION_PORT:-9}", "a${B}c"] {
            assert_eq!(port(None, Some(raw)), Ok(4200), "{raw:?}");
        }
        assert!(given("$HOME"));
        assert!(given("a}${b"));
    }

    #[test]
    fn refusal_names_the_setting_and_not_the_value() {
        let error = port(None, Some("s3cret")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "JUNCTION_PORT must be a port number from 0 to 65535. Correct it, or unset \
             JUNCTION_PORT."
        );
    }

    #[test]
    fn ports_are_plain_numbers() {
        assert_eq!(parse_port("0"), Ok(0));
        assert_eq!(parse_port("65535"), Ok(65535));
        for bad in ["65536", "-1", "+1", "1.0", "0x10", "4 2", "٤٢", "99999999999999999999999"] {
            assert!(parse_port(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_milliseconds_from_one_to_a_year() {
        assert_eq!(parse_millis("1"), Ok(Duration::from_millis(1)));
        assert_eq!(parse_millis("31536000000"), Ok(Duration::from_hours(365 * 24)));
        for bad in ["0", "-1", "31536000001", "1s", "18446744073709551616"] {
            assert!(parse_millis(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_of_a_hub_have_a_floor() {
        assert_eq!(parse_session_timeout("1000"), Ok(Duration::from_secs(1)));
        assert_eq!(parse_sweep_interval("10"), Ok(Duration::from_millis(10)));
        for bad in ["0", "1", "999", "-1000", "31536000001", "18446744073709551615"] {
            assert!(parse_session_timeout(bad).is_err(), "{bad}");
        }
        for bad in ["0", "9", "31536000001"] {
            assert!(parse_sweep_interval(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn switches_have_four_words_each_way() {
        assert!(["true", "ON", "Yes", "1"].iter().all(|text| parse_bool(text) == Ok(true)));
        assert!(["false", "off", "NO", "0"].iter().all(|text| parse_bool(text) == Ok(false)));
        assert!(parse_bool("maybe").is_err());
    }

    #[test]
    fn hosts_are_addresses_or_localhost() {
        assert_eq!(parse_host("localhost"), Ok(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(parse_host("::").map(|ip| ip.is_unspecified()), Ok(true));
        assert!(parse_host("example.org").is_err());
        assert!(parse_host("127.0.0.1:80").is_err());
    }

    #[test]
    fn variable_that_is_not_set_is_nothing() {
        assert_eq!(env("JUNCTION_NO_SUCH_SETTING"), None);
        assert_eq!(env_path("JUNCTION_NO_SUCH_SETTING"), None);
        assert_eq!(setting(None, "JUNCTION_NO_SUCH_SETTING", parse_bool, true), Ok(true));
    }
}
