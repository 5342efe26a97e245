//! Reading single values of a client's settings, whatever their format.

use std::path::Path;

use junction_attachments::json::JsonNode;
use toml_edit::Item;

use super::edit::SettingsText;
use super::entry::FileFormat;
use super::file::SettingsFile;

/// A settings file that is looked at. One that is not there, or that cannot be read, holds nothing.
pub(crate) struct SettingsLookup<'p> {
    path: &'p Path,
    text: Option<SettingsText<'p>>,
}

impl<'p> SettingsLookup<'p> {
    /// Reads the file.
    pub(crate) fn read(path: &'p Path, format: FileFormat) -> Self {
        let found = SettingsFile::read(path, false).ok();
        let text = found.and_then(|file| SettingsText::new(path, format, file.text().ok()?).ok());
        Self { path, text }
    }

    /// The file, as people name it.
    pub(crate) fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// Whether anything is at the path.
    pub(crate) fn has(&self, path: &[&str]) -> bool {
        self.value(path).is_some()
    }

    /// The value at the path, if it is true or false.
    pub(crate) fn flag(&self, path: &[&str]) -> Option<bool> {
        match self.value(path)? {
            LookupValue::Json(node, text) => match &text[node.span.clone()] {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            LookupValue::Toml(item) => item.as_bool(),
        }
    }

    /// The text at the path.
    pub(crate) fn text(&self, path: &[&str]) -> Option<String> {
        match self.value(path)? {
            LookupValue::Json(node, text) => node.text(text),
            LookupValue::Toml(item) => item.as_str().map(str::to_owned),
        }
    }

    /// The texts of the list at the path.
    pub(crate) fn texts(&self, path: &[&str]) -> Option<Vec<String>> {
        match self.value(path)? {
            LookupValue::Json(node, text) => {
                Some(node.items()?.iter().filter_map(|item| item.text(text)).collect())
            }
            LookupValue::Toml(item) => {
                let items = item.as_array()?.iter();
                Some(items.filter_map(|item| item.as_str().map(str::to_owned)).collect())
            }
        }
    }

    /// The texts of the list at the path, and of each list in it the first: names, some of them with options.
    pub(crate) fn heads(&self, path: &[&str]) -> Vec<String> {
        let Some(LookupValue::Json(node, text)) = self.value(path) else { return Vec::new() };
        node.items().unwrap_or_default().iter().filter_map(|item| item.head(text)).collect()
    }

    /// The names of what is at the path, in the order of the file.
    pub(crate) fn names(&self, path: &[&str]) -> Vec<String> {
        match self.value(path) {
            Some(LookupValue::Json(node, _)) => {
                node.fields().into_iter().flatten().map(|field| field.name.clone()).collect()
            }
            Some(LookupValue::Toml(item)) => {
                let table = item.as_table_like().into_iter().flat_map(|table| table.iter());
                table.map(|(name, _)| name.to_owned()).collect()
            }
            None => Vec::new(),
        }
    }

    fn value(&self, path: &[&str]) -> Option<LookupValue<'_>> {
        match self.text.as_ref()? {
            SettingsText::Json(_, editor) => {
                editor.get(path).map(|node| LookupValue::Json(node, editor.text()))
            }
            SettingsText::Toml(_, editor) => editor.get(path).map(LookupValue::Toml),
        }
    }
}

/// A value, and for JSON the text that it is in.
enum LookupValue<'a> {
    Json(&'a JsonNode, &'a str),
    Toml(&'a Item),
}

#[cfg(test)]
mod tests {
    use junction_attachments::json::JsonDialect;

    use super::*;

    #[test]
    fn values_are_read_from_both_formats_and_nothing_from_a_broken_file() {
        let dir = tempfile::TempDir::new().unwrap();
        let json = (
            r#"{"b": {"z": "x", "a": false}, "l": ["one", 2]}"#,
            FileFormat::Json(JsonDialect::default()),
        );
        let toml = ("l = [\"one\", 2]\n[b]\nz = \"x\"\na = false\n", FileFormat::Toml);
        for (text, format) in [json, toml] {
            let path = dir.path().join("settings");
            std::fs::write(&path, text).unwrap();
            let found = SettingsLookup::read(&path, format);
            assert_eq!(found.names(&["b"]), ["z", "a"]);
            assert_eq!((found.flag(&["b", "a"]), found.flag(&["b", "z"])), (Some(false), None));
            assert_eq!(found.text(&["b", "z"]).as_deref(), Some("x"));
            assert_eq!(found.texts(&["l"]), Some(vec!["one".to_owned()]));
            assert!(found.has(&["b"]) && !found.has(&["c"]) && found.texts(&["b"]).is_none());
            std::fs::write(&path, "{\n= ").unwrap();
            let broken = SettingsLookup::read(&path, format);
            assert!(!broken.has(&["b"]) && broken.names(&[]).is_empty());
        }
    }
}
