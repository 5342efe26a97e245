//! What the hub and the bridge of Agent Junction have in common. It has no runtime and cannot read a message.

pub mod close;
pub mod codec;
pub mod handshake;
pub mod id;
pub mod limits;
pub mod secret;
pub mod wire;
