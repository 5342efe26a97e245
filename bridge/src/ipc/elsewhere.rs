//! Systems on which a bridge has no socket yet: hooks find no bridge and stay silent.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};

/// What the name of a person's socket would begin with.
pub(super) const PERSON: &str = "person-";
/// What the name of a gateway's socket would begin with.
pub(super) const GATEWAY: &str = "gateway-";

/// A connection, which never exists.
pub(super) type SocketStream = tokio::io::DuplexStream;

/// A listening socket, which never exists.
pub(super) struct SocketListener(Infallible);

impl SocketListener {
    /// Opens no socket.
    ///
    /// # Errors
    /// Always.
    pub(super) fn open(_: &str) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Never returns.
    pub(super) async fn accept(&self) -> io::Result<SocketStream> {
        match self.0 {}
    }
}

/// Connects to nothing.
///
/// # Errors
/// Always.
pub(super) async fn connect(_: &Path) -> io::Result<SocketStream> {
    Err(io::ErrorKind::Unsupported.into())
}

/// No directories.
pub(super) fn directories() -> Vec<PathBuf> {
    Vec::new()
}

/// No process.
pub(super) fn owner(_: &Path) -> Option<u32> {
    None
}

/// No process.
pub(super) fn person(_: &Path) -> Option<u32> {
    None
}

/// No process.
pub(super) fn gateway(_: &Path) -> Option<u32> {
    None
}
