//! A text of settings that entries are put into and taken out of.

use std::path::Path;

use junction_attachments::json::{JsonEditor, JsonObstacle, SettingValue};
use serde_json::{Map, Value};

use super::entry::{EntryState, FileFormat, PlannedEntry};
use super::json::entries::{install_json, item_of, json_hooks, remove_json};
use super::json::server::{json_address, json_command};
use super::problem::FileProblem;
use super::program::is_bridge;
use super::toml::TomlEditor;
use super::toml::entries::{
    install_toml, remove_toml, remove_toml_marks, toml_address, toml_hooks,
};

/// A text of settings, with the place of everything in it.
pub(super) enum SettingsText<'p> {
    Json(&'p Path, JsonEditor),
    Toml(&'p Path, TomlEditor),
}

impl<'p> SettingsText<'p> {
    pub(super) fn new(path: &'p Path, format: FileFormat, text: &str) -> Result<Self, FileProblem> {
        match format {
            FileFormat::Json(dialect) => JsonEditor::new(text, dialect)
                .map(|editor| Self::Json(path, editor))
                .map_err(|obstacle| FileProblem::json(path, text, obstacle)),
            FileFormat::Toml => TomlEditor::new(text)
                .map(|editor| Self::Toml(path, editor))
                .map_err(|obstacle| FileProblem::toml_syntax(path, text, obstacle)),
        }
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Self::Json(_, editor) => editor.text(),
            Self::Toml(_, editor) => editor.text(),
        }
    }

    /// Whether nothing is left that somebody may have written.
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Json(_, editor) => editor.text().split_whitespace().collect::<String>() == "{}",
            Self::Toml(_, editor) => editor.text().trim().is_empty(),
        }
    }

    /// Whether this says the same as another text, but for these names, which here may stand for nothing. The order of a
    /// JSON text and its spaces say nothing.
    pub(super) fn says_the_same(&self, other: &str, residue: &[&str]) -> bool {
        let read = |text: &str| serde_json::from_str::<Map<String, Value>>(text).ok();
        let others = if other.trim().is_empty() { "{}" } else { other };
        let both = read(self.text()).zip(read(others)).filter(|_| !residue.is_empty());
        let Some((mut own, others)) = both else { return self.text() == other };
        let is_left = |name: &String, value: &Value| {
            residue.contains(&name.as_str())
                && !others.contains_key(name)
                && value.as_object().is_some_and(Map::is_empty)
        };
        own.retain(|name, value| !is_left(name, value));
        own == others
    }

    /// Puts an entry in, where it is missing or calls another program.
    pub(super) fn install(&mut self, entry: &PlannedEntry) -> Result<(), FileProblem> {
        match self {
            Self::Json(path, editor) => {
                let text = editor.text().to_owned();
                install_json(editor, entry).map_err(|wrong| wrong.told(path, &text))
            }
            Self::Toml(path, editor) => install_toml(path, editor, entry),
        }
    }

    /// Refuses a text in which something on the way to an entry stands twice: nobody can say which of them counts.
    pub(super) fn check_names(&self, entry: &PlannedEntry) -> Result<(), FileProblem> {
        let (Self::Json(file, editor), PlannedEntry::Server { path, .. }) = (self, entry) else {
            return Ok(());
        };
        match editor.object(path) {
            Err(twice @ JsonObstacle::Twice { .. }) => {
                Err(FileProblem::json(file, editor.text(), twice))
            }
            _ => Ok(()),
        }
    }

    /// Takes an entry out, and whatever held it alone. What the back-up has of it is put back.
    pub(super) fn remove(
        &mut self,
        entry: &PlannedEntry,
        backup: Option<&Self>,
    ) -> Result<(), FileProblem> {
        match (self, backup) {
            (Self::Json(path, editor), Some(Self::Json(_, backup))) => {
                remove_json(editor, entry, Some(backup))
                    .map_err(|obstacle| FileProblem::json(path, editor.text(), obstacle))
            }
            (Self::Json(path, editor), _) => remove_json(editor, entry, None)
                .map_err(|obstacle| FileProblem::json(path, editor.text(), obstacle)),
            (Self::Toml(path, editor), Some(Self::Toml(_, backup))) => {
                remove_toml(path, editor, entry, Some(backup))
            }
            (Self::Toml(path, editor), _) => remove_toml(path, editor, entry, None),
        }
    }

    /// Takes off the line end that an addition needed where the back-up, with the same last line, has none.
    pub(super) fn end_like(&mut self, backup: &Self) -> Result<(), FileProblem> {
        let Self::Toml(path, editor) = self else { return Ok(()) };
        let (text, backup) = (editor.text().to_owned(), backup.text());
        let body = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
        if let Some(body) = body
            && !backup.ends_with('\n')
            && body.lines().next_back() == backup.lines().next_back()
        {
            *editor = TomlEditor::new(body)
                .map_err(|obstacle| FileProblem::toml_syntax(path, &text, obstacle))?;
        }
        Ok(())
    }

    /// Where hooks of ours are that do what is planned for an event and a matcher: the group, and the place in that.
    pub(super) fn hook_places(
        &self,
        event: &str,
        planned: Option<&'static str>,
    ) -> Vec<(usize, usize)> {
        match self {
            Self::Json(_, editor) => {
                json_hooks(editor, event, planned).map(|hook| hook.place()).collect()
            }
            Self::Toml(_, editor) => {
                toml_hooks(editor, event, planned).map(|(hook, _)| (hook.group, hook.at)).collect()
            }
        }
    }

    /// Whether there are hooks, whoever's.
    pub(super) fn has_hooks(&self) -> bool {
        match self {
            Self::Json(_, editor) => editor.get(&["hooks"]).is_some(),
            Self::Toml(_, editor) => editor.get(&["hooks"]).is_some(),
        }
    }

    /// Takes out the marks of trust with these keys, unless the back-up has them.
    pub(super) fn remove_marks(
        &mut self,
        marks: &[String],
        backup: Option<&Self>,
    ) -> Result<(), FileProblem> {
        let Self::Toml(path, editor) = self else { return Ok(()) };
        let text = editor.text().to_owned();
        let backup = backup.and_then(|backup| match backup {
            Self::Toml(_, editor) => Some(editor),
            Self::Json(..) => None,
        });
        remove_toml_marks(editor, marks, backup)
            .map_err(|obstacle| FileProblem::toml_form(path, &text, obstacle))
    }

    /// Whether an entry is there.
    pub(super) fn state(&self, entry: &PlannedEntry) -> EntryState {
        match entry {
            PlannedEntry::Server { path, .. } => self.server_state(path),
            PlannedEntry::RuleField { path, value } => {
                let is_set = match self {
                    Self::Json(_, editor) => match value {
                        SettingValue::True => editor
                            .get(path)
                            .is_some_and(|node| &editor.text()[node.span.clone()] == "true"),
                        // One value for all tools stands where the object would be.
                        value => [&path[..], &path[..path.len() - 1]]
                            .iter()
                            .any(|path| editor.get_text(path).as_deref() == value.as_text()),
                    },
                    Self::Toml(_, editor) => editor.get_text(path).as_deref() == value.as_text(),
                };
                if is_set { EntryState::Present(None) } else { EntryState::Absent }
            }
            PlannedEntry::RuleItem { path, item } => self.item_state(path, item),
            PlannedEntry::PluginItem { path, item } => self.item_state(path, item),
            PlannedEntry::Hook { event, matcher, .. } => {
                let command = match self {
                    Self::Json(_, editor) => {
                        json_hooks(editor, event, *matcher).next().map(|hook| hook.kind)
                    }
                    Self::Toml(_, editor) => {
                        toml_hooks(editor, event, *matcher).map(|(_, kind)| kind).next()
                    }
                };
                command.map_or(EntryState::Absent, |kind| EntryState::Present(kind.program()))
            }
        }
    }

    fn item_state(&self, path: &[&str], item: &str) -> EntryState {
        match self {
            Self::Json(_, editor) if item_of(editor, path, item).is_some() => {
                EntryState::Present(None)
            }
            _ => EntryState::Absent,
        }
    }

    fn server_state(&self, path: &[&str]) -> EntryState {
        let address = match self {
            Self::Json(_, editor) => {
                editor.get(path).and_then(|node| Some(json_address(editor, node)?.2))
            }
            Self::Toml(_, editor) => toml_address(editor, path).map(|(_, address)| address),
        };
        let (exists, command) = match self {
            Self::Json(_, editor) => (
                editor.get(path).is_some(),
                editor.get(path).and_then(|node| Some(json_command(editor, node)?.1)),
            ),
            Self::Toml(_, editor) => {
                let command = [path, &["command"]].concat();
                let first = editor
                    .get(&[path, &["args"]].concat())
                    .and_then(|args| args.as_array()?.get(0)?.as_str());
                // With a word after it, the program is no server, but one of its commands.
                let is_server = first.is_none_or(|word| word.starts_with('-'));
                (editor.get(path).is_some(), editor.get_text(&command).filter(|_| is_server))
            }
        };
        match (command, address) {
            (Some(command), _) if is_bridge(&command) => EntryState::Present(Some(command)),
            (_, Some(address)) => EntryState::Address(address),
            _ if exists => EntryState::Other,
            _ => EntryState::Absent,
        }
    }
}
