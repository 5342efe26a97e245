//! The gateway: MCP over HTTP for clients that start no process. Each address is one agent, a session of its own on the hub, which
//! the gateway runs an engine for.
//!
//! ```text
//! listener → connection → server → agents → agent → mcp::http → tools → engine
//!     │                      └ names, session_id: whose request it is
//!     └ wire → tls → authority: what a client on another machine trusts
//! ```

mod agent;
mod agents;
pub(crate) mod authority;
mod connections;
pub(crate) mod host;
pub(crate) mod listen_address;
mod listener;
pub(crate) mod names;
pub(crate) mod open_port;
pub(crate) mod requests;
mod server;
mod session_id;
mod tls;
mod wire;

pub(crate) use connections::Connections;
pub(crate) use server::{Served, serve};
pub(crate) use tls::GatewayTls;
