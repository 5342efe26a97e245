//! Which hub to meet at: a known host by name, or a port on loopback.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use junction_shared::config_dir::ConfigDir;
use junction_shared::handshake::GroupKeys;
use junction_shared::hosts::{HostsFile, LOCAL};
use junction_shared::identity::local_group;

/// A hub to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// What it is called here.
    pub(crate) name: String,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Target {
    /// The hub that `JUNCTION_HUB` or `register{host}` names.
    ///
    /// # Errors
    /// One sentence that says what is wrong, one that says what to do.
    pub(crate) fn resolve(name: &str, dir: &ConfigDir, port: u16) -> Result<Self, String> {
        let wanted = Self::find(name, dir, port)?;
        if wanted.address.port() == 0 {
            return Err(
                "Port 0 names no hub. Set JUNCTION_HUB to the port that the hub serves.".to_owned()
            );
        }
        Ok(wanted)
    }

    fn find(name: &str, dir: &ConfigDir, port: u16) -> Result<Self, String> {
        let local = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
        let named = |name: &str, address| Ok(Self { name: name.to_owned(), address });
        // The local hub has one name, however it is spelled.
        let found = |address| named(if address == local { LOCAL } else { name }, address);
        if name == LOCAL {
            return found(local);
        }
        if let Ok(address) = name.parse::<SocketAddr>() {
            return loopback_only(address.ip()).and_then(|()| found(address));
        }
        if let Some(port) = name.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
            return found(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
        }
        let known = crate::hosts::addresses(dir, port).map_err(|error| error.to_string())?;
        let host = known.into_iter().find(|(known, _)| known == name);
        let (_, address) = host.ok_or_else(|| {
            "No known host has that name. Call known_hosts to see which there are.".to_owned()
        })?;
        loopback_only(address.ip())?;
        named(name, address)
    }
}

fn loopback_only(ip: IpAddr) -> Result<(), String> {
    if ip.to_canonical().is_loopback() {
        return Ok(());
    }
    Err("That host is on another machine, which this version cannot join. Choose a host on 127.0.0.1."
        .to_owned())
}

/// The group of a hub.
pub(crate) struct Group {
    /// Its keys.
    pub(crate) keys: GroupKeys,
    /// Whether it is the group of this machine's own hub.
    pub(crate) is_own: bool,
}

/// The group of a target: that of its own link if it has one, else that of this machine's hub.
///
/// # Errors
/// One sentence that says what is wrong with the files, one that says what to do.
pub(crate) fn group_of(target: &Target, dir: &ConfigDir) -> Result<Group, String> {
    let own = local_group(dir).map_err(|error| error.to_string())?;
    if target.name == LOCAL {
        return Ok(Group { keys: own, is_own: true });
    }
    let file = HostsFile::load(dir).map_err(|error| error.to_string())?;
    let link = file.find(&target.name).and_then(|entry| entry.link.as_ref());
    let theirs = link.map(|link| GroupKeys::derive(&link.secret));
    let is_own = theirs.as_ref().is_none_or(|theirs| theirs.group == own.group);
    Ok(Group { keys: theirs.unwrap_or(own), is_own })
}
