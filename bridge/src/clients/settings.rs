//! Entries that several clients have in their settings, and what several of them let a person set otherwise.

use crate::setup::{
    OverriddenPart, PlannedEntry, SERVER, SettingOverride, SettingValue, SettingsLookup,
    SetupTarget, hook_command,
};

/// The tools without which sessions do not talk.
const TALKING_TOOLS: [&str; 3] = ["list_peers", "send_message", "read_messages"];

/// The bridge under `mcpServers`, as most clients have it. Some want the kind of transport named.
fn stdio_server(program: &str, names_type: bool) -> PlannedEntry {
    let command = ("command", SettingValue::text(program));
    let fields = if names_type {
        SettingValue::fields([("type", SettingValue::text("stdio")), command])
    } else {
        SettingValue::fields([command])
    };
    PlannedEntry::Server { path: vec!["mcpServers", SERVER], fields }
}

/// The server under `mcpServers` that the client asks over HTTP at the address in this field, if there is one; else the
/// bridge, which it starts.
pub(super) fn server(target: &SetupTarget, names_type: bool, field: &str) -> PlannedEntry {
    let Some(address) = &target.address else { return stdio_server(&target.program, names_type) };
    let address = (field, SettingValue::text(address));
    let fields = if names_type {
        SettingValue::fields([("type", SettingValue::text("http")), address])
    } else {
        SettingValue::fields([address])
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
    let planned =
        |event: &&'static str| PlannedEntry::Hook { event, matcher: None, hook: hook.clone() };
    events.iter().map(planned).collect()
}

/// Says that a client does not start the bridge, because a file has this setting.
pub(super) fn switched_off(
    client: &str,
    file: &SettingsLookup<'_>,
    setting: &str,
) -> SettingOverride {
    SettingOverride {
        of: OverriddenPart::Server,
        says: format!(
            "{client} does not start the bridge, because {} has {setting}.",
            file.place()
        ),
        fix: "Change that, and start its sessions again.".to_owned(),
    }
}

/// Says that a client asks before it calls tools of the bridge, because a file has this setting.
pub(super) fn asking(client: &str, file: &SettingsLookup<'_>, setting: &str) -> SettingOverride {
    SettingOverride {
        of: OverriddenPart::Rule,
        says: format!(
            "{client} may ask you before it calls tools of the junction, because {} has {setting}.",
            file.place()
        ),
        fix: "Take that out, and run junction-bridge setup again.".to_owned(),
    }
}

/// Says that a client runs no hooks, because a file has this setting.
pub(super) fn without_hooks(
    client: &str,
    file: &SettingsLookup<'_>,
    setting: &str,
) -> SettingOverride {
    SettingOverride {
        of: OverriddenPart::Hooks,
        says: format!("{client} runs no hooks, because {} has {setting}.", file.place()),
        fix: "Change that, and start its sessions again.".to_owned(),
    }
}

/// Says that a client keeps tools of the bridge from its agent, if a list does so: of those that the agent may have, or of
/// those that it may not.
pub(super) fn limited_tools(
    client: &str,
    file: &SettingsLookup<'_>,
    server: &[&str],
    (allowing, forbidding): (&str, &str),
) -> Option<SettingOverride> {
    let list = |name: &str| file.texts(&[server, &[name]].concat());
    let tools = || TALKING_TOOLS.into_iter();
    let is_listed = |list: &[String], tool: &str| list.iter().any(|listed| listed == tool);
    let name = match (list(allowing), list(forbidding)) {
        (Some(allowed), _) if !tools().all(|tool| is_listed(&allowed, tool)) => allowing,
        (_, Some(forbidden)) if tools().any(|tool| is_listed(&forbidden, tool)) => forbidding,
        _ => return None,
    };
    Some(SettingOverride {
        of: OverriddenPart::Server,
        says: format!(
            "{client} keeps tools of the junction from its agent, because {} has {name}.",
            file.place()
        ),
        fix: format!("Take {name} out of the entry junction there."),
    })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_the_hook_and_its_name() {
        let hooks = command_hooks(&["Stop", "AfterTool"], "/b/junction-bridge", Some(SERVER));
        let [
            PlannedEntry::Hook { event: "Stop", hook, .. },
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
