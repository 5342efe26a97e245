//! One connection to a hub: TCP, TLS to a pinned key, the websocket, and the proof of a link.

pub mod dial;
pub mod tls;
pub mod verify;
