//! Accepts connections, up to the end of the handshake: listeners, TLS or plain HTTP, admission control, and
//! limits for each address.

pub(crate) mod admission;
pub(crate) mod guarded_stream;
pub(crate) mod ip_limits;
pub(crate) mod listeners;
pub(crate) mod tls;
pub(crate) mod tls_or_plain;
