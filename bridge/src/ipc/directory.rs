//! Where the sockets are: in a directory of the user's own, which the system empties.

use std::path::{Path, PathBuf};

/// Directories to look in, the one to be in first. A bridge need not have the environment that a hook of its session
/// has, so a hook looks in all of them.
#[cfg(unix)]
pub(super) fn candidates() -> Vec<PathBuf> {
    use junction_shared::machine::settings::env_path;

    /// What it is called in a directory that is the user's own.
    const OWN: &str = "agent-junction";

    let uid = rustix::process::geteuid().as_raw();
    let shared = format!("{OWN}-{uid}");
    let own = env_path("XDG_RUNTIME_DIR").into_iter().chain([format!("/run/user/{uid}").into()]);
    let own = own.filter(|dir| dir.is_dir()).map(|dir| dir.join(OWN));
    let tmp = [std::env::temp_dir(), "/tmp".into()].map(|dir| dir.join(&shared));
    let mut all: Vec<PathBuf> = own.chain(tmp).filter(|dir| dir.is_absolute()).collect();
    let mut seen = Vec::new();
    all.retain(|dir| {
        let is_new = !seen.contains(dir);
        seen.push(dir.clone());
        is_new
    });
    all
}

/// There are none where there are no doors.
#[cfg(not(unix))]
pub(super) fn candidates() -> Vec<PathBuf> {
    Vec::new()
}

/// The process whose socket this is.
pub(super) fn owner(socket: &Path) -> Option<u32> {
    let name = socket.file_name()?.to_str()?;
    name.strip_suffix(".sock")?.parse().ok()
}

/// The socket of a process in this directory.
#[cfg(unix)]
pub(super) fn socket_of(dir: &Path, pid: u32) -> PathBuf {
    dir.join(format!("{pid}.sock"))
}
