use super::*;

const FORMAT: Format = Format::Yaml;

const COMPOSE: &str = "services:\n  db:\n    image: postgres:16 # db\n    environment:\n      POSTGRES_PASSWORD: \"old\" # local\n      EMPTY:\n    ports:\n      - \"5432:5432\"\n      -\n  web: {image: nginx, env: {A: 1, \"B\": 'it''s' }}\nvolumes:\n  data: {}\n";
const WORKFLOW: &str = "name: CI\non: [push]\nenv:\n    TOKEN: abc\n    # LATER: x\njobs:\n    build:\n        runs-on: ubuntu-latest\n        steps:\n        -   uses: actions/checkout@v4\n            with:\n                depth: 0\n        -   run: |\n                make\n                make test\n\n";
const SECRET: &str = "---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: é-secret\n  8080: port\ndata:\n  password: !!binary cGFzcw==\nstringData:\n  key: |- # PEM\n    -----BEGIN-----\n    abc\n\n    -----END-----\n  folded: >+\n    a\n    b\n\n  last: x\n...\n";
const RAILS: &str = "default: &default\n  adapter: postgresql\n  password: &pw old\n\ndevelopment:\n  <<: *default\n  database: dev\n\nproduction:\n  <<: *default\n  password: prod\n  copy: *pw\nfree: &free 1\nother: *default\n";

#[test]
fn values_of_real_files_are_read() {
    for (text, key, wanted) in [
        (COMPOSE, "services.db.image", Ok("postgres:16")),
        (COMPOSE, "services.db.environment.POSTGRES_PASSWORD", Ok("old")),
        (COMPOSE, "services.db.environment.EMPTY", Err(ValueError::NotSingle)),
        (COMPOSE, "services.db.ports", Err(ValueError::NotSingle)),
        (COMPOSE, "services.db.ports.0", Err(ValueError::NotTable)),
        (COMPOSE, "services.web.env.B", Ok("it's")),
        (COMPOSE, "services.x", Err(ValueError::Missing)),
        (WORKFLOW, "on", Err(ValueError::NotSingle)),
        (SECRET, "metadata.8080", Ok("port")),
        (SECRET, "data.password", Ok("cGFzcw==")),
        (SECRET, "stringData.key", Ok("-----BEGIN-----\nabc\n\n-----END-----")),
        (SECRET, "stringData.folded", Ok("a b\n\n")),
        (RAILS, "production.password", Ok("prod")),
        (RAILS, "default.password", Ok("old")),
        (RAILS, "production.copy", Err(ValueError::Alias)),
        (RAILS, "development.password", Err(ValueError::Alias)),
        (RAILS, "other.password", Err(ValueError::Alias)),
        ("a: 1\n---\na: 2\n", "a", Ok("1")),
        ("a: 1\na: 2\n", "a", Err(ValueError::Twice)),
        ("a: [1", "b", Err(ValueError::Syntax)),
        ("- a\n", "a", Err(ValueError::NotTable)),
        ("a: ~", "a", Err(ValueError::NotSingle)),
        ("a: '~'", "a", Ok("~")),
        ("", "a", Err(ValueError::Missing)),
        ("? a\n: b\n", "a", Ok("b")),
        ("{\"a\":1}", "a", Ok("1")),
    ] {
        assert_eq!(read(FORMAT, text, key).as_deref(), wanted.as_deref(), "{key}");
        let crlf = text.replace('\n', "\r\n");
        assert_eq!(read(FORMAT, &crlf, key).as_deref(), wanted.as_deref(), "{key} with CRLF");
    }
}

#[test]
fn only_the_value_changes() {
    for (text, change, diff) in [
        (COMPOSE, ("services.db.image", "p:17"), ("postgres:16", "\"p:17\"")),
        (
            COMPOSE,
            ("services.db.environment.POSTGRES_PASSWORD", "a: \"b\"\n"),
            ("\"old\"", "\"a: \\\"b\\\"\\n\""),
        ),
        (COMPOSE, ("services.db.environment.EMPTY", "x"), ("EMPTY:", "EMPTY: \"x\"")),
        (COMPOSE, ("services.db.environment.NEW", "x"), ("EMPTY:\n", "EMPTY:\n      NEW: \"x\"\n")),
        (COMPOSE, ("services.db.user", "x"), ("      -\n", "      -\n    user: \"x\"\n")),
        (COMPOSE, ("services.web.env.B", "x"), ("'it''s'", "\"x\"")),
        (COMPOSE, ("services.web.env.A", "x"), ("A: 1", "A: \"x\"")),
        (COMPOSE, ("services.web.env.C", "x"), ("'it''s'", "'it''s', C: \"x\"")),
        (COMPOSE, ("services.web.a.b", "x"), (" }}", " }, a: {b: \"x\"}}")),
        (COMPOSE, ("volumes.data.driver", "x"), ("data: {}", "data: {driver: \"x\"}")),
        (
            COMPOSE,
            ("volumes.more.on", "x"),
            ("data: {}\n", "data: {}\n  more:\n    \"on\": \"x\"\n"),
        ),
        (WORKFLOW, ("env.TOKEN", "#"), ("abc", "\"#\"")),
        (WORKFLOW, ("env.NEW", "x"), ("abc\n", "abc\n    NEW: \"x\"\n")),
        (
            WORKFLOW,
            ("jobs.build.env.A", "x"),
            ("make test\n", "make test\n        env:\n            A: \"x\"\n"),
        ),
        (WORKFLOW, ("top", "x"), ("make test\n", "make test\ntop: \"x\"\n")),
        (
            SECRET,
            ("stringData.key", "k"),
            ("|- # PEM\n    -----BEGIN-----\n    abc\n\n    -----END-----\n", "\"k\" # PEM\n"),
        ),
        (SECRET, ("stringData.folded", "k"), (">+\n    a\n    b\n\n", "\"k\"\n")),
        (SECRET, ("stringData.last", "k"), ("last: x", "last: \"k\"")),
        (SECRET, ("data.password", "k"), ("cGFzcw==", "\"k\"")),
        (SECRET, ("metadata.name", "k"), ("é-secret", "\"k\"")),
        (SECRET, ("new.a.b", "k"), ("last: x\n", "last: x\nnew:\n  a:\n    b: \"k\"\n")),
        (RAILS, ("production.password", "k"), ("prod\n", "\"k\"\n")),
        (RAILS, ("development.password", "k"), ("dev\n", "dev\n  password: \"k\"\n")),
        (RAILS, ("free", "k"), ("&free 1", "&free \"k\"")),
        ("a: |+\n  t\n\n\n", ("b", "x"), ("t\n\n\n", "t\n\n\nb: \"x\"\n")),
        ("a: |-\n  t", ("b", "x"), ("  t", "  t\nb: \"x\"")),
        ("a: |\n  t", ("a", "x"), ("|\n  t", "\"x\"")),
        ("a: |\n\n\nb: 1\n", ("a", "x"), ("|\n", "\"x\"\n")),
        ("a: word\n  more\nb: 1", ("a", "x"), ("word\n  more", "\"x\"")),
        ("a: !t\nb: &c\n", ("a", "x"), ("!t", "!t \"x\"")),
        ("? a\n: b\n", ("a", "x"), (": b", ": \"x\"")),
        ("{\"a\":1}", ("a", "x"), ("1", "\"x\"")),
        ("{\"a\":1}", ("b", "x"), ("1", "1, b: \"x\"")),
        ("k: { a: 1 } # c", ("k.b", "x"), ("a: 1", "a: 1, b: \"x\"")),
        ("k: &k { # c\n  } # d\n", ("k.b", "x"), ("{", "{b: \"x\"")),
        ("{a: }", ("b", "x"), ("a: ", "a: , b: \"x\" ")),
        ("{a: 1, }", ("b", "x"), ("1", "1, b: \"x\"")),
        ("# only\n", ("a.b", "x"), ("only\n", "only\na:\n  b: \"x\"\n")),
        ("---\n", ("a", "x"), ("---\n", "---\na: \"x\"\n")),
        ("a:\n- 1\n-\n", ("b", "x"), ("-\n", "-\nb: \"x\"\n")),
        ("a:\n  b:\n    c:", ("a.b.d", "x"), ("c:", "c:\n    d: \"x\"")),
    ] {
        check_change(FORMAT, text, change, diff);
    }
    assert_eq!(put(FORMAT, "", "a", "b").as_deref(), Ok("a: \"b\"\n"));
    assert_eq!(put(FORMAT, "a: 1", "b", "\0\u{85}").as_deref(), Ok("a: 1\nb: \"\\u0000\\u0085\""));
}

#[test]
fn what_would_change_more_is_refused() {
    for (text, key, error) in [
        (RAILS, "default.password", ValueError::Alias),
        (RAILS, "default.adapter", ValueError::Alias),
        (RAILS, "default.new", ValueError::Alias),
        (RAILS, "production.copy", ValueError::Alias),
        (RAILS, "other.x", ValueError::Alias),
        (COMPOSE, "services", ValueError::NotSingle),
        (COMPOSE, "services.db.ports.x", ValueError::NotTable),
        ("a: 1\n---\nb: 2\n", "a", ValueError::Documents),
        ("a: 1\n---\n", "a", ValueError::Documents),
        ("---\n...\n", "a", ValueError::Layout),
        ("a: 1\na: 2\n", "a", ValueError::Twice),
        ("[1]", "a", ValueError::NotTable),
        ("text", "a", ValueError::NotTable),
        ("{a}", "a", ValueError::Layout),
        ("a: |\n  b", "c", ValueError::Layout),
        ("a: {b: 1", "a.b", ValueError::Syntax),
        ("a: *x", "b", ValueError::Syntax),
    ] {
        assert_eq!(put(FORMAT, text, key, "x"), Err(error), "{text} {key}");
    }
}

#[test]
fn alias_bomb_is_only_its_text() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in b'b'..=b'z' {
        let (name, before) = (char::from(level), char::from(level - 1));
        let aliases = vec![format!("*{before}"); 9].join(", ");
        bomb += &format!("{name}: &{name} [{aliases}]\n");
    }
    within_seconds(|| {
        assert_eq!(read(FORMAT, &bomb, "z"), Err(ValueError::NotSingle));
        assert_eq!(put(FORMAT, &bomb, "key", "x"), Ok(bomb.clone() + "key: \"x\"\n"));
    });
}
