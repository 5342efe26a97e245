//! A network of several machines: Linux network namespaces on one switch, made and removed by a test.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{JoinHandle, scope, spawn};
use std::time::Duration;

use crate::client::Launch;
use rustix::io::Errno;
use rustix::net::{AddressFamily, Protocol, SocketType, recv, socket, sockopt};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{bridge_binary, skipped};

/// The system's number for "every protocol" (`ETH_P_ALL`), as it is written on a wire.
const ETH_P_ALL: u32 = (3_u16).to_be() as u32;

/// Machines on one switch. Dropping it removes them all.
pub struct Network {
    name: String,
    machines: u8,
}

impl Network {
    /// A network of this many machines. Without the right to make one, says so and gives none.
    pub fn create(machines: u8) -> Option<Self> {
        static LAID: AtomicU32 = AtomicU32::new(0);
        let number = LAID.fetch_add(1, Ordering::Relaxed);
        let network = Self { name: format!("jt{}-{number}", std::process::id()), machines };
        match network.build() {
            Ok(()) => Some(network),
            Err(why) => {
                skipped(&format!("no network namespaces can be made here ({why})"));
                None
            }
        }
    }

    fn build(&self) -> Result<(), String> {
        let switch = self.switch();
        ip(&["netns", "add", &switch])?;
        ip(&["-n", &switch, "link", "add", "switch", "type", "bridge"])?;
        ip(&["-n", &switch, "link", "set", "switch", "up"])?;
        for machine in 1..=self.machines {
            let (name, port) = (self.machine(machine), format!("port{machine}"));
            let address = format!("{}/24", self.address(machine));
            ip(&["netns", "add", &name])?;
            ip(&["-n", &name, "link", "set", "lo", "up"])?;
            ip(&[
                "-n", &name, "link", "add", "eth0", "type", "veth", "peer", &port, "netns", &switch,
            ])?;
            ip(&["-n", &switch, "link", "set", &port, "master", "switch", "up"])?;
            ip(&["-n", &name, "addr", "add", &address, "dev", "eth0"])?;
            ip(&["-n", &name, "link", "set", "eth0", "up"])?;
        }
        Ok(())
    }

    fn switch(&self) -> String {
        format!("{}-switch", self.name)
    }

    /// The name of a machine's namespace; machines are counted from 1.
    pub fn machine(&self, machine: u8) -> String {
        format!("{}-{machine}", self.name)
    }

    /// The address of a machine.
    pub fn address(&self, machine: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, machine)
    }

    /// A port of a machine.
    pub fn at(&self, machine: u8, port: u16) -> SocketAddr {
        SocketAddr::new(self.address(machine).into(), port)
    }

    /// The command that starts a program on a machine; the program follows it.
    pub fn prefix(&self, machine: u8) -> Vec<String> {
        ["ip", "netns", "exec", &self.machine(machine)].map(str::to_owned).to_vec()
    }

    /// A command on a machine.
    pub fn command(&self, machine: u8, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.machine(machine), program]);
        command
    }

    /// A bridge on a machine.
    pub fn bridge(&self, machine: u8) -> Launch {
        let prefix = ["netns", "exec", &self.machine(machine), bridge_binary()];
        prefix.into_iter().fold(Launch::new("ip"), Launch::arg)
    }

    /// Runs `work` on a machine: the sockets that it opens are that machine's.
    pub fn on<T: Send>(&self, machine: u8, work: impl AsyncFnOnce() -> T + Send) -> T {
        let name = self.machine(machine);
        scope(|threads| {
            let worker = threads.spawn(move || {
                enter(&name);
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime").block_on(work())
            });
            worker.join().expect("it does not panic")
        })
    }

    /// Records every byte that crosses the switch from now on.
    pub fn record(&self) -> Recording {
        let stop = Arc::new(AtomicBool::new(false));
        let (name, stops) = (self.switch(), Arc::clone(&stop));
        let tap = scope(|threads| {
            let opened = threads.spawn(|| {
                enter(&name);
                tap()
            });
            opened.join().expect("the switch is tapped")
        });
        Recording { stop, recorder: Some(spawn(move || listen(&tap, &stops))) }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // What was never made cannot be removed.
        for machine in 1..=self.machines {
            let _ = ip(&["netns", "del", &self.machine(machine)]);
        }
        let _ = ip(&["netns", "del", &self.switch()]);
    }
}

/// A running recording of a switch.
pub struct Recording {
    stop: Arc<AtomicBool>,
    recorder: Option<JoinHandle<Vec<u8>>>,
}

impl Recording {
    /// Ends the recording; all bytes of all packets, one after another.
    pub fn end(mut self) -> Vec<u8> {
        self.stop.store(true, Ordering::Relaxed);
        self.recorder.take().and_then(|recorder| recorder.join().ok()).expect("a recording")
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A socket that hears every packet of this thread's namespace.
fn tap() -> OwnedFd {
    let protocol = ETH_P_ALL.try_into().map(Protocol::from_raw).ok();
    let tap = socket(AddressFamily::PACKET, SocketType::RAW, protocol).expect("a packet socket");
    let timeout = Some(Duration::from_millis(50));
    sockopt::set_socket_timeout(&tap, sockopt::Timeout::Recv, timeout).expect("a timeout");
    sockopt::set_socket_recv_buffer_size(&tap, 8 << 20).expect("a buffer");
    tap
}

fn listen(tap: &OwnedFd, stop: &AtomicBool) -> Vec<u8> {
    let (mut all, mut packet) = (Vec::new(), vec![0; 1 << 17]);
    loop {
        match recv(tap, packet.as_mut_slice(), rustix::net::RecvFlags::empty()) {
            Ok((length, _)) => all.extend_from_slice(&packet[..length]),
            // Nothing on the wire for a moment: all that was sent before is here.
            Err(Errno::AGAIN) if stop.load(Ordering::Relaxed) => return all,
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => panic!("the wire cannot be heard: {error}"),
        }
    }
}

/// Moves this thread to a namespace.
fn enter(name: &str) {
    let file = File::open(format!("/run/netns/{name}")).expect("the namespace");
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .expect("it is entered");
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let ran =
        Command::new("ip").args(arguments).output().map_err(|error| format!("ip: {error}"))?;
    match ran.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&ran.stderr).trim().to_owned()),
    }
}
