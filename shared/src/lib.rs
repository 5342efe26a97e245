//! Code that the hub and the bridge of Agent Junction share. This crate has no runtime and cannot read a message.
#![deny(unused_crate_dependencies)]

pub mod invite_link;
pub mod machine;
pub mod protocol;
pub mod secret;
