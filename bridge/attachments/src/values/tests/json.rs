use super::*;

const FORMAT: Format = Format::Json;

const PACKAGE: &str = "{\n  \"name\": \"shop\",\n  \"version\": \"1.0.0\",\n  \"private\": true,\n  \"scripts\": {\n    \"dev\": \"next dev\"\n  },\n  \"config\": { \"port\": 8080, \"none\": null, \"list\": [1] },\n  \"dependencies\": {}\n}\n";
const TSCONFIG: &str = "// TypeScript\n{\n\t\"compilerOptions\": {\n\t\t/* Basic */\n\t\t\"target\": \"es2022\", // the newest\n\t\t\"strict\": true, /* always */\n\t},\n\t\"a.b\": \"x\",\n}";

#[test]
fn values_of_real_files_are_read() {
    for (text, key, wanted) in [
        (PACKAGE, "name", Ok("shop")),
        (PACKAGE, "private", Ok("true")),
        (PACKAGE, "config.port", Ok("8080")),
        (PACKAGE, "config.none", Err(ValueError::NotSingle)),
        (PACKAGE, "config.list", Err(ValueError::NotSingle)),
        (PACKAGE, "scripts", Err(ValueError::NotSingle)),
        (PACKAGE, "config.port.a", Err(ValueError::NotTable)),
        (PACKAGE, "config.none.a", Err(ValueError::NotTable)),
        (PACKAGE, "config.list.0", Err(ValueError::NotTable)),
        (PACKAGE, "config.a.b", Err(ValueError::Missing)),
        (TSCONFIG, "compilerOptions.target", Ok("es2022")),
        (TSCONFIG, "\"a.b\"", Ok("x")),
        ("{\"a\": \"\\u00e9\\ud83d\\ude00\\n\"}", "a", Ok("é\u{1f600}\n")),
        ("{\"a\": \"\\ud83d\"}", "a", Err(ValueError::NotText)),
        ("{\"a\": -1.50e3}", "a", Ok("-1.50e3")),
        ("{\"a\": 1, \"a\": 2}", "a", Err(ValueError::Twice)),
        ("{\"a\": {}, \"a\": {\"b\": 1}}", "a.b", Err(ValueError::Twice)),
        ("[1]", "a", Err(ValueError::NotTable)),
        ("{\"a\": 1", "a", Err(ValueError::Syntax)),
        ("", "a", Err(ValueError::Missing)),
    ] {
        assert_eq!(read(FORMAT, text, key).as_deref(), wanted.as_deref(), "{key}");
    }
}

#[test]
fn only_the_value_changes() {
    for (text, change, diff) in [
        (PACKAGE, ("version", "1.0.1"), ("1.0.0", "1.0.1")),
        (PACKAGE, ("config.port", "1"), ("8080", "\"1\"")),
        (PACKAGE, ("config.none", "x"), ("null", "\"x\"")),
        (
            PACKAGE,
            ("scripts.build", "a\"b"),
            ("\"next dev\"", "\"next dev\",\n    \"build\": \"a\\\"b\""),
        ),
        (PACKAGE, ("config.key", "k"), ("[1] }", "[1], \"key\": \"k\" }")),
        (PACKAGE, ("dependencies.x", "1"), ("{}", "{\n    \"x\": \"1\"\n  }")),
        (PACKAGE, ("a.b", "x"), ("{}\n", "{},\n  \"a\": {\n    \"b\": \"x\"\n  }\n")),
        (TSCONFIG, ("compilerOptions.target", "es5"), ("es2022", "es5")),
        (TSCONFIG, ("compilerOptions.strict", "no"), ("true", "\"no\"")),
        (TSCONFIG, ("\"a.b\"", "y"), ("\"x\"", "\"y\"")),
        (
            TSCONFIG,
            ("compilerOptions.lib", "z"),
            ("/* always */", "/* always */\n\t\t\"lib\": \"z\","),
        ),
        ("{\"d\":1,\"d\":2,\"a\":\"b\"}", ("a", "c"), ("\"b\"", "\"c\"")),
        ("{\"a\":\"b\"}", ("c", "d"), ("\"b\"", "\"b\",\"c\":\"d\"")),
    ] {
        check_change(FORMAT, text, change, diff);
    }
    assert_eq!(put(FORMAT, "", "a", "b").as_deref(), Ok("{\n  \"a\": \"b\"\n}\n"));
    for (text, key, error) in [
        (PACKAGE, "scripts", ValueError::NotSingle),
        (PACKAGE, "config.none.a", ValueError::NotTable),
        ("{\"a\": 1, \"a\": 2}", "a", ValueError::Twice),
        ("[]", "a", ValueError::NotTable),
        ("{} {}", "a", ValueError::Syntax),
    ] {
        assert_eq!(put(FORMAT, text, key, "x"), Err(error), "{key}");
    }
}
