//! Decides which of two hubs gets a port. A hub started by hand for other machines takes precedence over one
//! that a bridge started for this machine: the bridges reconnect by themselves, and no one has to find out
//! first what to stop.
//!
//! Two lock files in the configuration directory record this, one for each kind. The system releases a lock
//! when its process ends, however it ends.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use junction_shared::machine::config_dir::{ConfigDir, FileLockGuard};
use tokio::time::{Instant, sleep};

use crate::accept::listeners::Listeners;

/// How often an autostarted hub checks whether it must yield.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How long a hub waits for another to yield: to notice, to close its connections and to exit.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a waiting hub tries to bind the port.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// A port of this machine as seen by the hubs of one configuration directory.
pub(crate) struct PortLock {
    dir: ConfigDir,
    port: u16,
    /// The lock file, held while this hub runs.
    guard: Option<FileLockGuard>,
}

impl PortLock {
    /// Creates a lock that is not held yet.
    pub(crate) fn new(dir: &ConfigDir, port: u16) -> Self {
        Self { dir: dir.clone(), port, guard: None }
    }

    /// Binds the port for a hub started by hand. If that hub serves other machines, an autostarted hub on the
    /// port is made to exit.
    ///
    /// # Errors
    /// The address that could not be bound, and why.
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

    /// Binds the port for an autostarted hub.
    ///
    /// # Errors
    /// The address that could not be bound, and why. The address also counts as in use while another hub
    /// waits for it.
    pub(crate) fn bind_autostarted(
        &mut self,
        host: IpAddr,
    ) -> Result<Listeners, (SocketAddr, io::Error)> {
        if self.is_held(&self.manual_lock()) {
            return Err((SocketAddr::new(host, self.port), io::ErrorKind::AddrInUse.into()));
        }
        // Locked before the port is bound: a hub that finds the port in use checks this lock to learn by
        // whom.
        self.guard = self.dir.try_lock(&self.autostarted_lock()).ok().flatten();
        Listeners::bind(host, self.port).inspect_err(|_| self.guard = None)
    }

    /// Completes when an autostarted hub must yield.
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

    /// Returns whether another process holds this lock, without creating the file.
    fn is_held(&self, name: &str) -> bool {
        self.dir.is_locked(name).unwrap_or(false)
    }
}
