//! Values that are assigned to the name of a secret: `API_KEY=…`, `"password": "…"`, `--token …`, `the password is …`.
//!
//! The name alone stops nothing: code is full of `token = next()`. The value has to look like one that a machine made,
//! or, for a password, like one that is more than a word.

use crate::encoded;
use crate::form::{ALNUM, BASE64, Set};
use crate::looks;
use crate::name::{self, Named};
use crate::value::Value;

/// How short a secret may be, whatever its name: passwords are the shortest.
const SHORTEST: usize = 8;

/// The characters of a token.
const TOKEN: Set = BASE64.and("_-.~%:|!");

/// Beginnings of values that say where a secret is, or what the hash of one is.
const REFERENCES: [&str; 14] = [
    "arn:",
    "op:",
    "vault:",
    "ssm:",
    "env:",
    "file:",
    "sha1-",
    "sha256",
    "sha384",
    "sha512",
    "ssh-",
    "md5",
    "scram-sha-",
    "projects/",
];

/// The pairs `user:password` of examples in the header of HTTP's Basic scheme, encoded.
/// The last is from <https://www.rfc-editor.org/rfc/rfc7617>.
const BASIC_SAMPLES: [&str; 3] =
    ["dXNlcjpwYXNz", "dXNlcm5hbWU6cGFzc3dvcmQ", "QWxhZGRpbjpvcGVuIHNlc2FtZQ"];

/// A secret that is assigned to a name by the sign at `at`: `=`, `:`, `>` of an XML tag or a space before `is`. A colon may
/// also stand between the name and the password of a user of curl.
pub(crate) fn find(bytes: &[u8], at: usize) -> Option<&'static str> {
    let (before, rest) = (&bytes[..at], &bytes[at + 1..]);
    let prose = bytes[at] == b' ';
    let rest = match (bytes[at], rest.first()?) {
        (b':', b':' | b'=') => return login(before, Value::at(rest)?),
        (b'=', b'=' | b'~') => return None,
        (b'=', b'>') => &rest[1..],
        (b' ', b'i') => rest.strip_prefix(b"is ")?,
        (b' ', _) => return None,
        (b'>', _) if !name::is_tag(before) => return None,
        _ => rest,
    };
    // In lists of ciphers, a colon is no sign of an assignment: `HIGH:!PSK:!3DES`.
    let is_list = || before.ends_with(b":") || before.ends_with(b"PSK");
    if matches!(before.last()?, b'!' | b'<' | b'=') || bytes[at] == b':' && is_list() {
        return None;
    }
    let value = Value::at(rest)?;
    if bytes[at] == b':' && value.is_empty() {
        let value = Value::below(rest).filter(|value| value.is_likely(SHORTEST))?;
        return assigned(before, value, true);
    }
    // Names take longer to read than values, and few values are worth it.
    if !value.is_likely(SHORTEST) {
        return None;
    }
    assigned(before, value, prose)
        .or_else(|| (bytes[at] == b':').then(|| login(before, value)).flatten())
}

/// A secret that is assigned to a name by the full-width colon or equals sign at `at`, as people write them between
/// Chinese or Japanese words.
#[inline(never)]
pub(crate) fn wide(bytes: &[u8], at: usize) -> Option<&'static str> {
    let (sign, rest) = bytes[at..].split_at_checked(3)?;
    let is_sign = sign == "\u{ff1a}".as_bytes() || sign == "\u{ff1d}".as_bytes();
    let value = is_sign.then(|| Value::at(rest)).flatten()?.until_wide();
    value.is_likely(SHORTEST).then(|| assigned(&bytes[..at], value, false)).flatten()
}

/// What `value`, a likely one, is, if `before` ends with the name of a secret.
fn assigned(before: &[u8], value: Value<'_>, prose: bool) -> Option<&'static str> {
    let name = name::trim(before);
    if encoded::is_login(name, value.text) {
        return Some("a user name with a password");
    }
    // A sentence: `The password is: …`.
    let (name, prose) =
        name.strip_suffix(b" is").map_or((name, prose), |name| (name::trim(name), true));
    judge(name::named(name)?, value, prose)
}

/// The password at `at`, which stands behind a word that only a password follows. The quote before it may be part of
/// that word.
#[inline(never)]
pub(crate) fn given(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let quote = usize::from(matches!(bytes[..at].last(), Some(b'\'' | b'"')));
    let rest = &bytes[at - quote..];
    // Behind a space, it would be something else than the password of the option before.
    if rest.first()?.is_ascii_whitespace() {
        return None;
    }
    let value = Value::at(rest)?;
    let text = value.text;
    let is_elsewhere = looks::is_template(text) || is_reference(text) || text.contains(&b' ');
    (value.scheme.is_none() && !is_elsewhere && is_password(value, false)).then_some(text)
}

/// A secret that is given to the option of a command whose dashes start at `at`: `--token …`.
pub(crate) fn flag(bytes: &[u8], at: usize) -> Option<&'static str> {
    let option = bytes[at..].strip_prefix(b"--")?;
    let length = ALNUM.and("-_").run(option, 40);
    let value = option[length..].strip_prefix(b" ")?;
    judge(name::named(&option[..length])?, Value::at(value)?, false)
}

/// Whether `value` is a password that is given to curl, behind a colon and the name of a user: `-u name:…`.
/// <https://curl.se/docs/manpage.html#-u>
fn login(before: &[u8], value: Value<'_>) -> Option<&'static str> {
    let user = ALNUM.and("_.@-").run_back(before, 64);
    // The name may follow the option at once: `-uname`.
    let user = user - if before[before.len() - user..].starts_with(b"-u") { 2 } else { 0 };
    let option = &before[..before.len() - user];
    let option = option.strip_suffix(b"\"").or_else(|| option.strip_suffix(b"'")).unwrap_or(option);
    if user == 0 || !is_login_option(option) {
        return None;
    }
    if value.scheme.is_some() || looks::is_template(value.text) {
        return None;
    }
    // Other commands have an option of that name for a user and a group.
    let is_curl = looks::holds(&option[option.len().saturating_sub(128)..], "curl");
    (is_password(value, false) || is_curl && is_chosen(value.text)).then_some("a password")
}

/// Whether `before` ends with the option `--user`, or `-u`, which other letters may share the dash with: `-sSu`.
fn is_login_option(before: &[u8]) -> bool {
    let Some(before) = before.strip_suffix(b" ") else {
        return before.ends_with(b" -u");
    };
    let word = &before[before.len() - ALNUM.and("-").run_back(before, 8)..];
    word == b"--user" || word.ends_with(b"u") && word.starts_with(b"-") && !word.starts_with(b"--")
}

/// Whether `password` is more than a word: one with a digit, and no stand-in.
fn is_chosen(password: &[u8]) -> bool {
    password.len() >= SHORTEST
        && password.iter().any(u8::is_ascii_digit)
        && looks::is_strong(password)
        && !looks::is_stand_in(password)
}

/// What `value` is, where its name says `named`. In `prose` the name counts for less.
fn judge(named: Named, value: Value<'_>, prose: bool) -> Option<&'static str> {
    let text = value.text;
    if looks::is_template(text) || is_reference(text) || text.contains(&b' ') {
        return None;
    }
    match (named, value.scheme) {
        (Named::Authorization, Some(scheme)) if scheme.eq_ignore_ascii_case(b"basic") => {
            let sample = BASIC_SAMPLES.iter().any(|sample| text.starts_with(sample.as_bytes()));
            (is_token(text) && !sample).then_some("a user name with a password")
        }
        (Named::Authorization, Some(_)) => is_token(text).then_some("an access token"),
        (Named::Authorization, None) | (_, Some(_)) => None,
        (Named::Password, None) => {
            (is_password(value, prose) || encoded::is_password(text)).then_some("a password")
        }
        (Named::Token, None) => is_token(text).then_some("an access token"),
        (Named::Key, None) => is_key(value, prose).then_some("a secret key"),
    }
}

/// Whether a token with the name of one is one.
fn is_token(text: &[u8]) -> bool {
    TOKEN.run(text, text.len()) == text.len() && looks::is_random(text) && !looks::is_uuid(text)
}

/// Whether a value with the name of a key is one. Some are as short as passwords, and some are made of signs.
fn is_key(value: Value<'_>, prose: bool) -> bool {
    let text = value.text;
    is_token(text)
        || looks::is_uuid(text)
        || !prose && looks::is_short_key(text)
        || value.quoted && looks::is_noise(text)
}

/// Whether a value with the name of a password is one: more than a word with a number, and no name from code.
fn is_password(value: Value<'_>, prose: bool) -> bool {
    let text = value.text;
    let has = |kind: fn(&u8) -> bool| text.iter().any(kind);
    let mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    let has_both_cases = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let has_sign = has(|byte| byte.is_ascii_punctuation() && !b"_-./:=".contains(byte));
    let chosen = (has_sign || value.quoted && has_both_cases) && !prose;
    let fits = (SHORTEST..=128).contains(&text.len()) && mixed && !looks::is_stand_in(text);
    fits && (chosen || looks::is_random(text) || looks::is_jumble(text)) || value.is_wild()
}

/// Whether `text` says where a secret is: a path, a URL, the name of one in a store; or the hash of one.
pub(crate) fn is_reference(text: &[u8]) -> bool {
    let starts = |start: &str| {
        text.len() >= start.len() && text[..start.len()].eq_ignore_ascii_case(start.as_bytes())
    };
    let is_path = matches!(text.first(), Some(b'/' | b'~' | b'.'))
        || text.iter().filter(|byte| **byte == b'/').count() > 1;
    is_path && !looks::is_random(text)
        || looks::holds(text, "://")
        || looks::holds(text, "::")
        || REFERENCES.iter().any(|start| starts(start))
}
