//! Logins in base64: `_auth=…` of npm, `"auth": "…"` of Docker, `_password=…` of npm. What is encoded tells them from
//! other values of such a name.
//!
//! npm: <https://docs.npmjs.com/cli/configuring-npm/npmrc>. Docker: <https://docs.docker.com/reference/cli/docker/login/>.

use data_encoding::BASE64_NOPAD;

use crate::form::ALNUM;
use crate::looks;

/// The shortest encoded text that counts.
const SHORTEST: usize = 8;

/// How long an encoded text may be.
const LONGEST: usize = 256;

/// Whether `text` is a login behind the name at the end of `before`, which is `auth` and no longer word.
pub(crate) fn is_login(before: &[u8], text: &[u8]) -> bool {
    let Some(before) = before.strip_suffix(b"auth") else {
        return false;
    };
    matches!(before.last(), Some(b'_' | b'"' | b'\''))
        && decoded(text).is_some_and(|login| {
            let colon = login.iter().position(|byte| *byte == b':').unwrap_or_default();
            colon > 0 && is_real(&login[colon + 1..])
        })
}

/// Whether `text` is a password in base64.
pub(crate) fn is_password(text: &[u8]) -> bool {
    decoded(text).is_some_and(|password| {
        password.iter().any(u8::is_ascii_digit) && password.len() >= SHORTEST && is_real(&password)
    })
}

/// Whether `password` is more than a word, and no stand-in.
fn is_real(password: &[u8]) -> bool {
    looks::is_strong(password) && !looks::is_stand_in(password)
}

/// What `text` is the base64 of, if that is printable ASCII. The base64 of anything else hardly ever is.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let (text, padding) = text.split_at(ALNUM.and("+/").run(text, LONGEST));
    if text.len() < SHORTEST || !matches!(padding, b"" | b"=" | b"==") {
        return None;
    }
    let decoded = BASE64_NOPAD.decode(text).ok()?;
    decoded.iter().all(|byte| matches!(byte, b' '..=b'~')).then_some(decoded)
}
