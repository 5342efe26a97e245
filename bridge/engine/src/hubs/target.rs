//! Which hub to meet at: a known host by name, or a port on loopback.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use junction_shared::invite_link::{address_text, parse_address};
use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::hosts::{HostsFile, LOCAL};
use junction_shared::machine::identity::local_group;
use junction_shared::protocol::handshake::GroupKeys;

use crate::hubs::known::{KnownHost, KnownHosts, is_loopback};
use crate::transport::tls::Security;

/// What is said of an address of another machine that was not joined.
const JOIN_FIRST: &str = "No host of that address was joined here. Ask your user to run junction-bridge join in a \
                          terminal, with a link of junction-bridge invite.";

/// A hub to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What it is called here.
    pub name: String,
    /// A DNS name or an IP address; an IPv6 address without brackets.
    pub host: String,
    /// Its port, never 0.
    pub port: u16,
    /// What it has to prove.
    pub security: Security,
}

impl Target {
    /// The hub that `JUNCTION_HUB` or `register{host}` names.
    ///
    /// # Errors
    /// One sentence that says what is wrong, one that says what to do.
    pub fn resolve(name: &str, dir: &ConfigDir, port: u16) -> Result<Self, String> {
        let address = as_address(name);
        if let Some((host, port_there)) = address.as_ref().filter(|(host, _)| is_loopback(host)) {
            return Self::on_loopback(name, host, *port_there, port);
        }
        // The file must be sound: what is wrong with it is to be told, and not that a name is missing.
        let file = HostsFile::load(dir).map_err(|error| error.to_string())?;
        let (hosts, problems) = KnownHosts::new(dir.clone(), port).list_with(file);
        let is_wanted = |known: &KnownHost| match &address {
            Some((host, port)) => {
                known.link.is_some() && (&known.host, known.port) == (host, *port)
            }
            None => known.name == name,
        };
        let known = hosts.into_iter().find(is_wanted).ok_or_else(|| {
            let unknown = match address {
                Some(_) => JOIN_FIRST,
                None => "No known host has that name. Call known_hosts to see which there are.",
            };
            problems.into_iter().next().unwrap_or_else(|| unknown.to_owned())
        })?;
        let security = known.security();
        if security == Security::Unknown {
            return Err(format!(
                "No link of the host {name} is known. Ask your user to run junction-bridge join --name {name} \
                 in a terminal, with a link of junction-bridge invite."
            ));
        }
        Ok(Self { name: known.name, host: known.host, port: known.port, security })
    }

    /// A hub on this machine.
    fn on_loopback(name: &str, host: &str, port: u16, local: u16) -> Result<Self, String> {
        if port == 0 {
            return Err(
                "Port 0 names no hub. Set JUNCTION_HUB to the port that the hub serves.".to_owned()
            );
        }
        // The local hub has one name, however it is spelled.
        let is_local = port == local && host == Ipv4Addr::LOCALHOST.to_string();
        let name = if is_local { LOCAL } else { name }.to_owned();
        Ok(Self { name, host: host.to_owned(), port, security: Security::Loopback })
    }

    /// A hub at this address, of which nothing is asked but that its group proves itself.
    pub fn at(name: &str, address: SocketAddr) -> Self {
        let (host, port) = (address.ip().to_string(), address.port());
        Self { name: name.to_owned(), host, port, security: Security::Loopback }
    }

    /// Where it is, as people write it.
    pub fn address(&self) -> String {
        address_text(&self.host, self.port)
    }

    /// The addresses behind its name.
    ///
    /// # Errors
    /// If there are none.
    pub async fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        addresses(&self.host, self.port).await
    }
}

/// The addresses of a host; that of one which is an address is known without asking anybody.
///
/// # Errors
/// If the name is nobody's, or cannot be looked up.
pub async fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)]);
    }
    let found: Vec<_> = tokio::net::lookup_host((host, port)).await?.collect();
    if found.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(found) }
}

/// A name that is an address: `HOST:PORT`. The port may be 0, to be refused with its own words.
fn as_address(name: &str) -> Option<(String, u16)> {
    if let Ok(address) = name.parse::<SocketAddr>() {
        return Some((address.ip().to_canonical().to_string(), address.port()));
    }
    let (host, port) = parse_address(name)?;
    let host =
        if host.eq_ignore_ascii_case("localhost") { Ipv4Addr::LOCALHOST.to_string() } else { host };
    Some((host, port))
}

/// The group of a hub.
pub struct Group {
    /// Its keys.
    pub keys: GroupKeys,
    /// Whether it is the group of this machine's own hub.
    pub is_own: bool,
}

/// The group of a target: that of its own link if it has one, else that of this machine's hub.
///
/// # Errors
/// One sentence that says what is wrong with the files, one that says what to do.
pub fn group_of(target: &Target, dir: &ConfigDir) -> Result<Group, String> {
    let file = HostsFile::load(dir).map_err(|error| error.to_string())?;
    let link = file.find(&target.name).and_then(|entry| entry.link.as_ref());
    match link.filter(|_| target.name != LOCAL) {
        // Nothing of this machine's own is needed to be another's guest.
        Some(link) => Ok(Group { keys: GroupKeys::derive(&link.secret), is_own: false }),
        None => {
            let own = local_group(dir).map_err(|error| error.to_string())?;
            Ok(Group { keys: own, is_own: true })
        }
    }
}
