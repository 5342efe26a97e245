//! What belongs in a client's settings, in a JSON text.

use std::ops::Range;
use std::path::Path;

use junction_attachments::json::{JsonEditor, JsonNode, JsonObstacle, SettingValue, quoted};

use super::super::entry::{
    ADDRESS_FIELDS, HookKind, PlannedEntry, SERVER, TRANSPORT_FIELDS, fields_of, hook_group,
    is_agent_address, wanted_address, wanted_command,
};
use super::super::problem::FileProblem;
use super::super::program::{HookCommand, is_bridge};

/// Why an entry cannot be put into a JSON text.
pub(crate) enum JsonTrouble {
    Obstacle(JsonObstacle),
    OtherServer(usize),
}

impl From<JsonObstacle> for JsonTrouble {
    fn from(obstacle: JsonObstacle) -> Self {
        Self::Obstacle(obstacle)
    }
}

impl JsonTrouble {
    pub(crate) fn told(self, path: &Path, text: &str) -> FileProblem {
        match self {
            Self::Obstacle(obstacle) => FileProblem::json(path, text, obstacle),
            Self::OtherServer(at) => FileProblem::other_server(path, text, at),
        }
    }
}

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

/// The command of a server, and where it is: a text, or the first of a list.
pub(crate) fn json_command(
    editor: &JsonEditor,
    server: &JsonNode,
) -> Option<(Range<usize>, String)> {
    let command = server.field("command")?;
    let words = command.items().unwrap_or(std::slice::from_ref(command));
    let (first, rest) = words.split_first()?;
    let mut arguments =
        rest.iter().chain(server.field("args").and_then(JsonNode::items).into_iter().flatten());
    // With a word after it, the program is no server, but one of its commands.
    let is_command = arguments
        .next()
        .and_then(|word| word.text(editor.text()))
        .is_some_and(|word| !word.starts_with('-'));
    let kind = server.field("type").and_then(|kind| kind.text(editor.text()));
    if is_command || kind.is_some_and(|kind| kind != "stdio" && kind != "local") {
        return None;
    }
    Some((first.span.clone(), first.text(editor.text())?))
}

/// The address of a server that is an agent at a gateway: the name of its field, where it is, and the address.
pub(crate) fn json_address(
    editor: &JsonEditor,
    server: &JsonNode,
) -> Option<(&'static str, Range<usize>, String)> {
    ADDRESS_FIELDS.iter().find_map(|name| {
        let node = server.field(name)?;
        let address = node.text(editor.text()).filter(|address| is_agent_address(address))?;
        Some((*name, node.span.clone(), address))
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

/// Adds the server, or has one of ours call the wanted program, or ask the wanted address. One that was asked over HTTP
/// becomes one that is started, and the other way round.
fn install_json_server(
    editor: &mut JsonEditor,
    path: &[&'static str],
    fields: &SettingValue,
) -> Result<(), JsonTrouble> {
    let (found, depth) = editor.object(path)?;
    if depth < path.len() {
        return Ok(editor.add(path, fields)?);
    }
    let command = json_command(editor, found).filter(|(_, command)| is_bridge(command));
    let address = json_address(editor, found);
    let found = found.span.start;
    let same = match (wanted_address(fields), command, address) {
        (_, None, None) => return Err(JsonTrouble::OtherServer(found)),
        (None, Some((span, command)), _) => Some((span, command, wanted_command(fields))),
        (Some((wanted, address)), _, Some((name, span, known))) if wanted == name => {
            Some((span, known, address))
        }
        _ => None,
    };
    match same {
        Some((span, known, wanted)) if known != wanted => editor.replace(span, &quoted(wanted))?,
        Some(_) => {}
        None => change_transport(editor, path, fields)?,
    }
    for (name, value) in fields_of(fields) {
        let path = [path, &[name.as_str()]].concat();
        if editor.get(&path).is_none() {
            editor.add(&path, value)?;
        }
    }
    Ok(())
}

/// Gives a server these fields in place of all that say how it is reached.
fn change_transport(
    editor: &mut JsonEditor,
    path: &[&str],
    fields: &SettingValue,
) -> Result<(), JsonObstacle> {
    for (name, value) in fields_of(fields) {
        let path = [path, &[name.as_str()]].concat();
        let span = editor.get(&path).map(|node| node.span.clone());
        match (span, value.as_text()) {
            (Some(span), Some(text)) => editor.replace(span, &quoted(text))?,
            (found, _) => {
                if found.is_some() {
                    editor.remove(&path)?;
                }
                editor.add(&path, value)?;
            }
        }
    }
    for name in TRANSPORT_FIELDS.iter().filter(|name| fields.get(name).is_none()) {
        editor.remove(&[path, &[*name]].concat())?;
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
    let Some(server) = editor.get(&path[..=at]) else { return false };
    json_command(editor, server).is_some_and(|(_, command)| is_bridge(&command))
        || json_address(editor, server).is_some()
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
    let Some(node) = editor.get(path) else { return Ok(()) };
    let command = json_command(editor, node).filter(|(_, command)| is_bridge(command));
    let command = command.map(|(span, _)| ("command", span));
    let address = json_address(editor, node).map(|(name, span, _)| (name, span));
    let Some((place, span)) = command.or(address) else { return Ok(()) };
    let Some((backup, earlier)) = backup.and_then(|backup| Some((backup, backup.get(path)?)))
    else {
        return take_out(editor, path, backup);
    };
    let before = json_command(backup, earlier).map(|(span, _)| ("command", span));
    let before =
        before.or_else(|| json_address(backup, earlier).map(|(name, span, _)| (name, span)));
    match before {
        Some((name, before)) if name == place => editor.replace(span, &backup.text()[before])?,
        None if place == "command" => {}
        _ => restore_transport(editor, path, backup, earlier)?,
    }
    let is_place = |name: &String| name == "command" || ADDRESS_FIELDS.contains(&name.as_str());
    for (name, value) in fields_of(fields).iter().filter(|(name, _)| !is_place(name)) {
        let field = [path, &[name.as_str()]].concat();
        if backup.get(&field).is_none() && is_json(editor, &field, value) {
            editor.remove(&field)?;
        }
    }
    Ok(())
}

/// Gives a server back what said in the back-up how it is reached, in place of what says it now.
fn restore_transport(
    editor: &mut JsonEditor,
    path: &[&str],
    backup: &JsonEditor,
    earlier: &JsonNode,
) -> Result<(), JsonObstacle> {
    for name in TRANSPORT_FIELDS {
        let path = [path, &[name]].concat();
        let Some(before) = earlier.field(name) else {
            editor.remove(&path)?;
            continue;
        };
        if editor.get(&path).is_none() {
            editor.add(&path, &SettingValue::True)?;
        }
        let span = editor.get(&path).map(|node| node.span.clone());
        let before = &backup.text()[before.span.clone()];
        span.map_or(Ok(()), |span| editor.replace(span, before))?;
    }
    Ok(())
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
