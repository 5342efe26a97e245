//! Which hub a name means: a known host, or a port on this machine.

use std::net::{Ipv4Addr, SocketAddr};

use junction_shared::invite_link::{InviteLink, parse_address};
use junction_shared::machine::hosts::{HostEntry, LOCAL};
use junction_shared::machine::identity::local_group;
use junction_shared::machine::local_hub::RunningHub;
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::limits;

use crate::hubs::known::{FilesError, KnownHosts, ListingProblem, endpoint};
use crate::transport::endpoint::{Endpoint, is_loopback};
use crate::transport::tls::Security;

/// A hub to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubTarget {
    /// The hub's name on this machine.
    pub name: String,
    /// Where the hub is, and what it has to prove.
    pub endpoint: Endpoint,
    /// Whether the hub is this machine's and may be on any port, as none was set.
    pub is_anywhere: bool,
}

impl HubTarget {
    /// A hub at this address that serves without TLS.
    #[must_use]
    pub fn plain(name: &str, address: SocketAddr) -> Self {
        Self { name: name.to_owned(), endpoint: Endpoint::plain(address), is_anywhere: false }
    }

    /// The name by which the hub is found again. Where a port was set, that is never left.
    pub(crate) fn wish(&self) -> String {
        match self.name == LOCAL && !self.is_anywhere {
            true => self.endpoint.address(),
            false => self.name.clone(),
        }
    }

    /// Whether both are the same hub. A hub that may be anywhere can have moved in between.
    pub(crate) fn is_same_hub(&self, other: &Self) -> bool {
        self.endpoint == other.endpoint || (self.is_anywhere && other.is_anywhere)
    }
}

/// A hub to dial, whose group it serves, and what was known of the hub of this machine when it was looked up.
pub struct FoundHub {
    /// The hub.
    pub target: HubTarget,
    /// The hub's group.
    pub group: HubGroup,
    /// The hub that this machine has.
    pub running: RunningHub,
}

/// The group of a hub.
pub struct HubGroup {
    /// The group's keys.
    pub keys: GroupKeys,
    /// Whether this is the group of this machine's own hub.
    pub is_own: bool,
}

/// Why a name means no hub that can be dialed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// The name is an address with port 0.
    PortZero,
    /// No known host has the name.
    UnknownName,
    /// The name is the address of another machine, and no link to it was joined.
    NotJoined,
    /// The host of this name is known without a link.
    NoLink(String),
    /// No known host has the name, and a setting that names hosts is wrong: it may be the reason.
    Listing(ListingProblem),
    /// A file cannot be read.
    Files(FilesError),
}

impl KnownHosts {
    /// The hub that `JUNCTION_HUB` or `register{host}` names.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn target(&self, name: &str) -> Result<HubTarget, TargetError> {
        self.resolve(name, self.running()?).map(|(target, _)| target)
    }

    /// The hub that `JUNCTION_HUB` or `register{host}` names, and its group: that of its link, or else that of this
    /// machine's own hub.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn find(&self, name: &str) -> Result<FoundHub, TargetError> {
        let running = self.running()?;
        let (target, link) = self.resolve(name, running)?;
        let group = match link.filter(|_| target.name != LOCAL) {
            // Nothing of this machine's own is needed to be a guest of another group.
            Some(link) => HubGroup { keys: GroupKeys::derive(&link.secret), is_own: false },
            None => {
                let keys = local_group(&self.dir);
                HubGroup {
                    keys: keys.map_err(|error| TargetError::Files(error.into()))?,
                    is_own: true,
                }
            }
        };
        Ok(FoundHub { target, group, running })
    }

    fn running(&self) -> Result<RunningHub, TargetError> {
        self.running_hub().map_err(|error| TargetError::Files(error.into()))
    }

    fn resolve(
        &self,
        name: &str,
        running: RunningHub,
    ) -> Result<(HubTarget, Option<InviteLink>), TargetError> {
        if name == LOCAL {
            return Ok((self.local_target(running), None));
        }
        let address = as_address(name);
        if let Some((host, port)) = address.as_ref().filter(|(host, _)| is_loopback(host)) {
            return Ok((self.on_loopback(name, host, *port)?, None));
        }
        // The file must be readable: otherwise its error is reported, and not that a name is missing.
        let list = self.load().map_err(TargetError::Files)?;
        let is_wanted = |known: &HostEntry| match &address {
            Some((host, port)) => {
                known.link.is_some() && (&known.host, known.port) == (host, *port)
            }
            None => known.name == name,
        };
        let Some(known) = list.hosts.into_iter().find(is_wanted) else {
            let unknown =
                if address.is_some() { TargetError::NotJoined } else { TargetError::UnknownName };
            return Err(list.problems.into_iter().next().map_or(unknown, TargetError::Listing));
        };
        let endpoint = endpoint(&known);
        if endpoint.security == Security::Unknown {
            return Err(TargetError::NoLink(name.to_owned()));
        }
        Ok((HubTarget { name: known.name, endpoint, is_anywhere: false }, known.link))
    }

    /// The hub of this machine.
    fn local_target(&self, running: RunningHub) -> HubTarget {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.local_port(running)));
        HubTarget { is_anywhere: self.port.is_none(), ..HubTarget::plain(LOCAL, address) }
    }

    /// A hub on this machine, at a port that is not left.
    fn on_loopback(&self, name: &str, host: &str, port: u16) -> Result<HubTarget, TargetError> {
        if port == 0 {
            return Err(TargetError::PortZero);
        }
        // The local hub has one name, however its address is spelled.
        let local = self.port.unwrap_or(limits::PORT);
        let is_local = port == local && host == Ipv4Addr::LOCALHOST.to_string();
        let name = if is_local { LOCAL } else { name }.to_owned();
        let endpoint = Endpoint { host: host.to_owned(), port, security: Security::Loopback };
        Ok(HubTarget { name, endpoint, is_anywhere: false })
    }
}

/// The host and the port of a name that is an address. The port may be 0, which has an error of its own.
fn as_address(name: &str) -> Option<(String, u16)> {
    if let Ok(address) = name.parse::<SocketAddr>() {
        return Some((address.ip().to_canonical().to_string(), address.port()));
    }
    let (host, port) = parse_address(name)?;
    let host =
        if host.eq_ignore_ascii_case("localhost") { Ipv4Addr::LOCALHOST.to_string() } else { host };
    Some((host, port))
}
