//! The MCP server as a client meets it, over real pipes and with a link whose answers the tests write.
//! What holds in both eras of MCP is tested in both.

mod agent;
mod leases;
mod mischief;
mod opening;
mod tools;
