//! Values in dotenv files: lines of `NAME=value`.

use std::ops::Range;

use super::{ValueError, splice};

/// One assignment.
struct Assignment<'t> {
    name: &'t str,
    /// Where the value is, with its quotes.
    place: Range<usize>,
    form: ValueForm,
}

/// How a value is written.
#[derive(Clone, Copy)]
enum ValueForm {
    /// Without quotes.
    Bare,
    /// In single quotes or backticks.
    Literal,
    /// In double quotes.
    Escaped,
    /// Quoted, with something else after it on the same line. Readers disagree about it.
    Mixed,
}

/// The value of a variable.
pub(super) fn read(text: &str, name: &str) -> Result<String, ValueError> {
    if name_length(name) != name.len() || name.is_empty() {
        return Err(ValueError::Key);
    }
    let found = last_of(text, name)?.ok_or(ValueError::Missing)?;
    let written = &text[found.place];
    let inner = || written[1..written.len() - 1].replace("\r\n", "\n");
    match found.form {
        ValueForm::Bare => Ok(written.to_owned()),
        ValueForm::Literal => Ok(inner()),
        ValueForm::Escaped => Ok(unescaped(&inner())),
        ValueForm::Mixed => Err(ValueError::Unclear),
    }
}

/// The text with a variable set.
pub(super) fn put(
    text: &str,
    name: &str,
    value: &str,
    overwrite: bool,
) -> Result<String, ValueError> {
    if name_length(name) != name.len() || name.is_empty() {
        return Err(ValueError::Key);
    }
    let written = written(value).ok_or(ValueError::Inexpressible)?;
    let found = last_of(text, name)?;
    let place = match &found {
        Some(_) if !overwrite => return Err(ValueError::Exists),
        Some(found) => found.place.clone(),
        // A shell takes the line for a command.
        None if name.contains(['.', '-']) => return Err(ValueError::Key),
        None => text.len()..text.len(),
    };
    // Where a shell sees an apostrophe of an earlier line as an open quote, it would see the next quote as its end, and
    // commands in what follows.
    let has_quote = |text: &str| text.contains(['\'', '"', '`', '\\']);
    let is_touched = has_quote(&written) || has_quote(&text[place.clone()]);
    if is_touched && has_open_quote(&text[..place.start]) {
        return Err(ValueError::Layout);
    }
    if found.is_none() {
        let mut lines = vec![format!("{name}={written}")];
        if text.trim_end_matches(['\r', '\n']).ends_with('\\') && !text.ends_with("\n\n") {
            // A shell joins a line that ends so with the next one.
            lines.insert(0, String::new());
        }
        return Ok(splice::at_end(text, &lines));
    }
    // python-dotenv takes a comment behind an empty value for the value.
    let is_alone = text[place.end..splice::line_end(text, place.end)].trim().is_empty();
    let written = if written.is_empty() && !is_alone { "''" } else { &written };
    let blank = if text[..place.start].ends_with(':') { " " } else { "" };
    Ok(splice::replaced(text, place, &[blank, written].concat()))
}

/// Whether a quote is open at the end of a text, as a shell reads it.
fn has_open_quote(text: &str) -> bool {
    let mut quote = None;
    let mut before = '\n';
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '#') if before.is_ascii_whitespace() => {
                // A comment goes to the end of the line.
                let _ = chars.by_ref().find(|c| *c == '\n');
                before = '\n';
                continue;
            }
            (None | Some('"' | '`'), '\\') => {
                let _ = chars.next();
            }
            (None, '\'' | '"' | '`') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        before = c;
    }
    quote.is_some()
}

fn last_of<'t>(text: &'t str, name: &str) -> Result<Option<Assignment<'t>>, ValueError> {
    let mut found = None;
    let mut at = 0;
    while at < text.len() {
        let assignment = assignment(text, at)?;
        let end = assignment.as_ref().map_or(at, |assignment| assignment.place.end);
        if let Some(assignment) = assignment.filter(|assignment| assignment.name == name) {
            found = Some(assignment);
        }
        at = text[end..].find('\n').map_or(text.len(), |newline| end + newline + 1);
    }
    Ok(found)
}

/// The assignment on the line that begins here; `None` for a comment, an empty line, or anything else.
fn assignment(text: &str, at: usize) -> Result<Option<Assignment<'_>>, ValueError> {
    let line = &text[at..splice::line_end(text, at)];
    let mut rest = unblanked(line);
    if let Some(after) = rest.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])) {
        rest = unblanked(after);
    }
    let (name, rest) = rest.split_at(name_length(rest));
    let rest = unblanked(rest);
    // Node's and Ruby's readers take a colon and a blank for `=`.
    let is_assigned = ["=", ": ", ":\t"].iter().any(|sign| rest.starts_with(sign));
    if name.is_empty() || !is_assigned {
        return Ok(None);
    }
    let start = at + line.len() - rest.len() + 1;
    let (place, form) = value_at(text, start, at + line.len())?;
    Ok(Some(Assignment { name, place, form }))
}

/// The place and form of the value that follows an assignment's sign, on a line that ends at `end`.
fn value_at(text: &str, start: usize, end: usize) -> Result<(Range<usize>, ValueForm), ValueError> {
    let line = &text[start..end];
    let begin = start + line.len() - unblanked(line).len();
    let quote = text.as_bytes().get(begin).copied().filter(|_| begin < end);
    let form = match quote {
        Some(b'"') => ValueForm::Escaped,
        Some(b'\'') => ValueForm::Literal,
        // Only Node's reader knows this quote, so one without its end is none.
        Some(b'`') if text[begin + 1..].contains('`') => ValueForm::Literal,
        _ => return Ok((bare(line, start), ValueForm::Bare)),
    };
    // Behind a quote that does not end, nobody knows what is an entry and what is in the value.
    let close = closing_quote(text, begin).ok_or(ValueError::Syntax)?;
    let line_end = splice::line_end(text, close);
    let after = &text[close..line_end];
    if after.trim().is_empty() || unblanked(after).len() < after.len() && is_comment(after) {
        return Ok((begin..close, form));
    }
    if close > end {
        return Err(ValueError::Syntax);
    }
    Ok((begin..begin + text[begin..end].trim_end().len(), ValueForm::Mixed))
}

/// The place of a value without quotes in what follows the sign, which begins at `start`.
fn bare(line: &str, start: usize) -> Range<usize> {
    let is_sharp = |at: &usize| line.as_bytes()[*at] == b'#';
    let is_after_blank = |at: &usize| line[..*at].ends_with([' ', '\t']);
    let end = (0..line.len()).filter(is_sharp).find(is_after_blank).unwrap_or(line.len());
    let value = line[..end].trim_matches([' ', '\t', '\r']);
    if value.is_empty() {
        return start..start;
    }
    let begin = start + line.len() - unblanked(line).len();
    begin..begin + value.len()
}

/// Behind the quote that ends what the quote here begins.
fn closing_quote(text: &str, open: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = bytes[open];
    let mut at = open + 1;
    while *bytes.get(at)? != quote {
        at += if quote == b'"' && bytes[at] == b'\\' { 2 } else { 1 };
    }
    Some(at + 1)
}

fn unescaped(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            value.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => value.push('\n'),
            Some('r') => value.push('\r'),
            Some('t') => value.push('\t'),
            Some(escaped @ ('"' | '\\' | '$' | '`')) => value.push(escaped),
            other => value.extend(std::iter::once('\\').chain(other)),
        }
    }
    value
}

/// A value as it is written, if a form of it is read as the same by all readers that [`super::put_value`] names.
fn written(value: &str) -> Option<String> {
    if !is_plain_text(value) || is_expanded(value) {
        return None;
    }
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,=-".contains(c);
    if value.chars().all(is_safe) && !value.starts_with('=') {
        return Some(value.to_owned());
    }
    // python-dotenv decodes two backslashes, and takes one before the closing quote as an escape.
    let is_literal = !value.contains(['\'', '\n']) && !value.contains(r"\\");
    if is_literal && !value.ends_with('\\') {
        return Some(format!("'{value}'"));
    }
    // Node's reader takes no backslash off an escaped quote, dollar or backslash.
    let is_escapable = !value.contains(['"', '\\', '$', '`']);
    is_escapable.then(|| format!("\"{}\"", value.replace('\n', r"\n")))
}

/// Whether no character of a value ends a line or a text for one reader and not for another.
fn is_plain_text(value: &str) -> bool {
    value.chars().all(|c| {
        matches!(c, '\t' | '\n')
            || !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
    })
}

/// Whether a reader expands a part of a value even in single quotes.
fn is_expanded(value: &str) -> bool {
    let begins_name = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '{' | '(');
    value.contains(r"\$") || value.split('$').skip(1).any(|rest| rest.starts_with(begins_name))
}

/// How much of a text is a name: `[A-Za-z_][A-Za-z0-9_.-]*`.
fn name_length(text: &str) -> usize {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return 0;
    }
    let is_other = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.' | '-');
    text.find(is_other).unwrap_or(text.len())
}

fn unblanked(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

fn is_comment(text: &str) -> bool {
    unblanked(text).starts_with('#')
}
