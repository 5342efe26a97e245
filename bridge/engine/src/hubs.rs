//! The hubs that a bridge can meet at: which there are, which of them answer, which one is in use, and starting the
//! hub of this machine.

pub mod autostart;
pub mod failed_dial;
pub mod feed;
pub mod known;
pub mod probe;
pub mod selection;
pub mod target;
