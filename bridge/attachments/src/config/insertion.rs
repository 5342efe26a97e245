//! The text of `config.toml` with one entry more. It is inserted at one place, so that every other byte of a file that
//! people edit stays: comments, blanks, and the ends of lines.

use std::ops::Range;

use toml_edit::{Array, DocumentMut, Item, Table, Value, value};

use super::{TABLE, short};

/// The text with the entry at one place in it; `None` where the table has a form in which there is no such place.
pub(super) fn inserted(text: &str, table: Option<&Item>, key: &str, entry: &str) -> Option<String> {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let quoted = value(entry).as_value().map(ToString::to_string)?;
    let quoted = quoted.trim();
    let line = format!("{} = [{quoted}]{end}", short(key));
    let Some(table) = table else {
        let gap = match text {
            "" => "",
            _ if text.ends_with('\n') => end,
            _ => &end.repeat(2),
        };
        return Some(format!("{text}{gap}[{TABLE}]{end}{line}"));
    };
    if let Some(list) = table.as_table_like()?.get(short(key)) {
        let (place, new) = in_list(text, list.as_array()?, list.span()?, quoted)?;
        return Some(format!("{}{new}{}", text.get(..place.start)?, text.get(place.end..)?));
    }
    let header = header(text, table.as_table()?)?;
    // The header is the last line if no line ends after it.
    let (place, line) = match text.get(header.end..)?.find('\n') {
        Some(found) => (header.end + found + 1, line),
        None => (text.len(), format!("{end}{line}")),
    };
    Some(format!("{}{line}{}", text.get(..place)?, text.get(place..)?))
}

/// Where the line `[attachments]` is; `None` if the table has no line of its own.
fn header(text: &str, table: &Table) -> Option<Range<usize>> {
    let span = table.span().filter(|_| !table.is_implicit() && !table.is_dotted())?;
    text.get(span.clone())?.starts_with('[').then_some(span)
}

/// What is replaced in a text to put an entry into an array, and by what. A comment on the line of the last entry stays
/// with that one.
fn in_list(
    text: &str,
    array: &Array,
    span: Range<usize>,
    quoted: &str,
) -> Option<(Range<usize>, String)> {
    let last = array.iter().last().and_then(Value::span);
    let at = last.as_ref().map_or(span.start + 1, |last| last.end);
    let begin = last.as_ref().map_or(at, |last| last.start);
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    // An entry on a line of its own is followed by another such line.
    let line = text.get(..begin)?.rfind('\n').map_or(0, |found| found + 1);
    let before = text.get(line..begin)?;
    let indent = (line > span.start && before.trim().is_empty()).then_some(before);
    // Behind the last entry of an array are blanks, a comma and comments, and no text in quotes.
    let rest = text.get(at..span.end - 1)?.lines().next().unwrap_or_default();
    if let Some(comment) = rest.find('#') {
        let has_comma = rest[..comment].contains(',');
        let (comma, trailing) = match last {
            Some(_) if has_comma => ("", ","),
            Some(_) => (",", ""),
            None => ("", ""),
        };
        let blanks = before.len() - before.trim_start().len();
        let deeper = format!("{}  ", &before[..blanks]);
        let indent = indent.unwrap_or(&deeper);
        let new = format!("{comma}{rest}{end}{indent}{quoted}{trailing}");
        return Some((at..at + rest.len(), new));
    }
    let gap = indent.map_or_else(|| " ".to_owned(), |indent| format!("{end}{indent}"));
    let new = if last.is_some() { format!(",{gap}{quoted}") } else { quoted.to_owned() };
    Some((at..at, new))
}

/// The text as it is written by the parser, for tables inside of a line. It keeps comments.
pub(super) fn rewritten(text: &str, key: &str, entry: &str) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let table = document.get_mut(TABLE)?.as_table_like_mut()?;
    let list = table.entry(short(key)).or_insert_with(|| value(Array::new()));
    list.as_array_mut()?.push(entry);
    Some(document.to_string())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{ALLOW, AttachmentConfig, document};

    fn added(text: &str) -> String {
        let parsed = document(text, Path::new("/c")).unwrap();
        let inserted = inserted(text, parsed.get(TABLE), ALLOW, "/x");
        inserted.or_else(|| rewritten(text, ALLOW, "/x")).unwrap()
    }

    #[test]
    fn entry_is_inserted_and_every_other_byte_stays() {
        for (before, after) in [
            ("", "[attachments]\nallow = [\"/x\"]\n"),
            ("a = 1", "a = 1\n\n[attachments]\nallow = [\"/x\"]\n"),
            ("a = 1\r\n", "a = 1\r\n\r\n[attachments]\r\nallow = [\"/x\"]\r\n"),
            ("[attachments]", "[attachments]\nallow = [\"/x\"]\n"),
            (
                "[attachments] # mine\n  env_keys=['K']\n[z]\n",
                "[attachments] # mine\nallow = [\"/x\"]\n  env_keys=['K']\n[z]\n",
            ),
            ("[attachments]\nallow=[ ] # none\n", "[attachments]\nallow=[\"/x\" ] # none\n"),
            (
                "[attachments]\nallow = ['/a' , '/b',] # c\n",
                "[attachments]\nallow = ['/a' , '/b', \"/x\",] # c\n",
            ),
            (
                "[attachments]\r\nallow = [\r\n\t'/a', # first\r\n\t'/b' # last\r\n]\r\n",
                "[attachments]\r\nallow = [\r\n\t'/a', # first\r\n\t'/b', # last\r\n\t\"/x\"\r\n]\r\n",
            ),
            ("attachments.allow = ['/a']\n", "attachments.allow = ['/a', \"/x\"]\n"),
            ("attachments = { allow = ['/a'] }\n", "attachments = { allow = ['/a', \"/x\"] }\n"),
            (
                "[attachments.commands]\ng = ['x'] # c\n",
                "[attachments]\nallow = [\"/x\"]\n[attachments.commands]\ng = ['x'] # c\n",
            ),
            (
                "attachments.env_keys = ['K'] # c\n",
                "attachments.env_keys = ['K'] # c\nattachments.allow = [\"/x\"]\n",
            ),
        ] {
            let changed = added(before);
            let config = AttachmentConfig::parse(&changed, Path::new("/c")).ok().unwrap();
            assert!(config.allow.iter().any(|entry| entry.to_string() == "/x"), "{changed}");
            assert_eq!(changed, after, "{before:?}");
        }
    }

    #[test]
    fn regression_comment_stays_on_the_line_of_its_entry() {
        for (before, after) in [
            ("[\n  '/b', # TEMPORARY\n]", "[\n  '/b', # TEMPORARY\n  \"/x\",\n]"),
            ("[\n  '/b' # TEMPORARY\n]", "[\n  '/b', # TEMPORARY\n  \"/x\"\n]"),
            ("[\n  '/b' # c\n  ,\n]", "[\n  '/b', # c\n  \"/x\"\n  ,\n]"),
            ("['/a', '/b', # c, d\n]", "['/a', '/b', # c, d\n  \"/x\",\n]"),
            ("[ # all\n]", "[ # all\n  \"/x\"\n]"),
            ("[\n  '/b',\n  # end\n]", "[\n  '/b',\n  \"/x\",\n  # end\n]"),
            ("['/b'] # c", "['/b', \"/x\"] # c"),
        ] {
            let before = format!("[attachments]\nallow = {before}\n");
            let changed = added(&before);
            assert_eq!(changed, format!("[attachments]\nallow = {after}\n"));
            assert!(AttachmentConfig::parse(&changed, Path::new("/c")).is_ok(), "{changed}");
        }
    }
}
