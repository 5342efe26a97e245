//! Every sentence that a person or a model gets to see, on two pages beside this file: what the source holds, and
//! what the programs make of it. A change of wording is a change of one line there. Code that moves, and names that
//! change inside it, change nothing.

#[cfg(target_os = "linux")]
mod answers;
mod lexer;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use lexer::{Token, tokens};

/// Where the crates of the product are.
const PRODUCT: [&str; 3] = ["bridge", "hub", "shared"];
/// Macros whose text nobody sees: of a panic only its place is shown, and the rest is for who debugs.
const UNSEEN_MACROS: [&str; 12] = [
    "assert",
    "assert_eq",
    "assert_ne",
    "debug",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "panic",
    "todo",
    "trace",
    "unimplemented",
    "unreachable",
];
/// Methods whose text nobody sees.
const UNSEEN_METHODS: [&str; 2] = ["expect", "expect_err"];
/// Keys of attributes whose text is for who reads the source or compiles it.
const UNSEEN_KEYS: [&str; 4] = ["doc", "must_use", "note", "reason"];
/// What a type derives whose doc comments are help.
const HELP: [&str; 4] = ["Args", "Parser", "Subcommand", "ValueEnum"];
/// What items begin with that may have a comma before their end.
const ITEMS: [&str; 14] = [
    "async", "const", "enum", "extern", "fn", "impl", "let", "mod", "pub", "static", "struct",
    "trait", "type", "use",
];

/// The page of this name is this text; or becomes it, where `JUNCTION_UPDATE_DOCS=1`.
fn assert_written(name: &str, text: &str) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(name);
    if std::env::var_os("JUNCTION_UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(&page, text).expect("the page is written");
    }
    let found = std::fs::read_to_string(&page).unwrap_or_default();
    let is_in = |line: &str, other: &str| other.lines().any(|known| known == line);
    let gone = found.lines().filter(|line| !is_in(line, text)).map(|line| format!("- {line}\n"));
    let new = text.lines().filter(|line| !is_in(line, &found)).map(|line| format!("+ {line}\n"));
    let change: String = gone.chain(new).collect();
    assert!(
        found == text,
        "tests/it/{name} is out of date. Look at what changed, and if it is meant, run: \
         JUNCTION_UPDATE_DOCS=1 cargo test -p agent-junction --test it sentences\n{change}"
    );
}

/// What one file holds.
#[derive(Default)]
struct Found {
    /// The file's literals, and the paragraphs of its help.
    texts: Vec<String>,
    /// The files of modules that are for tests alone, without their ending.
    test_modules: Vec<String>,
}

/// What a source holds outside of tests.
fn read(source: &str) -> Found {
    let mut reader = Reader { tokens: tokens(source), help_until: 0, found: Found::default() };
    let mut at = 0;
    while at < reader.tokens.len() {
        at = reader.step(at);
    }
    reader.found
}

struct Reader {
    tokens: Vec<Token>,
    /// Doc comments before this place are help.
    help_until: usize,
    found: Found,
}

impl Reader {
    /// Takes what begins at this place; where the next begins.
    fn step(&mut self, at: usize) -> usize {
        match &self.tokens[at] {
            Token::Text(text) => {
                self.found.texts.push(text.clone());
                at + 1
            }
            Token::Doc(_) => {
                let end = self.end_of_doc(at);
                if at < self.help_until {
                    self.help(at, end);
                }
                end
            }
            Token::Sign('#') => self.attribute(at),
            _ => self.unseen(at).map_or(at + 1, |open| self.close(open) + 1),
        }
    }

    /// Where the group opens whose text nobody sees, if one begins here.
    fn unseen(&self, at: usize) -> Option<usize> {
        let is_method = self.is_sign(at, '.') && self.is_word(at + 1, &UNSEEN_METHODS);
        let is_macro = self.is_word(at, &UNSEEN_MACROS) && self.is_sign(at + 1, '!');
        let opens = ['(', '[', '{'].iter().any(|open| self.is_sign(at + 2, *open));
        ((is_method || is_macro) && opens).then_some(at + 2)
    }

    /// Takes an attribute, and what it says of the item that follows.
    fn attribute(&mut self, at: usize) -> usize {
        let open = if self.is_sign(at + 1, '!') { at + 2 } else { at + 1 };
        if !self.is_sign(open, '[') {
            return at + 1;
        }
        let end = self.close(open);
        let inner = self.tokens[open + 1..end].to_vec();
        if is_for_tests(&inner) {
            return self.skip_item(end + 1);
        }
        if inner.first() == Some(&Token::Word("derive".to_owned())) {
            self.derive(at, end, &inner);
        }
        for (place, token) in inner.iter().enumerate() {
            let is_for_readers = place > 1
                && inner[place - 1] == Token::Sign('=')
                && is_one_of(&inner[place - 2], &UNSEEN_KEYS);
            if let (Token::Text(text), false) = (token, is_for_readers) {
                self.found.texts.push(text.clone());
            }
        }
        end + 1
    }

    /// Notes where doc comments are help, if the type derives that.
    fn derive(&mut self, at: usize, end: usize, derived: &[Token]) {
        if !derived.iter().any(|token| is_one_of(token, &HELP)) {
            return;
        }
        let body =
            (end..self.tokens.len()).find(|at| self.is_sign(*at, '{') || self.is_sign(*at, ';'));
        self.help_until = body.map_or(end, |body| self.close(body));
        // Of a whole type only the help of a program is shown.
        if derived.iter().any(|token| is_one_of(token, &["Parser"])) {
            let docs = self.tokens[..at].iter().rev();
            let count = docs.take_while(|token| matches!(token, Token::Doc(_))).count();
            self.help(at - count, at);
        }
    }

    /// Takes doc comments as help: a text for each paragraph.
    fn help(&mut self, from: usize, to: usize) {
        let lines = self.tokens[from..to].iter().map(|token| match token {
            Token::Doc(line) => line.as_str(),
            _ => "",
        });
        let lines: Vec<_> = lines.collect();
        let paragraphs = lines.split(|line| line.is_empty());
        self.found.texts.extend(paragraphs.map(|paragraph| paragraph.join(" ")));
    }

    fn end_of_doc(&self, at: usize) -> usize {
        let docs = self.tokens[at..].iter();
        at + docs.take_while(|token| matches!(token, Token::Doc(_))).count()
    }

    /// Passes over an item that is for tests alone; where the next begins.
    fn skip_item(&mut self, mut at: usize) -> usize {
        while self.is_sign(at, '#') || matches!(self.tokens.get(at), Some(Token::Doc(_))) {
            at = if self.is_sign(at, '#') { self.close(at + 1) + 1 } else { at + 1 };
        }
        let has_commas = self.is_word(at, &ITEMS);
        while let Some(token) = self.tokens.get(at) {
            match token {
                Token::Word(word) if word == "mod" && self.is_sign(at + 2, ';') => {
                    if let Token::Word(name) = &self.tokens[at + 1] {
                        self.found.test_modules.push(name.clone());
                    }
                    return at + 3;
                }
                Token::Sign('(' | '[') => at = self.close(at) + 1,
                Token::Sign('{') => return self.close(at) + 1,
                Token::Sign(';') => return at + 1,
                Token::Sign(',') if !has_commas => return at + 1,
                // The last of its group.
                Token::Sign(')' | ']' | '}') => return at,
                _ => at += 1,
            }
        }
        at
    }

    /// Where the group ends that opens at this place; this place, if none does.
    fn close(&self, open: usize) -> usize {
        let mut depth = 0;
        for (place, token) in self.tokens.iter().enumerate().skip(open) {
            match token {
                Token::Sign('(' | '[' | '{') => depth += 1,
                Token::Sign(')' | ']' | '}') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return place;
            }
        }
        open
    }

    fn is_sign(&self, at: usize, sign: char) -> bool {
        self.tokens.get(at) == Some(&Token::Sign(sign))
    }

    fn is_word(&self, at: usize, words: &[&str]) -> bool {
        self.tokens.get(at).is_some_and(|token| is_one_of(token, words))
    }
}

fn is_one_of(token: &Token, words: &[&str]) -> bool {
    matches!(token, Token::Word(word) if words.contains(&word.as_str()))
}

/// Whether what an attribute says keeps its item out of the product.
fn is_for_tests(inner: &[Token]) -> bool {
    let path_end = inner.iter().position(|token| *token == Token::Sign('('));
    let path = &inner[..path_end.unwrap_or(inner.len())];
    if path.last().is_some_and(|last| is_one_of(last, &["test"])) {
        return true;
    }
    // Directly in `cfg(…)` or `all(…)`, and in no `not(…)`.
    let test = inner.iter().position(|token| is_one_of(token, &["test"]));
    let group =
        test.and_then(|test| inner[..test].iter().rposition(|token| *token == Token::Sign('(')));
    path.first().is_some_and(|first| is_one_of(first, &["cfg"]))
        && group.is_some_and(|open| is_one_of(&inner[open - 1], &["all", "cfg"]))
}

/// The sentences in a text: of JSON those of its strings, of any other the text itself.
fn sentences(text: &str) -> Vec<String> {
    let strings = match serde_json::from_str(text) {
        Ok(json @ (Value::Array(_) | Value::Object(_))) => strings_of(&json),
        _ => vec![text.to_owned()],
    };
    strings.iter().map(|text| shown(text)).filter(|text| is_sentence(text)).collect()
}

fn strings_of(json: &Value) -> Vec<String> {
    match json {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(strings_of).collect(),
        Value::Object(fields) => fields.values().flat_map(strings_of).collect(),
        _ => Vec::new(),
    }
}

/// A text as a line: places for values without their names, which are the code's, and what is no sign written out.
fn shown(text: &str) -> String {
    let mut line = String::new();
    let mut rest = text.trim();
    while let Some((before, after)) = rest.split_once('{') {
        line.push_str(before);
        let inside = after.split_once('}').filter(|(name, _)| is_place(name));
        line.push_str(if inside.is_some() { "{}" } else { "{" });
        rest = inside.map_or(after, |(_, rest)| rest);
    }
    line.push_str(rest);
    line.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

/// Whether this stands between the braces of a place for a value.
fn is_place(inside: &str) -> bool {
    let name = inside.split(':').next().unwrap_or_default();
    name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.')
        && !inside.contains(['"', '\n'])
}

/// Whether a line has two words with a space between them, and begins or ends as prose does.
fn is_sentence(line: &str) -> bool {
    let is_word = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        word.chars().any(char::is_alphabetic)
    };
    let words: Vec<_> = line.split(' ').collect();
    let is_pair = |pair: &[&str]| {
        let has_word = pair.iter().any(|word| is_word(word));
        has_word && pair.iter().all(|word| is_word(word) || word.contains("{}"))
    };
    let begins = line.starts_with(|c: char| c.is_alphabetic() || c == '`');
    let ends = line.ends_with(|c: char| c.is_alphanumeric() || ".:;?!)}`".contains(c));
    words.windows(2).any(is_pair) && (begins || ends)
}

/// Every source of the product, by its path.
fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open: Vec<_> = PRODUCT.map(|folder| root.join(folder)).to_vec();
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let is_other = ["benches", "examples", "target", "tests", "tests.rs"].contains(&name);
            let below = path.strip_prefix(root).expect("below the root");
            let is_source = below.components().any(|part| part.as_os_str() == "src");
            if path.is_dir() && !is_other {
                open.push(path);
            } else if is_source && !is_other && name.ends_with(".rs") {
                found.push(path);
            }
        }
    }
    found
}

/// The folder in which a file's modules have their files.
fn folder_of_modules(file: &Path) -> PathBuf {
    match file.file_name().and_then(|name| name.to_str()) {
        Some("lib.rs" | "main.rs" | "mod.rs") => file.with_file_name(""),
        _ => file.with_extension(""),
    }
}

#[test]
fn every_sentence_of_the_source_is_on_its_page() {
    let sources = sources();
    let files: Vec<_> = sources
        .iter()
        .map(|file| (file, read(&std::fs::read_to_string(file).expect("a source"))))
        .collect();
    let modules = |(file, found): &(&PathBuf, Found)| {
        let folder = folder_of_modules(file);
        found.test_modules.iter().map(|name| folder.join(name)).collect::<Vec<_>>()
    };
    let test_modules: Vec<_> = files.iter().flat_map(modules).collect();
    let is_tested = |file: &Path| {
        let module = file.with_extension("");
        !test_modules.iter().any(|tests| module.starts_with(tests))
    };
    let product = files.iter().filter(|(file, _)| is_tested(file));
    let lines = product.flat_map(|(_, found)| &found.texts).flat_map(|text| sentences(text));
    let lines: BTreeSet<String> = lines.collect();
    assert!(lines.len() > 200, "only {} sentences", lines.len());
    let page: String = lines.into_iter().map(|line| line + "\n").collect();
    assert_written("sentences.txt", &page);
}

/// The texts of a source that somebody gets to see.
fn seen(source: &str) -> Vec<String> {
    read(source).texts
}

#[test]
fn what_only_tests_hold_is_left_out() {
    let source = r#"
        #[cfg(test)]
        mod docs;
        #[cfg(all(test, unix))]
        mod tests { fn f() { say("in a module of tests") } }
        #[cfg(test)]
        const NEWS: &[(&str, &str)] = &[("a", "in a constant"), ("b", "of tests")];
        #[cfg(test)]
        pub(crate) fn of<A, B>(a: A) -> [u8; 2] { say("in a function of tests") }
        #[tokio::test(start_paused = true)]
        #[ignore]
        async fn f() { say("in a test") }
        struct Kept { #[cfg(test)] text: Text<"in a field">, other: Text<"seen in a field"> }
        fn last() { Kept { other, #[cfg(test)] text: "in the last field" }; say("seen after it") }
        #[cfg(not(test))]
        fn f() { say("seen without tests") }
        #[cfg(any(test, unix))]
        fn f() { say("seen on unix") }
    "#;
    let expected = ["seen in a field", "seen after it", "seen without tests", "seen on unix"];
    assert_eq!(seen(source), expected);
    assert_eq!(read(source).test_modules, ["docs"]);
}

#[test]
fn what_nobody_sees_is_left_out() {
    let source = r#"
        #[expect(clippy::unwrap_used, reason = "for who reads the source")]
        #[must_use = "for who compiles it"]
        #[error("seen: {0}")]
        fn f() {
            x.expect("a reason"); x.expect_err(&format!("another {reason}"));
            assert_eq!(a, b, "an assertion"); assert![c, "one more"];
            tracing::debug!(%x, "for who debugs"); trace!("too");
            tracing::warn!("seen in the log");
            unreachable!("never seen");
            expect("seen: a function of that name");
        }
    "#;
    let expected = ["seen: {0}", "seen in the log", "seen: a function of that name"];
    assert_eq!(seen(source), expected);
}

#[test]
fn doc_comments_are_help_where_the_command_line_has_them() {
    let source = r"
        /// Serves, in two
        /// lines.
        #[derive(Debug, Parser)]
        #[command(version)]
        struct Cli {
            /// The port to serve on
            #[arg(long)]
            port: u16,
        }
        /// Not shown.
        #[derive(Subcommand)]
        enum Command {
            /// Shows it.
            ///
            /// And more.
            Show { /** no help */ #[arg(long)] all: bool },
        }
        /// Not shown.
        struct Other {
            /// Nor this.
            port: u16,
        }
    ";
    let expected = ["Serves, in two lines.", "The port to serve on", "Shows it.", "And more."];
    assert_eq!(seen(source), expected);
}

#[test]
fn a_sentence_is_a_line_of_its_own_without_the_names_of_values() {
    let cases = [
        ("The hub at {address} is away ({error:?}). {}", "The hub at {} is away ({}). {}"),
        (" two\nlines\u{1b} ", "two\\nlines\\u{1b}"),
        ("{{\"a b\": {value}}}", "{{\"a b\": {}}}"),
        ("unset ${…} or {not one}", "unset ${…} or {not one}"),
    ];
    for (text, line) in cases {
        assert_eq!(shown(text), line);
    }
}

#[test]
fn prose_is_told_from_other_texts() {
    for prose in
        ["No hub.", "in use", "{} sessions", "mode {}", "that is not {}. Correct it", "(a b)"]
    {
        assert!(is_sentence(prose), "{prose}");
    }
    for other in ["", "local", "hub.key", "{} {}", "127.0.0.1 8", "{}  {}  {}"] {
        assert!(!is_sentence(other), "{other}");
    }
    let schema = r#"{"type":"object","properties":{"a":{"description":"What it is"}}}"#;
    assert_eq!(sentences(schema), ["What it is"]);
}
