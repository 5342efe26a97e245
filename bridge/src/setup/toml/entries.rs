//! What belongs in a client's settings, in a TOML text.

use std::path::Path;

use junction_attachments::json::{SettingValue, toml_text};
use toml_edit::{Item, TableLike, Value};

use super::super::entry::{
    ADDRESS_FIELDS, HookKind, PlannedEntry, TRANSPORT_FIELDS, fields_of, hook_group,
    is_agent_address, wanted_address, wanted_command,
};
use super::super::problem::FileProblem;
use super::super::program::is_bridge;
use super::{TomlEditor, TomlHook, TomlObstacle};

pub(crate) fn toml_hooks(
    editor: &TomlEditor,
    event: &str,
    planned: Option<&'static str>,
) -> impl Iterator<Item = (TomlHook, HookKind)> + use<> {
    editor.hooks(event).into_iter().filter_map(move |hook| {
        let text = |name: &str| {
            hook.texts.iter().find(|(key, _)| key == name).map(|(_, text)| text.clone())
        };
        let kind = HookKind::of(text)?;
        kind.serves(planned, hook.matcher.as_deref()).then_some((hook, kind))
    })
}

/// The address of a server that is an agent at a gateway, and the name of its field.
pub(crate) fn toml_address(editor: &TomlEditor, server: &[&str]) -> Option<(&'static str, String)> {
    ADDRESS_FIELDS.iter().find_map(|name| {
        let address = editor.get_text(&[server, &[*name]].concat());
        Some((*name, address.filter(|address| is_agent_address(address))?))
    })
}

/// The name of the field that says what a server of ours is: the command, or the address.
fn place_field(editor: &TomlEditor, server: &[&str]) -> Option<&'static str> {
    let command = editor.get_text(&[server, &["command"]].concat());
    let command = command.filter(|command| is_bridge(command)).map(|_| "command");
    command.or_else(|| toml_address(editor, server).map(|(name, _)| name))
}

pub(crate) fn install_toml(
    file: &Path,
    editor: &mut TomlEditor,
    entry: &PlannedEntry,
) -> Result<(), FileProblem> {
    let text = editor.text().to_owned();
    let made = match entry {
        PlannedEntry::Server { path, fields } => {
            if editor.get(path).is_some() {
                update_toml_server(file, editor, path, fields)?;
                Ok(())
            } else if let Some(depth) = editor.inline_depth(path) {
                editor.add_inline(path, depth, fields)
            } else {
                let fields = fields_of(fields).iter();
                let lines = fields.map(|(name, value)| format!("{name} = {}\n", value.to_toml()));
                let table = format!("[{}]\n{}", path.join("."), lines.collect::<String>());
                editor.append(&table, path)
            }
        }
        PlannedEntry::RuleField { path, value } => {
            let (name, server) = path.split_last().unwrap_or((&"", &[]));
            let place = [server, &[place_field(editor, server).unwrap_or("command")]].concat();
            if editor.get(path).is_some() { Ok(()) } else { editor.add_after(&place, name, value) }
        }
        // No client with TOML has such a list.
        PlannedEntry::RuleItem { .. } | PlannedEntry::PluginItem { .. } => Ok(()),
        PlannedEntry::Hook { event, matcher, hook } => {
            if toml_hooks(editor, event, *matcher).next().is_some() {
                Ok(())
            } else {
                add_toml_hook(editor, event, *matcher, hook)
            }
        }
    };
    made.map_err(|obstacle| FileProblem::toml_form(file, &text, obstacle))
}

/// Has the server call the wanted program, or ask the wanted address, and adds the fields that are missing.
fn update_toml_server(
    file: &Path,
    editor: &mut TomlEditor,
    path: &[&str],
    fields: &SettingValue,
) -> Result<(), FileProblem> {
    let text = editor.text().to_owned();
    let wrong = |obstacle| FileProblem::toml_form(file, &text, obstacle);
    let Some(found) = place_field(editor, path) else {
        return Err(FileProblem::other_server(file, &text, editor.place(path)));
    };
    let (name, wanted) =
        wanted_address(fields).unwrap_or_else(|| ("command", wanted_command(fields)));
    let place = [path, &[name]].concat();
    if found != name {
        add_fields(editor, path, found, fields).map_err(wrong)?;
        return remove_transport(editor, path, fields).map_err(wrong);
    }
    if editor.get_text(&place).as_deref() != Some(wanted) {
        editor.replace(&place, &toml_text(wanted)).map_err(wrong)?;
    }
    add_fields(editor, path, name, fields).map_err(wrong)
}

/// Adds the fields that a server does not have, after this one.
fn add_fields(
    editor: &mut TomlEditor,
    path: &[&str],
    after: &str,
    fields: &SettingValue,
) -> Result<(), TomlObstacle> {
    for (name, value) in fields_of(fields).iter().rev() {
        if editor.get(&[path, &[name.as_str()]].concat()).is_none() {
            editor.add_after(&[path, &[after]].concat(), name, value)?;
        }
    }
    Ok(())
}

/// Takes out of a server what says how it is reached, but for these fields.
fn remove_transport(
    editor: &mut TomlEditor,
    path: &[&str],
    fields: &SettingValue,
) -> Result<(), TomlObstacle> {
    for name in TRANSPORT_FIELDS.iter().filter(|name| fields.get(name).is_none()) {
        let field = [path, &[*name]].concat();
        match editor.get(&field) {
            Some(Item::Table(_)) => editor.remove(&field)?,
            Some(_) => editor.remove_field(&field)?,
            None => {}
        }
    }
    Ok(())
}

/// Adds a hook in the form that the hooks have.
fn add_toml_hook(
    editor: &mut TomlEditor,
    event: &str,
    matcher: Option<&str>,
    hook: &SettingValue,
) -> Result<(), TomlObstacle> {
    let path = ["hooks", event];
    let group = hook_group(matcher, hook);
    if editor.get(&path).is_some_and(Item::is_array) {
        return editor.push_inline(&path, &group);
    }
    if editor.get(&path).is_none() && editor.inline_depth(&path).is_some() {
        return editor.add_inline(&path, 1, &SettingValue::List(vec![group]));
    }
    let fields = fields_of(hook).iter();
    let lines = fields.map(|(name, value)| format!("{name} = {}\n", value.to_toml()));
    let lines: String = lines.collect();
    let matcher = matcher.map(|matcher| format!("matcher = {}\n", toml_text(matcher)));
    let matcher = matcher.unwrap_or_default();
    let table = format!("[[hooks.{event}]]\n{matcher}[[hooks.{event}.hooks]]\n{lines}");
    editor.append(&table, &path)
}

pub(crate) fn remove_toml(
    file: &Path,
    editor: &mut TomlEditor,
    entry: &PlannedEntry,
    backup: Option<&TomlEditor>,
) -> Result<(), FileProblem> {
    let text = editor.text().to_owned();
    let made = match entry {
        PlannedEntry::Server { path, fields } => remove_toml_server(editor, path, fields, backup),
        PlannedEntry::RuleField { path, value } => {
            let server = &path[..path.len() - 1];
            // In a server of its own it went with that.
            let had_server = backup.is_some_and(|backup| backup.get(server).is_some());
            if had_server && place_field(editor, server).is_some() {
                remove_added(editor, path, value, backup)
            } else {
                Ok(())
            }
        }
        PlannedEntry::RuleItem { .. } | PlannedEntry::PluginItem { .. } => Ok(()),
        PlannedEntry::Hook { event, matcher, .. } => {
            remove_toml_hooks(editor, event, *matcher, backup)
        }
    };
    made.map_err(|obstacle| FileProblem::toml_form(file, &text, obstacle))
}

/// Takes the server out. One that was there before gets its command or address back, and loses the fields that were added.
fn remove_toml_server(
    editor: &mut TomlEditor,
    path: &[&str],
    fields: &SettingValue,
    backup: Option<&TomlEditor>,
) -> Result<(), TomlObstacle> {
    let Some(place) = place_field(editor, path) else { return Ok(()) };
    let Some(earlier) = backup.filter(|backup| backup.get(path).is_some()) else {
        editor.remove(path)?;
        return prune(editor, path, backup);
    };
    let before = place_field(earlier, path).unwrap_or("command");
    if before != place {
        return restore_transport(editor, path, place, earlier);
    }
    let place = [path, &[place]].concat();
    if let Some(earlier) = earlier.written(&place) {
        editor.replace(&place, earlier)?;
    }
    let is_place = |name: &String| name == "command" || ADDRESS_FIELDS.contains(&name.as_str());
    for (name, value) in fields_of(fields).iter().filter(|(name, _)| !is_place(name)) {
        remove_added(editor, &[path, &[name.as_str()]].concat(), value, backup)?;
    }
    Ok(())
}

/// Gives a server back what said in the back-up how it is reached, after this field, which goes as all does that says it now.
fn restore_transport(
    editor: &mut TomlEditor,
    path: &[&str],
    place: &str,
    backup: &TomlEditor,
) -> Result<(), TomlObstacle> {
    let written = TRANSPORT_FIELDS.iter().filter_map(|name| {
        let field = [path, &[*name]].concat();
        let is_value = backup.get(&field).is_some_and(Item::is_value);
        Some((*name, backup.written(&field).filter(|_| is_value)?))
    });
    let written: Vec<_> = written.collect();
    for (name, value) in written.iter().rev() {
        let field = [path, &[*name]].concat();
        if editor.get(&field).is_some() {
            editor.replace(&field, value)?;
        } else {
            editor.add_written_after(&[path, &[place]].concat(), name, value)?;
        }
    }
    let kept = written.iter().map(|(name, _)| ((*name).to_owned(), SettingValue::True)).collect();
    remove_transport(editor, path, &SettingValue::Fields(kept))
}

/// Takes a field out that the back-up does not have, unless somebody has changed it since.
fn remove_added(
    editor: &mut TomlEditor,
    path: &[&str],
    value: &SettingValue,
    backup: Option<&TomlEditor>,
) -> Result<(), TomlObstacle> {
    let was_there = backup.is_some_and(|backup| backup.get(path).is_some());
    let is_ours = editor.get(path).is_some_and(|item| is_toml(item, value));
    if was_there || !is_ours { Ok(()) } else { editor.remove_field(path) }
}

/// Whether a value is just that; of a list, also a part, since an older version may have written fewer.
fn is_toml(item: &Item, value: &SettingValue) -> bool {
    match value {
        SettingValue::True => item.as_bool() == Some(true),
        SettingValue::Text(text) => item.as_str() == Some(text),
        SettingValue::List(values) => item.as_array().is_some_and(|items| {
            let is_in = |item: &Value| {
                values
                    .iter()
                    .any(|value| value.as_text().is_some() && value.as_text() == item.as_str())
            };
            items.iter().all(is_in)
        }),
        SettingValue::Fields(_) => false,
    }
}

fn remove_toml_hooks(
    editor: &mut TomlEditor,
    event: &str,
    matcher: Option<&'static str>,
    backup: Option<&TomlEditor>,
) -> Result<(), TomlObstacle> {
    if backup.is_some_and(|backup| toml_hooks(backup, event, matcher).next().is_some()) {
        return Ok(());
    }
    while let Some((hook, _)) =
        toml_hooks(editor, event, matcher).find(|(_, kind)| !kind.is_wrapped())
    {
        let before = editor.text().len();
        editor.remove_hook(event, (hook.group, hook.at))?;
        if editor.text().len() == before {
            break;
        }
    }
    prune(editor, &["hooks", event, ""], backup)
}

/// Takes out the marks of trust with these keys, unless the back-up has them, and the tables that held them alone.
pub(crate) fn remove_toml_marks(
    editor: &mut TomlEditor,
    marks: &[String],
    backup: Option<&TomlEditor>,
) -> Result<(), TomlObstacle> {
    let was_there = |path: &[&str]| backup.is_some_and(|backup| backup.get(path).is_some());
    let mut is_changed = false;
    for mark in marks {
        let path = ["hooks", "state", mark];
        if editor.get(&path).is_some() && !was_there(&path) {
            editor.remove(&path)?;
            is_changed = true;
        }
    }
    for path in [&["hooks", "state"][..], &["hooks"]] {
        let table = editor.get(path).and_then(Item::as_table_like);
        if is_changed && table.is_some_and(TableLike::is_empty) && !was_there(path) {
            editor.remove(path)?;
        }
    }
    Ok(())
}

/// Removes what is left empty between brackets on the way to a path, unless the back-up has it.
fn prune(
    editor: &mut TomlEditor,
    path: &[&str],
    backup: Option<&TomlEditor>,
) -> Result<(), TomlObstacle> {
    for depth in (1..path.len()).rev() {
        let path = &path[..depth];
        let was_there = backup.is_some_and(|backup| backup.get(path).is_some());
        let is_empty = editor.get(path).is_some_and(|item| match item {
            Item::Value(Value::Array(items)) => items.is_empty(),
            Item::Value(Value::InlineTable(table)) => table.is_empty(),
            _ => false,
        });
        if was_there || !is_empty {
            return Ok(());
        }
        editor.remove_field(path)?;
    }
    Ok(())
}
