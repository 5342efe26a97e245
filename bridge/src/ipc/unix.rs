//! Unix sockets, their directories, and the check that both ends belong to one user.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::settings::env_path;
use rustix::process::geteuid;
use tokio::net::{UnixListener, UnixStream};

/// The name of the sockets' directory where the parent directory belongs to the user alone.
const DIRECTORY: &str = "agent-junction";
/// What the name of a person's socket begins with, before the process's id. A bridge's is the id alone.
pub(super) const PERSON: &str = "person-";
/// What the name of a gateway's socket begins with.
pub(super) const GATEWAY: &str = "gateway-";
const ENDING: &str = ".sock";

/// A connection.
pub(super) type SocketStream = UnixStream;

/// A bridge's listening socket. Dropping it removes the socket file.
pub(super) struct SocketListener {
    listener: UnixListener,
    path: PathBuf,
}

impl SocketListener {
    /// Opens the socket, whose name begins with this, in the first directory that permits it.
    ///
    /// # Errors
    /// The error of the last directory, if none permits it.
    pub(super) fn open(prefix: &str) -> io::Result<Self> {
        let mut outcome = Err(io::ErrorKind::NotFound.into());
        for dir in directories() {
            outcome = Self::open_in(&dir, prefix);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    fn open_in(dir: &Path, prefix: &str) -> io::Result<Self> {
        ConfigDir::at(dir.to_owned()).open().map_err(io::Error::other)?;
        remove_stale(dir);
        let path = dir.join(format!("{prefix}{}{ENDING}", std::process::id()));
        let listener = UnixListener::bind(&path)?;
        let socket = Self { listener, path };
        // Nobody else could connect before: only the user can enter the directory.
        std::fs::set_permissions(&socket.path, PermissionsExt::from_mode(0o600))?;
        Ok(socket)
    }

    /// The next connection from a process of the same user.
    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            if is_ours(&stream) {
                return Ok(stream);
            }
        }
    }
}

impl Drop for SocketListener {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Connects to the socket of another bridge of the same user.
///
/// # Errors
/// If nobody listens there, or another user does.
pub(super) async fn connect(path: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(path).await?;
    if is_ours(&stream) { Ok(stream) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// The directories that may hold sockets, the preferred one first. A hook reads all of them, because a bridge may have
/// been started with another environment.
pub(super) fn directories() -> Vec<PathBuf> {
    let uid = geteuid().as_raw();
    let runtime =
        env_path("XDG_RUNTIME_DIR").into_iter().chain([format!("/run/user/{uid}").into()]);
    let runtime = runtime.filter(|dir| dir.is_dir()).map(|dir| dir.join(DIRECTORY));
    let shared = format!("{DIRECTORY}-{uid}");
    let temporary = [std::env::temp_dir(), "/tmp".into()].map(|dir| dir.join(&shared));
    let mut all: Vec<PathBuf> = Vec::new();
    for dir in runtime.chain(temporary) {
        if dir.is_absolute() && !all.contains(&dir) {
            all.push(dir);
        }
    }
    all
}

/// The id of the process that a bridge's socket belongs to.
pub(super) fn owner(socket: &Path) -> Option<u32> {
    name(socket)?.parse().ok()
}

/// The id of the process that a person's socket belongs to.
pub(super) fn person(socket: &Path) -> Option<u32> {
    name(socket)?.strip_prefix(PERSON)?.parse().ok()
}

/// The id of the process that a gateway's socket belongs to.
pub(super) fn gateway(socket: &Path) -> Option<u32> {
    name(socket)?.strip_prefix(GATEWAY)?.parse().ok()
}

fn name(socket: &Path) -> Option<&str> {
    socket.file_name()?.to_str()?.strip_suffix(ENDING)
}

fn is_ours(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == geteuid().as_raw())
}

/// Removes the sockets of bridges that were killed. Connecting shows whether a bridge lives; its process id would not,
/// because the bridge may run in a container.
fn remove_stale(dir: &Path) {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_ours = |path: &PathBuf| [owner, person, gateway].iter().any(|of| of(path).is_some());
    for path in paths.filter(is_ours) {
        let connected = std::os::unix::net::UnixStream::connect(&path);
        if connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            let _ = std::fs::remove_file(path);
        }
    }
}
