//! What belongs in a client's settings.

use junction_attachments::json::{JsonDialect, SettingValue};

use super::program::HookCommand;

/// The tool that a hook calls in place of a command.
pub(crate) const HOOK_TOOL: &str = "hook_event";
/// The matcher of hooks that call a tool with the paths of an edit: a hook that calls a tool for all of a client's tools
/// does not pass on what they are given.
pub(crate) const PATCH_MATCHER: &str = "apply_patch";
/// The name of the server in every client.
pub(crate) const SERVER: &str = "junction";
/// What clients call the address of a server that they ask over HTTP.
pub(super) const ADDRESS_FIELDS: [&str; 3] = ["url", "httpUrl", "serverUrl"];
/// What belongs to one kind of server alone: to one that a client starts, or to one that it asks over HTTP. Some clients
/// refuse an entry with fields of both.
pub(super) const TRANSPORT_FIELDS: [&str; 14] = [
    "type",
    "command",
    "args",
    "env",
    "env_vars",
    "environment",
    "cwd",
    "url",
    "httpUrl",
    "serverUrl",
    "headers",
    "http_headers",
    "env_http_headers",
    "bearer_token_env_var",
];
/// Characters of the secret that ends an agent's address: 32 bytes in base64url.
const ADDRESS_SECRET: usize = 43;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileFormat {
    /// JSON, and what the client reads beyond it.
    Json(JsonDialect),
    /// TOML.
    Toml,
}

/// One thing that belongs in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PlannedEntry {
    /// The server, under the path that ends with its name.
    Server {
        /// The names that lead to it.
        path: Vec<&'static str>,
        /// The server's settings.
        fields: SettingValue,
    },
    /// A rule that asks nobody about the junction's tools: a field.
    RuleField {
        /// The names that lead to it.
        path: Vec<&'static str>,
        /// The value of the field.
        value: SettingValue,
    },
    /// A rule that asks nobody about the junction's tools: an item of a list.
    RuleItem {
        /// The names that lead to the list.
        path: Vec<&'static str>,
        /// The item.
        item: &'static str,
    },
    /// A plugin, which does what hooks do elsewhere: an item of a list.
    PluginItem {
        /// The names that lead to the list.
        path: Vec<&'static str>,
        /// The item.
        item: String,
    },
    /// A hook.
    Hook {
        /// The event.
        event: &'static str,
        /// The tools for which alone the client runs it, as the client writes that; `None` for all.
        matcher: Option<&'static str>,
        /// The hook's settings.
        hook: SettingValue,
    },
}

/// Whether an entry is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EntryState {
    /// Nothing is there.
    Absent,
    /// The entry is there, and calls this program.
    Present(Option<String>),
    /// The server is there, and is a gateway at this address, which is a secret.
    Address(String),
    /// Something else is in its place.
    Other,
}

impl EntryState {
    /// Whether the entry is there.
    pub(crate) fn is_present(&self) -> bool {
        matches!(self, Self::Present(_) | Self::Address(_))
    }
}

/// What a hook of ours is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HookKind {
    /// A command.
    Command(HookCommand),
    /// A call of the bridge's own tool.
    Tool,
}

impl HookKind {
    /// The kind of a hook with these texts; `None` if it has nothing to do with us.
    pub(super) fn of(text: impl Fn(&str) -> Option<String>) -> Option<Self> {
        if text("server").as_deref() == Some(SERVER) && text("tool").as_deref() == Some(HOOK_TOOL) {
            return Some(Self::Tool);
        }
        let command = HookCommand::of(&text("command")?);
        (command != HookCommand::Other).then_some(Self::Command(command))
    }

    /// Whether a hook of this kind, in a group with this matcher, does what is planned for this one. A command reads what it
    /// needs of any event; a call of a tool is given only what is planned for it.
    pub(super) fn serves(&self, planned: Option<&str>, matcher: Option<&str>) -> bool {
        match (planned, self) {
            (None, Self::Tool) => !matcher.is_some_and(is_for_edits),
            (Some(_), Self::Tool) => matcher == planned,
            (_, Self::Command(_)) => true,
        }
    }

    pub(super) fn program(self) -> Option<String> {
        match self {
            Self::Command(HookCommand::Ours { program, .. }) => Some(program),
            _ => None,
        }
    }

    /// Whether somebody else has made something of it.
    pub(super) fn is_wrapped(&self) -> bool {
        *self == Self::Command(HookCommand::Wrapped)
    }
}

impl PlannedEntry {
    /// Whether the entry is left out when a person wants no rule, or no hooks.
    pub(crate) fn is_wanted(&self, hooks: bool, rule: bool) -> bool {
        match self {
            Self::Server { .. } => true,
            Self::RuleField { .. } | Self::RuleItem { .. } => rule,
            Self::PluginItem { .. } | Self::Hook { .. } => hooks,
        }
    }
}

/// Whether a matcher names the tool of the calls that are read for their paths.
fn is_for_edits(matcher: &str) -> bool {
    matcher == PATCH_MATCHER
}

/// A group with one hook in it.
pub(super) fn hook_group(matcher: Option<&str>, hook: &SettingValue) -> SettingValue {
    let matcher = matcher.map(|matcher| ("matcher".to_owned(), SettingValue::text(matcher)));
    let hooks = ("hooks".to_owned(), SettingValue::List(vec![hook.clone()]));
    SettingValue::Fields(matcher.into_iter().chain([hooks]).collect())
}

/// Whether this is the address of an agent at a gateway.
pub(super) fn is_agent_address(text: &str) -> bool {
    let rest = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let secret = rest.and_then(|rest| rest.split_once('/')?.1.strip_prefix("mcp/"));
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    secret.is_some_and(|secret| secret.len() == ADDRESS_SECRET && secret.bytes().all(is_fit))
}

/// The field with the address of a planned server that is asked over HTTP.
pub(super) fn wanted_address(fields: &SettingValue) -> Option<(&'static str, &str)> {
    ADDRESS_FIELDS.iter().find_map(|name| Some((*name, fields.get(name)?.as_text()?)))
}

pub(super) fn wanted_command(fields: &SettingValue) -> &str {
    match fields.get("command") {
        Some(SettingValue::List(words)) => words.first().and_then(SettingValue::as_text),
        other => other.and_then(SettingValue::as_text),
    }
    .unwrap_or_default()
}

pub(super) fn fields_of(value: &SettingValue) -> &[(String, SettingValue)] {
    if let SettingValue::Fields(fields) = value { fields } else { &[] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_of_an_agent_is_known_by_its_form() {
        let secret = "aB3-_".repeat(9)[..ADDRESS_SECRET].to_owned();
        for place in ["http://127.0.0.1:4201", "https://[::1]:4201", "http://attic.local"] {
            assert!(is_agent_address(&format!("{place}/mcp/{secret}")), "{place}");
        }
        for other in [
            "http://127.0.0.1:4200/mcp".to_owned(),
            format!("http://127.0.0.1:4201/mcp/{secret}/"),
            format!("http://127.0.0.1:4201/mcp/{}", &secret[1..]),
            format!("http://127.0.0.1:4201/x/mcp/{secret}"),
            format!("ftp://127.0.0.1/mcp/{secret}"),
            format!("/mcp/{secret}"),
        ] {
            assert!(!is_agent_address(&other), "{other}");
        }
    }
}
