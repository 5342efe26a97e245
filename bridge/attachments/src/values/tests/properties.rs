use proptest::prelude::*;

use super::*;

/// A value of any text, often of what formats have for signs.
fn value() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z\"'`$\\\\#:=\\[\\]{}(), \t\r\n&*!|>%@-]{0,24}", "\\PC{0,16}", any::<String>(),]
}

/// A text with three entries, and the places round the value of the second.
fn text(format: Format, newline: &str, is_ended: bool) -> (String, String, String) {
    let (a, b, c) = match format {
        Format::Dotenv => ("A='1 # x' # y\nexport K=", "old", " # c\nC=\"3\"\n"),
        Format::Json => ("{\n  \"A\": 1, // x\n  \"K\": ", "\"old\"", ",\n  \"C\": [3]\n}\n"),
        Format::Toml => ("A = 1 # x\nK = ", "'''\nold'''", " # c\nC = 3\n"),
        Format::Yaml => ("A: 1 # x\nK: ", "'o''ld'", " # c\nC: [3]\n"),
    };
    let end = if is_ended { c } else { c.trim_end_matches('\n') };
    let lines = |part: &str| part.replace('\n', newline);
    (lines(a), lines(b), lines(end))
}

fn format() -> impl Strategy<Value = Format> {
    prop::sample::select(ALL.to_vec())
}

proptest! {
    #[test]
    fn put_value_is_read_back_and_all_else_is_kept(
        format in format(),
        value in value(),
        newline in prop::sample::select(vec!["\n", "\r\n"]),
        is_ended: bool,
    ) {
        let (before, old, after) = text(format, newline, is_ended);
        let text = [&*before, &*old, &*after].concat();
        match put(format, &text, "K", &value) {
            Ok(put) => {
                let kept = put.starts_with(&before) && put.ends_with(&after);
                prop_assert!(kept, "{}", put);
                let written = &put[before.len()..put.len() - after.len()];
                prop_assert!(!written.contains(['\n', '\r', '\0']));
                let read = read(format, &put, "K");
                prop_assert_eq!(read.as_deref(), Ok(&*value));
            }
            Err(error) => {
                prop_assert_eq!((format, error), (Format::Dotenv, ValueError::Inexpressible));
            }
        }
    }

    #[test]
    fn added_value_is_read_back_and_all_else_is_kept(
        format in format(),
        value in value(),
        newline in prop::sample::select(vec!["\n", "\r\n"]),
        is_ended: bool,
        key in prop::sample::select(vec!["NEW", "NEW.deep.KEY", "\"a b\".\"c.d\""]),
    ) {
        let key = if format == Format::Dotenv { "NEW" } else { key };
        let text = { let (a, b, c) = text(format, newline, is_ended); [a, b, c].concat() };
        match put_value(format, text.as_bytes(), key, value.as_bytes(), false) {
            Ok(put) => {
                let put = String::from_utf8(put).unwrap();
                let read_back = read(format, &put, key);
                prop_assert_eq!(read_back.as_deref(), Ok(&*value));
                for kept in ["A", "K"] {
                    prop_assert_eq!(read(format, &put, kept), read(format, &text, kept));
                }
                prop_assert_eq!(put.ends_with('\n'), text.ends_with('\n'));
                // The old text is the new one without a part.
                let prefix = text.bytes().zip(put.bytes()).take_while(|(old, new)| old == new).count();
                let suffix = &text.as_bytes()[prefix..];
                prop_assert!(put.as_bytes().ends_with(suffix), "{}", put);
            }
            Err(error) => {
                prop_assert_eq!((format, error), (Format::Dotenv, ValueError::Inexpressible));
            }
        }
    }

    #[test]
    fn any_text_is_changed_in_one_part_or_refused(
        format in format(),
        text in "([ak]|export |[\"'`]|[=:,#|>&*!?{}\\[\\]-]|\\\\|[ \t]|\r?\n|  |: |a: |a=|k = |\\[k\\]\n|\"k\": ){0,24}",
        value in value(),
    ) {
        let Ok(put) = put(format, &text, "k", &value) else { return Ok(()) };
        let read_back = read(format, &put, "k");
        prop_assert_eq!(read_back.as_deref(), Ok(&*value));
        if format != Format::Dotenv || read(format, &text, "a").is_ok() {
            prop_assert_eq!(read(format, &put, "a"), read(format, &text, "a"), "{:?} {:?}", text, put);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(format in format(), text: Vec<u8>, key in "\\PC{0,8}") {
        let _ = read_value(format, &text, &key);
        let _ = put_value(format, &text, &key, b"x", true);
    }
}
