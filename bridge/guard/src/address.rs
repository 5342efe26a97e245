//! URLs with a password: `postgres://app:…@db/orders`, <https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1>.

use crate::form::{ALNUM, Set};
use crate::looks;

/// The characters of a scheme.
const SCHEME: Set = ALNUM.and("+-.");

/// What ends the part of a URL that names the user and the host.
const END: Set = Set::of(" \t\r\n\"'`<>/?#\\,;");

/// How long user, password and host are together, at most.
const LONGEST: usize = 512;

/// The schemes of databases and message brokers: a password in one of these is always a password.
const STORES: [&str; 15] = [
    "postgres",
    "postgresql",
    "mysql",
    "mariadb",
    "mongodb",
    "mongodb+srv",
    "redis",
    "rediss",
    "amqp",
    "amqps",
    "mssql",
    "sqlserver",
    "clickhouse",
    "cockroachdb",
    "nats",
];

/// A password in the URL whose scheme ends at `at`.
pub(crate) fn find(bytes: &[u8], at: usize) -> Option<&'static str> {
    let rest = bytes[at..].strip_prefix(b"://")?;
    let length = rest
        .iter()
        .take(LONGEST)
        .position(|byte| END.has(*byte))
        .unwrap_or(rest.len().min(LONGEST));
    let authority = &rest[..length];
    let sign = authority.iter().rposition(|byte| *byte == b'@')?;
    let (login, host) = (&authority[..sign], &authority[sign + 1..]);
    let colon = login.iter().position(|byte| *byte == b':')?;
    let (user, password) = (&login[..colon], &login[colon + 1..]);
    let scheme = scheme(&bytes[..at]);
    let store = STORES.iter().any(|name| scheme.eq_ignore_ascii_case(name.as_bytes()));
    // These would be escaped, so here they belong to a template that was cut off.
    let is_cut = password.iter().any(|byte| matches!(byte, b'{' | b'}' | b'[' | b']'));
    if is_cut || password == user || looks::is_stand_in(password) || is_nowhere(host) {
        return None;
    }
    match (store, looks::is_strong(password)) {
        (true, true) => Some("a connection string with a password"),
        (true, false) if password.len() >= 6 && !is_local(host) && !is_documentation(host) => {
            Some("a connection string with a password")
        }
        (false, true)
            if !scheme.is_empty()
                && !user.is_empty()
                && (!is_documentation(host) || is_made(password)) =>
        {
            Some("a URL with a password")
        }
        _ => None,
    }
}

/// Whether `password` is one that nobody makes up for an example: those of the documentation and the tests of parsers are
/// short, or words with escapes in them.
fn is_made(password: &[u8]) -> bool {
    password.len() >= 8
        && password.iter().any(u8::is_ascii_digit)
        && password.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'%')
}

/// The scheme at the end of `before`, without the letter of an escape such as `\n`.
fn scheme(before: &[u8]) -> &[u8] {
    let start = before.len() - SCHEME.run_back(before, 24);
    let escaped = before[..start].ends_with(b"\\")
        && matches!(before[start..].first(), Some(b'n' | b'r' | b't'));
    &before[start + usize::from(escaped)..]
}

/// Whether `host` is this machine, where a password is rarely one that counts.
fn is_local(host: &[u8]) -> bool {
    [&b"localhost"[..], b"127.0.0.1", b"[::1]", b"0.0.0.0"]
        .iter()
        .any(|name| host.starts_with(name))
}

/// Whether `host` has a name that nothing can have, <https://www.rfc-editor.org/rfc/rfc2606#section-2>.
fn is_nowhere(host: &[u8]) -> bool {
    [".example", ".invalid", ".test"].iter().any(|suffix| is_under(host, suffix))
}

/// Whether `host` is under one of the names that are kept for documentation. People put one in the place of the real
/// host and leave the password as it is. <https://www.rfc-editor.org/rfc/rfc2606#section-3>
fn is_documentation(host: &[u8]) -> bool {
    ["example.com", "example.org", "example.net"].iter().any(|suffix| is_under(host, suffix))
}

/// Whether the name of `host` ends with `suffix`.
fn is_under(host: &[u8], suffix: &str) -> bool {
    let name = &host[..host.iter().position(|byte| *byte == b':').unwrap_or(host.len())];
    name.len() >= suffix.len()
        && name[name.len() - suffix.len()..].eq_ignore_ascii_case(suffix.as_bytes())
}
