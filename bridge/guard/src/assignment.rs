//! Values that are assigned to the name of a secret: `API_KEY=…`, `"password": "…"`, `--token …`, `the password is …`.
//!
//! The name alone stops nothing: code is full of `token = next()`. The value has to look like one that a machine made,
//! or, for a password, like one that is more than a word.

use crate::form::{ALNUM, BASE64, Set};
use crate::looks;
use crate::name::{self, Named};

/// How short a secret may be, whatever its name: passwords are the shortest.
const SHORTEST: usize = 8;

/// How long a value may be.
const LONGEST: usize = 256;

/// What ends a value without quotes.
const END: Set = Set::of(" \t\r\n\"'`,;()[]{}<>&\\");

/// What may stand between a sign and a value: spaces, the stars of Markdown, the bar of a table.
const LEAD: Set = Set::of(" \t*|");

/// The characters of a token.
const TOKEN: Set = BASE64.and("_-.~%:|!");

/// Beginnings of values that say where a secret is, or what the hash of one is.
const REFERENCES: [&str; 12] = [
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
    "projects/",
];

/// The pairs `user:password` of examples in the header of HTTP's Basic scheme, encoded.
/// The last is from <https://www.rfc-editor.org/rfc/rfc7617>.
const BASIC_SAMPLES: [&str; 3] =
    ["dXNlcjpwYXNz", "dXNlcm5hbWU6cGFzc3dvcmQ", "QWxhZGRpbjpvcGVuIHNlc2FtZQ"];

/// A secret that is assigned to a name by the sign at `at`: `=`, `:`, `>` of an XML tag or a space before `is`.
pub(crate) fn find(bytes: &[u8], at: usize) -> Option<&'static str> {
    let (before, rest) = (&bytes[..at], &bytes[at + 1..]);
    let prose = bytes[at] == b' ';
    let rest = match (bytes[at], rest.first()?) {
        (b'=', b'=' | b'~') | (b':', b':' | b'=') => return None,
        (b'=', b'>') => &rest[1..],
        (b' ', b'i') => rest.strip_prefix(b"is ")?,
        (b' ', _) => return None,
        (b'>', _) if !name::is_tag(before) => return None,
        _ => rest,
    };
    if matches!(before.last()?, b'!' | b'<' | b'=') || bytes[at] == b':' && before.ends_with(b":") {
        return None;
    }
    let value = Value::at(rest)?;
    // Names take longer to read than values, and few values are worth it.
    if !value.is_likely() {
        return None;
    }
    judge(name::named(name::trim(before))?, value, prose)
}

/// A secret that is given to the option of a command whose dashes start at `at`: `--token …`.
pub(crate) fn flag(bytes: &[u8], at: usize) -> Option<&'static str> {
    let option = bytes[at..].strip_prefix(b"--")?;
    let length = ALNUM.and("-_").run(option, 40);
    let value = option[length..].strip_prefix(b" ")?;
    judge(name::named(&option[..length])?, Value::at(value)?, false)
}

/// A password that is given to curl together with the name of a user, by the colon at `at`: `-u name:…`.
/// <https://curl.se/docs/manpage.html#-u>
pub(crate) fn login(bytes: &[u8], at: usize) -> Option<&'static str> {
    let before = &bytes[..at];
    let user = ALNUM.and("_.@-").run_back(before, 64);
    let option = &before[..before.len() - user];
    let option = option.strip_suffix(b"\"").or_else(|| option.strip_suffix(b"'")).unwrap_or(option);
    if user == 0 || ![&b" -u "[..], b" --user ", b" -u"].iter().any(|name| option.ends_with(name)) {
        return None;
    }
    let value = Value::at(&bytes[at + 1..])?;
    (value.scheme.is_none() && !looks::is_template(value.text) && is_password(value, false))
        .then_some("a password")
}

/// A value and how it stands in the text.
#[derive(Clone, Copy)]
struct Value<'a> {
    text: &'a [u8],
    quoted: bool,
    /// What stands before it, up to a space: `Bearer` in a header.
    scheme: Option<&'a [u8]>,
}

impl<'a> Value<'a> {
    /// The value at the beginning of `rest`, unless it is a call or the like.
    fn at(rest: &'a [u8]) -> Option<Self> {
        let rest = &rest[LEAD.run(rest, 8)..];
        let rest = rest.strip_prefix(b"\\").unwrap_or(rest);
        // The prefix of a literal: `b"…"`, `@"…"`.
        let has_prefix = matches!(rest, [b'b' | b'r' | b'f' | b'u' | b'@', b'"' | b'\'', ..]);
        let rest = &rest[usize::from(has_prefix)..];
        let (&first, inner) = rest.split_first()?;
        if matches!(first, b'"' | b'\'' | b'`') {
            let length =
                inner.iter().take(LONGEST).position(|byte| *byte == first || *byte == b'\n')?;
            let text = inner[..length].strip_suffix(b"\\").unwrap_or(&inner[..length]);
            return Some(Self::new(text, true));
        }
        let with_scheme = ["Bearer ", "Basic ", "token ", "Token "]
            .iter()
            .find(|scheme| rest.starts_with(scheme.as_bytes()))
            .map_or(0, |scheme| scheme.len());
        let word = &rest[with_scheme..];
        let length = word
            .iter()
            .take(LONGEST)
            .position(|byte| END.has(*byte))
            .unwrap_or(word.len().min(LONGEST));
        let after = &word[length..];
        let is_code =
            matches!(after.first(), Some(b'(' | b'[' | b'{' | b'<')) && !after.starts_with(b"</");
        let text = trim_end(&rest[..with_scheme + length]);
        (!is_code).then_some(Self::new(text, false))
    }

    /// The value `text`, without the scheme that it may begin with.
    fn new(text: &'a [u8], quoted: bool) -> Self {
        match text.iter().position(|byte| *byte == b' ') {
            Some(space) => Self { text: &text[space + 1..], quoted, scheme: Some(&text[..space]) },
            None => Self { text, quoted, scheme: None },
        }
    }

    /// Whether a secret under some name may read like this: none is shorter or, a UUID excepted, without a digit.
    fn is_likely(self) -> bool {
        self.text.len() >= SHORTEST
            && (self.text.iter().any(u8::is_ascii_digit) || looks::is_uuid(self.text))
    }
}

/// `text` without the full stop of a sentence.
fn trim_end(text: &[u8]) -> &[u8] {
    text.strip_suffix(b".").or_else(|| text.strip_suffix(b":")).unwrap_or(text)
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
        (Named::Password, None) => is_password(value, prose).then_some("a password"),
        (Named::Token, None) => is_token(text).then_some("an access token"),
        (Named::Key, None) => (is_token(text) || looks::is_uuid(text)).then_some("a secret key"),
    }
}

/// Whether a token with the name of one is one.
fn is_token(text: &[u8]) -> bool {
    TOKEN.run(text, text.len()) == text.len() && looks::is_random(text) && !looks::is_uuid(text)
}

/// Whether a value with the name of a password is one: more than a word with a number, and no name from code.
fn is_password(value: Value<'_>, prose: bool) -> bool {
    let text = value.text;
    let has = |kind: fn(&u8) -> bool| text.iter().any(kind);
    let mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    if !(SHORTEST..=128).contains(&text.len()) || !mixed || looks::is_stand_in(text) {
        return false;
    }
    let has_both_cases = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let has_sign = has(|byte| byte.is_ascii_punctuation() && !b"_-./:=".contains(byte));
    let chosen = (has_sign || value.quoted && has_both_cases) && !prose;
    chosen || looks::is_random(text)
}

/// Whether `text` says where a secret is: a path, a URL, the name of one in a store; or the hash of one.
fn is_reference(text: &[u8]) -> bool {
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
