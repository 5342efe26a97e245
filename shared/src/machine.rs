//! This machine: the private directory with its identity files, settings, network addresses, the log, and protection of
//! the process's memory.

pub mod config_dir;
pub mod connection_end;
pub mod descriptor;
pub mod descriptor_limit;
pub mod harden;
pub mod hosts;
pub mod hosts_problem;
pub mod identity;
pub mod listening;
pub mod local_gateway;
pub mod local_hub;
pub mod log;
pub mod network;
mod platform;
pub mod port_owner;
pub mod redact;
pub mod running_system;
pub mod seat_secret;
pub mod settings;
