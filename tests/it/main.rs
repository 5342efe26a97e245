//! End-to-end tests: the real binaries, as real processes, over real sockets.
#![expect(clippy::print_stderr, reason = "a test that fails or skips something says what it saw")]

mod adversary;
#[cfg(unix)]
mod attachments;
mod claims;
mod delivery;
mod docs;
mod doctor;
mod faults;
#[cfg(unix)]
mod gateway;
mod hub;
#[cfg(target_os = "linux")]
mod lan;
mod layout;
mod machines;
mod mcp;
#[cfg(target_os = "linux")]
mod memory;
mod model;
#[cfg(target_os = "linux")]
mod page;
#[cfg(unix)]
mod people;
#[cfg(unix)]
mod seats;
mod sentences;
#[cfg(unix)]
mod setup;
mod start;
mod teams;
#[cfg(unix)]
mod wake;
