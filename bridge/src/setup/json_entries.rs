//! What belongs in a client's settings, in a JSON text.

use std::ops::Range;
use std::path::Path;

use super::entry::{HookKind, PlannedEntry, SERVER, fields_of, wanted_command};
use super::json::JsonNode;
use super::json_edit::{JsonEditor, JsonObstacle};
use super::problem::FileProblem;
use super::program::{HookCommand, is_bridge};
use super::value::{SettingValue, quoted};

/// Why an entry cannot be put into a JSON text.
pub(super) enum JsonTrouble {
    Obstacle(JsonObstacle),
    OtherServer(usize),
}

impl From<JsonObstacle> for JsonTrouble {
    fn from(obstacle: JsonObstacle) -> Self {
        Self::Obstacle(obstacle)
    }
}

impl JsonTrouble {
    pub(super) fn told(self, path: &Path, text: &str) -> FileProblem {
        match self {
            Self::Obstacle(obstacle) => FileProblem::json(path, text, obstacle),
            Self::OtherServer(at) => FileProblem::other_server(path, text, at),
        }
    }
}

/// A hook of ours in a JSON text.
pub(super) struct JsonHook<'d> {
    pub(super) kind: HookKind,
    node: &'d JsonNode,
    group: usize,
    at: usize,
}

pub(super) fn json_hooks<'d>(
    editor: &'d JsonEditor,
    event: &str,
) -> impl Iterator<Item = JsonHook<'d>> {
    let groups = editor.get(&["hooks", event]).and_then(JsonNode::items).unwrap_or_default();
    groups.iter().enumerate().flat_map(move |(group, node)| {
        let hooks = node.field("hooks").and_then(JsonNode::items).unwrap_or_default();
        hooks.iter().enumerate().filter_map(move |(at, node)| {
            let kind = HookKind::of(|name| node.field(name)?.text(editor.text()))?;
            Some(JsonHook { kind, node, group, at })
        })
    })
}

/// The command of a server, and where it is: a text, or the first of a list.
pub(super) fn json_command(
    editor: &JsonEditor,
    server: &JsonNode,
) -> Option<(Range<usize>, String)> {
    let command = server.field("command")?;
    let first = command.items().map_or(Some(command), <[_]>::first)?;
    Some((first.span.clone(), first.text(editor.text())?))
}

/// Where an item is in the list at a path, and the places of all items.
pub(super) fn item_of(editor: &JsonEditor, path: &[&str], item: &str) -> Option<usize> {
    let items = editor.get(path)?.items()?;
    items.iter().position(|node| node.text(editor.text()).as_deref() == Some(item))
}

pub(super) fn install_json(
    editor: &mut JsonEditor,
    entry: &PlannedEntry,
) -> Result<(), JsonTrouble> {
    match entry {
        PlannedEntry::Server { path, fields } => {
            let (found, depth) = editor.object(path)?;
            if depth < path.len() {
                return Ok(editor.add(path, fields)?);
            }
            let command = json_command(editor, found).filter(|(_, command)| is_bridge(command));
            let Some((span, command)) = command else {
                return Err(JsonTrouble::OtherServer(found.span.start));
            };
            let wanted = wanted_command(fields);
            if command != wanted {
                editor.replace(span, &quoted(wanted))?;
            }
            for (name, value) in fields_of(fields) {
                let path: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
                if editor.get(&path).is_none() {
                    editor.add(&path, value)?;
                }
            }
        }
        PlannedEntry::RuleField { path, value } => match editor.object(&path[..path.len() - 1]) {
            // One value for all tools, which a person chose.
            Err(JsonObstacle::Kind { .. }) => {}
            Err(obstacle) => return Err(obstacle.into()),
            Ok(_) if editor.get(path).is_none() => editor.add(path, value)?,
            Ok(_) => {}
        },
        PlannedEntry::RuleItem { path, item } => {
            editor.array(path)?;
            if item_of(editor, path, item).is_none() {
                editor.push(path, &SettingValue::text(*item))?;
            }
        }
        PlannedEntry::Hook { event, hook } => install_json_hook(editor, event, hook)?,
    }
    Ok(())
}

/// Adds a hook, unless one of ours is there already. A command that calls the program at another place is corrected.
fn install_json_hook(
    editor: &mut JsonEditor,
    event: &str,
    hook: &SettingValue,
) -> Result<(), JsonObstacle> {
    editor.array(&["hooks", event])?;
    let found = json_hooks(editor, event).next();
    let Some(JsonHook { kind, node, .. }) = found else {
        let group = SettingValue::fields([("hooks", SettingValue::List(vec![hook.clone()]))]);
        return editor.push(&["hooks", event], &group);
    };
    let wanted = hook.get("command").and_then(SettingValue::as_text).map(HookCommand::of);
    let program = wanted.and_then(|wanted| HookKind::Command(wanted).program());
    let (HookKind::Command(command), Some(program)) = (kind, program) else {
        return Ok(());
    };
    let (Some(text), Some(node)) = (command.with(&program), node.field("command")) else {
        return Ok(());
    };
    if node.text(editor.text()).as_ref() != Some(&text) {
        let span = node.span.clone();
        editor.replace(span, &quoted(&text))?;
    }
    Ok(())
}

pub(super) fn remove_json(
    editor: &mut JsonEditor,
    entry: &PlannedEntry,
    backup: Option<&JsonEditor>,
) -> Result<(), JsonObstacle> {
    let earlier = |path: &[&str]| {
        let backup = backup?;
        let span = backup.get(path)?.span.clone();
        Some(backup.text()[span].to_owned())
    };
    match entry {
        PlannedEntry::Server { path, .. } => {
            let Some(node) = editor.get(path) else { return Ok(()) };
            if !json_command(editor, node).is_some_and(|(_, command)| is_bridge(&command)) {
                return Ok(());
            }
            if let Some(earlier) = earlier(path) {
                let span = node.span.clone();
                return editor.replace(span, &earlier);
            }
            editor.remove(path)?;
            prune(editor, path, backup)
        }
        PlannedEntry::RuleField { path, value } => {
            // One within the server went with it.
            let is_ours =
                !path.contains(&SERVER) && editor.get_text(path).as_deref() == value.as_text();
            if earlier(path).is_some() || !is_ours {
                return Ok(());
            }
            editor.remove(path)?;
            prune(editor, path, backup)
        }
        PlannedEntry::RuleItem { path, item } => {
            let was_there = backup.is_some_and(|backup| item_of(backup, path, item).is_some());
            let Some(index) = item_of(editor, path, item).filter(|_| !was_there) else {
                return Ok(());
            };
            remove_from_list(editor, path, index)?;
            prune(editor, &[path.as_slice(), &[""]].concat(), backup)
        }
        PlannedEntry::Hook { event, .. } => remove_json_hooks(editor, event, backup),
    }
}

fn remove_json_hooks(
    editor: &mut JsonEditor,
    event: &str,
    backup: Option<&JsonEditor>,
) -> Result<(), JsonObstacle> {
    let earlier = backup.and_then(|backup| {
        let hook = json_hooks(backup, event).find(|hook| !hook.kind.is_wrapped())?;
        Some(backup.text()[hook.node.span.clone()].to_owned())
    });
    loop {
        let ours = json_hooks(editor, event).find(|hook| !hook.kind.is_wrapped());
        let Some(JsonHook { node, group, at, .. }) = ours else { break };
        let span = node.span.clone();
        if let Some(earlier) = &earlier {
            return editor.replace(span, earlier);
        }
        let path = ["hooks", event];
        let groups = editor.get(&path).and_then(JsonNode::items).unwrap_or_default();
        let hooks = groups[group].field("hooks");
        let inner: Vec<_> = hooks
            .and_then(JsonNode::items)
            .into_iter()
            .flatten()
            .map(|hook| hook.span.clone())
            .collect();
        if inner.len() == 1 {
            remove_from_list(editor, &path, group)?;
        } else if let Some(hooks) = hooks.map(|hooks| hooks.span.clone()) {
            editor.remove_item(&hooks, &inner, at)?;
        }
    }
    let is_empty = editor.get(&["hooks", event]).is_some_and(|node| is_empty(editor, node));
    if is_empty { prune(editor, &["hooks", event, ""], backup) } else { Ok(()) }
}

fn remove_from_list(
    editor: &mut JsonEditor,
    path: &[&str],
    index: usize,
) -> Result<(), JsonObstacle> {
    let Some(list) = editor.get(path) else { return Ok(()) };
    let span = list.span.clone();
    let items: Vec<_> = list.items().into_iter().flatten().map(|item| item.span.clone()).collect();
    editor.remove_item(&span, &items, index)
}

/// Removes what is left empty on the way to a path, unless the back-up has it.
fn prune(
    editor: &mut JsonEditor,
    path: &[&str],
    backup: Option<&JsonEditor>,
) -> Result<(), JsonObstacle> {
    for depth in (1..path.len()).rev() {
        let path = &path[..depth];
        let was_there = backup.is_some_and(|backup| backup.get(path).is_some());
        if was_there || !editor.get(path).is_some_and(|node| is_empty(editor, node)) {
            return Ok(());
        }
        editor.remove(path)?;
    }
    Ok(())
}

/// Whether a container holds nothing, not even a comment.
fn is_empty(editor: &JsonEditor, node: &JsonNode) -> bool {
    let text = &editor.text()[node.span.clone()];
    matches!(text.split_whitespace().collect::<String>().as_str(), "{}" | "[]")
}
