//! The gateway, as clients over HTTP ask it.

mod tls;
