//! What differs between clients, as one table of values and functions.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::wire::Hindrance;
use serde_json::{Map, Value};

use super::channel::{CallOrigin, Channel};
use super::hook_event::HookEventKind;
use super::session_id::SessionIds;
use super::session_view::{ClientSigns, SessionView};
use crate::setup::{ClientSettings, SetupTarget};

/// One client: its names, and where it differs from a plain MCP client.
pub(super) struct ClientProfile {
    /// The name in `clientInfo`, by which the client introduces itself.
    pub(super) mcp_name: &'static str,
    /// The name by which people know the client.
    pub(super) name: &'static str,
    /// The name of the program, and of its process.
    pub(super) program: &'static str,
    /// The environment variable that names the project's directory.
    pub(super) project_variable: Option<&'static str>,
    /// The meaning of a hook event, by its name and input; `None` for events that the client does not have.
    pub(super) hook_event: fn(&str, &Value) -> Option<HookEventKind>,
    /// Where the client shows what its agent does, if it shows that.
    pub(super) session: fn() -> Option<Arc<dyn SessionView>>,
    /// Why the agent cannot be woken, where no channel can.
    pub(super) hindrance: fn(ClientSigns) -> Hindrance,
    /// How the client wakes its agent after a hook that ran beside the session.
    pub(super) rewake: Option<RewakeSupport>,
    /// The channel by which the client wakes its agent, if the environment shows that there may be one.
    pub(super) channel: fn() -> Option<Arc<dyn Channel>>,
    /// The thread and turn in the `_meta` of a tool call.
    pub(super) call_origin: fn(&Map<String, Value>) -> Option<CallOrigin>,
    /// The `_meta` of a tool's definition: always in the context, and the longest result shown whole, in characters.
    pub(super) tool_meta: fn(bool, Option<u32>) -> Map<String, Value>,
    /// What the client sets in the environment of the commands that its agent runs.
    pub(super) shell: ShellVariables,
    /// The client's settings files, and what of ours belongs in them.
    pub(super) settings: Option<fn(&SetupTarget) -> ClientSettings>,
    /// Where the client tells which session a bridge serves, if it tells that.
    pub(super) session_ids: Option<SessionIds>,
    /// How long the client waits for a call.
    pub(super) limits: CallLimits,
}

/// How long a client waits for a call, where it does not wait for ever.
#[derive(Default)]
pub(super) struct CallLimits {
    /// For one that shows no progress.
    pub(super) silence: Option<Duration>,
    /// For one that shows progress or none.
    pub(super) call: Option<Duration>,
}

/// Variables of the environment by which a command knows that an agent runs it.
pub(super) struct ShellVariables {
    /// Variables that say so by being there.
    pub(super) signs: &'static [&'static str],
    /// The variable with the session's id, as hooks or calls name it.
    pub(super) session: Option<&'static str>,
}

/// How a client wakes its agent when a hook ends that ran beside the session.
pub(super) struct RewakeSupport {
    /// The exit status that asks for it.
    pub(super) exit_status: u8,
    /// Whether the session goes on after its first answer. Otherwise the client would wait for the hook to end.
    pub(super) is_interactive: fn() -> bool,
}

impl ClientProfile {
    /// A client that needs nothing beyond MCP.
    pub(super) const fn plain(
        mcp_name: &'static str,
        name: &'static str,
        program: &'static str,
    ) -> Self {
        Self {
            mcp_name,
            name,
            program,
            project_variable: None,
            hook_event: |_, _| None,
            session: || None,
            hindrance: |_| Hindrance::NoWay,
            rewake: None,
            channel: || None,
            call_origin: |_| None,
            tool_meta: |_, _| Map::new(),
            shell: ShellVariables { signs: &[], session: None },
            settings: None,
            session_ids: None,
            limits: CallLimits { silence: None, call: None },
        }
    }
}
