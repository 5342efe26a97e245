//! Messages and peers when nothing fails.

mod asks;
mod messages;
mod peers;
mod waits;
