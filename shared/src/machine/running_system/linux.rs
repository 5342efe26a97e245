//! Linux tells all of it in `/proc`.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::machine::connection_end::ConnectionLook;
use crate::machine::port_owner::{PortOwner, plain_name, served_command};

mod sock_diag;

/// A socket that listens, in `/proc/net/tcp`.
const LISTENS: &str = "0A";
/// Open files that are looked at, at most, in search of a socket.
const MAX_LOOKS: usize = 1 << 17;

/// The running system and the network namespace: together unique on earth. A boot has an id of its own, which all
/// containers on the machine see; the name of the machine takes its place where that is hidden.
pub(crate) fn network_place() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let boot =
        boot.unwrap_or_else(|_| rustix::system::uname().nodename().to_string_lossy().into_owned());
    let network = fs::read_link("/proc/self/ns/net").unwrap_or_default();
    format!("{} {}", boot.trim(), network.display())
}

/// The process that holds the lock of a file, by the file's device and number in `/proc/locks`.
pub(crate) fn lock_holder(path: &Path) -> Option<u32> {
    let file = fs::symlink_metadata(path).ok()?;
    let (device, inode) = (file.dev(), file.ino());
    let place_of_file =
        format!("{:02x}:{:02x}:{inode}", rustix::fs::major(device), rustix::fs::minor(device));
    let locks = fs::read_to_string("/proc/locks").ok()?;
    // "1: FLOCK ADVISORY WRITE 708 00:17:1234 0 EOF"; one that waits has an arrow after its number.
    locks.lines().find_map(|line| {
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", process, place, ..] = words[..] else { return None };
        // A file of another device can have the same number. Where the kernel names the device in another way than
        // `stat` does, nobody is named.
        process.parse().ok().filter(|_| place == place_of_file)
    })
}

/// A listening socket of the port.
struct ListeningSocket {
    inode: String,
    user: u32,
}

/// The program that listens on this port of this machine. It can take some milliseconds to find out.
#[must_use]
pub fn port_owner(port: u16) -> PortOwner {
    let sockets: Vec<_> = ["/proc/self/net/tcp", "/proc/self/net/tcp6"]
        .iter()
        .flat_map(|table| listening(table, port))
        .collect();
    if let Some(found) = sockets.iter().find_map(|socket| holder(&socket.inode)) {
        return found;
    }
    let own = rustix::process::geteuid().as_raw();
    match sockets.first() {
        Some(socket) if socket.user != own => PortOwner::OtherUser(socket.user),
        _ => PortOwner::Unknown,
    }
}

/// The sockets of this table that listen on the port.
fn listening(table: &str, port: u16) -> Vec<ListeningSocket> {
    let text = fs::read_to_string(table).unwrap_or_default();
    let of_port = format!(":{port:04X}");
    // The columns: number, local address, remote address, state, queues, timer, retransmits, user, timeout, inode.
    let sockets = text.lines().filter_map(|line| {
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        let [_, local, _, LISTENS, _, _, _, user, _, inode, ..] = words[..] else { return None };
        let user = user.parse().ok().filter(|_| local.ends_with(&of_port))?;
        Some(ListeningSocket { inode: inode.to_owned(), user })
    });
    sockets.collect()
}

/// What the system says about the end of a connection at `local`, whose other end is at `remote`.
#[must_use]
pub fn connection_end(local: SocketAddr, remote: SocketAddr) -> ConnectionLook {
    match sock_diag::connection_end(plain(local), plain(remote)) {
        Ok(Some(end)) => ConnectionLook::Here(end),
        Ok(None) => ConnectionLook::Gone,
        Err(_) => ConnectionLook::Unknown,
    }
}

/// Whether a program of this user has made a connection from `from` to `to`, both of this machine, and has it still: what came
/// on a connection that its program has reset can be read when nobody can tell any more whose it was. `None` if the system
/// does not tell.
#[must_use]
pub fn is_own_connection(from: SocketAddr, to: SocketAddr) -> Option<bool> {
    match connection_end(from, to) {
        ConnectionLook::Here(end) => {
            Some(end.is_established && end.user == rustix::process::geteuid().as_raw())
        }
        ConnectionLook::Gone => Some(false),
        ConnectionLook::Unknown => None,
    }
}

/// An address of IPv4 that is written as one of IPv6, as itself.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The program that has this socket open, among those that this user may look into.
fn holder(inode: &str) -> Option<PortOwner> {
    let socket = format!("socket:[{inode}]");
    let mut looks = 0;
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut processes =
        processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let process = processes.find(|process| {
        let Ok(files) = fs::read_dir(format!("/proc/{process}/fd")) else { return false };
        let mut files = files.flatten().take_while(|_| {
            looks += 1;
            looks <= MAX_LOOKS
        });
        files.any(|file| fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == &*socket))
    })?;
    let file = fs::read_link(format!("/proc/{process}/exe")).ok();
    let file = file.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
    let name = file.map_or_else(
        || fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default(),
        str::to_owned,
    );
    // The system says so of a program that was replaced while it runs.
    let name = name.trim().trim_end_matches(" (deleted)");
    let arguments = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let name = served_command(name, &arguments).map_or_else(|| plain_name(name), str::to_owned);
    Some(PortOwner::Program { name, process })
}
