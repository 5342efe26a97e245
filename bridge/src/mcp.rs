//! The face towards the agent: an MCP server on stdin and stdout.
//!
//! ```text
//! stdin  → lines → envelope → transport ─┐          ┌→ args ─┐
//!                                calls   rmcp → server → tools → link
//! stdout ← stdio ←────────── transport ←─┘          └ results ← present
//! ```

pub(crate) mod args;
pub(crate) mod calls;
pub(crate) mod envelope;
pub(crate) mod escape;
pub(crate) mod results;
pub(crate) mod schema;
pub(crate) mod server;
pub(crate) mod stdio;
pub(crate) mod tools;

#[cfg(test)]
mod tests;
