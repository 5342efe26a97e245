use super::*;

const FORMAT: Format = Format::Dotenv;

const COMPOSE: &str = "# docker compose\nCOMPOSE_PROJECT_NAME=shop\nPOSTGRES_PASSWORD='old # 1' # local\nTAG=${TAG:-latest}\n\nPORT = 8080 # web\nEMPTY=\nNONE= # later\n";
const RAILS: &str = "export RAILS_ENV=development\nexport SECRET_KEY_BASE=\"abc\\ndef\"\nDATABASE_URL: postgres://u:p@localhost/db?a=1#frag\nPRIVATE_KEY=\"-----BEGIN KEY-----\nA=b\nHQ==\n-----END KEY-----\n\"\n";
const NEXT: &str = "NEXT_PUBLIC_URL=https://example.com\nA=`it's \"so\"`\nA.B-C=dotted\nTWICE=1\nX=\nTWICE=2\nlast=no end";
const LARAVEL: &str =
    "APP_NAME=Laravel\nAPP_KEY=base64:abc=\nMAIL_FROM_NAME=\"${APP_NAME}\"\nDB_PASSWORD=\n";

#[test]
fn values_of_real_files_are_read() {
    for (text, key, wanted) in [
        (COMPOSE, "COMPOSE_PROJECT_NAME", "shop"),
        (COMPOSE, "POSTGRES_PASSWORD", "old # 1"),
        (COMPOSE, "TAG", "${TAG:-latest}"),
        (COMPOSE, "PORT", "8080"),
        (COMPOSE, "EMPTY", ""),
        (COMPOSE, "NONE", ""),
        (RAILS, "RAILS_ENV", "development"),
        (RAILS, "SECRET_KEY_BASE", "abc\ndef"),
        (RAILS, "DATABASE_URL", "postgres://u:p@localhost/db?a=1#frag"),
        (RAILS, "PRIVATE_KEY", "-----BEGIN KEY-----\nA=b\nHQ==\n-----END KEY-----\n"),
        (NEXT, "A", "it's \"so\""),
        (NEXT, "A.B-C", "dotted"),
        (NEXT, "TWICE", "2"),
        (NEXT, "last", "no end"),
        (LARAVEL, "MAIL_FROM_NAME", "${APP_NAME}"),
        (LARAVEL, "APP_KEY", "base64:abc="),
    ] {
        assert_eq!(read(FORMAT, text, key).as_deref(), Ok(wanted), "{key}");
        let crlf = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        assert_eq!(read(FORMAT, &crlf, key).as_deref(), Ok(wanted), "{key} with CRLF");
    }
    assert_eq!(read(FORMAT, RAILS, "HQ"), Err(ValueError::Missing));
    assert_eq!(read(FORMAT, COMPOSE, "PROJECT"), Err(ValueError::Missing));
}

#[test]
fn only_the_value_changes() {
    for (text, change, diff) in [
        (COMPOSE, ("POSTGRES_PASSWORD", "n3w"), ("'old # 1'", "n3w")),
        (COMPOSE, ("PORT", "a b"), ("8080", "'a b'")),
        (COMPOSE, ("EMPTY", "x"), ("EMPTY=", "EMPTY=x")),
        (COMPOSE, ("NONE", "x"), ("NONE=", "NONE=x")),
        (COMPOSE, ("NONE", ""), ("NONE=", "NONE=''")),
        (COMPOSE, ("TAG", "v1"), ("${TAG:-latest}", "v1")),
        (RAILS, ("SECRET_KEY_BASE", "a\nb"), ("abc\\ndef", "a\\nb")),
        (RAILS, ("DATABASE_URL", ""), ("postgres://u:p@localhost/db?a=1#frag", "")),
        (
            RAILS,
            ("PRIVATE_KEY", "k"),
            ("\"-----BEGIN KEY-----\nA=b\nHQ==\n-----END KEY-----\n\"", "k"),
        ),
        ("K: # c\nA=1", ("K", "a b"), ("K:", "K: 'a b'")),
        (NEXT, ("A", "it's"), ("`it's \"so\"`", "\"it's\"")),
        (NEXT, ("A.B-C", "d"), ("dotted", "d")),
        (NEXT, ("TWICE", "3"), ("TWICE=2", "TWICE=3")),
        (NEXT, ("last", "#"), ("no end", "'#'")),
        (NEXT, ("NEW", "1"), ("no end", "no end\nNEW=1")),
        (LARAVEL, ("DB_PASSWORD", "pa$5\"w"), ("DB_PASSWORD=", "DB_PASSWORD='pa$5\"w'")),
        (LARAVEL, ("NEW_KEY", "x"), ("DB_PASSWORD=\n", "DB_PASSWORD=\nNEW_KEY=x\n")),
    ] {
        check_change(FORMAT, text, change, diff);
    }
    assert_eq!(put(FORMAT, "", "A", "1").as_deref(), Ok("A=1\n"));
    assert_eq!(put(FORMAT, "\u{feff}", "A", "1").as_deref(), Ok("\u{feff}A=1\n"));
}

#[test]
fn line_that_a_shell_would_join_stays_alone() {
    assert_eq!(put(FORMAT, "A=b\\\n", "K", "1").as_deref(), Ok("A=b\\\n\nK=1\n"));
    assert_eq!(put(FORMAT, "A=b\\", "K", "1").as_deref(), Ok("A=b\\\n\nK=1"));
    assert_eq!(put(FORMAT, "A=b\\\n\n", "K", "1").as_deref(), Ok("A=b\\\n\nK=1\n"));
}

#[test]
fn apostrophe_that_a_shell_takes_for_a_quote_turns_no_value_into_a_command() {
    for text in ["M=it's fine\n", "M=it\"s\n", "don't\n", "M=a`\n", "M=#'\n", "M='a' B'\n"] {
        for value in ["`cmd`", "; cmd", "a b", "it's"] {
            assert_eq!(put(FORMAT, text, "K", value), Err(ValueError::Layout), "{text}");
        }
        assert_eq!(put(FORMAT, text, "K", "safe"), Ok(format!("{text}K=safe\n")));
        let quoted = format!("{text}K='old'\n");
        assert_eq!(put(FORMAT, &quoted, "K", "safe"), Err(ValueError::Layout));
    }
    for text in
        ["# it's\n", "M=a # it's\n", "M=\"it's\"\n", "M=it\\'s\n", "M=it's\nN=it's\n", "M='a#'\n"]
    {
        assert_eq!(put(FORMAT, text, "K", "; cmd"), Ok(format!("{text}K='; cmd'\n")));
    }
}

#[test]
fn form_is_one_that_readers_agree_on() {
    for (value, wanted) in [
        ("", ""),
        ("aZ09_./:@%+,=-", "aZ09_./:@%+,=-"),
        ("=a", "'=a'"),
        ("~", "'~'"),
        ("a b", "'a b'"),
        (" a ", "' a '"),
        ("\"a\" #`$5!", "'\"a\" #`$5!'"),
        (r"C:\new", r"'C:\new'"),
        ("it's", "\"it's\""),
        ("a\nb\n", r#""a\nb\n""#),
        ("\u{1f511}", "'\u{1f511}'"),
    ] {
        let line = format!("K={wanted}\n");
        assert_eq!(put(FORMAT, "", "K", value), Ok(line), "{value:?}");
    }
    for value in [
        "$A",
        "a${A}",
        "$(a)",
        "$_",
        "\\$5",
        "it's \"so\"",
        "it's $5",
        "it's `x`",
        "it's \\n",
        "a\n\"",
        "a\\",
        "a\\\\b",
        "\\'",
        "a\n\\",
        "\r",
        "a\r\nb",
        "\u{0}",
        "\u{1b}[0m",
        "\u{85}",
        "\u{2028}",
        "\u{2029}",
        "\u{c}",
        "\u{feff}",
    ] {
        assert_eq!(put(FORMAT, "", "K", value), Err(ValueError::Inexpressible), "{value:?}");
    }
}

#[test]
fn odd_lines_are_passed_over_or_refused() {
    for (text, wanted) in [
        ("K=a#b", Ok("a#b")),
        ("K=#b", Ok("#b")),
        ("K= #b", Ok("")),
        ("K=a\t#b", Ok("a")),
        ("K=\"a\"#b", Err(ValueError::Unclear)),
        ("K='a'b'", Err(ValueError::Unclear)),
        (r"K='it\'s'", Err(ValueError::Unclear)),
        ("K=`a", Ok("`a")),
        ("K", Err(ValueError::Missing)),
        ("#K=a", Err(ValueError::Missing)),
        ("export", Err(ValueError::Missing)),
        ("1K=a\n=b\n[x]\nexport K=a", Ok("a")),
        ("exportK=a\nexport\tK=b", Ok("b")),
        (r#"K="a\"\\\$\`\t\x""#, Ok("a\"\\$`\t\\x")),
        ("K=a\\", Ok("a\\")),
        ("K='a\nb' # c\nB=1", Ok("a\nb")),
        ("A='a\nK=b\nB='1'", Err(ValueError::Syntax)),
        ("K=a\nA=\"b", Err(ValueError::Syntax)),
    ] {
        assert_eq!(read(FORMAT, text, "K").as_deref(), wanted.as_deref(), "{text}");
    }
    check_change(FORMAT, "K='a'b' # c\nB=1\n", ("K", "x"), ("'a'b' # c", "x"));
    assert_eq!(put(FORMAT, "A=\"b\n", "K", "1"), Err(ValueError::Syntax));
}

#[test]
fn names_are_those_of_variables() {
    for name in ["", "1A", "A B", "A=B", "A\n", "-A", ".A", "é"] {
        assert_eq!(read(FORMAT, "A=1", name), Err(ValueError::Key), "{name}");
        assert_eq!(put(FORMAT, "A=1", name, "x"), Err(ValueError::Key), "{name}");
    }
    assert_eq!(put(FORMAT, "", "A.B", "x"), Err(ValueError::Key));
    assert_eq!(put(FORMAT, "A-B=1", "A-B", "x").as_deref(), Ok("A-B=x"));
}
