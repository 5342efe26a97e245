//! What the hub and the bridge of Agent Junction have in common. It has no runtime and cannot read a message.

pub mod invite_link;
pub mod machine;
pub mod protocol;
pub mod secret;
