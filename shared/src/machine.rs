//! This machine: the private directory with its identity files, settings, network addresses, and what the process
//! keeps from dumps and logs.

pub mod config_dir;
pub mod harden;
pub mod hosts;
pub mod identity;
pub mod network;
mod platform;
pub mod redact;
pub mod settings;
