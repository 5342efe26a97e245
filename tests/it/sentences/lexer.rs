//! Rust source as far as it takes to find its texts: strings, doc comments, and the signs around them.

/// A piece of source. Comments, characters and the marks of lifetimes are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, a keyword or a number.
    Word(String),
    /// The text that a string literal of any kind stands for.
    Text(String),
    /// A line of the doc comment of the item that follows.
    Doc(String),
    /// Any other sign.
    Sign(char),
}

/// The pieces of a source that compiles.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: source };
    std::iter::from_fn(|| lexer.next()).collect()
}

struct Lexer<'a> {
    rest: &'a str,
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Option<Token> {
        loop {
            self.rest = self.rest.trim_start();
            let first = self.rest.chars().next()?;
            if self.rest.starts_with("//") {
                let line = self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
                if let Some(doc) = line.strip_prefix("///").filter(|doc| !doc.starts_with('/')) {
                    return Some(Token::Doc(doc.trim().to_owned()));
                }
            } else if self.rest.starts_with("/*") {
                self.block_comment();
            } else if let Some(text) = self.text() {
                return Some(Token::Text(text));
            } else if first == '\'' {
                self.quote();
            } else if is_of_word(first) {
                let end = self.rest.find(|c| !is_of_word(c)).unwrap_or(self.rest.len());
                return Some(Token::Word(self.take(end).to_owned()));
            } else {
                self.take(first.len_utf8());
                return Some(Token::Sign(first));
            }
        }
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    /// Passes over a block comment, and those inside it.
    fn block_comment(&mut self) {
        let mut depth = 0;
        loop {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.take(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.take(2);
            } else {
                let next = self.rest.chars().next().expect("a comment has an end");
                self.take(next.len_utf8());
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Passes over a character, or over the mark of a lifetime or a label.
    fn quote(&mut self) {
        let mut inside = self.rest.char_indices().skip(1);
        let (_, first) = inside.next().expect("something is quoted");
        let second = inside.next();
        let length = match second {
            // The escaped character may be a quote itself.
            Some((at, escaped)) if first == '\\' => {
                let after = at + escaped.len_utf8();
                after + self.rest[after..].find('\'').expect("a character has an end") + 1
            }
            Some((at, '\'')) => at + 1,
            _ => 1,
        };
        self.take(length);
    }

    /// What the string literal that begins here stands for; nothing if none does.
    fn text(&mut self) -> Option<String> {
        let unprefixed = self.rest.strip_prefix(['b', 'c']).unwrap_or(self.rest);
        let raw = unprefixed.strip_prefix('r');
        let after = raw.unwrap_or(unprefixed);
        let body = after.trim_start_matches('#');
        let hashes = &after[..after.len() - body.len()];
        let body = body.strip_prefix('"').filter(|_| raw.is_some() || hashes.is_empty())?;
        let (content, close) = match raw {
            Some(_) => {
                let close = format!("\"{hashes}");
                (&body[..body.find(&close).expect("a string has an end")], close.len())
            }
            None => (&body[..end_of_string(body)], 1),
        };
        self.rest = &body[content.len() + close..];
        Some(if raw.is_some() { content.to_owned() } else { unescaped(content) })
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where the closing quote is.
fn end_of_string(body: &str) -> usize {
    let mut is_escaped = false;
    let end = body.find(|c| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    end.expect("a string has an end")
}

/// A literal's content as the compiler reads it.
fn unescaped(mut content: &str) -> String {
    let mut text = String::new();
    while let Some((plain, escape)) = content.split_once('\\') {
        text.push_str(plain);
        let kind = escape.chars().next().expect("something is escaped");
        let after = &escape[kind.len_utf8()..];
        let (meant, rest) = match kind {
            '\n' => (None, after.trim_start_matches([' ', '\t', '\n', '\r'])),
            'x' => (of_number(&after[..2]), &after[2..]),
            'u' => {
                let (number, rest) = after.split_once('}').expect("a number in braces");
                (of_number(number.trim_start_matches('{')), rest)
            }
            'n' => (Some('\n'), after),
            'r' => (Some('\r'), after),
            't' => (Some('\t'), after),
            '0' => (Some('\0'), after),
            itself => (Some(itself), after),
        };
        text.extend(meant);
        content = rest;
    }
    text + content
}

fn of_number(hexadecimal: &str) -> Option<char> {
    let number = u32::from_str_radix(&hexadecimal.replace('_', ""), 16).expect("a number");
    char::from_u32(number)
}

#[test]
fn strings_of_every_kind_are_read_as_the_compiler_reads_them() {
    // The source of each, and what the compiler makes of it.
    let cases = [
        (stringify!("plain"), "plain"),
        (stringify!("a \"quote\" \\"), "a \"quote\" \\"),
        (stringify!("\x41\u{e9}\u{1_F600}\t\n\0"), "\x41\u{e9}\u{1_F600}\t\n\0"),
        (stringify!(r"raw \n"), r"raw \n"),
        (stringify!(r#"raw "quote" \"#), r#"raw "quote" \"#),
        (stringify!(r##"one "# inside"##), r##"one "# inside"##),
        (stringify!(b"bytes\n"), "bytes\n"),
        (stringify!(br#"raw "bytes""#), r#"raw "bytes""#),
        (stringify!(c"of C"), "of C"),
    ];
    for (source, text) in cases {
        assert_eq!(tokens(source), [Token::Text(text.to_owned())], "{source}");
    }
    let continued = "\"one \\\n      sentence,\\n\\\n\n  two lines\"";
    assert_eq!(tokens(continued), [Token::Text("one sentence,\ntwo lines".to_owned())]);
}

#[test]
fn quotes_that_open_no_string_open_none() {
    for source in [
        "'\"' '\\'' '\\\\' '\\u{22}' b'\"'",
        "// \"a comment\"\n//! \"of a module\"\n//// \"no doc\"",
        "/* \"a /* nested */ comment\" */",
        "fn f<'a>(x: &'a str) -> &'static str { 'outer: loop { r#type } }",
    ] {
        let text = tokens(source).into_iter().find(|token| matches!(token, Token::Text(_)));
        assert_eq!(text, None, "{source}");
    }
    let after = tokens("let c = 'é'; let x: &'a str = \"found\"; '\\\\' \"too\"");
    let texts = after.iter().filter(|token| matches!(token, Token::Text(_)));
    assert_eq!(texts.count(), 2);
}

#[test]
fn words_signs_and_doc_comments_are_told_apart() {
    let word = |text: &str| Token::Word(text.to_owned());
    let doc = |text: &str| Token::Doc(text.to_owned());
    assert_eq!(
        tokens("/// What it is.\n///\n#[arg] // why\nport: 1_000,"),
        [
            doc("What it is."),
            doc(""),
            Token::Sign('#'),
            Token::Sign('['),
            word("arg"),
            Token::Sign(']'),
            word("port"),
            Token::Sign(':'),
            word("1_000"),
            Token::Sign(','),
        ]
    );
}
