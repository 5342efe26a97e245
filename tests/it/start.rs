//! Before the first message: settings, the first hub, and invite links.

mod autostart;
#[cfg(target_os = "linux")]
mod homes;
mod links;
#[cfg(target_os = "linux")]
mod ports;
#[cfg(target_os = "linux")]
mod set_ports;
#[cfg(target_os = "linux")]
mod stop;
#[cfg(target_os = "linux")]
mod terminal;
