//! AJ1, the protocol between bridges and a hub: frames, their bounds, names and the handshake. Golden frames freeze it.

pub mod alias;
pub mod close;
pub mod codec;
pub mod context_text;
pub mod crypto;
pub mod handshake;
pub mod hidden;
pub mod host_header;
pub mod id;
pub mod limits;
pub mod onlooker;
pub mod safety_phrase;
pub mod seat;
pub mod wire;
mod words;
