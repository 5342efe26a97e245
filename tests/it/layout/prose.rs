//! How doc comments begin.

use proc_macro2::{Group, TokenStream, TokenTree};
use syn::LitStr;

use super::source::SourceFile;

/// Words that lean on whatever was written before them. An editor shows a doc comment alone.
const LEANING: [&str; 37] = [
    "It",
    "Its",
    "They",
    "Their",
    "Them",
    "He",
    "This one",
    "That",
    "Those",
    "These",
    "One that",
    "One which",
    "One whose",
    "One with",
    "One by",
    "One as",
    "One more",
    "One is",
    "One who",
    "Same",
    "The same",
    "So",
    "And",
    "But",
    "Or",
    "Likewise",
    "Besides",
    "Both of",
    "Neither",
    "Either of",
    "All of it",
    "All of them",
    "None of",
    "Such",
    "Then",
    "Where it",
    "As above",
];

/// The doc comments of a file that begin with a pronoun or lean on the item before, each with its line.
pub(super) fn leaning_comments(file: &SourceFile) -> Vec<String> {
    let leaning = file.doc_comments.iter().filter(|(_, text)| leans(text));
    leaning.map(|(line, text)| format!("{}, line {line}: {text}", file.path)).collect()
}

/// The first line of each doc comment in these tokens, and its number.
pub(super) fn doc_comments_in(tokens: TokenStream) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    first_lines(tokens, &mut found);
    found
}

fn first_lines(tokens: TokenStream, found: &mut Vec<(usize, String)>) {
    let mut follows_another = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => match doc_line(&group) {
                Some(_) if follows_another => {}
                Some(text) => {
                    found.push((group.span_open().start().line, text));
                    follows_another = true;
                }
                None => {
                    first_lines(group.stream(), found);
                    follows_another = false;
                }
            },
            // What stands before the brackets of an attribute.
            TokenTree::Punct(punct) if matches!(punct.as_char(), '#' | '!') => {}
            _ => follows_another = false,
        }
    }
}

/// The text of `[doc = "…"]`, as which the compiler reads a line of a doc comment.
fn doc_line(group: &Group) -> Option<String> {
    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    match tokens.as_slice() {
        [TokenTree::Ident(name), TokenTree::Punct(_), TokenTree::Literal(text)]
            if name == "doc" =>
        {
            let text: LitStr = syn::parse_str(&text.to_string()).ok()?;
            Some(text.value().trim().to_owned())
        }
        _ => None,
    }
}

fn leans(text: &str) -> bool {
    LEANING.iter().any(|word| {
        let rest = text.strip_prefix(word);
        rest.is_some_and(|rest| rest.starts_with([' ', ',', '.', ':', ';']))
    })
}
