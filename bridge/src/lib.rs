//! The bridge of Agent Junction: an MCP server beside one agent, which seals what the agent sends and opens what it
//! gets. The reading path: `session` (one identity's life), `link` (how it stays connected), `mcp::tools` (what the
//! agent sees).

mod autostart;
pub mod bench;
mod cli;
pub mod client;
mod clock;
mod commands;
mod config;
mod delivery;
mod demo;
#[cfg(test)]
mod docs;
mod error;
mod hosts;
mod keys;
mod label;
mod link;
mod log;
mod mailbox;
mod mcp;
mod outbox;
mod parent;
mod peers;
mod project;
mod seal;
mod serve;
mod session;
mod sight;
pub mod sim;
mod start;
mod target;
#[cfg(test)]
mod testing;
mod tls;
mod wiped;

pub use start::run;
