//! What can be wrong inside `hosts.toml`. A mistake costs its own line alone; it is reported with the line's number
//! and never with what the line holds.

use std::path::PathBuf;

use crate::invite_link::LinkError;

/// A mistake in `hosts.toml`, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} line {line}: {mistake}", .path.display())]
pub struct HostsProblem {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with the line.
    pub mistake: HostsMistake,
}

/// What is wrong with a line of `hosts.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostsMistake {
    /// The line keeps the file from being TOML.
    #[error("This is not TOML. Write name = \"link\", or remove the line.")]
    NotToml,
    /// The file is not read, because too many of its lines are not TOML.
    #[error("Too many lines are not TOML. Rewrite the file, beginning with a line [hosts].")]
    TooManyBadLines,
    /// The line is in no table, or in another one.
    #[error("This line is outside [hosts]. Move it below the line [hosts].")]
    OutsideTable,
    /// `hosts` is a value.
    #[error("hosts is not a table. Write [hosts] with a line for each host.")]
    NotATable,
    /// The host has a name that no host can have.
    #[error("This name is not valid. Choose 1 to 32 of a-z, 0-9 and hyphen.")]
    BadName,
    /// The host's value is not a string.
    #[error("This value is not a string. Write a link or \"ADDRESS:PORT\" in quotes.")]
    NotText,
    /// The host's value is a string that names no hub.
    #[error("This value is neither a link nor ADDRESS:PORT. Write one of them.")]
    NotAHost,
    /// The host's value is a damaged link.
    #[error(transparent)]
    Link(#[from] LinkError),
}
