//! Edits of a JSON text that keep every byte but their own: order, indentation, comments, line ends.

use std::ops::Range;

use super::{
    JsonDialect, JsonField, JsonLayout, JsonMistake, JsonNode, SettingValue, parse, quoted, skipped,
};

/// A JSON text whose root is an object.
pub struct JsonEditor {
    text: String,
    root: JsonNode,
    dialect: JsonDialect,
}

/// Why an edit cannot be made.
#[derive(Debug, PartialEq, Eq)]
pub enum JsonObstacle {
    /// The text is not JSON.
    Mistake(JsonMistake),
    /// What has this name is not what it should be; the root has none.
    Kind {
        /// The path, with dots.
        name: String,
        /// Where the value is, in bytes.
        at: usize,
        /// What it should be.
        expected: &'static str,
    },
    /// The name is there twice.
    Twice {
        /// The path, with dots.
        name: String,
        /// Where the second one is, in bytes.
        at: usize,
    },
}

/// A part of the text to replace.
type Edit = (Range<usize>, String);

impl JsonEditor {
    /// Reads a text. One without any content counts as an empty object.
    ///
    /// # Errors
    /// The text is not JSON of the dialect, or no object.
    pub fn new(text: &str, dialect: JsonDialect) -> Result<Self, JsonObstacle> {
        let text = if text.trim().is_empty() { "{}\n" } else { text };
        let root = parse(text, dialect).map_err(JsonObstacle::Mistake)?;
        if root.fields().is_none() {
            let (name, at) = (String::new(), root.span.start);
            return Err(JsonObstacle::Kind { name, at, expected: "an object" });
        }
        Ok(Self { text: text.to_owned(), root, dialect })
    }

    /// The text, with the edits made so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value at a path of names; `None` for null, too.
    pub fn get(&self, path: &[&str]) -> Option<&JsonNode> {
        self.node(path).filter(|node| !node.is_null())
    }

    /// Whether null is written at a path of names.
    pub fn has_null(&self, path: &[&str]) -> bool {
        self.node(path).is_some_and(JsonNode::is_null)
    }

    fn node(&self, path: &[&str]) -> Option<&JsonNode> {
        path.iter().try_fold(&self.root, |node, name| node.field(name))
    }

    /// The text at a path of names.
    pub fn get_text(&self, path: &[&str]) -> Option<String> {
        self.get(path)?.text(&self.text)
    }

    /// The deepest object on a path, and how many names of the path lead to it.
    ///
    /// # Errors
    /// Something on the way is no object, or is there twice.
    pub fn object(&self, path: &[&str]) -> Result<(&JsonNode, usize), JsonObstacle> {
        let mut node = &self.root;
        for (depth, name) in path.iter().enumerate() {
            let mut named = node.fields().into_iter().flatten().filter(|field| field.name == *name);
            let Some(found) = named.next() else { return Ok((node, depth)) };
            if let Some(second) = named.next() {
                let name = path[..=depth].join(".");
                return Err(JsonObstacle::Twice { name, at: second.span.start });
            }
            if found.value.is_null() {
                return Ok((node, depth));
            }
            node = &found.value;
            if node.fields().is_none() {
                let name = path[..=depth].join(".");
                return Err(JsonObstacle::Kind {
                    name,
                    at: node.span.start,
                    expected: "an object",
                });
            }
        }
        Ok((node, path.len()))
    }

    /// The items of the array at a path; none if there is no array.
    ///
    /// # Errors
    /// Something on the way is no object or is there twice, or the last is no array.
    pub fn array(&self, path: &[&str]) -> Result<&[JsonNode], JsonObstacle> {
        let Some((last, parents)) = path.split_last() else { return Ok(&[]) };
        let (parent, depth) = self.object(parents)?;
        if depth < parents.len() {
            return Ok(&[]);
        }
        let Some(node) = parent.field(last).filter(|node| !node.is_null()) else {
            return Ok(&[]);
        };
        node.items().ok_or_else(|| JsonObstacle::Kind {
            name: path.join("."),
            at: node.span.start,
            expected: "an array",
        })
    }

    /// Adds a field, and the objects on the way to it that are missing. Null counts as missing.
    ///
    /// # Errors
    /// Something on the way is no object, or is there twice.
    pub fn add(&mut self, path: &[&str], value: &SettingValue) -> Result<(), JsonObstacle> {
        let Some((last, parents)) = path.split_last() else { return Ok(()) };
        let (object, depth) = self.object(parents)?;
        let (first, between) = match parents.get(depth) {
            Some(missing) => (*missing, &parents[depth + 1..]),
            None => (*last, &[][..]),
        };
        let mut value = value.clone();
        if depth < parents.len() {
            value = SettingValue::Fields(vec![((*last).to_owned(), value)]);
        }
        for name in between.iter().rev() {
            value = SettingValue::Fields(vec![((*name).to_owned(), value)]);
        }
        let fields = object.fields().unwrap_or_default();
        if let Some(field) = fields.iter().find(|field| field.name == first) {
            let style = JsonStyle::of(&self.text, &self.root);
            let is_open = begins_line(&self.text, field.span.start);
            let indent = indent_of(&self.text, field.span.start);
            let layout = if is_open { style.lines(indent) } else { style.line() };
            let edit = (field.value.span.clone(), value.to_json(layout));
            return self.apply(vec![edit]);
        }
        let children: Vec<_> = fields.iter().map(|field| field.span.clone()).collect();
        let edits = self.append(&object.span, &children, |layout| {
            let colon = if let JsonLayout::Line { colon, .. } = layout { colon } else { ": " };
            format!("{}{colon}{}", quoted(first), value.to_json(layout))
        });
        self.apply(edits)
    }

    /// Adds an item to the array at a path, which is made if it is missing.
    ///
    /// # Errors
    /// Something on the way is no object or is there twice, or the last is no array.
    pub fn push(&mut self, path: &[&str], value: &SettingValue) -> Result<(), JsonObstacle> {
        self.array(path)?;
        let Some(array) = self.get(path) else {
            return self.add(path, &SettingValue::List(vec![value.clone()]));
        };
        let children: Vec<_> =
            array.items().into_iter().flatten().map(|item| item.span.clone()).collect();
        let edits = self.append(&array.span, &children, |layout| value.to_json(layout));
        self.apply(edits)
    }

    /// Replaces a part of the text.
    ///
    /// # Errors
    /// The text is no JSON afterwards.
    pub fn replace(&mut self, span: Range<usize>, with: &str) -> Result<(), JsonObstacle> {
        self.apply(vec![(span, with.to_owned())])
    }

    /// Removes the field at a path.
    ///
    /// # Errors
    /// The text is no JSON afterwards.
    pub fn remove(&mut self, path: &[&str]) -> Result<(), JsonObstacle> {
        let Some((last, parents)) = path.split_last() else { return Ok(()) };
        let Some(object) = self.get(parents) else { return Ok(()) };
        let fields = object.fields().unwrap_or_default();
        let Some(index) = fields.iter().position(|field| field.name == *last) else {
            return Ok(());
        };
        let children: Vec<_> = fields.iter().map(|field: &JsonField| field.span.clone()).collect();
        let edits = self.without(&object.span.clone(), &children, index);
        self.apply(edits)
    }

    /// Removes an item of an array, whose place in the text this is.
    ///
    /// # Errors
    /// The text is no JSON afterwards.
    pub fn remove_item(
        &mut self,
        array: &Range<usize>,
        items: &[Range<usize>],
        index: usize,
    ) -> Result<(), JsonObstacle> {
        let edits = self.without(array, items, index);
        self.apply(edits)
    }

    fn apply(&mut self, mut edits: Vec<Edit>) -> Result<(), JsonObstacle> {
        edits.sort_by_key(|(span, _)| span.start);
        for (span, text) in edits.into_iter().rev() {
            self.text.replace_range(span, &text);
        }
        self.root = parse(&self.text, self.dialect).map_err(JsonObstacle::Mistake)?;
        Ok(())
    }

    /// The edits that put an item after the last of its container.
    fn append(
        &self,
        container: &Range<usize>,
        children: &[Range<usize>],
        write: impl Fn(JsonLayout<'_>) -> String,
    ) -> Vec<Edit> {
        let style = JsonStyle::of(&self.text, &self.root);
        let inner = container.start + 1..container.end - 1;
        let base = indent_of(&self.text, container.start);
        let Some(last) = children.last() else {
            if style.is_minified {
                return vec![(end_of_content(&self.text, &inner), write(style.line()))];
            }
            let deeper = format!("{base}{}", style.unit);
            let item = format!("{}{deeper}{}", style.newline, write(style.lines(&deeper)));
            let place = end_of_content(&self.text, &inner);
            // A comment on its own line leaves the bracket where it is.
            let is_closed = self.text[place.end..inner.end].contains('\n');
            let close = if is_closed { String::new() } else { format!("{}{base}", style.newline) };
            return vec![(place, item + &close)];
        };
        let comma = self.comma_after(last.end, inner.end);
        if begins_line(&self.text, last.start) {
            let indent = indent_of(&self.text, last.start);
            let item = format!("{}{indent}{}", style.newline, write(style.lines(indent)));
            let after = self.end_of_line_comments(comma.map_or(last.end, |at| at + 1));
            return match comma {
                Some(_) => vec![(after..after, item + ",")],
                None if after == last.end => vec![(after..after, format!(",{item}"))],
                None => vec![(last.end..last.end, ",".to_owned()), (after..after, item)],
            };
        }
        let item = write(style.line());
        match comma {
            Some(at) => vec![(at + 1..at + 1, format!(" {item},"))],
            None => vec![(last.end..last.end, format!("{}{item}", style.comma))],
        }
    }

    /// The edits that take an item out of its container.
    fn without(
        &self,
        container: &Range<usize>,
        children: &[Range<usize>],
        index: usize,
    ) -> Vec<Edit> {
        let inner = container.start + 1..container.end - 1;
        let child = children[index].clone();
        let comma_after = self.comma_after(child.end, inner.end);
        let end = comma_after.map_or(child.end, |at| at + 1);
        let is_alone = children.len() == 1;
        let is_bare = self.text[inner.start..child.start].trim().is_empty()
            && self.text[end..inner.end].trim().is_empty();
        if is_alone && is_bare {
            return vec![(inner, String::new())];
        }
        let owns_line = begins_line(&self.text, child.start);
        let before = self.text[..child.start].trim_end_matches([' ', '\t']);
        let start = match (owns_line, index) {
            (true, _) => {
                before.trim_end_matches('\n').trim_end_matches('\r').len().max(inner.start)
            }
            (false, 0) => child.start,
            (false, _) => before.len(),
        };
        let is_last = index + 1 == children.len();
        if comma_after.is_some() && (owns_line || !is_last) {
            let spaces = self.text[end..].len() - self.text[end..].trim_start_matches(' ').len();
            let end = if owns_line { end } else { end + spaces };
            let start = if owns_line { start } else { child.start };
            return vec![(start..end, String::new())];
        }
        let previous = index.checked_sub(1).map(|index| children[index].end);
        let comma_before = previous.and_then(|end| self.comma_after(end, child.start));
        match comma_before {
            Some(at) if comma_after.is_none() && start <= at => {
                vec![(at..child.end, String::new())]
            }
            Some(at) if comma_after.is_none() => {
                vec![(at..at + 1, String::new()), (start..child.end, String::new())]
            }
            _ => vec![(start..end, String::new())],
        }
    }

    /// Where the comma is that follows here, if one does before `end`.
    fn comma_after(&self, at: usize, end: usize) -> Option<usize> {
        let next = skipped(&self.text, at);
        (next < end && self.text.as_bytes()[next] == b',').then_some(next)
    }

    /// Where the comments end that follow on the same line.
    fn end_of_line_comments(&self, at: usize) -> usize {
        let mut end = at;
        loop {
            let rest = &self.text[end..];
            let spaces = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            let rest = &rest[spaces..];
            let length = if rest.starts_with("//") {
                rest.find('\n')
                    .map_or(rest.len(), |newline| rest[..newline].trim_end_matches('\r').len())
            } else if rest.starts_with("/*") {
                rest.find("*/").map_or(rest.len(), |close| close + 2)
            } else {
                return end;
            };
            if rest[..length].contains('\n') {
                return end;
            }
            end += spaces + length;
        }
    }
}

/// How a text is written.
struct JsonStyle<'t> {
    newline: &'static str,
    unit: &'t str,
    colon: &'static str,
    comma: &'static str,
    /// Whether the text has content, and all of it on one line.
    is_minified: bool,
}

impl<'t> JsonStyle<'t> {
    fn of(text: &'t str, root: &JsonNode) -> Self {
        let first = root.fields().unwrap_or_default().first();
        let is_open = first.is_some_and(|field| begins_line(text, field.span.start));
        let unit = first.filter(|_| is_open).map(|field| indent_of(text, field.span.start));
        let has_space = first.is_none_or(|field| {
            let between = &text[field.span.start..field.value.span.start];
            between.ends_with([' ', '\n'])
        });
        let newline = text.find('\n').is_some_and(|at| text[..at].ends_with('\r'));
        Self {
            newline: if newline { "\r\n" } else { "\n" },
            unit: unit.filter(|unit| !unit.is_empty()).unwrap_or("  "),
            colon: if has_space { ": " } else { ":" },
            comma: if has_space { ", " } else { "," },
            is_minified: first.is_some() && !text[root.span.clone()].contains('\n'),
        }
    }

    fn line(&self) -> JsonLayout<'_> {
        JsonLayout::Line { colon: self.colon, comma: self.comma }
    }

    fn lines<'a>(&'a self, indent: &'a str) -> JsonLayout<'a> {
        JsonLayout::Lines { newline: self.newline, indent, unit: self.unit }
    }
}

/// The space that the line begins with on which this place is.
fn indent_of(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = &text[start..at];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Whether nothing but space is before this place on its line.
fn begins_line(text: &str, at: usize) -> bool {
    text[..at].trim_end_matches([' ', '\t']).ends_with('\n')
}

/// The space at the end of a container's inside: all of it, where there are no comments.
fn end_of_content(text: &str, inner: &Range<usize>) -> Range<usize> {
    let content = text[inner.clone()].trim_end();
    if content.is_empty() {
        return inner.clone();
    }
    let end = inner.start + content.len();
    end..end
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENIENT: JsonDialect = JsonDialect { comments: true, trailing_commas: true };

    fn editor(text: &str) -> JsonEditor {
        JsonEditor::new(text, LENIENT).unwrap()
    }

    fn added(text: &str) -> String {
        let mut editor = editor(text);
        editor.add(&["m", "j"], &SettingValue::fields([("c", SettingValue::text("p"))])).unwrap();
        editor.text
    }

    fn pushed(text: &str) -> String {
        let mut editor = editor(text);
        editor.push(&["a"], &SettingValue::text("x")).unwrap();
        editor.text
    }

    #[test]
    fn field_is_written_as_the_rest_of_its_file_is() {
        for (text, wanted) in [
            ("", "{\n  \"m\": {\n    \"j\": {\n      \"c\": \"p\"\n    }\n  }\n}\n"),
            ("{}", "{\n  \"m\": {\n    \"j\": {\n      \"c\": \"p\"\n    }\n  }\n}"),
            ("{ \"b\":1}", "{ \"b\":1,\"m\":{\"j\":{\"c\":\"p\"}}}"),
            ("{\"m\": {}, \"b\": 1}", "{\"m\": {\"j\": {\"c\": \"p\"}}, \"b\": 1}"),
            (
                "{\r\n\t\"m\": {\r\n\t\t\"o\": 1\r\n\t}\r\n}",
                "{\r\n\t\"m\": {\r\n\t\t\"o\": 1,\r\n\t\t\"j\": {\r\n\t\t\t\"c\": \"p\"\r\n\t\t}\r\n\t}\r\n}",
            ),
            (
                "{\n   \"m\": { \"o\": 1 } // c\n}",
                "{\n   \"m\": { \"o\": 1, \"j\": {\"c\": \"p\"} } // c\n}",
            ),
            (
                "{\n  \"b\": 1 /* x */ // c\n  // \"d\": 2\n}",
                "{\n  \"b\": 1, /* x */ // c\n  \"m\": {\n    \"j\": {\n      \"c\": \"p\"\n    }\n  }\n  // \"d\": 2\n}",
            ),
            (
                "{\n  \"b\": 1, // c\n}",
                "{\n  \"b\": 1, // c\n  \"m\": {\n    \"j\": {\n      \"c\": \"p\"\n    }\n  },\n}",
            ),
            (
                "{\n  \"m\": {\n    // none\n  }\n}",
                "{\n  \"m\": {\n    // none\n    \"j\": {\n      \"c\": \"p\"\n    }\n  }\n}",
            ),
        ] {
            assert_eq!(added(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn item_is_written_as_the_rest_of_its_array_is() {
        for (text, wanted) in [
            ("{\"a\":[]}", "{\"a\":[\"x\"]}"),
            ("{\"a\":[1,2]}", "{\"a\":[1,2,\"x\"]}"),
            ("{\n  \"a\": [1]\n}", "{\n  \"a\": [1, \"x\"]\n}"),
            ("{\n  \"a\": [\n    1\n  ]\n}", "{\n  \"a\": [\n    1,\n    \"x\"\n  ]\n}"),
            ("{\n  \"a\": [1,]\n}", "{\n  \"a\": [1, \"x\",]\n}"),
            ("{\"b\": 1}", "{\"b\": 1, \"a\": [\"x\"]}"),
            ("{\"a\":null,\"b\":1}", "{\"a\":[\"x\"],\"b\":1}"),
            ("{\n  \"a\": null\n}", "{\n  \"a\": [\n    \"x\"\n  ]\n}"),
        ] {
            assert_eq!(pushed(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn what_was_added_is_removed_to_the_byte() {
        for text in [
            "{}",
            "{ \"b\":1}",
            "{\"b\": [1, 2]}",
            "{\n  \"b\": 1 /* x */ // c\n  // \"d\": 2\n}",
            "{\n  \"b\": 1, // c\n}",
            "{\r\n\t\"m\": {\r\n\t\t\"o\": 1\r\n\t}\r\n}\r\n",
            "{\n   \"m\": { \"o\": 1 } // c\n}",
            "{\n   \"m\": { \"o\": 1, } // c\n}",
        ] {
            let mut editor = editor(&added(text));
            editor.remove(&["m", "j"]).unwrap();
            if editor.get(&["m"]).and_then(JsonNode::fields).is_some_and(<[_]>::is_empty) {
                editor.remove(&["m"]).unwrap();
            }
            assert_eq!(editor.text, text);
        }
    }

    #[test]
    fn any_field_is_removed_and_the_rest_stays() {
        for (text, name, wanted) in [
            ("{\"a\":1,\"b\":2}", "a", "{\"b\":2}"),
            ("{\"a\": 1, \"b\": 2}", "b", "{\"a\": 1}"),
            ("{\"a\": 1, \"b\": 2, \"c\": 3}", "b", "{\"a\": 1, \"c\": 3}"),
            ("{\n  \"a\": 1, // one\n  \"b\": 2\n}", "b", "{\n  \"a\": 1 // one\n}"),
            ("{\n  \"a\": 1,\n  \"b\": 2\n}", "a", "{\n  \"b\": 2\n}"),
            ("{\n  \"a\": 1, // one\n  \"b\": 2,\n}", "b", "{\n  \"a\": 1, // one\n}"),
            ("{\n  // none\n  \"a\": 1\n}", "a", "{\n  // none\n}"),
        ] {
            let mut editor = editor(text);
            editor.remove(&[name]).unwrap();
            assert_eq!(editor.text, wanted, "{text}");
        }
    }

    #[test]
    fn obstacles_are_named_with_their_place() {
        let mut wrong = editor("{\"m\": 7, \"a\": {}}");
        let kind = |name: &str, at, expected| {
            Err(JsonObstacle::Kind { name: name.to_owned(), at, expected })
        };
        assert_eq!(wrong.add(&["m", "j"], &SettingValue::True), kind("m", 6, "an object"));
        assert_eq!(wrong.push(&["a"], &SettingValue::True), kind("a", 14, "an array"));
        let mut twice = editor("{\"m\": {}, \"m\": {}}");
        let found = twice.add(&["m", "j"], &SettingValue::True);
        assert_eq!(found, Err(JsonObstacle::Twice { name: "m".to_owned(), at: 10 }));
        assert!(JsonEditor::new("[]", LENIENT).is_err());
    }
}
