//! Systems where a bridge has no door yet: hooks find none and stay silent.

use std::convert::Infallible;
use std::io;
use std::path::Path;

/// A connection, of which there are none.
pub(super) type Stream = tokio::io::DuplexStream;

/// No door.
pub(crate) struct Door(Infallible);

impl Door {
    /// There is none to open.
    ///
    /// # Errors
    /// Always.
    pub(super) fn open() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Nobody comes.
    pub(super) async fn caller(&self) -> io::Result<Stream> {
        match self.0 {}
    }

    /// There is none to call at.
    ///
    /// # Errors
    /// Always.
    pub(crate) async fn call(_: &Path) -> io::Result<Stream> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
