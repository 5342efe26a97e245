//! A machine in a network of its own, where names lead where a test wants: a namespace with its own name
//! server. It takes the right to make one, and `ip`.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::net::{TcpListener, UdpSocket};

use super::chromium::Chromium;

/// A question for an address, in the terms of RFC 1035 §3.2.
const QUESTION_A: [u8; 4] = [0, 1, 0, 1];

type Names = Arc<Mutex<HashMap<String, Vec<Ipv4Addr>>>>;

/// A network of its own; dropped, nothing of it is left.
pub(super) struct Machine {
    name: String,
    names: Names,
    moves: AtomicU8,
}

impl Machine {
    /// A machine with loopback, an idle network interface and a name server; if it may not be made, that is
    /// said.
    pub(super) fn start() -> Option<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("junction-{}-{number}", std::process::id());
        if let Err(why) = ip(&["netns", "add", &name]) {
            eprintln!("skipped: no network namespace can be made here ({why})");
            return None;
        }
        let machine = Self { name, names: Names::default(), moves: AtomicU8::new(1) };
        for command in [
            "link set lo up",
            // An address of its own for the second server: resolvers prefer the nearer of two addresses to
            // the first of them.
            "addr add 127.0.0.2/32 dev lo",
            "link add cable0 type veth peer name cable1",
            "link set cable0 addrgenmode none",
            "link set cable1 addrgenmode none",
            "link set cable0 up",
            "link set cable1 up",
        ] {
            machine.ip(command);
        }
        std::fs::create_dir_all(machine.settings()).expect("a directory for its settings");
        let resolver = machine.settings().join("resolv.conf");
        std::fs::write(resolver, "nameserver 127.0.0.1\n").expect("its name server is set");
        let socket = machine.within(|| std::net::UdpSocket::bind("127.0.0.1:53").expect("a port"));
        socket.set_nonblocking(true).expect("a socket for a runtime");
        let socket = UdpSocket::from_std(socket).expect("a socket for a runtime");
        tokio::spawn(serve_names(socket, Arc::clone(&machine.names)));
        Some(machine)
    }

    /// From now on a name leads to these addresses, in this order of preference.
    pub(super) fn lead(&self, name: &str, to: &[Ipv4Addr]) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(name.to_owned(), to.to_vec());
    }

    /// Gets a new address, as a machine does that comes into another network: browsers then resolve names again,
    /// and not only after a minute.
    pub(super) fn moves(&self) {
        let number = self.moves.fetch_add(1, Ordering::Relaxed);
        self.ip(&format!("addr add 192.0.2.{number}/24 dev cable0"));
    }

    /// Does something here.
    pub(super) fn within<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let place = File::open(Path::new("/run/netns").join(&self.name)).expect("the namespace");
        let act = move || {
            // The thread that enters does nothing else, and never comes back.
            move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("the namespace is entered");
            act()
        };
        std::thread::scope(|scope| scope.spawn(act).join()).expect("it is done")
    }

    /// What starts a program here, to be followed by the program.
    pub(super) fn prefix(&self) -> Vec<String> {
        ["ip", "netns", "exec", &self.name].map(str::to_owned).to_vec()
    }

    /// Listens here.
    pub(super) fn listen(&self, at: (Ipv4Addr, u16)) -> TcpListener {
        let listener = self.within(|| std::net::TcpListener::bind(at).expect("a port"));
        listener.set_nonblocking(true).expect("a listener for a runtime");
        TcpListener::from_std(listener).expect("a listener for a runtime")
    }

    /// Shows a page here.
    pub(super) fn show(&self, chromium: &Path, url: &str) -> Chromium {
        let enter = ["netns", "exec", &self.name].map(OsStr::new);
        Chromium::show("ip", &[&enter[..], &[chromium.as_os_str()]].concat(), url)
    }

    fn ip(&self, command: &str) {
        let arguments = ["-n", &self.name].into_iter().chain(command.split(' '));
        ip(&arguments.collect::<Vec<_>>()).expect("a network of its own");
    }

    /// What processes here find in /etc.
    fn settings(&self) -> PathBuf {
        Path::new("/etc/netns").join(&self.name)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.settings());
        // It fails while others have theirs there.
        let _ = std::fs::remove_dir("/etc/netns");
        if let Err(why) = ip(&["netns", "delete", &self.name]) {
            eprintln!("the network namespace {} is left: {why}", self.name);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    match Command::new("ip").args(arguments).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("ip: {error}")),
    }
}

async fn serve_names(socket: UdpSocket, names: Names) {
    let mut question = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut question).await {
        let addresses = |name: &str| {
            let names = names.lock().unwrap_or_else(PoisonError::into_inner);
            names.get(name).cloned().unwrap_or_default()
        };
        if let Some(answer) = answer(&question[..length], addresses) {
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

/// The answer to a question, whose addresses may be kept for no time at all. There are no others than these.
fn answer(question: &[u8], addresses: impl Fn(&str) -> Vec<Ipv4Addr>) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    let mut at = 12;
    while let length @ 1.. = usize::from(*question.get(at)?) {
        labels.push(std::str::from_utf8(question.get(at + 1..at + 1 + length)?).ok()?);
        at += 1 + length;
    }
    let end = at + 5;
    let is_for_address = *question.get(at + 1..end)? == QUESTION_A;
    let found = if is_for_address { addresses(&labels.join(".")) } else { Vec::new() };
    let mut answer = question[..2].to_vec();
    // An answer to one question, from one who knows others.
    answer.extend([0x81, 0x80, 0, 1, 0, u8::try_from(found.len()).ok()?, 0, 0, 0, 0]);
    answer.extend(&question[12..end]);
    for address in found {
        // The name in question, its address, no time to live, four bytes.
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        answer.extend(address.octets());
    }
    Some(answer)
}
