//! Connection strings of pairs: `Server=db;User Id=app;Password=…`, and URLs of JDBC, `jdbc:postgresql://db/app?password=…`.
//!
//! ADO.NET: <https://learn.microsoft.com/dotnet/framework/data/adonet/connection-strings>.
//! JDBC: <https://jdbc.postgresql.org/documentation/use/>.

use crate::assignment::is_reference;
use crate::looks;
use crate::value::Value;

/// The names of a password in a connection string.
const NAMES: [&str; 2] = ["password", "pwd"];

/// The beginning of a URL of JDBC, and pairs that only a connection string has.
const MARKS: [&str; 10] = [
    "jdbc:",
    "server=",
    "data source=",
    "datasource=",
    "host=",
    "user id=",
    "uid=",
    "initial catalog=",
    "database=",
    "driver=",
];

/// How far before the name of the password a mark is looked for.
const FAR: usize = 256;

/// A password of a connection string, given by the `=` at `at`.
pub(crate) fn find(bytes: &[u8], at: usize) -> Option<&'static str> {
    let before = bytes[..at].trim_ascii_end();
    let name = NAMES.iter().find(|name| ends(before, name))?;
    let before = before[..before.len() - name.len()].trim_ascii_end();
    // In code, arguments have these names as well: `connect(host=a, password=b.c)`.
    if !matches!(before.last()?, b';' | b'&' | b'?') {
        return None;
    }
    let line = &before[before.len().saturating_sub(FAR)..];
    let start = line.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let value = Value::at(&bytes[at + 1..])?;
    let is_real = value.scheme.is_none()
        && looks::is_strong(value.text)
        && !looks::is_stand_in(value.text)
        && !is_reference(value.text);
    (is_real && MARKS.iter().any(|mark| looks::holds(&line[start..], mark)))
        .then_some("a connection string with a password")
}

/// Whether `text` ends with `end`, in whatever case.
fn ends(text: &[u8], end: &str) -> bool {
    text.len() >= end.len() && text[text.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes())
}
