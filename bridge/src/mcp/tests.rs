//! The MCP server as a client meets it, over real pipes and with an engine whose replies the tests script.
//! What holds for stateful and stateless versions of MCP is tested with both.

mod bounds;
mod client;
mod leases;
mod mischief;
mod opening;
mod prompts;
mod skills;
mod tools;
