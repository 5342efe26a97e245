//! Values in YAML. The library parses and gives events with places; aliases are events of their own and never expanded,
//! so a text costs what its length costs.

use std::ops::Range;

use saphyr_parser::Event;

use self::verify::{Change, is_only_change};
use self::walk::{Found, FoundScalar, MappingSite, Walker};
use super::{ValueError, splice};

mod lexing;
mod verify;
mod walk;
mod write;

/// The text of the value at a path in the first document.
pub(super) fn read(text: &str, path: &[String]) -> Result<String, ValueError> {
    match Walker::new(text).find(path)? {
        Found::Scalar(scalar) if scalar.is_null => Err(ValueError::NotSingle),
        Found::Scalar(scalar) => Ok(scalar.value),
        // The key may be in what is merged.
        Found::Missing(site) if site.merges => Err(ValueError::Alias),
        Found::Missing(_) | Found::Nothing => Err(ValueError::Missing),
    }
}

/// The text with a string put at a path of its only document.
pub(super) fn put(
    text: &str,
    path: &[String],
    value: &str,
    overwrite: bool,
) -> Result<String, ValueError> {
    let found = Walker::new(text).find_only(path)?;
    let (put, change) = match &found {
        Found::Scalar(_) if !overwrite => return Err(ValueError::Exists),
        Found::Scalar(scalar) => (replace(text, scalar, value)?, Change::Replaced(value)),
        Found::Missing(site) => {
            let missing = &path[site.depth..];
            (add(text, site, missing, value)?, Change::Added(missing, value))
        }
        Found::Nothing => {
            let lines = write::block(path, value, "", write::unit(text));
            return Ok(splice::at_end(text, &lines));
        }
    };
    // The grammar has so many forms that an edit by places alone proves nothing.
    if is_only_change(text, &put, &change) { Ok(put) } else { Err(ValueError::Layout) }
}

fn replace(text: &str, scalar: &FoundScalar, value: &str) -> Result<String, ValueError> {
    let quoted = write::quoted(value);
    let Range { start, end } = scalar.content.clone();
    let Some(lines) = &scalar.lines else {
        // Behind a colon, a tag or an anchor, the value needs a blank.
        let is_close = start > 0 && !text[..start].ends_with([' ', '\t', '\n', '\r']);
        let blank = if start == end && is_close { " " } else { "" };
        return Ok(splice::replaced(text, start..end, &format!("{blank}{quoted}")));
    };
    // The header of a block scalar may have a comment.
    let header = text.get(end..lines.start).ok_or(ValueError::Layout)?;
    Ok([&text[..start], &quoted, header, &text[lines.end..]].concat())
}

fn add(
    text: &str,
    site: &MappingSite,
    missing: &[String],
    value: &str,
) -> Result<String, ValueError> {
    if let Some(open) = site.flow {
        let entry = write::flow(missing, value);
        let (at, entry) = match site.end {
            // Not every reader ends a key at a colon with a comma behind it.
            Some(end) if text[..end].ends_with(':') => (end, format!(" , {entry}")),
            Some(end) => (end, format!(", {entry}")),
            None => (open, entry),
        };
        return Ok(splice::replaced(text, at..at, &entry));
    }
    let end = site.end.ok_or(ValueError::Layout)?;
    if site.is_open {
        return Err(ValueError::Layout);
    }
    let lines = write::block(missing, value, &" ".repeat(site.indent), write::unit(text));
    Ok(splice::after_line(text, end, &lines))
}

/// An event without what differs between equal documents: whether they have a `---`.
fn is_document(event: &Event<'_>) -> bool {
    matches!(event, Event::DocumentStart(_))
}
