//! Whether anybody can see a Codex session. By default one daemon runs the sessions, and each window is a process of its
//! own that is connected to the daemon's socket. `/quit` ends the window alone; the daemon ends the session a minute after
//! its last turn. The daemon does not say which window shows which session; so a session counts as unseen if there is no
//! window, or if there are fewer windows than sessions and none of them was opened in the session's folder.

use std::path::{Path, PathBuf};

use crate::process::tree::{ProcessTree, program};

/// The program of the daemon and of each window.
const CODEX: &str = "codex";
/// The daemon's socket, in Codex's own folder. It may be a link to the place of the real one.
const SOCKET: &str = "app-server-control/app-server-control.sock";
/// What the daemon is called with.
const DAEMON: &str = "app-server";
/// The state of a connected socket in the kernel's table.
const CONNECTED: &str = "03";
/// The most processes that are looked at.
const MAX_PROCESSES: usize = 10_000;

/// Whether nobody can see the session that this process belongs to, given Codex's own folder; `None` where that cannot
/// be known.
pub(super) fn is_unattended(home: &Path) -> Option<bool> {
    let own = std::process::id();
    let ancestors = ProcessTree::now().ancestors(own);
    let at = ancestors.iter().position(|pid| is_codex(*pid))?;
    let daemon = ancestors[at];
    if !arguments(daemon)?.iter().any(|argument| argument == DAEMON) {
        // Without a daemon, the session ends with its window.
        return Some(false);
    }
    let socket = home.join(SOCKET);
    let socket = std::fs::canonicalize(&socket).unwrap_or(socket);
    let windows = connections(&std::fs::read_to_string("/proc/net/unix").ok()?, &socket);
    if windows == 0 {
        return Some(true);
    }
    // The server of each session is a child of the daemon, as that of this one is.
    let server = at.checked_sub(1).map_or(own, |below| ancestors[below]);
    let is_server = |pid: &u32| {
        program(*pid) == program(server)
            && ProcessTree::now().ancestors(*pid).first() == Some(&daemon)
    };
    let sessions = processes().filter(is_server).count();
    let folder = std::env::current_dir().ok()?;
    let is_window =
        |pid: &u32| *pid != daemon && is_codex(*pid) && folder_of(*pid).as_ref() == Some(&folder);
    Some(windows < sessions && !processes().any(|pid| is_window(&pid)))
}

fn is_codex(pid: u32) -> bool {
    program(pid).is_some_and(|path| path.file_stem().is_some_and(|name| name == CODEX))
}

fn arguments(pid: u32) -> Option<Vec<String>> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    Some(line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into()).collect())
}

fn folder_of(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().take(MAX_PROCESSES);
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// How many connections to this socket there are, by the kernel's table of sockets.
fn connections(table: &str, socket: &Path) -> usize {
    let is_connection = |line: &&str| {
        let mut columns = line.split_whitespace().skip(5);
        let (state, path) = (columns.next(), columns.nth(1));
        state == Some(CONNECTED) && path.is_some_and(|path| Path::new(path) == socket)
    };
    table.lines().filter(is_connection).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_by_state_and_path() {
        let table = "\
Num       RefCount Protocol Flags    Type St Inode Path
000000001815be99: 00000002 00000000 00010000 0001 01 2874392 /tmp/codex-daemon-0/835d
00000000417e1122: 00000002 00000000 00010000 0001 01 2873804 /tmp/codex-daemon-0/05ff
000000009b7943a2: 00000003 00000000 00000000 0001 03 2874591 /tmp/codex-daemon-0/835d
00000000c1698377: 00000003 00000000 00000000 0001 03 2873782 /tmp/codex-daemon-0/835d
00000000c1698378: 00000003 00000000 00000000 0001 03 2873783
";
        assert_eq!(connections(table, Path::new("/tmp/codex-daemon-0/835d")), 2);
        assert_eq!(connections(table, Path::new("/tmp/codex-daemon-0/05ff")), 0);
        assert_eq!(connections(table, Path::new("/tmp/codex-daemon-0/83")), 0);
    }

    #[test]
    fn process_that_codex_did_not_start_is_not_judged() {
        assert_eq!(is_unattended(Path::new("/home/me/.codex")), None);
    }
}
