//! Messages and peers when nothing fails.

mod messages;
mod peers;
