//! How a hook or command finds the bridge of its session among the user's bridges.

use std::path::{Path, PathBuf};

use junction_shared::machine::config_dir::ConfigDir;
use serde::{Deserialize, Serialize};

#[cfg(not(unix))]
use super::elsewhere::{directories, gateway, owner, person};
#[cfg(unix)]
use super::unix::{directories, gateway, owner, person};
use crate::clients::client_process::{MAX_BETWEEN, is_client, session_process};
use crate::process::tree::{ProcessTree, is_piped};

/// How sure a hook is that a bridge belongs to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SessionMatch {
    /// The process tree holds one such bridge.
    #[serde(rename = "yes")]
    Only,
    /// The process tree holds several: the bridge has to know the session's id.
    #[serde(rename = "no")]
    OneOfSeveral,
}

/// A running bridge.
struct RunningBridge {
    socket: PathBuf,
    /// The ancestors of the bridge's process, nearest first.
    ancestors: Vec<u32>,
}

/// The sockets of all of the user's bridges.
pub(crate) fn all_bridges() -> Vec<PathBuf> {
    sockets(owner, directories())
}

/// The sockets of the user's own commands that run for a while.
pub(crate) fn persons_sockets() -> Vec<PathBuf> {
    sockets(person, directories())
}

/// The sockets of the user's gateways.
pub(crate) fn gateways() -> Vec<PathBuf> {
    sockets(gateway, directories())
}

/// The gateway's process whose socket this is.
pub(crate) fn gateway_of(socket: &Path) -> Option<u32> {
    gateway(socket)
}

/// The socket of the user's own command that runs as this process.
pub(crate) fn person_socket(pid: u32) -> Option<PathBuf> {
    persons_sockets().into_iter().find(|socket| person(socket) == Some(pid))
}

/// Whether a client runs this process, as its parent or further up: one that is known by its name, or any program that
/// has started a bridge itself, with the environment that it gave this process.
pub(crate) fn is_inside_client() -> bool {
    let tree = ProcessTree::now();
    let own = sockets(owner, directories().into_iter().take(1).collect());
    let bridges = own.into_iter().filter_map(|socket| owner(&socket));
    let parents: Vec<u32> =
        bridges.filter_map(|bridge| tree.ancestors(bridge).first().copied()).collect();
    // The first process of a system or container is above everything, and no client.
    let above = tree.ancestors(std::process::id()).into_iter().filter(|process| *process > 1);
    above.into_iter().any(|process| parents.contains(&process) || is_client(process))
}

fn sockets(owner: fn(&Path) -> Option<u32>, directories: Vec<PathBuf>) -> Vec<PathBuf> {
    let dirs = directories.into_iter().map(ConfigDir::at);
    let sound = dirs.filter(|dir| matches!(dir.check(), Ok(true)));
    let entries = sound.flat_map(|dir| std::fs::read_dir(dir.path()).into_iter().flatten());
    let mut all: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    all.retain(|path| owner(path).is_some());
    all.sort();
    all
}

/// The process whose socket this is.
pub(crate) fn process_of(socket: &Path) -> Option<u32> {
    owner(socket)
}

/// The sockets of the bridges that may belong to the session that runs this process.
pub(crate) fn bridges_of_this_session() -> Vec<(PathBuf, SessionMatch)> {
    let tree = ProcessTree::now();
    let with_ancestors = |socket: PathBuf| {
        let ancestors = tree.ancestors(owner(&socket)?);
        Some(RunningBridge { socket, ancestors })
    };
    let bridges: Vec<_> = all_bridges().into_iter().filter_map(with_ancestors).collect();
    let own = nearest(&tree.ancestors(std::process::id()), &bridges, is_piped, is_client);
    let found = if own.len() == 1 { SessionMatch::Only } else { SessionMatch::OneOfSeveral };
    own.into_iter().map(|at| (bridges[at].socket.clone(), found)).collect()
}

/// Bridges with the process of the client that runs each, where one process of that client runs one session.
pub(crate) fn with_sessions(bridges: &[u32]) -> Vec<(u32, u32)> {
    let tree = ProcessTree::now();
    let with_client = |bridge: &u32| Some((*bridge, session_process(&tree, *bridge)?));
    bridges.iter().filter_map(with_client).collect()
}

/// The bridges, by index, of the nearest ancestor that has any: those with the fewest programs between.
fn nearest(
    ancestors: &[u32],
    bridges: &[RunningBridge],
    is_between: impl Fn(u32) -> bool,
    is_client: impl Fn(u32) -> bool,
) -> Vec<usize> {
    for ancestor in ancestors {
        let depth = |bridge: &RunningBridge| {
            let at = bridge.ancestors.iter().position(|parent| parent == ancestor)?;
            let between = &bridge.ancestors[..at];
            (at <= MAX_BETWEEN && between.iter().all(|pid| is_between(*pid))).then_some(at)
        };
        let depths: Vec<_> = bridges.iter().map(depth).collect();
        let least = depths.iter().flatten().min().copied();
        // Above the client that runs this process, no bridge is its own.
        if least.is_some() || is_client(*ancestor) {
            let nearest = depths.iter().enumerate().filter(|(_, depth)| **depth == least);
            return nearest.filter(|(_, depth)| depth.is_some()).map(|(at, _)| at).collect();
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bridge(ancestors: &[u32]) -> RunningBridge {
        RunningBridge { socket: PathBuf::new(), ancestors: ancestors.to_vec() }
    }

    /// Process 20 is the client, 10 the shell that started it; 30 and above are wrappers between it and a bridge.
    fn found(ancestors: &[u32], bridges: &[RunningBridge]) -> Vec<usize> {
        nearest(ancestors, bridges, |pid| pid >= 30, |pid| pid == 20)
    }

    #[test]
    fn bridge_of_the_nearest_ancestor_is_found() {
        let bridges = [bridge(&[10]), bridge(&[20, 10])];
        assert_eq!(found(&[25, 20, 10], &bridges), [1]);
        assert_eq!(found(&[25, 10], &bridges), [0]);
        assert!(found(&[25], &bridges).is_empty());
    }

    #[test]
    fn wrappers_between_a_client_and_its_bridge_do_not_count() {
        assert_eq!(found(&[25, 20, 10], &[bridge(&[31, 30, 20, 10])]), [0]);
        // Another client below the same shell is not a wrapper.
        assert!(found(&[25, 15, 10], &[bridge(&[20, 10])]).is_empty());
        assert!(found(&[25, 20], &[bridge(&[33, 32, 31, 30, 20])]).is_empty());
        assert_eq!(found(&[25, 20], &[bridge(&[30, 20]), bridge(&[20])]), [1]);
    }

    #[test]
    fn client_without_a_bridge_takes_none_from_above() {
        let bridges = [bridge(&[10, 1])];
        assert!(found(&[25, 20, 10, 1], &bridges).is_empty());
        assert_eq!(found(&[25, 21, 10, 1], &bridges), [0]);
    }

    #[test]
    fn several_bridges_of_one_client_are_all_found() {
        assert_eq!(found(&[20], &[bridge(&[20]), bridge(&[20]), bridge(&[21])]), [0, 1]);
    }
}
