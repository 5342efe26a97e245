//! The bridge as an MCP server: its versions, its input, its calls, and its end.

mod arguments;
mod calls;
mod input;
mod readers;
mod shutdown;
#[cfg(target_os = "linux")]
mod stuck;
mod versions;
