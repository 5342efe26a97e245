//! Edits of a TOML text that keep every byte but their own. Tables are added at the end of the text, and taken out by
//! their lines.

use std::ops::Range;

use junction_attachments::json::SettingValue;
use toml_edit::{Document, Item, Table, TableLike, Value};

pub(super) mod entries;
mod inline;

/// A TOML text.
pub(super) struct TomlEditor {
    text: String,
    document: Document<String>,
}

/// Why an edit cannot be made: the place, and a clause.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TomlObstacle {
    pub(super) at: usize,
    pub(super) what: String,
}

/// A hook in the text: its group, its place in that, and its texts by name.
pub(super) struct TomlHook {
    pub(super) group: usize,
    pub(super) at: usize,
    pub(super) texts: Vec<(String, String)>,
    /// The matcher of the group.
    pub(super) matcher: Option<String>,
}

impl TomlEditor {
    pub(super) fn new(text: &str) -> Result<Self, TomlObstacle> {
        let document = Document::parse(text.to_owned()).map_err(|error| TomlObstacle {
            at: error.span().map_or(0, |span| span.start),
            what: error.message().lines().next().unwrap_or_default().to_owned(),
        })?;
        Ok(Self { text: text.to_owned(), document })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The item at a path.
    pub(super) fn get(&self, path: &[&str]) -> Option<&Item> {
        path.iter().try_fold(self.document.as_item(), |item, name| item.as_table_like()?.get(name))
    }

    /// The text at a path.
    pub(super) fn get_text(&self, path: &[&str]) -> Option<String> {
        self.get(path)?.as_str().map(str::to_owned)
    }

    /// Where something is in the text; its beginning, if that is unknown.
    pub(super) fn place(&self, path: &[&str]) -> usize {
        self.get(path).and_then(Item::span).map_or(0, |span| span.start)
    }

    /// Adds tables at the end, given as lines, with an empty line before them. Fails where the text already has the
    /// tables in a form that cannot be added to.
    pub(super) fn append(&mut self, lines: &str, path: &[&str]) -> Result<(), TomlObstacle> {
        let mut text = self.text.clone();
        let newline = self.newline();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str(newline);
        }
        if !text.trim().is_empty() {
            text.push_str(newline);
        }
        text.push_str(&lines.replace('\n', newline));
        let place = (1..=path.len()).rev().find(|depth| self.get(&path[..*depth]).is_some());
        let place = place.map_or(0, |depth| self.place(&path[..depth]));
        *self = Self::new(&text).map_err(|_| TomlObstacle {
            at: place,
            what: format!("{} is written on one line", path.first().unwrap_or(&"")),
        })?;
        Ok(())
    }

    /// The value at a path, as it is written.
    pub(super) fn written(&self, path: &[&str]) -> Option<&str> {
        Some(&self.text[self.get(path)?.span()?])
    }

    /// Replaces a value at a path. Nothing happens where there is none.
    pub(super) fn replace(&mut self, path: &[&str], with: &str) -> Result<(), TomlObstacle> {
        let Some(span) = self.get(path).and_then(Item::span) else { return Ok(()) };
        self.edit(span, with)
    }

    /// Adds a field after another of the same table, in the form that the table has.
    pub(super) fn add_after(
        &mut self,
        path: &[&str],
        name: &str,
        value: &SettingValue,
    ) -> Result<(), TomlObstacle> {
        self.add_written_after(path, name, &value.to_toml())
    }

    /// Adds a field, whose value is given as it is to be written, after another of the same table.
    pub(super) fn add_written_after(
        &mut self,
        path: &[&str],
        name: &str,
        value: &str,
    ) -> Result<(), TomlObstacle> {
        let Some((last, parents)) = path.split_last() else { return Ok(()) };
        let end = self.get(path).and_then(Item::span).map(|span| span.end);
        let (Some(table), Some(end)) = (self.get(parents), end) else { return Ok(()) };
        let key = table.as_table_like().and_then(|table| table.key(last)?.span());
        let before = &self.text[..key.map_or(end, |key| key.start)];
        // Names with dots: the new one repeats the first of them.
        let field = |opens: &[char]| {
            let start = before.rfind(opens).map_or(0, |at| at + 1);
            format!("{}{name} = {value}", before[start..].trim_start_matches('\r'))
        };
        match table {
            Item::Value(Value::InlineTable(_)) => {
                let field = field(&['{', ',']);
                self.edit(end..end, &format!(", {}", field.trim_start()))
            }
            Item::Table(_) => {
                let field = field(&['\n']);
                let end = line_end(&self.text, end);
                let newline = self.newline();
                let text = if self.text[..end].ends_with('\n') {
                    format!("{field}{newline}")
                } else {
                    format!("{newline}{field}")
                };
                self.edit(end..end, &text)
            }
            _ => Ok(()),
        }
    }

    /// Takes out the table at a path, with all tables in it.
    pub(super) fn remove(&mut self, path: &[&str]) -> Result<(), TomlObstacle> {
        let Some((last, parents)) = path.split_last() else { return Ok(()) };
        let (Some(item), parent) = (self.get(path), self.get(parents)) else { return Ok(()) };
        if matches!(parent, Some(Item::Value(_))) {
            return self.remove_field(path);
        }
        let key = parent.and_then(Item::as_table_like).and_then(|parent| parent.key(last)?.span());
        let ranges = self.lines_of(item, key);
        self.remove_lines(ranges)
    }

    /// Takes lines out, each range with the empty line before it.
    fn remove_lines(&mut self, mut ranges: Vec<Range<usize>>) -> Result<(), TomlObstacle> {
        ranges.sort_by_key(|range| range.start);
        let mut text = self.text.clone();
        for range in ranges.into_iter().rev() {
            let before = &text[..range.start];
            let shorter = before.strip_suffix('\n').unwrap_or(before);
            let shorter = shorter.strip_suffix('\r').unwrap_or(shorter);
            // An empty line: what is before its end ends a line itself.
            let start = if shorter.len() < before.len() && shorter.ends_with('\n') {
                shorter.len()
            } else {
                range.start
            };
            text.replace_range(start..range.end, "");
        }
        *self = Self::new(&text)?;
        Ok(())
    }

    /// The hooks of an event.
    pub(super) fn hooks(&self, event: &str) -> Vec<TomlHook> {
        let mut found = Vec::new();
        let groups = self.get(&["hooks", event]).map(tables).unwrap_or_default();
        for (group, table) in groups.into_iter().enumerate() {
            let hooks = table.get("hooks").map(tables).unwrap_or_default();
            let matcher = table.get("matcher").and_then(Item::as_str).map(str::to_owned);
            for (at, hook) in hooks.into_iter().enumerate() {
                let text = |(name, item): (&str, &Item)| {
                    Some((name.to_owned(), item.as_str()?.to_owned()))
                };
                let texts = hook.iter().filter_map(text).collect();
                found.push(TomlHook { group, at, texts, matcher: matcher.clone() });
            }
        }
        found
    }

    /// Takes a hook of an event out, and its group if that is left empty.
    pub(super) fn remove_hook(
        &mut self,
        event: &str,
        (group, at): (usize, usize),
    ) -> Result<(), TomlObstacle> {
        match self.get(&["hooks", event]).cloned() {
            Some(Item::ArrayOfTables(groups)) => {
                let Some(table) = groups.get(group) else { return Ok(()) };
                match table.get("hooks") {
                    Some(Item::ArrayOfTables(hooks)) if hooks.len() > 1 => {
                        let lines = hooks.get(at).map(|hook| self.lines_of_table(hook));
                        self.remove_lines(lines.unwrap_or_default())
                    }
                    Some(Item::Value(Value::Array(hooks))) if hooks.len() > 1 => {
                        self.remove_item(hooks, at)
                    }
                    _ => self.remove_lines(self.lines_of_table(table)),
                }
            }
            Some(Item::Value(Value::Array(groups))) => {
                let table = groups.get(group).and_then(Value::as_inline_table);
                match table.and_then(|table| table.get("hooks")?.as_array()) {
                    Some(hooks) if hooks.len() > 1 => self.remove_item(hooks, at),
                    _ => self.remove_item(&groups, group),
                }
            }
            _ => Ok(()),
        }
    }

    /// The lines that an item takes.
    fn lines_of(&self, item: &Item, key: Option<Range<usize>>) -> Vec<Range<usize>> {
        match item {
            Item::Table(table) => self.lines_of_table(table),
            Item::ArrayOfTables(tables) => {
                tables.iter().flat_map(|table| self.lines_of_table(table)).collect()
            }
            Item::Value(value) => {
                let (Some(key), Some(value)) = (key, value.span()) else { return Vec::new() };
                std::iter::once(line_start(&self.text, key.start)..line_end(&self.text, value.end))
                    .collect()
            }
            Item::None => Vec::new(),
        }
    }

    /// The lines of a table: from its header to its last value, and those of the tables in it.
    fn lines_of_table(&self, table: &Table) -> Vec<Range<usize>> {
        let mut own: Vec<Range<usize>> = Vec::new();
        let mut inner = Vec::new();
        for (name, item) in table {
            let key = table.key(name).and_then(toml_edit::Key::span);
            let lines = self.lines_of(item, key);
            let is_own = match item {
                Item::Table(inner) => inner.is_dotted(),
                Item::ArrayOfTables(_) => false,
                Item::Value(_) | Item::None => true,
            };
            if is_own { own.extend(lines) } else { inner.extend(lines) }
        }
        let has_header = !table.is_dotted() && !table.is_implicit();
        if let Some(header) = table.span().filter(|_| has_header) {
            let start = line_start(&self.text, header.start);
            let last = own.iter().map(|lines| lines.end).max();
            let end = last.unwrap_or_else(|| line_end(&self.text, header.end));
            own.clear();
            own.push(start..end);
        }
        // Tables that follow each other go as one, with one empty line before them.
        own.extend(inner);
        own.sort_by_key(|lines| lines.start);
        let mut joined: Vec<Range<usize>> = Vec::new();
        for lines in own {
            match joined.last_mut() {
                Some(last) if last.end == lines.start => last.end = lines.end,
                _ => joined.push(lines),
            }
        }
        joined
    }

    pub(super) fn edit(&mut self, span: Range<usize>, with: &str) -> Result<(), TomlObstacle> {
        let mut text = self.text.clone();
        text.replace_range(span, with);
        *self = Self::new(&text)?;
        Ok(())
    }

    fn newline(&self) -> &'static str {
        let first = self.text.find('\n');
        if first.is_some_and(|at| self.text[..at].ends_with('\r')) { "\r\n" } else { "\n" }
    }
}

/// The tables of an array, whichever way it is written.
fn tables(item: &Item) -> Vec<&dyn TableLike> {
    match item {
        Item::ArrayOfTables(tables) => tables.iter().map(|table| table as &dyn TableLike).collect(),
        Item::Value(Value::Array(values)) => values
            .iter()
            .filter_map(|value| value.as_inline_table().map(|table| table as &dyn TableLike))
            .collect(),
        _ => Vec::new(),
    }
}

pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Behind the end of a line.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "[mcp_servers.junction]\ncommand = \"p\"\n";
    const HOOK: &str = "[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ntool = \"hook_event\"\n";

    fn editor(text: &str) -> TomlEditor {
        TomlEditor::new(text).unwrap()
    }

    #[test]
    fn tables_are_added_at_the_end_and_removed_to_the_byte() {
        for text in [
            "",
            "a = 1\n",
            "\r\n[x]\r\na = \"\"\"\r\n[y]\r\n\"\"\"\r\n",
            "# c\n[mcp_servers.other]\ncommand = \"o\" # c\n# tail\n",
            "mcp_servers.other.command = \"o\"\n",
            "[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ncommand = \"theirs\"\n[hooks.state.\"a:b\"]\nt = 1\n",
        ] {
            let mut editor = editor(text);
            editor.append(BLOCK, &["mcp_servers", "junction"]).unwrap();
            editor.append(HOOK, &["hooks", "Stop"]).unwrap();
            assert_eq!(
                editor.get_text(&["mcp_servers", "junction", "command"]).as_deref(),
                Some("p")
            );
            let is_ours =
                |hook: &TomlHook| hook.texts == [("tool".to_owned(), "hook_event".to_owned())];
            let ours = editor.hooks("Stop").into_iter().filter(is_ours);
            let ours: Vec<_> = ours.map(|hook| (hook.group, hook.at)).collect();
            assert_eq!(ours.len(), 1, "{text}");
            editor.remove_hook("Stop", ours[0]).unwrap();
            editor.remove(&["mcp_servers", "junction"]).unwrap();
            assert_eq!(editor.text(), text);
        }
    }

    #[test]
    fn tables_that_others_added_to_ours_go_and_the_rest_stays() {
        let text = "a = 1\n\n[mcp_servers.junction] # ours\ncommand = \"p\"\n# why\nargs = [\n  \"x\",\n]\n\n\
                    [mcp_servers.junction.tools.read_messages]\napproval_mode = \"approve\"\n\n# b\n[b]\nc = 2\n";
        let mut whole = editor(text);
        whole.remove(&["mcp_servers", "junction"]).unwrap();
        assert_eq!(whole.text(), "a = 1\n\n# b\n[b]\nc = 2\n");
        let mut dotted = editor("[mcp_servers]\njunction.command = \"p\"\nother.command = \"o\"\n");
        dotted.remove(&["mcp_servers", "junction"]).unwrap();
        assert_eq!(dotted.text(), "[mcp_servers]\nother.command = \"o\"\n");
        let mut line = editor("[mcp_servers]\njunction = { command = \"p\" }\n");
        line.remove(&["mcp_servers", "junction"]).unwrap();
        assert_eq!(line.text(), "[mcp_servers]\n");
    }

    #[test]
    fn fields_are_added_in_the_form_of_their_table() {
        let path = ["mcp_servers", "junction", "command"];
        for (text, wanted) in [
            (
                "[mcp_servers.junction]\r\ncommand = 'o' # c\r\nx = 1\r\n",
                "[mcp_servers.junction]\r\ncommand = \"p\" # c\r\nok = true\r\nx = 1\r\n",
            ),
            (
                "[mcp_servers.junction]\ncommand = \"o\"",
                "[mcp_servers.junction]\ncommand = \"p\"\nok = true",
            ),
            (
                "mcp_servers.junction = { command = \"o\" }",
                "mcp_servers.junction = { command = \"p\", ok = true }",
            ),
            (
                "mcp_servers.junction.command = \"o\"\n",
                "mcp_servers.junction.command = \"p\"\nmcp_servers.junction.ok = true\n",
            ),
            (
                "a = 1\r\n[mcp_servers]\r\n  junction.command = \"o\" # c\r\n",
                "a = 1\r\n[mcp_servers]\r\n  junction.command = \"p\" # c\r\n  junction.ok = true\r\n",
            ),
            (
                "mcp_servers = { a = { b = 1 }, junction.command = \"o\" }",
                "mcp_servers = { a = { b = 1 }, junction.command = \"p\", junction.ok = true }",
            ),
        ] {
            let mut editor = editor(text);
            editor.replace(&path, "\"p\"").unwrap();
            editor.add_after(&path, "ok", &SettingValue::True).unwrap();
            assert_eq!(editor.text(), wanted);
        }
    }

    #[test]
    fn what_cannot_be_edited_is_said_with_its_place() {
        let mut inline = editor("a = 1\nmcp_servers = { other = { command = \"o\" } }\n");
        let found = inline.append(BLOCK, &["mcp_servers", "junction"]).unwrap_err();
        assert_eq!((found.at, found.what.as_str()), (20, "mcp_servers is written on one line"));
        let broken = TomlEditor::new("a = 1\nb = [1\n").err().unwrap();
        assert_eq!(broken.at, 12);
    }
}
