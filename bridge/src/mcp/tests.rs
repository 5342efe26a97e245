//! The MCP server as a client meets it, over real pipes and with a link whose answers the tests write.
//! What holds for stateful and stateless versions of MCP is tested with both.

mod bounds;
mod client;
mod leases;
mod mischief;
mod opening;
mod tools;
