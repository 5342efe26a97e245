//! What a bridge reads from the disk to attach it to a message, and how it saves what was attached: which paths may leave
//! and come in, and single values in dotenv, JSON, TOML and YAML files.
//!
//! An agent names a path, and a peer sends the bytes; neither decides. The [`Policy`] does, by the real path of what was
//! opened, and by what the user wrote into the table `[attachments]` of `config.toml`.
//!
//! All functions block. None of them logs, and no error quotes what a file holds.

mod allowed;
pub mod command;
pub mod config;
mod disk;
mod git;
pub mod json;
mod names;
mod path_text;
mod peer_name;
pub mod policy;
mod process;
pub mod refused;
pub mod save;
pub mod source;
mod turns;
pub mod values;

pub use allowed::Allowed;
pub use git::GitWarning;
pub use names::safe_name;
pub use peer_name::saved_name;
pub use policy::Policy;

/// The most bytes of a file out of which one value is read, or into which one is put: settings are far smaller.
pub const MAX_VALUE_FILE: u64 = 1 << 20;

#[cfg(test)]
#[cfg(unix)]
mod testing;
