//! Values that are written into settings, in the order in which people read them.

use serde_json::Value;

/// A value for a client's settings. Its fields keep their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingValue {
    /// The value `true`.
    True,
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// An object, or a table.
    Fields(Vec<(String, Self)>),
}

/// How a value is written as JSON.
#[derive(Clone, Copy, Debug)]
pub enum JsonLayout<'a> {
    /// Each field on a line of its own.
    Lines {
        /// The end of a line.
        newline: &'a str,
        /// What the line begins with on which the value begins.
        indent: &'a str,
        /// What each level adds.
        unit: &'a str,
    },
    /// All on one line.
    Line {
        /// What stands between a name and its value.
        colon: &'a str,
        /// What stands between two fields.
        comma: &'a str,
    },
}

impl SettingValue {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A list of texts.
    pub fn texts(texts: &[&str]) -> Self {
        Self::List(texts.iter().map(|text| Self::text(*text)).collect())
    }

    /// An object with these fields.
    pub fn fields<const N: usize>(fields: [(&str, Self); N]) -> Self {
        Self::Fields(fields.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// The field of this name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Fields(fields) = self else { return None };
        fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// The text, if the value is one.
    pub fn as_text(&self) -> Option<&str> {
        let Self::Text(text) = self else { return None };
        Some(text)
    }

    /// The value as JSON.
    pub fn to_json(&self, layout: JsonLayout<'_>) -> String {
        match self {
            Self::True => "true".to_owned(),
            Self::Text(text) => quoted(text),
            Self::List(values) => joined(layout, '[', ']', values, Self::to_json),
            Self::Fields(fields) => joined(layout, '{', '}', fields, |(name, value), inner| {
                let colon = if let JsonLayout::Line { colon, .. } = inner { colon } else { ": " };
                format!("{}{colon}{}", quoted(name), value.to_json(inner))
            }),
        }
    }

    /// The value as TOML on one line.
    pub fn to_toml(&self) -> String {
        let list = |items: Vec<String>| items.join(", ");
        match self {
            Self::True => "true".to_owned(),
            Self::Text(text) => toml_text(text),
            Self::List(values) => {
                format!("[{}]", list(values.iter().map(Self::to_toml).collect()))
            }
            Self::Fields(fields) => {
                let field =
                    |(name, value): &(String, Self)| format!("{name} = {}", value.to_toml());
                format!("{{ {} }}", list(fields.iter().map(field).collect()))
            }
        }
    }
}

/// The items between their brackets.
fn joined<T>(
    layout: JsonLayout<'_>,
    open: char,
    close: char,
    items: &[T],
    write: impl Fn(&T, JsonLayout<'_>) -> String,
) -> String {
    match layout {
        _ if items.is_empty() => format!("{open}{close}"),
        JsonLayout::Line { comma, .. } => {
            let items: Vec<_> = items.iter().map(|item| write(item, layout)).collect();
            format!("{open}{}{close}", items.join(comma))
        }
        JsonLayout::Lines { newline, indent, unit } => {
            let deeper = format!("{indent}{unit}");
            let inner = JsonLayout::Lines { newline, indent: &deeper, unit };
            let lines = items.iter().map(|item| format!("{newline}{deeper}{}", write(item, inner)));
            let lines: Vec<_> = lines.collect();
            format!("{open}{}{newline}{indent}{close}", lines.join(","))
        }
    }
}

/// A text as a JSON string.
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A text as a TOML string: literal where a path of Windows would need escapes, else basic.
pub fn toml_text(text: &str) -> String {
    let is_literal =
        text.contains(['\\', '"']) && !text.contains(|c: char| c == '\'' || c.is_control());
    // JSON's escapes are all TOML's, too.
    if is_literal { format!("'{text}'") } else { quoted(text).replace('\u{7f}', "\\u007F") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> SettingValue {
        SettingValue::fields([
            ("b", SettingValue::text("x\"\n")),
            ("a", SettingValue::List(vec![SettingValue::True, SettingValue::texts(&[])])),
        ])
    }

    #[test]
    fn values_are_json_on_one_line_and_on_many() {
        let line = JsonLayout::Line { colon: ":", comma: ", " };
        assert_eq!(sample().to_json(line), r#"{"b":"x\"\n", "a":[true, []]}"#);
        let lines = JsonLayout::Lines { newline: "\n", indent: "  ", unit: "\t" };
        let wanted = "{\n  \t\"b\": \"x\\\"\\n\",\n  \t\"a\": [\n  \t\ttrue,\n  \t\t[]\n  \t]\n  }";
        assert_eq!(sample().to_json(lines), wanted);
    }

    #[test]
    fn values_are_toml() {
        assert_eq!(sample().to_toml(), r#"{ b = "x\"\n", a = [true, []] }"#);
        for text in [r"C:\a b\c.exe", "it's \"so\" \\", "tab\tdel\u{7f}", ""] {
            let toml = format!("a = {}", toml_text(text));
            let parsed = toml_edit::Document::parse(toml.as_str()).unwrap();
            assert_eq!(parsed["a"].as_str(), Some(text), "{toml}");
        }
    }
}
