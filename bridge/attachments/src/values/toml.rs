//! Values in TOML. The library parses and gives places; the text is changed here, because the library writes every line
//! end as `\n`.

use std::ops::Range;

use toml_edit::{Document, InlineTable, Item, Key, Table, Value};
use toml_parser::Source;

use super::{MAX_TOML_TOKENS, ValueError, splice};

/// A table on the way of a path.
#[derive(Clone, Copy)]
enum TomlTable<'d> {
    Block(&'d Table),
    Inline(&'d InlineTable),
}

/// What a path leads to.
struct TomlPath<'d> {
    /// The tables on the way: the root, then one for each name that is there.
    tables: Vec<TomlTable<'d>>,
    /// The value at the end, if there is one.
    value: Option<&'d Value>,
}

impl<'d> TomlTable<'d> {
    /// Whether the table is only written as a part of its entries' keys.
    fn is_dotted(self) -> bool {
        match self {
            Self::Block(table) => table.is_dotted(),
            Self::Inline(table) => table.is_dotted(),
        }
    }

    fn get(self, name: &str) -> Option<TomlEntry<'d>> {
        match self {
            Self::Block(table) => match table.get(name)? {
                Item::None => None,
                Item::Table(table) => Some(TomlEntry::Table(Self::Block(table))),
                Item::ArrayOfTables(_) => Some(TomlEntry::Array),
                Item::Value(value) => Some(TomlEntry::of(value)),
            },
            Self::Inline(table) => table.get(name).map(TomlEntry::of),
        }
    }
}

/// What is under a name.
enum TomlEntry<'d> {
    Table(TomlTable<'d>),
    Array,
    Value(&'d Value),
}

impl<'d> TomlEntry<'d> {
    fn of(value: &'d Value) -> Self {
        match value {
            Value::InlineTable(table) => Self::Table(TomlTable::Inline(table)),
            Value::Array(_) => Self::Array,
            value => Self::Value(value),
        }
    }
}

/// Parses a text that cannot take much memory, whatever it is.
fn parsed(text: &str) -> Result<Document<&str>, ValueError> {
    // Counted one by one: the lexer holds none of them.
    if Source::new(text).lex().nth(MAX_TOML_TOKENS).is_some() {
        return Err(ValueError::Tokens);
    }
    Document::parse(text).map_err(|_| ValueError::Syntax)
}

/// The text of the value at a path.
pub(super) fn read(text: &str, path: &[String]) -> Result<String, ValueError> {
    let document = parsed(text)?;
    let value = find(document.as_table(), path)?.value.ok_or(ValueError::Missing)?;
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Ok(text[place(value)?].to_owned()),
    }
}

/// The text with a string put at a path.
pub(super) fn put(
    text: &str,
    path: &[String],
    value: &str,
    overwrite: bool,
) -> Result<String, ValueError> {
    let document = parsed(text)?;
    let found = find(document.as_table(), path)?;
    match found.value {
        Some(_) if !overwrite => Err(ValueError::Exists),
        Some(old) => Ok(splice::replaced(text, place(old)?, &quoted(value))),
        None => add(text, &found.tables, path, value),
    }
}

fn place(value: &Value) -> Result<Range<usize>, ValueError> {
    value.span().ok_or(ValueError::Layout)
}

fn find<'d>(root: &'d Table, path: &[String]) -> Result<TomlPath<'d>, ValueError> {
    let mut table = TomlTable::Block(root);
    let mut tables = vec![table];
    for (depth, name) in path.iter().enumerate() {
        let is_last = depth + 1 == path.len();
        match table.get(name) {
            None => break,
            Some(TomlEntry::Value(value)) if is_last => {
                return Ok(TomlPath { tables, value: Some(value) });
            }
            Some(TomlEntry::Table(inner)) if !is_last => table = inner,
            Some(_) if is_last => return Err(ValueError::NotSingle),
            Some(_) => return Err(ValueError::NotTable),
        }
        tables.push(table);
    }
    Ok(TomlPath { tables, value: None })
}

/// Adds an entry to the deepest table on its path, in the form that the table has.
fn add(
    text: &str,
    tables: &[TomlTable<'_>],
    path: &[String],
    value: &str,
) -> Result<String, ValueError> {
    let deepest = tables.len() - 1;
    // A dotted table grows where its entries are: in the table whose entries repeat its name.
    let home = tables.iter().rposition(|table| !table.is_dotted()).unwrap_or(0);
    let entry = |names: &[String]| format!("{} = {}", dotted(names), quoted(value));
    match tables[home] {
        TomlTable::Inline(table) => add_inline(text, table, &entry(&path[home..])),
        TomlTable::Block(table) => {
            let has_body = home == 0 || !table.is_implicit();
            if has_body && (home < deepest || deepest + 1 == path.len()) {
                return Ok(add_line(text, table, home == 0, &entry(&path[home..])));
            }
            let (last, parents) = path.split_at(path.len() - 1);
            let mut lines = vec![format!("[{}]", dotted(last)), entry(parents)];
            if !text.trim().is_empty() {
                lines.insert(0, String::new());
            }
            Ok(splice::at_end(text, &lines))
        }
    }
}

fn add_inline(text: &str, table: &InlineTable, entry: &str) -> Result<String, ValueError> {
    let open = table.span().ok_or(ValueError::Layout)?.start + 1;
    match last_inline(table) {
        Some(end) => Ok(splice::replaced(text, end..end, &format!(", {entry}"))),
        None => {
            let is_bare = text[open..].starts_with('}');
            let entry = if is_bare { format!(" {entry} ") } else { format!(" {entry}") };
            Ok(splice::replaced(text, open..open, &entry))
        }
    }
}

/// Where the last value of an inline table ends.
fn last_inline(table: &InlineTable) -> Option<usize> {
    let end = |value: &Value| match value {
        Value::InlineTable(inner) if inner.is_dotted() => last_inline(inner),
        value => value.span().map(|span| span.end),
    };
    table.iter().filter_map(|(_, value)| end(value)).max()
}

/// Adds a line to the lines of a table that has a header, or of the root.
fn add_line(text: &str, table: &Table, is_root: bool, entry: &str) -> String {
    let line = |at: usize| vec![format!("{}{entry}", splice::indent(text, at))];
    if let Some((key, end)) = last_entry(table) {
        return splice::after_line(text, end, &line(key));
    }
    if let Some(header) = table.span().filter(|_| !is_root) {
        return splice::after_line(text, header.start, &line(header.start));
    }
    // The root has no entry, so what comes before the first header is comments.
    let mut header = 0;
    let mut comments = None;
    for line in text.split_inclusive('\n') {
        let content = line.trim_start();
        if content.starts_with('[') {
            let newline = splice::newline(text);
            let at = comments.unwrap_or(header);
            return splice::replaced(text, at..at, &format!("{entry}{newline}{newline}"));
        }
        comments = if content.starts_with('#') { comments.or(Some(header)) } else { None };
        header += line.len();
    }
    splice::at_end(text, &[entry.to_owned()])
}

/// Where the key of the last entry in a table's own lines begins, and where its value ends.
fn last_entry(table: &Table) -> Option<(usize, usize)> {
    let entry = |(name, item): (&str, &Item)| match item {
        Item::Value(value) => Some((table.key(name).and_then(Key::span)?.start, value.span()?.end)),
        Item::Table(inner) if inner.is_dotted() => last_entry(inner),
        Item::Table(_) | Item::ArrayOfTables(_) | Item::None => None,
    };
    table.iter().filter_map(entry).max_by_key(|(_, end)| *end)
}

/// Names as a dotted key.
fn dotted(names: &[String]) -> String {
    let is_bare =
        |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    let key = |name: &String| {
        if !name.is_empty() && is_bare(name) { name.clone() } else { quoted(name) }
    };
    names.iter().map(key).collect::<Vec<_>>().join(".")
}

/// A text as a basic string (TOML 1.0 § String) on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(c)));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
