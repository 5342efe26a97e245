//! The bridge as an MCP server: its versions, its input, its calls, and its end.

mod arguments;
mod calls;
mod input;
mod readers;
mod shutdown;
#[cfg(target_os = "linux")]
mod stuck;
mod versions;

/// The names of the tools, in their order.
const TOOLS: [&str; 9] = [
    "register",
    "claim",
    "list_peers",
    "send_message",
    "read_messages",
    "wait_for_peer",
    "known_hosts",
    "disconnect",
    "save_attachment",
];
