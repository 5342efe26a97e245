//! The server in a JSON text: one that its client starts, or one that it asks over HTTP.

use std::ops::Range;
use std::path::Path;

use junction_attachments::json::{JsonEditor, JsonNode, JsonObstacle, SettingValue, quoted};

use super::super::entry::{
    ADDRESS_FIELDS, TRANSPORT_FIELDS, fields_of, is_agent_address, wanted_address, wanted_command,
};
use super::super::problem::FileProblem;
use super::super::program::is_bridge;

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

/// Whether the server at a path is ours.
pub(super) fn is_ours(editor: &JsonEditor, path: &[&str]) -> bool {
    editor.get(path).and_then(|server| place_of(editor, server)).is_some()
}

/// The field that says what a server of ours is, and where its value is: the command, or the address.
fn place_of(editor: &JsonEditor, server: &JsonNode) -> Option<(&'static str, Range<usize>)> {
    let command = json_command(editor, server).filter(|(_, command)| is_bridge(command));
    let command = command.map(|(span, _)| ("command", span));
    command.or_else(|| json_address(editor, server).map(|(name, span, _)| (name, span)))
}

/// Adds the server, or has one of ours call the wanted program, or ask the wanted address. One that was asked over HTTP
/// becomes one that is started, and the other way round.
pub(super) fn install_json_server(
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

/// Has a server be reached again as the back-up has it, and takes out the fields that were added.
pub(super) fn restore_json_server(
    editor: &mut JsonEditor,
    path: &[&str],
    fields: &SettingValue,
    backup: &JsonEditor,
) -> Result<(), JsonObstacle> {
    let now = editor.get(path).and_then(|server| place_of(editor, server));
    let (Some((place, span)), Some(earlier)) = (now, backup.get(path)) else { return Ok(()) };
    let command = json_command(backup, earlier).map(|(span, _)| ("command", span));
    let address = || json_address(backup, earlier).map(|(name, span, _)| (name, span));
    match command.or_else(address) {
        Some((name, before)) if name == place => editor.replace(span, &backup.text()[before])?,
        None if place == "command" => {}
        _ => restore_transport(editor, path, backup, earlier)?,
    }
    let is_place = |name: &String| name == "command" || ADDRESS_FIELDS.contains(&name.as_str());
    for (name, value) in fields_of(fields).iter().filter(|(name, _)| !is_place(name)) {
        let field = [path, &[name.as_str()]].concat();
        let is_added = editor.get(&field).is_some_and(|node| node.is(editor.text(), value));
        if is_added && backup.get(&field).is_none() {
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
