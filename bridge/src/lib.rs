//! The bridge of Agent Junction: an MCP server beside one agent, which seals what the agent sends and opens what it
//! gets. The reading path: `session` (one identity's life), `link` (how it stays connected), `mcp::tools` (what the
//! agent sees).

mod activity;
mod alarm;
mod attention;
mod autostart;
pub mod bench;
mod chain;
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
mod family;
mod hook;
mod hosts;
mod keys;
mod label;
mod link;
mod local;
mod log;
mod mailbox;
mod mcp;
mod notice;
mod outbox;
mod parent;
mod peers;
mod project;
mod quota;
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
mod urgency;
mod wake;
mod wiped;

pub use start::run;
