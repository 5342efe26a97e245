//! The bridge of Agent Junction: an MCP server for one agent, commands for people, and hooks for agent clients, in front
//! of the engine that seals and opens messages.
#![deny(unused_crate_dependencies)]

mod address;
mod attachments;
mod claims;
mod cli;
mod clients;
mod collisions;
mod commands;
mod config;
mod context_probe;
#[cfg(test)]
mod docs;
mod escape;
mod gateway;
mod invitation;
mod ipc;
mod joining;
mod json_text;
mod log;
#[cfg(test)]
mod manifests;
mod mcp;
mod onlooker;
mod packages;
mod page;
mod people;
mod person;
mod process;
mod project;
mod qr_code;
mod results;
mod seats;
mod serve;
mod setup;
mod start;
mod survey;
mod terminal;
#[cfg(test)]
mod testing;
mod timestamp;
mod wake;
mod wording;

pub use start::{run, run_with_page};
