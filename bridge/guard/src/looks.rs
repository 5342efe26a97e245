//! Whether a text looks random, or like a sample that stands for a secret.

/// Words that a sample holds and a random token hardly ever.
const SAMPLE_WORDS: [&str; 25] = [
    "example",
    "sample",
    "placeholder",
    "your",
    "dummy",
    "fake",
    "redacted",
    "changeme",
    "change-me",
    "change_me",
    "xxxx",
    "insert",
    "replace",
    "foobar",
    "deadbeef",
    "qwerty",
    "lorem",
    "secret",
    "password",
    "token",
    "test",
    "todo",
    "here",
    "masked",
    "hidden",
];

/// Passwords of examples and of local databases.
const STAND_INS: [&str; 40] = [
    "password",
    "passwd",
    "passphrase",
    "pass",
    "pwd",
    "pw",
    "secret",
    "changeme",
    "change",
    "example",
    "admin",
    "root",
    "user",
    "username",
    "guest",
    "test",
    "testing",
    "dev",
    "demo",
    "foo",
    "bar",
    "baz",
    "foobar",
    "hunter",
    "tiger",
    "postgres",
    "postgresql",
    "mysql",
    "mongo",
    "redis",
    "rabbitmq",
    "docker",
    "letmein",
    "xyz",
    "token",
    "apikey",
    "key",
    "abc",
    "qwerty",
    "welcome",
];

/// Words that make a password a stand-in wherever they stand in it.
const STAND_IN_WORDS: [&str; 14] = [
    "password",
    "passwd",
    "secret",
    "changeme",
    "example",
    "your",
    "testpass",
    "dummy",
    "sample",
    "placeholder",
    "letmein",
    "foobar",
    "redacted",
    "mypass",
];

/// How many characters of a straight line (`abcdef`, `654321`) a random token does not hold.
const STRAIGHT: usize = 6;

/// How many of the same character in a row a random token does not hold. Some providers' tokens hold up to seven `A`s.
const SAME: usize = 8;

/// The shortest random value of letters and digits that counts as a key.
const SHORTEST: usize = 16;

/// The shortest value in hex: below 96 bits it is an identifier, a fingerprint or a short hash.
const SHORTEST_HEX: usize = 24;

/// Whether `body` stands for a token rather than being one.
pub(crate) fn is_sample(body: &[u8]) -> bool {
    let least = if body.len() < 16 { 5 } else { 8 };
    distinct(body) < least || holds_line(body) || SAMPLE_WORDS.iter().any(|word| holds(body, word))
}

/// Whether `value` looks like random letters and digits, as the keys of providers do and names in code do not.
///
/// Counted are the places where a digit meets a letter or a small letter a capital one: nearly half of all places in
/// random text, fewer than one in five in words, names and paths.
pub(crate) fn is_random(value: &[u8]) -> bool {
    let is_hex = value.iter().all(u8::is_ascii_hexdigit);
    if value.len() < if is_hex { SHORTEST_HEX } else { SHORTEST } || distinct(value) < 9 {
        return false;
    }
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let breaks = value.windows(2).filter(|pair| is_break(pair[0], pair[1])).count();
    letters > 0 && digits > 0 && breaks * 5 >= value.len() && !is_sample(value)
}

/// Whether random text is the likely reason for `left` and `right` to stand side by side.
fn is_break(left: u8, right: u8) -> bool {
    left.is_ascii_digit() && right.is_ascii_alphabetic()
        || left.is_ascii_alphabetic() && right.is_ascii_digit()
        || left.is_ascii_lowercase() && right.is_ascii_uppercase()
}

/// Whether `value` is a UUID in text form.
pub(crate) fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether a password stands for another: `password1`, `s3cret`, `$DB_PASSWORD`, `<password>`, `***`.
pub(crate) fn is_stand_in(password: &[u8]) -> bool {
    if is_template(password) || distinct(password) < 4 || holds_line(password) {
        return true;
    }
    let stem_end = password.iter().rposition(u8::is_ascii_alphabetic).map_or(0, |last| last + 1);
    let stem = &password[..stem_end];
    STAND_INS.iter().any(|word| stem.len() == word.len() && reads(stem, word))
        || STAND_IN_WORDS
            .iter()
            .any(|word| password.windows(word.len()).any(|part| reads(part, word)))
}

/// Whether `value` is filled in elsewhere: a variable of a shell or a template, or what is left of a masked value.
pub(crate) fn is_template(value: &[u8]) -> bool {
    let is_escape = |at: usize| {
        let code = value.get(at + 1..at + 3);
        code.is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit))
    };
    matches!(value.first(), None | Some(b'$' | b'@'))
        || value
            .iter()
            .any(|byte| matches!(byte, b'{' | b'}' | b'<' | b'>' | b'[' | b']' | b'(' | b')'))
        || value.iter().enumerate().any(|(at, byte)| *byte == b'%' && !is_escape(at))
        || ["***", "...", "\u{2026}", "\u{2022}"].iter().any(|mark| holds(value, mark))
}

/// Whether `part` reads as `word`, in whatever case and with digits for letters.
fn reads(part: &[u8], word: &str) -> bool {
    part.iter()
        .zip(word.as_bytes())
        .all(|(byte, letter)| plain_letter(*byte).eq_ignore_ascii_case(letter))
}

/// The letter that `byte` stands for in a word written with digits.
fn plain_letter(byte: u8) -> u8 {
    match byte {
        b'0' => b'o',
        b'1' => b'l',
        b'3' => b'e',
        b'4' | b'@' => b'a',
        b'5' | b'$' => b's',
        other => other,
    }
}

/// How many different bytes `text` holds.
pub(crate) fn distinct(text: &[u8]) -> usize {
    let mut seen = [false; 256];
    text.iter().filter(|byte| !std::mem::replace(&mut seen[usize::from(**byte)], true)).count()
}

/// Whether `text` holds a straight line of characters, or one of them many times in a row.
fn holds_line(text: &[u8]) -> bool {
    let line = |step: i16, long: usize| {
        let mut run = 1;
        text.windows(2).any(|pair| {
            let next =
                pair[1].is_ascii_alphanumeric() && i16::from(pair[1]) - i16::from(pair[0]) == step;
            run = if next { run + 1 } else { 1 };
            run >= long
        })
    };
    line(1, STRAIGHT) || line(-1, STRAIGHT) || line(0, SAME)
}

/// Whether `text` holds `word`, in whatever case.
pub(crate) fn holds(text: &[u8], word: &str) -> bool {
    text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}
