//! Values in JSON. Comments and trailing commas are read in every file: tsconfig.json has them, whatever its extension.

use super::ValueError;
use crate::json::{
    JsonContent, JsonDialect, JsonEditor, JsonField, JsonNode, JsonObstacle, SettingValue,
    decoded_bytes, quoted,
};

const DIALECT: JsonDialect = JsonDialect { comments: true, trailing_commas: true };

impl From<JsonObstacle> for ValueError {
    fn from(obstacle: JsonObstacle) -> Self {
        match obstacle {
            JsonObstacle::Mistake(_) => Self::Syntax,
            JsonObstacle::Kind { .. } => Self::NotTable,
            JsonObstacle::Twice { .. } => Self::Twice,
        }
    }
}

/// The text of the value at a path.
pub(super) fn read(text: &str, path: &[String]) -> Result<String, ValueError> {
    let editor = JsonEditor::new(text, DIALECT)?;
    let node = find(&editor, &borrowed(path))?.ok_or(ValueError::Missing)?;
    let written = &text[node.span.clone()];
    match node.content {
        JsonContent::Text => {
            String::from_utf8(decoded_bytes(written)).map_err(|_| ValueError::NotText)
        }
        JsonContent::Other => Ok(written.to_owned()),
        JsonContent::Object(_) | JsonContent::Array(_) | JsonContent::Null => {
            Err(ValueError::NotSingle)
        }
    }
}

/// The text with a string put at a path.
pub(super) fn put(
    text: &str,
    path: &[String],
    value: &str,
    overwrite: bool,
) -> Result<String, ValueError> {
    let mut editor = JsonEditor::new(text, DIALECT)?;
    let path = borrowed(path);
    let found = find(&editor, &path)?.map(|node| {
        let is_nested = matches!(node.content, JsonContent::Object(_) | JsonContent::Array(_));
        (node.span.clone(), is_nested)
    });
    match found {
        Some((_, true)) => return Err(ValueError::NotSingle),
        Some((_, false)) if !overwrite => return Err(ValueError::Exists),
        Some((span, false)) => editor.replace(span, &quoted(value))?,
        None => editor.add(&path, &SettingValue::text(value))?,
    }
    Ok(editor.text().to_owned())
}

/// The value at a path. All on the way to it are objects or missing.
fn find<'e>(editor: &'e JsonEditor, path: &[&str]) -> Result<Option<&'e JsonNode>, ValueError> {
    let Some((last, parents)) = path.split_last() else { return Err(ValueError::Key) };
    let (object, depth) = editor.object(parents)?;
    // The editor takes null on the way for nothing. Here it is somebody's entry.
    let name = parents.get(depth).unwrap_or(last);
    let mut named = object.fields().into_iter().flatten().filter(|field| field.name == *name);
    match (named.next(), named.next()) {
        (Some(_), Some(_)) => Err(ValueError::Twice),
        (Some(_), None) if depth < parents.len() => Err(ValueError::NotTable),
        (found, _) => Ok(found.map(|field: &JsonField| &field.value)),
    }
}

fn borrowed(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}
