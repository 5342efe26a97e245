//! Sockets in the file system, and who is at the other end.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use junction_shared::machine::config_dir::ConfigDir;
use rustix::process::geteuid;
use tokio::net::{UnixListener, UnixStream};

use super::directory::{candidates, owner, socket_of};

/// A connection.
pub(super) type Stream = UnixStream;

/// A bridge's door. Dropped, its socket is gone.
pub(crate) struct Door {
    listener: UnixListener,
    path: PathBuf,
}

impl Door {
    /// Opens it in the first directory that takes it.
    ///
    /// # Errors
    /// Why the last of them did not.
    pub(super) fn open() -> io::Result<Self> {
        let mut outcome = Err(io::ErrorKind::NotFound.into());
        for dir in candidates() {
            outcome = Self::open_in(&dir);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    fn open_in(dir: &Path) -> io::Result<Self> {
        ConfigDir::at(dir.to_owned()).open().map_err(io::Error::other)?;
        remove_stale(dir);
        let path = socket_of(dir, std::process::id());
        let listener = UnixListener::bind(&path)?;
        let door = Self { listener, path };
        // Nobody else could come in before: the directory is the user's alone.
        std::fs::set_permissions(&door.path, PermissionsExt::from_mode(0o600))?;
        Ok(door)
    }

    /// The next caller of the same user.
    pub(super) async fn caller(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            if is_ours(&stream) {
                return Ok(stream);
            }
        }
    }

    /// Calls at the door of another bridge of the same user.
    ///
    /// # Errors
    /// If nobody is there, or somebody else.
    pub(crate) async fn call(path: &Path) -> io::Result<UnixStream> {
        let stream = UnixStream::connect(path).await?;
        if is_ours(&stream) { Ok(stream) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn is_ours(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == geteuid().as_raw())
}

/// Removes what bridges left behind that were killed. Whether one lives is asked at its door: its process may be in a
/// container, and have a number that says nothing here.
fn remove_stale(dir: &Path) {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    for path in paths.filter(|path| owner(path).is_some()) {
        let called = std::os::unix::net::UnixStream::connect(&path);
        if called.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            let _ = std::fs::remove_file(path);
        }
    }
}
