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
    /// Something else is in its place.
    Other,
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
