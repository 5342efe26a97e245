//! What the tests and benches of Agent Junction share. No product crate depends on it.

pub mod bench;
pub mod client;
pub mod sim;
