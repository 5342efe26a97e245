//! The ancestors of processes: how a hook finds the bridge of its own session.

use std::path::PathBuf;

#[cfg(not(unix))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(all(unix, not(target_os = "linux")))]
mod unix;

#[cfg(not(unix))]
use elsewhere as platform;
#[cfg(target_os = "linux")]
use linux as platform;
#[cfg(all(unix, not(target_os = "linux")))]
use unix as platform;

/// The most ancestors of a process that are followed.
const MAX_DEPTH: usize = 32;

/// The processes of this machine and their parents.
pub(crate) struct ProcessTree(platform::Processes);

impl ProcessTree {
    /// The tree at this moment.
    pub(crate) fn now() -> Self {
        Self(platform::Processes::now())
    }

    /// The ancestors of a process, nearest first.
    pub(crate) fn ancestors(&self, pid: u32) -> Vec<u32> {
        let up = |pid: &u32| self.0.parent(*pid).filter(|parent| *parent > 0);
        std::iter::successors(Some(pid), up).skip(1).take(MAX_DEPTH).collect()
    }
}

/// Whether a process reads from a pipe or a socket, as a wrapper between a client and its server does.
pub(crate) fn is_piped(pid: u32) -> bool {
    platform::is_piped(pid)
}

/// When a process began, in the system's own unit: no two processes of one id have the same. `None` where the system does
/// not tell.
pub(crate) fn started(pid: u32) -> Option<u64> {
    platform::started(pid)
}

/// The name that a process gives itself, if it can be seen.
pub(crate) fn name(pid: u32) -> Option<String> {
    platform::name(pid)
}

/// The program file that a process runs, if it can be seen.
pub(crate) fn program(pid: u32) -> Option<PathBuf> {
    platform::program(pid)
}

/// The script that a process runs, if its program is an interpreter such as `node` and that can be seen.
pub(crate) fn script(pid: u32) -> Option<PathBuf> {
    platform::script(pid)
}

/// The processes of all users that run a program of this name without a command, as servers, each with its user's id.
/// Empty where the system does not tell.
pub(crate) fn serving(name: &str) -> Vec<(u32, u32)> {
    platform::serving(name)
}

/// The user's id, if [`serving`] finds anything here.
pub(crate) fn user() -> Option<u32> {
    platform::user()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn nearest_ancestor_of_a_child_is_this_process() {
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let ancestors = ProcessTree::now().ancestors(child.id());
        assert_eq!(ancestors.first(), Some(&std::process::id()));
        assert!(ancestors.len() > 1 && ancestors.len() <= MAX_DEPTH);
        #[cfg(target_os = "linux")]
        {
            assert!(is_piped(child.id()));
            assert!(started(child.id()) >= started(std::process::id()));
            assert_eq!(program(std::process::id()), std::env::current_exe().ok());
            assert_eq!(name(child.id()).as_deref(), Some("cat"));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn missing_process_has_no_ancestors() {
        assert!(ProcessTree::now().ancestors(u32::MAX).is_empty());
        assert!(!is_piped(u32::MAX));
        assert_eq!(started(u32::MAX), None);
    }
}
