//! Keys of nested formats: names with dots between them.

use super::ValueError;

/// The longest key, in bytes.
const MAX_KEY: usize = 1 << 10;
/// The most names in a key. Whatever follows a key into a text goes at most this deep.
const MAX_PARTS: usize = 32;

/// The names of a key.
pub(super) fn parts(key: &str) -> Result<Vec<String>, ValueError> {
    if key.len() > MAX_KEY {
        return Err(ValueError::Key);
    }
    let mut parts = Vec::new();
    let mut rest = key;
    loop {
        let (part, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_part(quoted)?,
            None => bare_part(rest)?,
        };
        parts.push(part);
        if parts.len() > MAX_PARTS {
            return Err(ValueError::Key);
        }
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(parts),
            None => return Err(ValueError::Key),
        }
    }
}

/// A name without quotes, and what follows it.
fn bare_part(text: &str) -> Result<(String, &str), ValueError> {
    let is_other = |c: char| matches!(c, '"' | '\'' | '\\') || c.is_whitespace() || c.is_control();
    let end = text.find('.').unwrap_or(text.len());
    let part = &text[..end];
    if part.is_empty() || part.contains(is_other) {
        return Err(ValueError::Key);
    }
    Ok((part.to_owned(), &text[end..]))
}

/// A name whose opening quote is passed, and what follows its closing one.
fn quoted_part(text: &str) -> Result<(String, &str), ValueError> {
    let mut part = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((part, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, escaped @ ('"' | '\\'))) => part.push(escaped),
                _ => return Err(ValueError::Key),
            },
            c if c.is_control() => return Err(ValueError::Key),
            c => part.push(c),
        }
    }
    Err(ValueError::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_names_with_dots_between_them() {
        for (key, wanted) in [
            ("a", &["a"][..]),
            ("a.b-c.d_1", &["a", "b-c", "d_1"]),
            (r#"a."b.c".d"#, &["a", "b.c", "d"]),
            (r#""a\"\\ b""#, &["a\"\\ b"]),
            (r#""""#, &[""]),
            ("a/b:c.é", &["a/b:c", "é"]),
        ] {
            assert_eq!(parts(key).unwrap(), wanted, "{key}");
        }
        let deep = "a.".repeat(MAX_PARTS) + "a";
        let long = "a".repeat(MAX_KEY + 1);
        for key in [
            "", ".", "a.", ".a", "a..b", "a b", "\"a", "\"a\"b", r#""\n""#, "a\n", "a\"b", &deep,
            &long,
        ] {
            assert_eq!(parts(key), Err(ValueError::Key), "{key}");
        }
    }
}
