//! Which hub a session meets at, where it is known from, and how one is started.

pub mod autostart;
pub mod known;
pub mod refused;
pub mod target;
