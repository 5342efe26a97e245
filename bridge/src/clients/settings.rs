//! Entries that several clients have in their settings.

use crate::setup::{PlannedEntry, SERVER, SettingValue, hook_command};

/// The server under `mcpServers`, as most clients have it. Some want the kind of transport named.
pub(super) fn stdio_server(program: &str, names_type: bool) -> PlannedEntry {
    let command = ("command", SettingValue::text(program));
    let fields = if names_type {
        SettingValue::fields([("type", SettingValue::text("stdio")), command])
    } else {
        SettingValue::fields([command])
    };
    PlannedEntry::Server { path: vec!["mcpServers", SERVER], fields }
}

/// Hooks that run the program at these events. Some clients show a hook by a name. On systems other than Unix there are
/// none, because there the program could not reach its session's bridge.
pub(super) fn command_hooks(
    events: &[&'static str],
    program: &str,
    name: Option<&str>,
) -> Vec<PlannedEntry> {
    if !cfg!(unix) {
        return Vec::new();
    }
    let kind = ("type".to_owned(), SettingValue::text("command"));
    let command = ("command".to_owned(), SettingValue::text(hook_command(program)));
    let name = name.map(|name| ("name".to_owned(), SettingValue::text(name)));
    let fields: Vec<_> = name.into_iter().chain([kind, command]).collect();
    let hook = SettingValue::Fields(fields);
    events.iter().map(|event| PlannedEntry::Hook { event, hook: hook.clone() }).collect()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_the_hook_and_its_name() {
        let hooks = command_hooks(&["Stop", "AfterTool"], "/b/junction-bridge", Some(SERVER));
        let [
            PlannedEntry::Hook { event: "Stop", hook },
            PlannedEntry::Hook { event: "AfterTool", .. },
        ] = hooks.as_slice()
        else {
            panic!("{hooks:?}")
        };
        let wanted = SettingValue::fields([
            ("name", SettingValue::text("junction")),
            ("type", SettingValue::text("command")),
            ("command", SettingValue::text(hook_command("/b/junction-bridge"))),
        ]);
        assert_eq!(*hook, wanted);
    }
}
