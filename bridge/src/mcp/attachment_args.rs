//! The arguments about attachments: what a model names of files and values, in the ways that models write it.

use junction_shared::protocol::limits::MAX_ATTACHMENTS;
use serde_json::{Map, Value};

use super::args::{Parsed, ToolArgs, argument, bare, integer};
use super::params::attachment_number;
use crate::attachments::NamedSource;

impl ToolArgs {
    /// The files and values to attach.
    pub(crate) fn attachments(&mut self, name: &'static str) -> Parsed<Vec<NamedSource>> {
        let (param, value) = self.take(name);
        let Some(value) = value else { return Ok(Vec::new()) };
        match named_sources(&value).filter(|named| named.len() <= MAX_ATTACHMENTS) {
            Some(named) => Ok(named),
            None => {
                let (tool, what) = (self.tool.name, param.kind.description());
                argument(format!("{name} must be {what}. Call {tool} again with such a list."))
            }
        }
    }

    /// The key of a value, with the quotes that are a part of it. A text that stands for none elsewhere, such as an empty
    /// one or quotes around nothing, is refused: without a key the whole file would be written.
    pub(crate) fn value_key(&mut self, name: &'static str) -> Parsed<Option<String>> {
        let is_text = self.gives_text(name);
        match self.take(name) {
            (_, None) if !is_text => Ok(None),
            (param, Some(Value::String(key)))
                if param.kind.accepts(key.trim()) && !bare(&key).is_empty() =>
            {
                Ok(Some(key.trim().to_owned()))
            }
            (_, None | Some(Value::String(_))) => argument(format!(
                "{name} names no value. Call {tool} again with the key of the value, or without {name} for the whole file.",
                tool = self.tool.name
            )),
            (param, Some(_)) => self.wrong(param, &param.kind.description()),
        }
    }

    /// The number of an attachment, which must be given.
    pub(crate) fn attachment_number(&mut self, name: &'static str) -> Parsed<u8> {
        let (param, value) = self.take_number(name);
        let text = match &value {
            Some(Value::String(text)) => bare(text).to_owned(),
            Some(value) => integer(value).map(|number| number.to_string()).unwrap_or_default(),
            None => String::new(),
        };
        match attachment_number(&text) {
            Some(number) => Ok(number),
            None => self.wrong(param, &param.kind.description()),
        }
    }
}

/// What an argument stands for: a list, or one object or path that stands for a list of itself. Nothing if any of it can be
/// meant in more than one way.
fn named_sources(value: &Value) -> Option<Vec<NamedSource>> {
    match value {
        Value::Array(items) => items.iter().map(named_source).collect(),
        Value::String(text) if text.trim_start().starts_with('[') => {
            named_sources(&serde_json::from_str(text).ok().filter(Value::is_array)?)
        }
        one => Some(vec![named_source(one)?]),
    }
}

fn named_source(value: &Value) -> Option<NamedSource> {
    match value {
        Value::Object(members) => of_members(members),
        Value::String(text) if text.trim_start().starts_with('{') => {
            of_members(serde_json::from_str::<Value>(text).ok()?.as_object()?)
        }
        Value::String(path) => given(path).map(NamedSource::File),
        _ => None,
    }
}

fn of_members(members: &Map<String, Value>) -> Option<NamedSource> {
    let (mut path, mut key, mut env) = (None, None, None);
    for (name, value) in members {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text,
            _ => return None,
        };
        let member = match name.as_str() {
            "path" | "file" | "file_path" | "filePath" => &mut path,
            // Without a key it would be the whole file.
            "key" if bare(text).is_empty() => return None,
            "key" => &mut key,
            "env" => &mut env,
            _ => return None,
        };
        if member.is_some() {
            return None;
        }
        *member = given(text);
    }
    match (path, key, env) {
        (Some(path), None, None) => Some(NamedSource::File(path)),
        (Some(path), Some(key), None) => Some(NamedSource::Value { path, key }),
        (None, None, Some(name)) => Some(NamedSource::Env(name)),
        _ => None,
    }
}

/// A text, unless it is empty, which stands for an absent one.
fn given(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mcp::schema::Tool;

    fn file(path: &str) -> NamedSource {
        NamedSource::File(path.to_owned())
    }

    #[test]
    fn files_variables_and_values_are_named_in_the_ways_that_models_write_them() {
        let value = NamedSource::Value { path: ".env".to_owned(), key: "R2_KEY".to_owned() };
        let env = NamedSource::Env("TOKEN".to_owned());
        for (written, meant) in [
            (json!([{"path": "a"}]), vec![file("a")]),
            (json!([{"path": "a"}, {"env": "TOKEN"}]), vec![file("a"), env.clone()]),
            (json!([{"path": ".env", "key": "R2_KEY"}]), vec![value.clone()]),
            (json!([{"path": "a", "key": null, "env": ""}]), vec![file("a")]),
            (json!([{"file_path": "a"}]), vec![file("a")]),
            (json!(["a", "b c"]), vec![file("a"), file("b c")]),
            (json!("a"), vec![file("a")]),
            (json!({"env": "TOKEN"}), vec![env.clone()]),
            (json!("[{\"env\": \"TOKEN\"}, \"a\"]"), vec![env, file("a")]),
            (json!("{\"path\": \".env\", \"key\": \"R2_KEY\"}"), vec![value]),
            (json!([]), vec![]),
        ] {
            assert_eq!(named_sources(&written), Some(meant), "{written}");
        }
    }

    #[test]
    fn regression_key_of_nothing_is_not_taken_for_no_key() {
        let key = |key: Value| {
            let given = json!({ "path": "a", "key": key });
            let spec = Tool::SaveAttachment.spec();
            ToolArgs::new(spec, given.as_object().cloned().unwrap()).unwrap().value_key("key")
        };
        for nothing in ["", " ", "\"\"", "''", "``", "\"", "\" \"", "“”", "\"\t\"", "null"] {
            assert!(key(json!(nothing)).is_err(), "{nothing:?}");
        }
        assert!(key(json!(1)).is_err());
        assert_eq!(key(Value::Null), Ok(None));
        let quoted = "hosts.\"example.com\"";
        assert_eq!(key(json!(quoted)), Ok(Some(quoted.to_owned())), "its quotes are part of it");
        assert_eq!(key(json!(" KEY ")), Ok(Some("KEY".to_owned())));
    }

    #[test]
    fn what_can_be_meant_in_two_ways_is_none() {
        for written in [
            json!(1),
            json!(true),
            json!([1]),
            json!([[]]),
            json!([{}]),
            json!([""]),
            json!([{"key": "K"}]),
            json!([{"env": "E", "path": "p"}]),
            json!([{"env": "E", "key": "K"}]),
            json!([{"path": 1}]),
            json!([{"path": "a", "file": "b"}]),
            json!([{"path": "a", "key": ""}]),
            json!([{"path": "a", "key": " "}]),
            json!([{"path": "a", "key": "\"\""}]),
            json!([{"path": "a", "name": "b"}]),
            json!([{"path": "a", "content": "b"}]),
            json!("[broken"),
            json!("{broken"),
        ] {
            assert_eq!(named_sources(&written), None, "{written}");
        }
    }
}
