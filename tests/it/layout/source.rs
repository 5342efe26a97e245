//! The source of the workspace, parsed: every module of every crate, without its tests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::{Attribute, Item, Meta};

use super::imports::{imports_in, paths_in};
use super::prose::doc_comments_in;
use super::types::Definitions;

/// The crates that are shipped, and the root file of each.
pub(super) const PRODUCT: [(&str, &str); 4] = [
    ("shared", "shared/src/lib.rs"),
    ("hub", "hub/src/lib.rs"),
    ("engine", "bridge/engine/src/lib.rs"),
    ("bridge", "bridge/src/lib.rs"),
];

/// Everything else that is compiled: the programs, the tests and what they share, the benches.
pub(super) const OTHERS: [(&str, &str); 6] = [
    ("hub's main", "hub/src/main.rs"),
    ("bridge's main", "bridge/src/main.rs"),
    ("kit", "tests/kit/src/lib.rs"),
    ("it", "tests/it/main.rs"),
    ("junction bench", "benches/junction/main.rs"),
    ("budgets bench", "benches/budgets/main.rs"),
];

/// A file of a crate, and what the rules ask about it. Items that only tests have are left out.
pub(super) struct SourceFile {
    /// The name of its crate in [`PRODUCT`] or [`OTHERS`].
    pub(super) of: &'static str,
    /// The path from the root of the repository.
    pub(super) path: String,
    /// The path of its module from the root of its crate.
    pub(super) module: Vec<String>,
    /// The number of lines.
    pub(super) lines: usize,
    /// The number of lines with those that only tests have.
    pub(super) lines_with_tests: usize,
    /// The types and functions.
    pub(super) definitions: Definitions,
    /// The imported names, and the path of each as it is written.
    pub(super) imports: Vec<(String, Vec<String>)>,
    /// The paths in the code, each of at least two names.
    pub(super) paths: Vec<Vec<String>>,
    /// The names of the macros that are called.
    pub(super) macros: BTreeSet<String>,
    /// The first line of each doc comment, and its number.
    pub(super) doc_comments: Vec<(usize, String)>,
}

/// Every file of every crate, read once for all tests.
static FILES: LazyLock<Vec<SourceFile>> = LazyLock::new(|| {
    let mut files = Vec::new();
    for (of, path) in PRODUCT.iter().chain(&OTHERS) {
        let path = root().join(path);
        let directory = path.parent().expect("a directory").to_owned();
        add(of, &path, &directory, &[], &mut files);
    }
    files
});

/// Every file of every crate.
pub(super) fn everything() -> &'static [SourceFile] {
    &FILES
}

/// The files of the crates that are shipped.
pub(super) fn product() -> Vec<&'static SourceFile> {
    FILES.iter().filter(|file| PRODUCT.iter().any(|(of, _)| *of == file.of)).collect()
}

/// The root of the repository.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Adds a file and those of its modules, which are in `directory`.
fn add(
    of: &'static str,
    path: &Path,
    directory: &Path,
    module: &[String],
    files: &mut Vec<SourceFile>,
) {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let code = without_tests(&text);
    let syntax = syn::parse_file(&code).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let children: Vec<_> = syntax.items.iter().filter_map(module_of_its_own).collect();
    let name = path.strip_prefix(root()).expect("a file of the repository").display().to_string();
    let tokens: TokenStream = code.parse().expect("what syn parses is made of tokens");
    files.push(SourceFile {
        of,
        module: module.to_vec(),
        lines: code.trim_end().lines().count(),
        lines_with_tests: text.lines().count(),
        definitions: Definitions::of(&syntax),
        imports: imports_in(&syntax.items),
        paths: paths_in(tokens.clone()),
        macros: macros_in(tokens.clone()),
        doc_comments: doc_comments_in(tokens),
        path: name,
    });
    for child in children {
        let module: Vec<String> = module.iter().cloned().chain([child.clone()]).collect();
        let within = directory.join(&child);
        add(of, &file_of(&within), &within, &module, files);
    }
}

/// The file of the module whose own modules are in this directory.
fn file_of(directory: &Path) -> PathBuf {
    let file = directory.with_extension("rs");
    if file.exists() { file } else { directory.join("mod.rs") }
}

/// The name of a module that is a file.
fn module_of_its_own(item: &Item) -> Option<String> {
    match item {
        Item::Mod(module) if module.content.is_none() => Some(module.ident.to_string()),
        _ => None,
    }
}

/// The text with a blank line for every line of an item that is compiled for tests only.
fn without_tests(text: &str) -> String {
    let syntax = syn::parse_file(text).expect("Rust");
    let mut lines: Vec<&str> = text.lines().collect();
    for span in spans_of_tests(&syntax.items) {
        // Spans count lines from 1.
        for line in &mut lines[span.start().line - 1..span.end().line] {
            *line = "";
        }
    }
    lines.join("\n")
}

fn spans_of_tests(items: &[Item]) -> Vec<Span> {
    let mut spans = Vec::new();
    for item in items {
        if attributes(item).iter().any(is_for_tests) {
            spans.push(item.span());
        } else if let Item::Impl(item) = item {
            let own =
                item.items.iter().filter(|item| member_attributes(item).iter().any(is_for_tests));
            spans.extend(own.map(Spanned::span));
        } else if let Item::Mod(item) = item
            && let Some((_, items)) = &item.content
        {
            spans.extend(spans_of_tests(items));
        }
    }
    spans
}

/// Whether an attribute is a `cfg` that names `test`, and not its absence.
fn is_for_tests(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return false };
    let condition = list.tokens.to_string().replace(' ', "");
    list.path.is_ident("cfg") && has_word(&condition, "test") && !condition.contains("not(test")
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|part| part == word)
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn member_attributes(item: &syn::ImplItem) -> &[Attribute] {
    match item {
        syn::ImplItem::Const(item) => &item.attrs,
        syn::ImplItem::Fn(item) => &item.attrs,
        syn::ImplItem::Type(item) => &item.attrs,
        _ => &[],
    }
}

/// The names of the macros that are called in these tokens.
fn macros_in(tokens: TokenStream) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut name = None;
    for token in tokens {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '!' => found.extend(name.take()),
            TokenTree::Ident(ident) => name = Some(ident.to_string()),
            TokenTree::Group(group) => {
                found.extend(macros_in(group.stream()));
                name = None;
            }
            _ => name = None,
        }
    }
    found
}
