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
const STAND_INS: [&str; 45] = [
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
    "supersecret",
    "supersecretpass",
    "secretpass",
    "mypassword",
    "adminpassword",
    "strongpassword",
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

/// Names with a number that a field for passwords may hold: how one is hashed or encoded.
const ALGORITHMS: [&str; 6] = ["sha", "pbkdf", "argon", "bcrypt", "scrypt", "base64"];

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
    letters > 0 && digits > 0 && breaks(value) * 5 >= value.len() && !is_sample(value)
}

/// Whether `value` looks like a password that a machine made of letters, digits and dashes: too short to be told by
/// `is_random`, so the shorter it is, the more of its places have to be breaks.
pub(crate) fn is_jumble(value: &[u8]) -> bool {
    let has = |kind: fn(&u8) -> bool| value.iter().any(kind);
    let breaks = breaks(value);
    let enough = match has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) {
        true if value.len() >= 12 => breaks * 5 >= value.len(),
        true => breaks * 7 >= value.len() * 2,
        // There are no places where a small letter meets a capital one.
        false => breaks * 3 >= value.len(),
    };
    breaks >= 3
        && enough
        && has(u8::is_ascii_digit)
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && !value.iter().all(u8::is_ascii_hexdigit)
        && !is_sample(value)
        && !ALGORITHMS.iter().any(|name| holds(value, name))
}

/// Whether `value` looks like a key that is too short for `is_random`.
pub(crate) fn is_short_key(value: &[u8]) -> bool {
    (12..SHORTEST).contains(&value.len())
        && value.iter().any(u8::is_ascii_lowercase)
        && value.iter().any(u8::is_ascii_uppercase)
        && breaks(value) * 4 >= value.len()
        && is_jumble(value)
}

/// Whether `value` looks like a long key that a machine made of letters, digits and signs.
pub(crate) fn is_noise(value: &[u8]) -> bool {
    let signs =
        value.iter().filter(|byte| byte.is_ascii_punctuation() && !b"_-./:,".contains(byte));
    (32..=128).contains(&value.len())
        && signs.count() * 10 >= value.len()
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().all(u8::is_ascii_graphic)
        && distinct(value) >= 20
        && changes(value) * 2 >= value.len()
        && !is_sample(value)
}

/// Whether a password is more than a word.
pub(crate) fn is_strong(password: &[u8]) -> bool {
    let has = |kind: fn(&u8) -> bool| usize::from(password.iter().any(kind));
    let kinds = has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_digit)
        + has(|byte| !byte.is_ascii_alphanumeric());
    password.len() >= 6 && kinds >= 2 && password.iter().any(u8::is_ascii_alphabetic)
        || password.len() >= 16
}

/// At how many places in `value` a digit meets a letter, or a small letter a capital one after it.
fn breaks(value: &[u8]) -> usize {
    value.windows(2).filter(|pair| is_break(pair[0], pair[1])).count()
}

/// At how many places in `value` two characters of different kinds meet: small letters, capital ones, digits, signs.
pub(crate) fn changes(value: &[u8]) -> usize {
    let kind = |byte: u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    value.windows(2).filter(|pair| kind(pair[0]) != kind(pair[1])).count()
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
    let is_word =
        |part: &[u8]| STAND_INS.iter().any(|word| part.len() == word.len() && reads(part, word));
    is_word(stem) || is_name(stem) || STAND_IN_WORDS.iter().any(|word| holds(password, word))
}

/// Whether `text` is the name of a password, `DB_PASS` or `app-pw`, rather than one.
fn is_name(text: &[u8]) -> bool {
    let mut words = text.split(|byte| matches!(byte, b'_' | b'-'));
    let last = words.next_back().unwrap_or_default();
    let is_word = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_alphabetic);
    text.len() > last.len()
        && words.all(is_word)
        && ["pass", "pwd", "pw", "token", "key"]
            .iter()
            .any(|word| last.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether `value` is filled in elsewhere: a variable of a shell or a template, or what is left of a masked value.
pub(crate) fn is_template(value: &[u8]) -> bool {
    let pairs = [(b'{', b'}'), (b'<', b'>'), (b'[', b']'), (b'(', b')')];
    let is_filled = |(open, close): (u8, u8)| {
        let opened = value.iter().position(|byte| *byte == open);
        opened.is_some_and(|at| value[at..].contains(&close))
    };
    matches!(value.first(), None | Some(b'$' | b'@'))
        || value.iter().enumerate().any(|(at, byte)| *byte == b'%' && is_format(value, at))
        || pairs.into_iter().any(is_filled)
        || ["***", "...", "\u{2026}", "\u{2022}"].iter().any(|mark| holds(value, mark))
}

/// Whether the `%` at `at` in `value` belongs to a format or a variable, `%s`, `id-%d`, `%DB_PASS%`, rather than to an
/// escape or a password.
fn is_format(value: &[u8], at: usize) -> bool {
    match value[at + 1..] {
        [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => false,
        [] | [_] | [b'(' | b'{', ..] => true,
        [b's' | b'd' | b'v', b, ..] if !b.is_ascii_alphanumeric() => true,
        _ => at == 0,
    }
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

/// Whether `text` holds `word`, in whatever case. Dozens of rules ask this of few texts: one copy of it is small.
#[inline(never)]
pub(crate) fn holds(text: &[u8], word: &str) -> bool {
    text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}
