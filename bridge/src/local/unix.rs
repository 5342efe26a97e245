//! Sockets in the file system, and who is at the other end.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use junction_shared::config_dir::ConfigDir;
use rustix::process::{Pid, geteuid, test_kill_process};
use tokio::net::{UnixListener, UnixStream};

use super::directory::{candidates, owner, socket_of};

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

/// Removes what bridges left behind that were killed.
fn remove_stale(dir: &Path) {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let pid = owner(&path).and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        let own = std::process::id();
        if pid.is_some_and(|pid| {
            // One with this process's number is of another that had it before.
            pid.as_raw_pid().cast_unsigned() == own || test_kill_process(pid).is_err()
        }) {
            let _ = std::fs::remove_file(path);
        }
    }
}
