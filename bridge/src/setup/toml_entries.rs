//! What belongs in a client's settings, in a TOML text.

use std::path::Path;

use super::entry::{HookKind, PlannedEntry, fields_of, wanted_command};
use super::problem::FileProblem;
use super::program::is_bridge;
use super::toml::{TomlEditor, TomlHook};

pub(super) fn toml_hooks(
    editor: &TomlEditor,
    event: &str,
) -> impl Iterator<Item = (TomlHook, HookKind)> + use<> {
    editor.hooks(event).into_iter().filter_map(|hook| {
        let text = |name: &str| {
            hook.texts.iter().find(|(key, _)| key == name).map(|(_, text)| text.clone())
        };
        let kind = HookKind::of(text)?;
        Some((hook, kind))
    })
}

pub(super) fn install_toml(
    file: &Path,
    editor: &mut TomlEditor,
    entry: &PlannedEntry,
) -> Result<(), FileProblem> {
    let text = editor.text().to_owned();
    let made = match entry {
        PlannedEntry::Server { path, fields } => {
            let command = [path.as_slice(), &["command"]].concat();
            if editor.get(path).is_none() {
                let fields = fields_of(fields).iter();
                let lines = fields.map(|(name, value)| format!("{name} = {}\n", value.to_toml()));
                let table = format!("[{}]\n{}", path.join("."), lines.collect::<String>());
                editor.append(&table, path)
            } else if editor.get_text(&command).is_some_and(|command| is_bridge(&command)) {
                let wanted = wanted_command(fields);
                if editor.get_text(&command).as_deref() != Some(wanted) {
                    editor
                        .replace(&command, wanted)
                        .map_err(|wrong| FileProblem::toml_form(file, &text, wrong))?;
                }
                fields_of(fields).iter().rev().try_for_each(|(name, value)| {
                    let field = [path.as_slice(), &[name.as_str()]].concat();
                    if editor.get(&field).is_some() {
                        Ok(())
                    } else {
                        editor.add_after(&command, name, value)
                    }
                })
            } else {
                return Err(FileProblem::other_server(file, &text, editor.place(path)));
            }
        }
        PlannedEntry::RuleField { path, value } => {
            let (name, server) = path.split_last().unwrap_or((&"", &[]));
            let command = [server, &["command"]].concat();
            if editor.get(path).is_some() {
                Ok(())
            } else {
                editor.add_after(&command, name, value)
            }
        }
        // No client with TOML has such a list.
        PlannedEntry::RuleItem { .. } => Ok(()),
        PlannedEntry::Hook { event, hook } => {
            if toml_hooks(editor, event).next().is_some() {
                return Ok(());
            }
            let fields = fields_of(hook).iter();
            let lines = fields.map(|(name, value)| format!("{name} = {}\n", value.to_toml()));
            let lines: String = lines.collect();
            let table = format!("[[hooks.{event}]]\n[[hooks.{event}.hooks]]\n{lines}");
            editor.append(&table, &["hooks", event])
        }
    };
    made.map_err(|obstacle| FileProblem::toml_form(file, &text, obstacle))
}

pub(super) fn remove_toml(
    file: &Path,
    editor: &mut TomlEditor,
    entry: &PlannedEntry,
    backup: Option<&TomlEditor>,
) -> Result<(), FileProblem> {
    let text = editor.text().to_owned();
    let was_there = |path: &[&str]| backup.is_some_and(|backup| backup.get(path).is_some());
    let made = match entry {
        PlannedEntry::Server { path, .. } => {
            let command = [path.as_slice(), &["command"]].concat();
            let is_ours = editor.get_text(&command).is_some_and(|command| is_bridge(&command));
            if !is_ours {
                Ok(())
            } else if was_there(path) {
                let earlier = backup.and_then(|backup| backup.get_text(&command));
                earlier.map_or(Ok(()), |earlier| editor.replace(&command, &earlier))
            } else {
                editor.remove(path)
            }
        }
        // Goes with its server.
        PlannedEntry::RuleField { .. } | PlannedEntry::RuleItem { .. } => Ok(()),
        PlannedEntry::Hook { event, .. } => {
            let had_ours = backup.is_some_and(|backup| toml_hooks(backup, event).next().is_some());
            let ours = toml_hooks(editor, event).filter(|(_, kind)| !kind.is_wrapped());
            let ours: Vec<_> = ours.map(|(hook, _)| (hook.group, hook.at)).collect();
            if had_ours { Ok(()) } else { editor.remove_hooks(event, &ours) }
        }
    };
    made.map_err(|obstacle| FileProblem::toml_form(file, &text, obstacle))
}
