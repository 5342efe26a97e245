//! The hubs that this machine knows by name: those in `hosts.toml` and in `JUNCTION_KNOWN_HOSTS`, and `local`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use junction_shared::machine::config_dir::{ConfigDir, ConfigError};
use junction_shared::machine::hosts::{HostEntry, HostsFile, LOCAL, is_host_name};
use junction_shared::machine::hosts_problem::HostsProblem;
use junction_shared::machine::local_hub::{LocalHub, RunningHub};
use junction_shared::machine::settings::env;
use junction_shared::protocol::limits;

use crate::transport::endpoint::{Endpoint, is_loopback};
use crate::transport::tls::Security;

/// Known hosts at most: a survey probes all of them at once.
pub const MAX_HOSTS: usize = 64;

/// Where known hosts are read from.
#[derive(Clone, Debug)]
pub struct KnownHosts {
    /// The directory of `hosts.toml`.
    pub dir: ConfigDir,
    /// The value of `JUNCTION_KNOWN_HOSTS`.
    pub listed: Option<String>,
    /// The port that was set for the `local` hub and for hosts that are listed without a port. Without one the `local`
    /// hub is where it says that it is, and every other at the default port.
    pub port: Option<u16>,
}

/// The known hosts, and what is wrong with the settings that name them.
pub struct HostList {
    /// The hosts, of which one is always `local`.
    pub hosts: Vec<HostEntry>,
    /// What is wrong with the settings.
    pub problems: Vec<ListingProblem>,
}

/// What is wrong with a setting that names hosts. Nothing of the setting's value is quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListingProblem {
    /// `hosts.toml` cannot be read.
    Files(FilesError),
    /// A line of `hosts.toml` cannot be used.
    Line(HostsProblem),
    /// A part of `JUNCTION_KNOWN_HOSTS` names a host whose name is taken.
    NameTaken {
        /// The place of the part in the list, counted from 1.
        part: usize,
    },
    /// A part of `JUNCTION_KNOWN_HOSTS` is not a host.
    NotAHost {
        /// The place of the part in the list, counted from 1.
        part: usize,
    },
    /// More than [`MAX_HOSTS`] hosts are known.
    TooMany,
}

/// A [`ConfigError`] that can be cloned, and compared by what it says.
#[derive(Clone, Debug)]
pub struct FilesError(Arc<ConfigError>);

impl FilesError {
    /// The error itself.
    #[must_use]
    pub fn get(&self) -> &ConfigError {
        &self.0
    }
}

impl From<ConfigError> for FilesError {
    fn from(error: ConfigError) -> Self {
        Self(Arc::new(error))
    }
}

impl PartialEq for FilesError {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_string() == other.0.to_string()
    }
}

impl Eq for FilesError {}

impl KnownHosts {
    /// The hosts in the file of this directory and in the environment. `port` is the port that was set, if one was.
    #[must_use]
    pub fn new(dir: ConfigDir, port: Option<u16>) -> Self {
        Self { dir, listed: env("JUNCTION_KNOWN_HOSTS"), port }
    }

    /// All known hosts. A file that cannot be read is one of the problems.
    #[must_use]
    pub fn list(&self) -> HostList {
        self.load().unwrap_or_else(|error| {
            let mut list = self.list_with(HostsFile::default());
            list.problems.insert(0, ListingProblem::Files(error));
            list
        })
    }

    /// All known hosts.
    ///
    /// # Errors
    /// [`FilesError`] if `hosts.toml` cannot be read.
    pub(super) fn load(&self) -> Result<HostList, FilesError> {
        Ok(self.list_with(HostsFile::load(&self.dir)?))
    }

    fn list_with(&self, file: HostsFile) -> HostList {
        let mut problems: Vec<_> = file.problems.into_iter().map(ListingProblem::Line).collect();
        let mut hosts = vec![self.local()];
        for entry in file.entries {
            match hosts.iter_mut().find(|known| known.name == entry.name) {
                // The file has the link of `local`; its address is a setting.
                Some(local) => local.link = entry.link,
                None => hosts.push(entry),
            }
        }
        self.add_listed(&mut hosts, &mut problems);
        if hosts.len() > MAX_HOSTS {
            hosts.truncate(MAX_HOSTS);
            problems.push(ListingProblem::TooMany);
        }
        HostList { hosts, problems }
    }

    fn local(&self) -> HostEntry {
        let host = Ipv4Addr::LOCALHOST.to_string();
        // A directory that cannot be read is reported by whatever needs more of it.
        let port = self.local_port(self.running_hub().unwrap_or(RunningHub::None));
        HostEntry { name: LOCAL.to_owned(), host, port, link: None }
    }

    /// The hub that this directory has on this machine.
    ///
    /// # Errors
    /// [`ConfigError`] if the files are not private to this user.
    pub fn running_hub(&self) -> Result<RunningHub, ConfigError> {
        LocalHub::of(&self.dir).running()
    }

    /// The port to dial for the `local` hub: the one that was set, or that of the hub that runs, or the default.
    #[must_use]
    pub fn local_port(&self, running: RunningHub) -> u16 {
        self.port.or(running.port()).unwrap_or(limits::PORT)
    }

    fn add_listed(&self, hosts: &mut Vec<HostEntry>, problems: &mut Vec<ListingProblem>) {
        let parts = self.listed.as_deref().unwrap_or_default().split(',').map(str::trim);
        for (index, text) in parts.enumerate().filter(|(_, part)| !part.is_empty()) {
            let part = index + 1;
            match parse_listed(text, self.port.unwrap_or(limits::PORT)) {
                Some(host) if hosts.iter().any(|known| known.name == host.name) => {
                    problems.push(ListingProblem::NameTaken { part });
                }
                Some(host) => hosts.push(host),
                None => problems.push(ListingProblem::NotAHost { part }),
            }
        }
    }
}

/// Where a known host is, and what it has to prove when it is dialed.
#[must_use]
pub fn endpoint(entry: &HostEntry) -> Endpoint {
    let security = match &entry.link {
        // The hub of this machine serves this machine without TLS.
        _ if entry.name == LOCAL => Security::Loopback,
        Some(link) => Security::Pinned(link.pin),
        None if is_loopback(&entry.host) => Security::Loopback,
        None => Security::Unknown,
    };
    Endpoint { host: entry.host.clone(), port: entry.port, security }
}

fn parse_listed(part: &str, port: u16) -> Option<HostEntry> {
    let (name, address) = part.split_once('=')?;
    let (name, address) = (name.trim(), address.trim());
    let with_port = |ip: IpAddr| SocketAddr::new(ip, port);
    let address = address.parse().or_else(|_| address.parse().map(with_port)).ok()?;
    let usable = is_host_name(name) && address.port() != 0;
    let host = address.ip().to_string();
    usable.then(|| HostEntry { name: name.to_owned(), host, port: address.port(), link: None })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn known(listed: &str) -> (KnownHosts, TempDir) {
        let dir = TempDir::new().unwrap();
        let config = ConfigDir::at(dir.path().join("config"));
        config.open().unwrap();
        (KnownHosts { dir: config, listed: Some(listed.to_owned()), port: None }, dir)
    }

    #[test]
    fn local_is_always_known_and_file_and_setting_add_to_it() {
        let (mut known, _dir) = known(
            "a=192.168.1.2, b=192.168.1.3:5000,c=[::1]:6000 ,d=::1,,local=10.0.0.1,E=10.0.0.1,f=x,g=1.2.3.4:0,nonsense",
        );
        known.port = Some(4201);
        known
            .dir
            .write_private("hosts.toml", "[hosts]\nattic = \"attic.lan:4300\"\nb = 1\n")
            .unwrap();
        let HostList { hosts, problems } = known.list();
        let hosts: Vec<_> =
            hosts.iter().map(|h| (h.name.as_str(), h.host.as_str(), h.port)).collect();
        let expected = [
            ("local", "127.0.0.1", 4201),
            ("attic", "attic.lan", 4300),
            ("a", "192.168.1.2", 4201),
            ("b", "192.168.1.3", 5000),
            ("c", "::1", 6000),
            ("d", "::1", 4201),
        ];
        assert_eq!(hosts, expected);
        let ListingProblem::Line(in_file) = &problems[0] else { panic!("{problems:?}") };
        assert_eq!(in_file.line, 3);
        let expected = [
            ListingProblem::NameTaken { part: 6 },
            ListingProblem::NotAHost { part: 7 },
            ListingProblem::NotAHost { part: 8 },
            ListingProblem::NotAHost { part: 9 },
            ListingProblem::NotAHost { part: 10 },
        ];
        assert_eq!(problems[1..], expected);
    }

    #[test]
    fn local_is_where_its_hub_is_unless_a_port_was_set() {
        let (mut known, _dir) = known("a=192.168.1.2");
        let ports = |known: &KnownHosts| {
            let HostList { hosts, .. } = known.list();
            hosts.iter().map(|host| host.port).collect::<Vec<_>>()
        };
        assert_eq!(ports(&known), [4200, 4200]);
        let claim = LocalHub::of(&known.dir).try_claim().unwrap().unwrap();
        assert_eq!(ports(&known), [4200, 4200]);
        claim.publish(38_000).unwrap();
        assert_eq!(ports(&known), [38_000, 4200]);
        known.port = Some(4201);
        assert_eq!(ports(&known), [4201, 4201]);
    }

    #[test]
    fn number_of_hosts_is_limited() {
        let listed: Vec<_> = (0..100).map(|i| format!("h{i}=10.0.0.1")).collect();
        let HostList { hosts, problems } = known(&listed.join(",")).0.list();
        assert_eq!((hosts.len(), problems), (MAX_HOSTS, vec![ListingProblem::TooMany]));
    }

    #[test]
    fn unreadable_file_is_a_problem_and_the_setting_still_counts() {
        let (known, _dir) = known("attic=192.168.1.2");
        known.dir.write_private("hosts.toml", "").unwrap();
        std::fs::write(known.dir.path().join("hosts.toml"), [0xff]).unwrap();
        let HostList { hosts, problems } = known.list();
        assert_eq!(hosts.len(), 2);
        assert!(matches!(problems[..], [ListingProblem::Files(_)]), "{problems:?}");
    }
}
