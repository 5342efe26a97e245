//! What a bridge reads from the disk to attach it to a message, and how it saves what was attached: which paths may leave
//! and come in, and single values in dotenv, JSON, TOML and YAML files.

pub mod json;
pub mod values;
