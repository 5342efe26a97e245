//! Whose a port is when two hubs want it. A hub that somebody starts for other machines goes before one that a
//! bridge started for this one: the bridges come back to it by themselves, and whoever started it need not first
//! find out what to stop.
//!
//! Two lock files in the configuration directory say so, one for each kind. The system lets go of a lock when its
//! process ends, however it ends.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use junction_shared::machine::config_dir::{ConfigDir, FileLockGuard};
use tokio::time::{Instant, sleep};

use crate::accept::listeners::Listeners;

/// How often a hub that a bridge started looks whether it is to give way.
const LOOKS_EVERY: Duration = Duration::from_millis(200);
/// How long a hub waits for another to give way: for it to look, to tell its sessions and to end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks whether the port is free.
const TRIES_EVERY: Duration = Duration::from_millis(5);

/// A port of this machine, as the hubs of one configuration directory see it.
pub(crate) struct Claim {
    dir: ConfigDir,
    port: u16,
    /// Held while this hub lives.
    held: Option<FileLockGuard>,
}

impl Claim {
    /// Nothing is claimed yet.
    pub(crate) fn new(dir: &ConfigDir, port: u16) -> Self {
        Self { dir: dir.clone(), port, held: None }
    }

    /// Listens, for a hub that somebody started; where one that a bridge started has the port, that one is made
    /// to end if this one is for other machines.
    ///
    /// # Errors
    /// The address that cannot be had, and why.
    pub(crate) async fn take(
        &mut self,
        host: IpAddr,
    ) -> Result<Listeners, (SocketAddr, io::Error)> {
        let bound = Listeners::bind(host, self.port);
        let Err((address, error)) = bound else { return bound };
        let gives_way = !host.is_loopback()
            && error.kind() == io::ErrorKind::AddrInUse
            && self.is_held(&self.started_by_bridge());
        if !gives_way {
            return Err((address, error));
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.held.is_none() {
                self.held = self.dir.try_lock(&self.started_by_hand()).ok().flatten();
            }
            match Listeners::bind(host, self.port) {
                Err(_) if Instant::now() < deadline => sleep(TRIES_EVERY).await,
                bound => return bound,
            }
        }
    }

    /// Listens, for a hub that a bridge started.
    ///
    /// # Errors
    /// The address that cannot be had, and why: it is in use also while another hub is waiting for it.
    pub(crate) fn take_for_bridge(
        &mut self,
        host: IpAddr,
    ) -> Result<Listeners, (SocketAddr, io::Error)> {
        if self.is_held(&self.started_by_hand()) {
            return Err((SocketAddr::new(host, self.port), io::ErrorKind::AddrInUse.into()));
        }
        // Before the port: whoever finds that taken is to find out by whom.
        self.held = self.dir.try_lock(&self.started_by_bridge()).ok().flatten();
        Listeners::bind(host, self.port).inspect_err(|_| self.held = None)
    }

    /// Completes when a hub that a bridge started is to give way.
    pub(crate) async fn gives_way(&self) {
        while !self.is_held(&self.started_by_hand()) {
            sleep(LOOKS_EVERY).await;
        }
    }

    fn started_by_hand(&self) -> String {
        format!("hub-{}.lock", self.port)
    }

    fn started_by_bridge(&self) -> String {
        format!("hub-{}.autostarted.lock", self.port)
    }

    /// Whether another process holds this lock. Nothing is made where it is not there.
    fn is_held(&self, name: &str) -> bool {
        self.dir.is_locked(name).unwrap_or(false)
    }
}
