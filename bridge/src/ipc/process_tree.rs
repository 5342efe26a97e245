//! Whose child a process is: how a hook finds the bridge of its own session.

use std::path::PathBuf;

/// Processes on the way up that are looked at.
const MAX_DEPTH: usize = 32;

/// The processes of this machine, as they are now.
pub(crate) struct Family(imp::Processes);

impl Family {
    /// Looks.
    pub(crate) fn now() -> Self {
        Self(imp::Processes::now())
    }

    /// The parents of a process, nearest first.
    pub(crate) fn ancestors(&self, pid: u32) -> Vec<u32> {
        let up = |pid: &u32| self.0.parent(*pid).filter(|parent| *parent > 0);
        std::iter::successors(Some(pid), up).skip(1).take(MAX_DEPTH).collect()
    }
}

/// Whether a process reads from a pipe or a socket, as a program does that stands between a client and its server.
pub(crate) fn is_piped(pid: u32) -> bool {
    imp::is_piped(pid)
}

/// What a process calls itself, if that can be seen.
pub(crate) fn name(pid: u32) -> Option<String> {
    imp::name(pid)
}

/// The program that a process runs, if that can be seen.
pub(crate) fn program(pid: u32) -> Option<PathBuf> {
    imp::program(pid)
}

#[cfg(target_os = "linux")]
mod imp {
    use std::path::PathBuf;

    /// Read from `/proc` one by one, as needed.
    pub(super) struct Processes;

    impl Processes {
        pub(super) fn now() -> Self {
            Self
        }

        pub(super) fn parent(&self, pid: u32) -> Option<u32> {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name before it, in parentheses, may hold anything.
            let (_, fields) = stat.rsplit_once(')')?;
            fields.split_whitespace().nth(1)?.parse().ok()
        }
    }

    pub(super) fn is_piped(pid: u32) -> bool {
        let input = std::fs::read_link(format!("/proc/{pid}/fd/0")).unwrap_or_default();
        let input = input.to_string_lossy();
        input.starts_with("pipe:") || input.starts_with("socket:")
    }

    pub(super) fn name(pid: u32) -> Option<String> {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        Some(name.trim_end().to_owned())
    }

    pub(super) fn program(pid: u32) -> Option<PathBuf> {
        std::fs::read_link(format!("/proc/{pid}/exe")).ok()
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
mod imp {
    use std::collections::HashMap;
    use std::path::PathBuf;
    use std::process::Command;

    /// All of them, as `ps` lists them (POSIX).
    pub(super) struct Processes(HashMap<u32, u32>);

    impl Processes {
        pub(super) fn now() -> Self {
            let listed = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output();
            let listed = listed.map(|output| output.stdout).unwrap_or_default();
            let pair = |line: &str| {
                let mut numbers = line.split_whitespace().map(str::parse);
                Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
            };
            Self(String::from_utf8_lossy(&listed).lines().filter_map(pair).collect())
        }

        pub(super) fn parent(&self, pid: u32) -> Option<u32> {
            self.0.get(&pid).copied()
        }
    }

    pub(super) fn is_piped(_: u32) -> bool {
        false
    }

    pub(super) fn name(_: u32) -> Option<String> {
        None
    }

    pub(super) fn program(_: u32) -> Option<PathBuf> {
        None
    }
}

#[cfg(not(unix))]
mod imp {
    use std::path::PathBuf;

    pub(super) struct Processes;

    impl Processes {
        pub(super) fn now() -> Self {
            Self
        }

        pub(super) fn parent(&self, _: u32) -> Option<u32> {
            None
        }
    }

    pub(super) fn is_piped(_: u32) -> bool {
        false
    }

    pub(super) fn name(_: u32) -> Option<String> {
        None
    }

    pub(super) fn program(_: u32) -> Option<PathBuf> {
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_child_has_this_process_for_its_nearest_ancestor() {
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let ancestors = Family::now().ancestors(child.id());
        assert_eq!(ancestors.first(), Some(&std::process::id()));
        assert!(ancestors.len() > 1 && ancestors.len() <= MAX_DEPTH);
        #[cfg(target_os = "linux")]
        {
            assert!(is_piped(child.id()));
            assert_eq!(program(std::process::id()), std::env::current_exe().ok());
            assert_eq!(name(child.id()).as_deref(), Some("cat"));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn who_is_not_there_has_no_parents() {
        assert!(Family::now().ancestors(u32::MAX).is_empty());
        assert!(!is_piped(u32::MAX));
    }
}
