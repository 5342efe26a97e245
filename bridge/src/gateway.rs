//! The gateway: MCP over HTTP for clients that start no process. Each address is one agent, a session of its own on the hub, which
//! the gateway runs an engine for.
//!
//! ```text
//! listener → connection → server → agents → agent → mcp::http → tools → engine
//!                            └ names, session_id: whose request it is
//! ```

mod agent;
mod agents;
mod connections;
pub(crate) mod host;
mod listener;
pub(crate) mod names;
pub(crate) mod requests;
mod server;
mod session_id;

pub(crate) use connections::Connections;
pub(crate) use server::{Served, serve};
