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
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How long a hub waits for another to give way: for it to look, to tell its sessions and to end.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often it looks whether the port is free.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// A port of this machine, as the hubs of one configuration directory see it.
pub(crate) struct PortLock {
    dir: ConfigDir,
    port: u16,
    /// Held while this hub lives.
    guard: Option<FileLockGuard>,
}

impl PortLock {
    /// Nothing is locked yet.
    pub(crate) fn new(dir: &ConfigDir, port: u16) -> Self {
        Self { dir: dir.clone(), port, guard: None }
    }

    /// Listens, for a hub that somebody started; where one that a bridge started has the port, that one is made
    /// to end if this one is for other machines.
    ///
    /// # Errors
    /// The address that cannot be had, and why.
    pub(crate) async fn bind(
        &mut self,
        host: IpAddr,
    ) -> Result<Listeners, (SocketAddr, io::Error)> {
        let bound = Listeners::bind(host, self.port);
        let Err((address, error)) = bound else { return bound };
        let can_take_over = !host.is_loopback()
            && error.kind() == io::ErrorKind::AddrInUse
            && self.is_held(&self.autostarted_lock());
        if !can_take_over {
            return Err((address, error));
        }
        let deadline = Instant::now() + TAKEOVER_TIMEOUT;
        loop {
            if self.guard.is_none() {
                self.guard = self.dir.try_lock(&self.manual_lock()).ok().flatten();
            }
            match Listeners::bind(host, self.port) {
                Err(_) if Instant::now() < deadline => sleep(RETRY_INTERVAL).await,
                bound => return bound,
            }
        }
    }

    /// Listens, for a hub that a bridge started.
    ///
    /// # Errors
    /// The address that cannot be had, and why: it is in use also while another hub is waiting for it.
    pub(crate) fn bind_autostarted(
        &mut self,
        host: IpAddr,
    ) -> Result<Listeners, (SocketAddr, io::Error)> {
        if self.is_held(&self.manual_lock()) {
            return Err((SocketAddr::new(host, self.port), io::ErrorKind::AddrInUse.into()));
        }
        // Before the port: whoever finds that taken is to find out by whom.
        self.guard = self.dir.try_lock(&self.autostarted_lock()).ok().flatten();
        Listeners::bind(host, self.port).inspect_err(|_| self.guard = None)
    }

    /// Completes when a hub that a bridge started is to give way.
    pub(crate) async fn must_yield(&self) {
        while !self.is_held(&self.manual_lock()) {
            sleep(POLL_INTERVAL).await;
        }
    }

    fn manual_lock(&self) -> String {
        format!("hub-{}.lock", self.port)
    }

    fn autostarted_lock(&self) -> String {
        format!("hub-{}.autostarted.lock", self.port)
    }

    /// Whether another process holds this lock. Nothing is made where it is not there.
    fn is_held(&self, name: &str) -> bool {
        self.dir.is_locked(name).unwrap_or(false)
    }
}
