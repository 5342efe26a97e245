//! The one gateway that a configuration directory has on a machine: the lock that it holds as long as it lives, and the file
//! that says where it serves MCP over HTTP. Named for the machine and the network namespace, as the files of the hub are.

use crate::machine::config_dir::{ConfigDir, ConfigError, FileLockGuard};
use crate::machine::local_hub::name;
use crate::machine::running_system;

/// The file with the addresses of the gateway, before the name of the place.
const ADDRESS: &str = "gateway.addr";
/// The file whose lock the gateway holds.
const LOCK: &str = "gateway.lock";
/// Addresses that are read, at most: a machine has few.
const MAX_ADDRESSES: usize = 64;

/// The files of the gateway that a configuration directory has here.
#[derive(Clone, Debug)]
pub struct LocalGateway {
    dir: ConfigDir,
}

/// Where a gateway serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayAddresses {
    /// The addresses below which each agent has its own, such as `http://127.0.0.1:4201/mcp`.
    pub bases: Vec<String>,
    /// The address that takes any client of this machine's user, if there is one.
    pub open: Option<String>,
}

/// The lock of the gateway, held until this is dropped.
pub struct GatewayClaim {
    dir: ConfigDir,
    _guard: FileLockGuard,
}

impl LocalGateway {
    /// The files in this directory. No file is touched.
    #[must_use]
    pub fn of(dir: &ConfigDir) -> Self {
        Self { dir: dir.clone() }
    }

    /// Where the gateway serves, if one runs. Addresses that were left behind are not believed: the lock is free then.
    ///
    /// # Errors
    /// [`ConfigError`] if the directory or a file is not private to this user.
    pub fn running(&self) -> Result<Option<GatewayAddresses>, ConfigError> {
        if !self.dir.is_locked(&name(LOCK))? {
            return Ok(None);
        }
        let text = self.dir.read_private(&name(ADDRESS))?.unwrap_or_default();
        let mut addresses = GatewayAddresses::default();
        for line in text.lines().take(MAX_ADDRESSES) {
            match line.split_once(' ') {
                Some(("base", base)) => addresses.bases.push(base.to_owned()),
                Some(("open", open)) => addresses.open = Some(open.to_owned()),
                _ => {}
            }
        }
        Ok(Some(addresses))
    }

    /// The id of the process that holds the lock, where the system tells.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        running_system::lock_holder(&self.dir.path().join(name(LOCK)))
    }

    /// Takes the lock, if no gateway holds it.
    ///
    /// # Errors
    /// [`ConfigError`] if the directory or a file is not private to this user, or cannot be created.
    pub fn try_claim(&self) -> Result<Option<GatewayClaim>, ConfigError> {
        let Some(guard) = self.dir.try_passing_lock(&name(LOCK))? else { return Ok(None) };
        let claim = GatewayClaim { dir: self.dir.clone(), _guard: guard };
        claim.withdraw();
        Ok(Some(claim))
    }
}

impl GatewayClaim {
    /// Writes down where the gateway serves.
    ///
    /// # Errors
    /// [`ConfigError`] if the file cannot be written.
    pub fn publish(&self, addresses: &GatewayAddresses) -> Result<(), ConfigError> {
        let bases = addresses.bases.iter().map(|base| format!("base {base}\n"));
        let open = addresses.open.iter().map(|open| format!("open {open}\n"));
        self.dir.write_private(&name(ADDRESS), &bases.chain(open).collect::<String>())
    }

    fn withdraw(&self) {
        self.dir.remove(&name(ADDRESS));
    }
}

impl Drop for GatewayClaim {
    fn drop(&mut self) {
        self.withdraw();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_believed_only_while_the_gateway_lives() {
        let outer = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(outer.path().join("config"));
        let gateway = LocalGateway::of(&dir);
        assert_eq!(gateway.running().unwrap(), None);
        assert!(!dir.path().exists(), "to look creates nothing");
        let claim = gateway.try_claim().unwrap().unwrap();
        assert_eq!(gateway.running().unwrap(), Some(GatewayAddresses::default()));
        assert!(gateway.try_claim().unwrap().is_none());
        let addresses = GatewayAddresses {
            bases: vec![
                "http://127.0.0.1:4201/mcp".to_owned(),
                "https://10.0.0.7:4201/mcp".to_owned(),
            ],
            open: Some("http://127.0.0.1:4200/mcp".to_owned()),
        };
        claim.publish(&addresses).unwrap();
        assert_eq!(gateway.running().unwrap(), Some(addresses));
        drop(claim);
        assert_eq!(gateway.running().unwrap(), None);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), usize::from(!cfg!(unix)));
    }

    #[test]
    fn addresses_of_a_gateway_that_was_killed_are_removed_by_the_next() {
        let outer = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(outer.path().join("config"));
        dir.write_private(&name(ADDRESS), "base http://127.0.0.1:1/mcp\n").unwrap();
        let gateway = LocalGateway::of(&dir);
        assert_eq!(gateway.running().unwrap(), None);
        let _claim = gateway.try_claim().unwrap().unwrap();
        assert_eq!(gateway.running().unwrap(), Some(GatewayAddresses::default()));
    }
}
