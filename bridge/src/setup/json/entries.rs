//! What belongs in a client's settings, in a JSON text.

use junction_attachments::json::{JsonEditor, JsonNode, JsonObstacle, SettingValue, quoted};

use super::super::entry::{HookKind, PlannedEntry, SERVER, hook_group};
use super::super::program::HookCommand;
use super::server::{JsonTrouble, install_json_server, is_ours, restore_json_server};

/// A hook of ours in a JSON text.
pub(crate) struct JsonHook<'d> {
    pub(crate) kind: HookKind,
    node: &'d JsonNode,
    group: usize,
    at: usize,
}

impl JsonHook<'_> {
    /// The group, and the place in that.
    pub(crate) fn place(&self) -> (usize, usize) {
        (self.group, self.at)
    }
}

pub(crate) fn json_hooks<'d>(
    editor: &'d JsonEditor,
    event: &str,
    planned: Option<&'d str>,
) -> impl Iterator<Item = JsonHook<'d>> {
    let groups = editor.get(&["hooks", event]).and_then(JsonNode::items).unwrap_or_default();
    groups.iter().enumerate().flat_map(move |(group, node)| {
        let hooks = node.field("hooks").and_then(JsonNode::items).unwrap_or_default();
        let matcher = node.field("matcher").and_then(|matcher| matcher.text(editor.text()));
        hooks.iter().enumerate().filter_map(move |(at, node)| {
            let kind = HookKind::of(|name| node.field(name)?.text(editor.text()))?;
            let serves = kind.serves(planned, matcher.as_deref());
            serves.then_some(JsonHook { kind, node, group, at })
        })
    })
}

/// Where an item is in the list at a path, and the places of all items.
pub(crate) fn item_of(editor: &JsonEditor, path: &[&str], item: &str) -> Option<usize> {
    let items = editor.get(path)?.items()?;
    items.iter().position(|node| node.head(editor.text()).as_deref() == Some(item))
}

pub(crate) fn install_json(
    editor: &mut JsonEditor,
    entry: &PlannedEntry,
) -> Result<(), JsonTrouble> {
    match entry {
        PlannedEntry::Server { path, fields } => install_json_server(editor, path, fields)?,
        PlannedEntry::RuleField { path, value } => match editor.object(&path[..path.len() - 1]) {
            // One value for all tools, which a person chose.
            Err(JsonObstacle::Kind { .. }) => {}
            Err(obstacle) => return Err(obstacle.into()),
            Ok(_) if editor.get(path).is_none() => editor.add(path, value)?,
            Ok(_) => {}
        },
        PlannedEntry::RuleItem { path, item } => install_json_item(editor, path, item)?,
        PlannedEntry::PluginItem { path, item } => install_json_item(editor, path, item)?,
        PlannedEntry::Hook { event, matcher, hook } => {
            install_json_hook(editor, event, *matcher, hook)?;
        }
    }
    Ok(())
}

/// Adds an item to a list, unless it is there already.
fn install_json_item(
    editor: &mut JsonEditor,
    path: &[&str],
    item: &str,
) -> Result<(), JsonObstacle> {
    editor.array(path)?;
    match item_of(editor, path, item) {
        Some(_) => Ok(()),
        None => editor.push(path, &SettingValue::text(item)),
    }
}

/// Adds a hook, unless one of ours is there already. A command that calls the program at another place is corrected.
fn install_json_hook(
    editor: &mut JsonEditor,
    event: &str,
    matcher: Option<&str>,
    hook: &SettingValue,
) -> Result<(), JsonObstacle> {
    editor.array(&["hooks", event])?;
    let found = json_hooks(editor, event, matcher).next();
    let Some(JsonHook { kind, node, .. }) = found else {
        let group = hook_group(matcher, hook);
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

pub(crate) fn remove_json(
    editor: &mut JsonEditor,
    entry: &PlannedEntry,
    backup: Option<&JsonEditor>,
) -> Result<(), JsonObstacle> {
    let earlier = |path: &[&str]| backup?.get(path);
    match entry {
        PlannedEntry::Server { path, fields } => remove_json_server(editor, path, fields, backup),
        PlannedEntry::RuleField { path, value } => {
            let is_ours = is_json(editor, path, value) && is_in_bridge(editor, path);
            if earlier(path).is_some() || !is_ours {
                return Ok(());
            }
            take_out(editor, path, backup)
        }
        PlannedEntry::RuleItem { path, item } => remove_json_item(editor, path, item, backup),
        PlannedEntry::PluginItem { path, item } => remove_json_item(editor, path, item, backup),
        PlannedEntry::Hook { event, matcher, .. } => {
            remove_json_hooks(editor, event, *matcher, backup)
        }
    }
}

/// Whether a value is there and is just that.
fn is_json(editor: &JsonEditor, path: &[&str], value: &SettingValue) -> bool {
    editor.get(path).is_some_and(|node| node.is(editor.text(), value))
}

/// Whether a path leads into no server, or into one that is the bridge.
fn is_in_bridge(editor: &JsonEditor, path: &[&str]) -> bool {
    let Some(at) = path.iter().position(|name| *name == SERVER) else { return true };
    is_ours(editor, &path[..=at])
}

/// Takes an item out of a list, unless it was there before.
fn remove_json_item(
    editor: &mut JsonEditor,
    path: &[&str],
    item: &str,
    backup: Option<&JsonEditor>,
) -> Result<(), JsonObstacle> {
    let was_there = backup.is_some_and(|backup| item_of(backup, path, item).is_some());
    let Some(index) = item_of(editor, path, item).filter(|_| !was_there) else {
        return Ok(());
    };
    remove_from_list(editor, path, index)?;
    prune(editor, &[path, &[""]].concat(), backup)
}

/// Takes the server out. One that was there before is reached again as it was, and loses the fields that were added.
fn remove_json_server(
    editor: &mut JsonEditor,
    path: &[&str],
    fields: &SettingValue,
    backup: Option<&JsonEditor>,
) -> Result<(), JsonObstacle> {
    if !is_ours(editor, path) {
        return Ok(());
    }
    match backup.filter(|backup| backup.get(path).is_some()) {
        Some(backup) => restore_json_server(editor, path, fields, backup),
        None => take_out(editor, path, backup),
    }
}

/// Takes the hooks of an event out. Where one was there before, none was added: it gets its command back.
fn remove_json_hooks(
    editor: &mut JsonEditor,
    event: &str,
    matcher: Option<&str>,
    backup: Option<&JsonEditor>,
) -> Result<(), JsonObstacle> {
    if let Some((backup, earlier)) =
        backup.and_then(|backup| Some((backup, json_hooks(backup, event, matcher).next()?)))
    {
        let command = |hook: JsonHook<'_>| Some(hook.node.field("command")?.span.clone());
        let now = json_hooks(editor, event, matcher).find(|hook| !hook.kind.is_wrapped());
        let pair = now.and_then(command).zip(command(earlier));
        let Some((now, earlier)) = pair else { return Ok(()) };
        return editor.replace(now, &backup.text()[earlier]);
    }
    loop {
        let ours = json_hooks(editor, event, matcher).find(|hook| !hook.kind.is_wrapped());
        let Some(JsonHook { group, at, .. }) = ours else { break };
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

/// Removes a field, and what is left empty on the way to it. Null that was in its place comes back.
fn take_out(
    editor: &mut JsonEditor,
    path: &[&str],
    backup: Option<&JsonEditor>,
) -> Result<(), JsonObstacle> {
    let span = editor.get(path).map(|node| node.span.clone());
    if let Some(span) = span.filter(|_| backup.is_some_and(|backup| backup.has_null(path))) {
        return editor.replace(span, "null");
    }
    editor.remove(path)?;
    prune(editor, path, backup)
}

/// Removes what is left empty on the way to a path, unless the back-up has it.
fn prune(
    editor: &mut JsonEditor,
    path: &[&str],
    backup: Option<&JsonEditor>,
) -> Result<(), JsonObstacle> {
    let Some((_, parents)) = path.split_last().filter(|(_, parents)| !parents.is_empty()) else {
        return Ok(());
    };
    let was_there = backup.is_some_and(|backup| backup.get(parents).is_some());
    let is_empty = editor.get(parents).is_some_and(|node| is_empty(editor, node));
    if was_there || !is_empty { Ok(()) } else { take_out(editor, parents, backup) }
}

/// Whether a container holds nothing, not even a comment.
fn is_empty(editor: &JsonEditor, node: &JsonNode) -> bool {
    let text = &editor.text()[node.span.clone()];
    matches!(text.split_whitespace().collect::<String>().as_str(), "{}" | "[]")
}
