//! Edits of TOML tables and arrays that are written as values, between brackets.

use std::ops::Range;

use junction_attachments::json::SettingValue;
use toml_edit::{Array, InlineTable, Item, Value};

use super::{TomlEditor, TomlObstacle, line_end, line_start};

/// A table or an array between brackets: its place, and those of what it holds.
struct Bracketed {
    span: Range<usize>,
    children: Vec<Range<usize>>,
}

impl Bracketed {
    fn of_array(array: &Array) -> Option<Self> {
        let children = array.iter().map(Value::span).collect::<Option<_>>()?;
        Some(Self { span: array.span()?, children })
    }

    /// A table between brackets. Names with dots have no place of their own.
    fn of_table(table: &InlineTable) -> Option<Self> {
        let child =
            |name: &str, value: &Value| Some(table.key(name)?.span()?.start..value.span()?.end);
        let children = table.iter().map(|(name, value)| child(name, value));
        Some(Self { span: table.span()?, children: children.collect::<Option<_>>()? })
    }

    /// What is within the brackets.
    fn inner(&self) -> Range<usize> {
        self.span.start + 1..self.span.end - 1
    }

    /// The edit that adds something at the end.
    fn append(&self, text: &str, with: &str, gap: &str) -> (Range<usize>, String) {
        if let Some(last) = self.children.last() {
            return (last.end..last.end, format!(", {with}"));
        }
        let inner = self.inner();
        if text[inner.clone()].trim().is_empty() {
            return (inner, format!("{gap}{with}{gap}"));
        }
        (inner.start..inner.start, format!("{gap}{with}"))
    }

    /// The part of the text that goes with one of the children.
    fn without(&self, text: &str, index: usize) -> Range<usize> {
        let (child, inner) = (&self.children[index], self.inner());
        let is_bare = |range: Range<usize>| text[range].trim_matches([' ', '\t', ',']).is_empty();
        match (index.checked_sub(1), self.children.get(index + 1)) {
            (Some(previous), _) => self.children[previous].end..child.end,
            (None, Some(next)) => child.start..next.start,
            (None, None) if is_bare(inner.start..child.start) && is_bare(child.end..inner.end) => {
                inner
            }
            (None, None) => {
                let rest = &text[child.end..inner.end];
                let comma = rest.len() - rest.trim_start().len();
                let has_comma = rest[comma..].starts_with(',');
                child.start..child.end + if has_comma { comma + 1 } else { 0 }
            }
        }
    }
}

impl TomlEditor {
    /// The depth at which a path goes into a table between brackets, if it does.
    pub(crate) fn inline_depth(&self, path: &[&str]) -> Option<usize> {
        let found =
            (1..path.len()).rev().find_map(|depth| Some((depth, self.get(&path[..depth])?)));
        let (depth, item) = found?;
        matches!(item, Item::Value(Value::InlineTable(_))).then_some(depth)
    }

    /// Adds a value at a path, to a table between brackets that is there at this depth.
    pub(crate) fn add_inline(
        &mut self,
        path: &[&str],
        depth: usize,
        value: &SettingValue,
    ) -> Result<(), TomlObstacle> {
        let Some(Item::Value(Value::InlineTable(table))) = self.get(&path[..depth]) else {
            return Ok(());
        };
        let mut value = value.clone();
        for name in path[depth + 1..].iter().rev() {
            value = SettingValue::Fields(vec![((*name).to_owned(), value)]);
        }
        let place = Bracketed::of_table(table).ok_or_else(|| self.obstacle(&path[..depth]))?;
        let field = format!("{} = {}", path[depth], value.to_toml());
        let (span, with) = place.append(self.text(), &field, " ");
        self.edit(span, &with)
    }

    /// Adds an item to the array between brackets at a path. Nothing happens where there is none.
    pub(crate) fn push_inline(
        &mut self,
        path: &[&str],
        value: &SettingValue,
    ) -> Result<(), TomlObstacle> {
        let Some(array) = self.get(path).and_then(Item::as_array) else { return Ok(()) };
        let place = Bracketed::of_array(array).ok_or_else(|| self.obstacle(path))?;
        let (span, with) = place.append(self.text(), &value.to_toml(), "");
        self.edit(span, &with)
    }

    /// Takes a field out of its table, and nothing around it.
    pub(crate) fn remove_field(&mut self, path: &[&str]) -> Result<(), TomlObstacle> {
        let Some((name, parents)) = path.split_last() else { return Ok(()) };
        let (Some(item), Some(parent)) = (self.get(path), self.get(parents)) else {
            return Ok(());
        };
        let span = if let Item::Value(Value::InlineTable(table)) = parent {
            let index = table.iter().position(|(field, _)| field == *name);
            let place = Bracketed::of_table(table);
            place.zip(index).map(|(place, index)| place.without(self.text(), index))
        } else {
            let key = parent.as_table_like().and_then(|table| table.key(name)?.span());
            let lines = key.zip(item.span());
            lines.map(|(key, value)| {
                line_start(self.text(), key.start)..line_end(self.text(), value.end)
            })
        };
        let span = span.ok_or_else(|| self.obstacle(path))?;
        self.edit(span, "")
    }

    /// Takes an item out of an array between brackets.
    pub(crate) fn remove_item(&mut self, array: &Array, index: usize) -> Result<(), TomlObstacle> {
        let Some(place) = Bracketed::of_array(array).filter(|place| index < place.children.len())
        else {
            return Ok(());
        };
        let span = place.without(self.text(), index);
        self.edit(span, "")
    }

    fn obstacle(&self, path: &[&str]) -> TomlObstacle {
        TomlObstacle { at: self.place(path), what: format!("{} is written on one line", path[0]) }
    }
}
