//! The processes around this one, and the signals that end it. Each system's part is in a file of its own.

pub(crate) mod parent;
pub(crate) mod signals;
pub(crate) mod tree;
