//! Before the first message: settings, the first hub, and invite links.

mod autostart;
mod links;
