//! This machine: the private directory with its identity files, settings, network addresses, and protection of the
//! process's memory and logs.

pub mod config_dir;
pub mod harden;
pub mod hosts;
pub mod hosts_problem;
pub mod identity;
pub mod network;
mod platform;
pub mod redact;
pub mod settings;
