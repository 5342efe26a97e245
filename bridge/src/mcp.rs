//! The face for the agent: an MCP server on stdin and stdout.
//!
//! ```text
//! stdin  → lines → envelope → transport ─┐                ┌→ args ─┐
//!                                calls   rmcp → server → tools → engine
//! stdout ← stdio ←─ tool_line ← transport ←─┘             └ results ←┘
//! ```
//!
//! `schema` and `params` define what a model sees of each tool and what `args` checks. Beside this folder, `results`
//! makes the answers, and `escape` writes out the characters in a peer's text that could mislead a reader.
//! `prompts` are what clients show to a person as commands, and `skills` what some clients' models may learn.

pub(crate) mod args;
pub(crate) mod argument_names;
mod attachment_args;
pub(crate) mod calls;
mod claims;
mod consent;
pub(crate) mod envelope;
mod handler;
pub(crate) mod http;
mod instructions;
mod notices;
pub(crate) mod params;
mod path_syntax;
mod progress;
pub(crate) mod prompts;
mod request;
pub(crate) mod schema;
mod sending;
mod served_agent;
pub(crate) mod server;
mod skills;
pub(crate) mod stdio;
#[cfg(test)]
mod tool_docs;
pub(crate) mod tool_error;
pub(crate) mod tools;

#[cfg(test)]
mod tests;
