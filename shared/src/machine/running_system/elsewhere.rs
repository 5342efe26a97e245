//! Other systems: nothing is known of other programs, and a machine has one network.

use std::net::SocketAddr;
use std::path::Path;

use crate::machine::connection_end::ConnectionLook;
use crate::machine::port_owner::PortOwner;

/// The name of this machine.
pub(crate) fn network_place() -> String {
    #[cfg(unix)]
    return rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    String::new()
}

/// Nobody.
pub(crate) fn lock_holder(_: &Path) -> Option<u32> {
    None
}

/// Nobody that is known.
#[must_use]
pub fn port_owner(_: u16) -> PortOwner {
    PortOwner::Unknown
}

/// Nothing.
#[must_use]
pub fn connection_end(_: SocketAddr, _: SocketAddr) -> ConnectionLook {
    ConnectionLook::Unknown
}

/// Whether a program of this user has made a connection, which is not known here.
#[must_use]
pub fn is_own_connection(_: SocketAddr, _: SocketAddr) -> Option<bool> {
    None
}
