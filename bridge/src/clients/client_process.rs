//! The process of a client, above the bridge that it runs.

use std::path::Path;

use super::{is_client_program, runs_one_session};
use crate::process::tree::{ProcessTree, is_piped, name, program, script, started};

/// The most wrappers between a client and its bridge: `npx`, `env`, a recorder.
pub(crate) const MAX_BETWEEN: usize = 3;

/// Whether a process is a client.
pub(crate) fn is_client(pid: u32) -> bool {
    is_called(pid, is_client_program)
}

/// The process of the client that runs this bridge, if one process of that client runs one session.
pub(crate) fn session_process(tree: &ProcessTree, bridge: u32) -> Option<u32> {
    let ancestors = tree.ancestors(bridge);
    let client = ancestors.iter().position(|process| is_client(*process))?;
    let between = &ancestors[..client];
    let is_own = client <= MAX_BETWEEN && between.iter().all(|pid| is_piped(*pid));
    (is_own && is_called(ancestors[client], runs_one_session)).then(|| ancestors[client])
}

/// A value that this bridge shares with the others of its session's process, and with no other bridges on this machine.
/// `None` where there is no such process, or the system does not tell.
pub(crate) fn place_of_bridge() -> Option<[u8; 16]> {
    let own = std::process::id();
    // First, because a system that does not tell this may take long to list its processes.
    started(own)?;
    place(session_process(&ProcessTree::now(), own)?)
}

/// A process by its id and its start, which together belong to no other.
fn place(pid: u32) -> Option<[u8; 16]> {
    let mut place = [0; 16];
    place[4..8].copy_from_slice(&pid.to_be_bytes());
    place[8..].copy_from_slice(&started(pid)?.to_be_bytes());
    Some(place)
}

/// Whether a process has such a name, by its program's file or by its own: an installed client may be a file that is named
/// after its version, or a script that an interpreter runs.
fn is_called(pid: u32, is_meant: impl Fn(&str) -> bool) -> bool {
    let program = program(pid);
    let file = program.as_deref().and_then(stem);
    let script = script(pid);
    file.is_some_and(&is_meant)
        || name(pid).as_deref().is_some_and(&is_meant)
        || script.as_deref().and_then(stem).is_some_and(&is_meant)
}

fn stem(path: &Path) -> Option<&str> {
    path.file_stem()?.to_str()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn place_is_that_of_one_process() {
        let own = place(std::process::id()).unwrap();
        assert_eq!(place(std::process::id()), Some(own));
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        assert_ne!(place(child.id()).unwrap(), own);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(place(child.id()), None);
    }
}
