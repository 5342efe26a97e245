//! Which of the user's bridges is meant.

use std::path::PathBuf;

use junction_shared::machine::config_dir::ConfigDir;
use serde::{Deserialize, Serialize};

use super::directory::{candidates, owner};
use crate::process::tree::{ProcessTree, is_piped, name, program};

/// Programs between a client and its bridge, at most: `npx`, `env`, a recorder.
const MAX_BETWEEN: usize = 3;
/// Programs of clients: above the one that ran the hook there are none of its bridges.
const CLIENTS: [&str; 4] = ["claude", "codex", "gemini", "opencode"];

/// Whether a bridge is known to be of a hook's session by its parent. If not, it has to know the session by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sure {
    /// It is the only one.
    Yes,
    /// It is one of several.
    No,
}

/// A running bridge.
struct Bridge {
    socket: PathBuf,
    /// Its parents, nearest first.
    ancestors: Vec<u32>,
}

/// The sockets of all of the user's bridges.
pub(crate) fn all() -> Vec<PathBuf> {
    let dirs = candidates().into_iter().map(ConfigDir::at);
    let sound = dirs.filter(|dir| matches!(dir.check(), Ok(true)));
    let entries = sound.flat_map(|dir| std::fs::read_dir(dir.path()).into_iter().flatten());
    let mut all: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    all.retain(|path| owner(path).is_some());
    all.sort();
    all
}

/// The sockets of the bridges that may be of the session that this process is a hook of.
pub(crate) fn of_this_session() -> Vec<(PathBuf, Sure)> {
    let tree = ProcessTree::now();
    let with_parents = |socket: PathBuf| {
        let ancestors = tree.ancestors(owner(&socket)?);
        Some(Bridge { socket, ancestors })
    };
    let bridges: Vec<_> = all().into_iter().filter_map(with_parents).collect();
    let own = nearest(&tree.ancestors(std::process::id()), &bridges, is_piped, is_client);
    let sure = if own.len() == 1 { Sure::Yes } else { Sure::No };
    own.into_iter().map(|at| (bridges[at].socket.clone(), sure)).collect()
}

/// The bridges, by their places, of the nearest ancestor that has any: those with the fewest programs between.
fn nearest(
    ancestors: &[u32],
    bridges: &[Bridge],
    is_between: impl Fn(u32) -> bool,
    is_client: impl Fn(u32) -> bool,
) -> Vec<usize> {
    for ancestor in ancestors {
        let depth = |bridge: &Bridge| {
            let at = bridge.ancestors.iter().position(|parent| parent == ancestor)?;
            let between = &bridge.ancestors[..at];
            (at <= MAX_BETWEEN && between.iter().all(|pid| is_between(*pid))).then_some(at)
        };
        let depths: Vec<_> = bridges.iter().map(depth).collect();
        let least = depths.iter().flatten().min().copied();
        if least.is_some() || is_client(*ancestor) {
            let nearest = depths.iter().enumerate().filter(|(_, depth)| **depth == least);
            return nearest.filter(|(_, depth)| depth.is_some()).map(|(at, _)| at).collect();
        }
    }
    Vec::new()
}

/// By its program's name or by what it calls itself: an installed Claude Code is a file named after its version.
fn is_client(pid: u32) -> bool {
    let program = program(pid);
    let file = program.as_ref().and_then(|path| path.file_stem()).and_then(|name| name.to_str());
    let is_one = |name: &str| CLIENTS.contains(&name);
    file.is_some_and(is_one) || name(pid).as_deref().is_some_and(is_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bridge(ancestors: &[u32]) -> Bridge {
        Bridge { socket: PathBuf::new(), ancestors: ancestors.to_vec() }
    }

    /// 20 is the client, 10 the shell it was started from; 30 and up are programs between it and a bridge.
    fn found(ancestors: &[u32], bridges: &[Bridge]) -> Vec<usize> {
        nearest(ancestors, bridges, |pid| pid >= 30, |pid| pid == 20)
    }

    #[test]
    fn the_child_of_the_nearest_ancestor_is_meant() {
        let bridges = [bridge(&[10]), bridge(&[20, 10])];
        assert_eq!(found(&[25, 20, 10], &bridges), [1]);
        assert_eq!(found(&[25, 10], &bridges), [0]);
        assert!(found(&[25], &bridges).is_empty());
    }

    #[test]
    fn programs_between_a_client_and_its_bridge_do_not_count() {
        assert_eq!(found(&[25, 20, 10], &[bridge(&[31, 30, 20, 10])]), [0]);
        // Another client below the same shell is none of them.
        assert!(found(&[25, 15, 10], &[bridge(&[20, 10])]).is_empty());
        assert!(found(&[25, 20], &[bridge(&[33, 32, 31, 30, 20])]).is_empty());
        assert_eq!(found(&[25, 20], &[bridge(&[30, 20]), bridge(&[20])]), [1]);
    }

    #[test]
    fn a_client_without_a_bridge_has_none_of_those_above() {
        let bridges = [bridge(&[10, 1])];
        assert!(found(&[25, 20, 10, 1], &bridges).is_empty());
        assert_eq!(found(&[25, 21, 10, 1], &bridges), [0]);
    }

    #[test]
    fn several_are_all_meant() {
        assert_eq!(found(&[20], &[bridge(&[20]), bridge(&[20]), bridge(&[21])]), [0, 1]);
    }
}
