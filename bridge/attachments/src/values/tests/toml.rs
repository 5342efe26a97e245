use super::*;

const FORMAT: Format = Format::Toml;

const WRANGLER: &str = "name = \"worker\" # the name\ncompatibility_date = 2024-01-01\n\n[vars]\nAPI_KEY = \"old\"   # dev\nLIMIT = 1_000\n\n[[kv_namespaces]]\nbinding = \"KV\"\n\n[env.production.vars]\n  API_KEY = '''a\nb'''\n";
const CARGO: &str = "# Cargo\n[package]\nname = \"x\"\nversion.workspace = true\n\n[dependencies]\nserde = { version = \"1\", features = [\"derive\"] }\nempty = {}\n\n[profile.release]\n";
const PYPROJECT: &str = "[build-system]\nrequires = [\"hatchling\"]\n\n[project]\nname = 'app'\nauthors = [\n  { name = \"a\" },\n]\n\n[tool.poetry.\"a.b\"]\nx = 1.5\n[tool.poetry]\ny = true";

#[test]
fn values_of_real_files_are_read() {
    for (text, key, wanted) in [
        (WRANGLER, "name", Ok("worker")),
        (WRANGLER, "compatibility_date", Ok("2024-01-01")),
        (WRANGLER, "vars.LIMIT", Ok("1_000")),
        (WRANGLER, "env.production.vars.API_KEY", Ok("a\nb")),
        (WRANGLER, "kv_namespaces", Err(ValueError::NotSingle)),
        (WRANGLER, "kv_namespaces.binding", Err(ValueError::NotTable)),
        (WRANGLER, "env.production", Err(ValueError::NotSingle)),
        (WRANGLER, "env.staging.x", Err(ValueError::Missing)),
        (CARGO, "package.version.workspace", Ok("true")),
        (CARGO, "dependencies.serde.version", Ok("1")),
        (CARGO, "dependencies.serde.features", Err(ValueError::NotSingle)),
        (CARGO, "package.name.x", Err(ValueError::NotTable)),
        (PYPROJECT, "tool.poetry.\"a.b\".x", Ok("1.5")),
        ("a = 1\na = 2", "a", Err(ValueError::Syntax)),
        ("a", "a", Err(ValueError::Syntax)),
        ("", "a", Err(ValueError::Missing)),
    ] {
        assert_eq!(read(FORMAT, text, key).as_deref(), wanted.as_deref(), "{key}");
    }
}

#[test]
fn only_the_value_changes() {
    for (text, change, diff) in [
        (WRANGLER, ("vars.API_KEY", "n\"\n"), ("\"old\"", "\"n\\\"\\n\"")),
        (WRANGLER, ("compatibility_date", "x"), ("2024-01-01", "\"x\"")),
        (WRANGLER, ("env.production.vars.API_KEY", "c"), ("'''a\nb'''", "\"c\"")),
        (WRANGLER, ("vars.NEW", "x"), ("1_000\n", "1_000\nNEW = \"x\"\n")),
        (WRANGLER, ("main", "x"), ("2024-01-01\n", "2024-01-01\nmain = \"x\"\n")),
        (WRANGLER, ("env.production.vars.B", "x"), ("b'''\n", "b'''\n  B = \"x\"\n")),
        (
            WRANGLER,
            ("env.production.name", "x"),
            ("b'''\n", "b'''\n\n[env.production]\nname = \"x\"\n"),
        ),
        (
            WRANGLER,
            ("secrets.\"a b\".c", "x"),
            ("b'''\n", "b'''\n\n[secrets.\"a b\"]\nc = \"x\"\n"),
        ),
        (CARGO, ("package.version.x", "1"), ("= true\n", "= true\nversion.x = \"1\"\n")),
        (CARGO, ("dependencies.serde.version", "2"), ("\"1\"", "\"2\"")),
        (CARGO, ("dependencies.serde.p.q", "2"), ("] }", "], p.q = \"2\" }")),
        (CARGO, ("dependencies.empty.p", "2"), ("{}", "{ p = \"2\" }")),
        (CARGO, ("profile.release.x", "1"), ("release]\n", "release]\nx = \"1\"\n")),
        (CARGO, ("top", "1"), ("# Cargo\n", "top = \"1\"\n\n# Cargo\n")),
        (PYPROJECT, ("project.name", "b"), ("'app'", "\"b\"")),
        (PYPROJECT, ("project.version", "b"), ("},\n]\n", "},\n]\nversion = \"b\"\n")),
        (PYPROJECT, ("tool.poetry.z", "b"), ("y = true", "y = true\nz = \"b\"")),
        (PYPROJECT, ("tool.x", "b"), ("y = true", "y = true\n\n[tool]\nx = \"b\"")),
        ("a = {x = 1,\n y = 2, # c\n}\n", ("a.z", "b"), ("y = 2", "y = 2, z = \"b\"")),
        ("a.b.c = 1\n[d]\n", ("a.b.d", "x"), ("= 1\n", "= 1\na.b.d = \"x\"\n")),
    ] {
        check_change(FORMAT, text, change, diff);
    }
    assert_eq!(put(FORMAT, "# only", "a", "b").as_deref(), Ok("# only\na = \"b\""));
    assert_eq!(put(FORMAT, "", "a", "b").as_deref(), Ok("a = \"b\"\n"));
    assert_eq!(put(FORMAT, "", "a.b", "c").as_deref(), Ok("[a]\nb = \"c\"\n"));
    assert_eq!(
        put(FORMAT, "[a]\nx = 1\n", "b", "\0").as_deref(),
        Ok("b = \"\\u0000\"\n\n[a]\nx = 1\n")
    );
    for (text, key, error) in [
        (WRANGLER, "vars", ValueError::NotSingle),
        (WRANGLER, "kv_namespaces.x", ValueError::NotTable),
        (CARGO, "package.name.x", ValueError::NotTable),
        ("a = ", "b", ValueError::Syntax),
    ] {
        assert_eq!(put(FORMAT, text, key, "x"), Err(error), "{key}");
    }
}

#[test]
fn regression_text_that_takes_much_memory_is_not_parsed() {
    for unit in
        ["[a.a.a]\n", "a.a.a = 1\n", "[[a]]\n", "a = [[1, {}]]\n", ".a", "[", "{a=", "#\n", "="]
    {
        let text = format!("x = '1'\n{}", unit.repeat((MAX_TOML_FILE - 8) / unit.len()));
        assert_eq!(read(FORMAT, &text, "x"), Err(ValueError::Tokens), "{unit}");
        assert_eq!(put(FORMAT, &text, "x", "2"), Err(ValueError::Tokens), "{unit}");
    }
    let lines: String =
        (0..5000).map(|line| format!("name_{line} = 'a value of some length'\n")).collect();
    assert_eq!(read(FORMAT, &lines, "name_4999").as_deref(), Ok("a value of some length"));
    let comments = format!("# {}\n", "a.a = [1, 2]. ".repeat(10)).repeat(1700);
    assert_eq!(put(FORMAT, &comments, "x", "1").map(|text| text.len()), Ok(comments.len() + 8));
}
