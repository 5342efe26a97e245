//! One connection to a hub: TCP, TLS to a pinned key, the websocket, and the check of a link against its hub.

pub mod dial;
pub mod endpoint;
pub mod http;
pub mod tls;
pub mod verify;
