//! What the hub and the bridge of Agent Junction have in common. It has no runtime and cannot read a message.

pub mod alias;
pub mod close;
pub mod codec;
pub mod config_dir;
pub mod handshake;
pub mod harden;
pub mod hosts;
pub mod id;
pub mod identity;
pub mod limits;
pub mod link;
pub mod network;
pub mod phrase;
mod platform;
pub mod redact;
pub mod secret;
pub mod settings;
pub mod wire;
mod words;
