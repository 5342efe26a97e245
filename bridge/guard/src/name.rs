//! What the name of a variable, a field or a header says about its value.

use crate::form::{ALNUM, Set};

/// What a value is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// Something people choose: it may be short.
    Password,
    /// Something a machine made: it is long and random.
    Token,
    /// As `Token`, where a UUID may be one too.
    Key,
    /// The value of the header `Authorization`, which begins with its scheme.
    Authorization,
}

/// The characters of a name. Words of prose are one too: `API key: …`.
const NAME: Set = ALNUM.and("_.-/ ");

/// How far back a name is looked for.
const LONGEST: usize = 48;

/// How many words of a name count, from its end.
const WORDS: usize = 6;

/// Words at the end of a name that say nothing about what the value is.
const EMPTY: [&str; 14] = [
    "value",
    "prod",
    "production",
    "staging",
    "dev",
    "live",
    "old",
    "new",
    "base",
    "base64",
    "b64",
    "raw",
    "str",
    "string",
];

/// Ends of the names of passwords.
const PASSWORDS: [&str; 7] =
    ["password", "passwd", "passphrase", "pwd", "passcode", "sshpass", "requirepass"];

/// Ends of the names of keys.
const KEYS: [&str; 7] =
    ["apikey", "secretkey", "accesskey", "privatekey", "authkey", "accountkey", "secret"];

/// Ends of the names of tokens.
const TOKENS: [&str; 3] = ["token", "credential", "credentials"];

/// The last letters of all names of secrets.
const LAST: Set = Set::of("deklnstyDEKLNSTY");

/// Words before `key` that make it a secret one.
const SECRET_KEYS: [&str; 27] = [
    "api",
    "secret",
    "access",
    "private",
    "auth",
    "account",
    "shared",
    "encryption",
    "signing",
    "master",
    "service",
    "license",
    "admin",
    "app",
    "application",
    "client",
    "storage",
    "webhook",
    "integration",
    "function",
    "subscription",
    "ingest",
    "ingestion",
    "hmac",
    "root",
    "rest",
    "deploy",
];

/// Words before `token` that make it one of a parser, a page or a model.
const HARMLESS_TOKENS: [&str; 36] = [
    "next",
    "page",
    "cancel",
    "cancellation",
    "continuation",
    "sync",
    "max",
    "min",
    "last",
    "first",
    "csrf",
    "xsrf",
    "eos",
    "bos",
    "pad",
    "unk",
    "sep",
    "cls",
    "mask",
    "stop",
    "start",
    "end",
    "special",
    "current",
    "previous",
    "prev",
    "design",
    "cursor",
    "resume",
    "change",
    "delta",
    "idempotency",
    "lock",
    "fencing",
    "public",
    "pagination",
];

/// Words before the last one of a name that make the value public: `checksum/secret`, `hashed password`.
const PUBLIC: [&str; 7] =
    ["checksum", "hash", "hashed", "digest", "fingerprint", "public", "encrypted"];

/// Types that stand between a name and its value: `const token: string = "…"`.
const TYPES: [&str; 5] = ["string", "str", "text", "bytes", "varchar"];

/// What the name that ends at the end of `before` says, if it is that of a secret.
pub(crate) fn named(before: &[u8]) -> Option<Named> {
    let words = Words::of(before);
    if words.is_any(0, &TYPES)
        && let Some(colon) = before.iter().rev().take(LONGEST).position(|byte| *byte == b':')
    {
        return Words::of(trim(&before[..before.len() - colon - 1])).named();
    }
    words.named()
}

/// Whether what precedes a value is the end of an XML tag: `<password` before `>`.
pub(crate) fn is_tag(before: &[u8]) -> bool {
    let run = NAME.run_back(before, LONGEST);
    before[..before.len() - run].ends_with(b"<")
}

/// Takes away what may stand between a name and its sign: spaces, quotes, a bracket, the stars of Markdown.
pub(crate) fn trim(mut before: &[u8]) -> &[u8] {
    const BETWEEN: Set = Set::of(" \t\"'`]*\\?:+");
    before = &before[..before.len() - BETWEEN.run_back(before, 6)];
    before
}

/// The last words of a name, the last one first.
struct Words<'a>([&'a [u8]; WORDS]);

impl<'a> Words<'a> {
    /// The words at the end of `before`: those between signs, and those of `camelCase`.
    fn of(before: &'a [u8]) -> Self {
        let mut name = &before[before.len() - NAME.run_back(before, LONGEST)..];
        let mut words = [&b""[..]; WORDS];
        for word in &mut words {
            name = &name
                [..name.iter().rposition(u8::is_ascii_alphanumeric).map_or(0, |last| last + 1)];
            let start = word_start(name);
            *word = &name[start..];
            name = &name[..start];
        }
        Self(words)
    }

    /// Whether the word `at` places before the last is `word`.
    fn is(&self, at: usize, word: &str) -> bool {
        self.0.get(at).is_some_and(|own| own.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Whether the word `at` places before the last is one of `words`. Many lists are asked for: one copy of it is small.
    #[inline(never)]
    fn is_any(&self, at: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(at, word))
    }

    /// Whether the word `at` places before the last ends with one of `ends`.
    #[inline(never)]
    fn ends_any(&self, at: usize, ends: &[&str]) -> bool {
        let word = self.0[at];
        ends.iter().any(|end| {
            word.len() >= end.len()
                && word[word.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes())
        })
    }

    /// What the words say.
    fn named(&self) -> Option<Named> {
        let is_empty =
            |at: usize| self.is_any(at, &EMPTY) || self.0[at].iter().all(u8::is_ascii_digit);
        let at = (0..2).take_while(|at| is_empty(*at)).count();
        // Most names are let go by their last letter.
        if !self.0[at].last().is_some_and(|last| LAST.has(*last)) {
            return None;
        }
        let before = |all: &[&str]| self.is_any(at + 1, all);
        let named = if self.ends_any(at, &PASSWORDS) || self.is_any(at, &["pass", "psk"]) {
            Named::Password
        } else if self.ends_any(at, &KEYS) || self.is(at, "key") && before(&SECRET_KEYS) {
            Named::Key
        } else if self.is(at, "authorization") {
            Named::Authorization
        } else if self.ends_any(at, &TOKENS)
            && !(self.ends_any(at, &["token"]) && before(&HARMLESS_TOKENS))
        {
            Named::Token
        } else {
            return None;
        };
        (!before(&PUBLIC)).then_some(named)
    }
}

/// Where the last word of `name` starts, which ends with a letter or a digit.
fn word_start(name: &[u8]) -> usize {
    let starts = |at: usize| {
        let (left, own) = (name[at - 1], name[at]);
        let right_is_small = name.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        !left.is_ascii_alphanumeric()
            || own.is_ascii_uppercase()
                && (left.is_ascii_lowercase() || left.is_ascii_uppercase() && right_is_small)
    };
    (1..name.len()).rev().find(|at| starts(*at)).unwrap_or(0)
}
