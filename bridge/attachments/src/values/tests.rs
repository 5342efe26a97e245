//! Files as real projects have them, each compared byte for byte; hostile values and texts; properties of all formats.

use std::time::{Duration, Instant};

use super::*;

mod dotenv;
mod json;
mod properties;
mod toml;
mod yaml;

const ALL: [Format; 4] = [Format::Dotenv, Format::Json, Format::Toml, Format::Yaml];

fn read(format: Format, text: &str, key: &str) -> Result<String, ValueError> {
    read_value(format, text.as_bytes(), key).map(|value| String::from_utf8(value).unwrap())
}

fn put(format: Format, text: &str, key: &str, value: &str) -> Result<String, ValueError> {
    put_value(format, text.as_bytes(), key, value.as_bytes(), true)
        .map(|text| String::from_utf8(text).unwrap())
}

/// Checks that a put changes a text by one replacement of a part, which is there once.
fn check_change(format: Format, text: &str, (key, value): (&str, &str), (old, new): (&str, &str)) {
    assert_eq!(text.matches(old).count(), 1, "{old:?} is there once");
    let wanted = text.replacen(old, new, 1);
    assert_eq!(put(format, text, key, value).as_deref(), Ok(&*wanted), "{key}");
    assert_eq!(read(format, &wanted, key).as_deref(), Ok(value), "{key}");
    // Windows' line ends and its mark stay as they are.
    let (crlf, wanted) = (text.replace('\n', "\r\n"), wanted.replace('\n', "\r\n"));
    let (crlf, wanted) = (format!("\u{feff}{crlf}"), format!("\u{feff}{wanted}"));
    assert_eq!(put(format, &crlf, key, value), Ok(wanted), "{key} with CRLF");
}

/// Values that would be entries, ends or commands of their own if they were not escaped.
const HOSTILE: [&str; 42] = [
    "",
    " ",
    " a ",
    "\t",
    "\n",
    "\r",
    "a\nEVIL=1",
    "a\r\nEVIL=1\r\n",
    "a\rEVIL=1",
    "\"}, \"evil\": \"x",
    "\n[evil]\nx=1",
    "\nevil: x",
    "'\nEVIL=1\n'",
    "\"\nEVIL=1\n\"",
    "\"\"\"\nevil = 1\n",
    "$(cmd)",
    "`cmd`",
    "${HOME}",
    "$HOME",
    "pa$5",
    "a$",
    "\u{2028}evil: x",
    "\u{85}evil: x",
    "\u{feff}a",
    "a\\",
    "a\\\\b",
    "a\\'b",
    "\\n",
    "'",
    "it's",
    "it's \"so\"",
    "a # b",
    "#",
    "# a",
    "\u{1f511} é",
    "- a",
    "*a",
    "&a b",
    "!a b",
    "{a: b}",
    "\u{1}\u{7f}\u{9b}",
    "a: b",
];

#[test]
fn formats_are_chosen_by_extension() {
    for (path, format) in [
        (".env", Format::Dotenv),
        ("a/.env.local", Format::Dotenv),
        ("a.json/b", Format::Dotenv),
        ("a/b.json", Format::Json),
        ("tsconfig.JSON", Format::Json),
        ("b.jsonc", Format::Json),
        ("Cargo.toml", Format::Toml),
        ("a.yml", Format::Yaml),
        ("a.yaml", Format::Yaml),
    ] {
        assert_eq!(Format::of(Path::new(path)), format, "{path}");
    }
}

#[test]
fn regression_lower_limits_are_told_as_they_are() {
    for format in [Format::Toml, Format::Yaml] {
        for len in [(256 << 10) + 1, MAX_VALUE_FILE + 1] {
            let text = vec![b'#'; len];
            let refused = Err(ValueError::FileSize { limit: 256 << 10 });
            assert_eq!(put_value(format, &text, "a", b"b", true), refused);
        }
    }
}

#[test]
fn sizes_are_bounded() {
    let long = vec![b'a'; MAX_VALUE + 1];
    for format in ALL {
        let too_long = ValueError::FileSize { limit: format.longest_file() };
        let text = vec![b'#'; MAX_VALUE_FILE + 1];
        assert_eq!(read_value(format, &text, "a"), Err(too_long));
        assert_eq!(put_value(format, &text, "a", b"b", true), Err(too_long));
        assert_eq!(put_value(format, b"", "a", &long, true), Err(ValueError::ValueSize));
        let longest = put_value(format, b"", "a", &long[1..], true).unwrap();
        assert_eq!(read_value(format, &longest, "a").as_deref(), Ok(&long[1..]));
        if format != Format::Json {
            let text = vec![b'#'; MAX_VALUE_FILE - 10];
            assert_eq!(put_value(format, &text, "a", &long[1..], true), Err(too_long));
        }
        let text = vec![b' '; MAX_YAML_FILE + 1];
        let is_refused = read_value(format, &text, "a") == Err(too_long);
        assert_eq!(is_refused, matches!(format, Format::Toml | Format::Yaml));
    }
}

#[test]
fn what_is_no_text_is_refused() {
    for format in ALL {
        for text in [&b"a\xff"[..], b"a\0b"] {
            assert_eq!(read_value(format, text, "a"), Err(ValueError::NotText));
            assert_eq!(put_value(format, text, "a", b"b", true), Err(ValueError::NotText));
        }
        assert_eq!(put_value(format, b"", "a", b"\xff", true), Err(ValueError::Inexpressible));
    }
    assert_eq!(put_value(Format::Dotenv, b"", "a", b"\0", true), Err(ValueError::Inexpressible));
}

#[test]
fn hostile_values_are_read_back_or_refused_and_add_nothing() {
    let texts = [
        (Format::Dotenv, "A=1\nK=old\nB=2\n"),
        (Format::Json, "{\n  \"A\": \"1\",\n  \"K\": \"old\",\n  \"B\": 2\n}\n"),
        (Format::Toml, "A = '1'\nK = 'old'\nB = 2\n"),
        (Format::Yaml, "A: '1'\nK: old\nB: 2\n"),
    ];
    for (format, text) in texts {
        for value in HOSTILE {
            for (key, lines) in [("K", 0), ("NEW", 1)] {
                let put = match put(format, text, key, value) {
                    Ok(put) => put,
                    Err(ValueError::Inexpressible) if format == Format::Dotenv => continue,
                    Err(error) => panic!("{format:?} {value:?}: {error:?}"),
                };
                assert_eq!(put.lines().count(), text.lines().count() + lines, "{put}");
                for (key, wanted) in [("A", "1"), ("B", "2"), (key, value)] {
                    assert_eq!(read(format, &put, key).as_deref(), Ok(wanted), "{put}");
                }
                for evil in ["evil", "EVIL"] {
                    assert_eq!(read(format, &put, evil), Err(ValueError::Missing), "{put}");
                }
            }
        }
    }
}

#[test]
fn nothing_is_overwritten_without_leave() {
    for (format, text) in [
        (Format::Dotenv, "a=1"),
        (Format::Json, "{\"a\": 1}"),
        (Format::Toml, "a = 1"),
        (Format::Yaml, "a: 1"),
    ] {
        let put = put_value(format, text.as_bytes(), "a", b"2", false);
        assert_eq!(put, Err(ValueError::Exists));
        assert!(put_value(format, text.as_bytes(), "b", b"2", false).is_ok());
    }
}

/// Runs something that must cost little time, whatever the text. The bound is far above what it takes.
fn within_seconds(action: impl FnOnce()) {
    let begin = Instant::now();
    action();
    assert!(begin.elapsed() < Duration::from_secs(20));
}

#[test]
fn deep_and_repeated_texts_cost_neither_stack_nor_time() {
    let length = MAX_VALUE_FILE / 16;
    for unit in [
        "[", "{", "- ", "{a: ", "[a,", "? ", "a=", "a.", "\"", "'", "[[", "&a ", "*a ", "!", "`'",
        "\\", "a:\n ", "#",
    ] {
        let repeated = unit.repeat(length / unit.len());
        for format in ALL {
            for text in [
                &repeated,
                &format!("a: {repeated}"),
                &format!("{{\"a\":{repeated}"),
                &format!("a = {repeated}"),
                &format!("{{? #{}\n, {repeated}}}", " ".repeat(length)),
            ] {
                within_seconds(|| {
                    let _ = read(format, text, "a");
                    let _ = put(format, text, "b", "c");
                });
            }
        }
    }
}
