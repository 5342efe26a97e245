//! Decides which hub a configuration directory has on this machine, and on which port. There is one: it holds the
//! directory's lock, whatever its port. A hub started by hand for other machines takes precedence over one that a
//! bridge started: the bridges reconnect by themselves, and no one has to find out first what to stop.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use junction_shared::machine::config_dir::{ConfigDir, ConfigError, FileLockGuard};
use junction_shared::machine::local_hub::{HubClaim, HubSignal, LocalHub, RunningHub};
use junction_shared::machine::port_owner::PortOwner;
use junction_shared::machine::running_system::port_owner;
use junction_shared::protocol::limits::PORT;
use tokio::time::{Instant, sleep};

use crate::accept::listeners::Listeners;
use crate::config::Wish;

/// How often an autostarted hub checks whether it must yield.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How often a hub checks whether the user has stopped it.
const STOP_INTERVAL: Duration = Duration::from_millis(250);
/// How long a hub waits for another to yield: to notice, to close its connections and to exit.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a hub tries for a lock or a port.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);
/// Tries for a lock. A process that only looks whether it is held keeps it from others for a moment.
const LOCK_TRIES: u32 = 10;
/// Tries for a port. The system frees the lock of a hub that was killed a moment before its port.
const PORT_TRIES: u32 = 20;
/// How often in a row the hub that lives has to look like one that does not yield: it may have started just now.
const UNYIELDING: u32 = 50;

/// Why a hub does not start.
#[derive(Debug)]
pub(crate) enum StartError {
    /// The directory cannot be used.
    Files(ConfigError),
    /// The user has stopped the hub, and no call of an agent needs it.
    Stopped,
    /// The directory has a hub here already.
    Running {
        /// The port that the hub serves, if it is known.
        port: Option<u16>,
        /// The hub's process, if it is known.
        process: Option<u32>,
        /// The port that was asked for.
        wanted: Option<u16>,
    },
    /// The address cannot be bound.
    Bind(SocketAddr, io::Error, PortOwner),
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Files(error)
    }
}

impl std::error::Error for StartError {}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(error) => error.fmt(f),
            Self::Stopped => f.write_str(
                "The hub was stopped by its user. Start junction-hub without --autostarted to run it again.",
            ),
            Self::Running { port, process, wanted } => running(f, *port, *process, *wanted),
            Self::Bind(address, error, owner) if error.kind() == io::ErrorKind::AddrInUse => {
                write!(
                    f,
                    "{address} is in use by {owner}. Stop that program, or choose another port with --port \
                     (JUNCTION_PORT)."
                )
            }
            Self::Bind(address, error, _) => write!(
                f,
                "Cannot listen on {address}: {error}. Choose another address with --host or --port."
            ),
        }
    }
}

/// The words for a directory that has a hub already, in one line.
fn running(
    f: &mut fmt::Formatter<'_>,
    port: Option<u16>,
    process: Option<u32>,
    wanted: Option<u16>,
) -> fmt::Result {
    f.write_str("The hub of this configuration directory already runs here")?;
    if let Some(port) = port {
        write!(f, ", at 127.0.0.1:{port}")?;
    }
    if let Some(process) = process {
        write!(f, " (process {process})")?;
    }
    f.write_str(". Sessions find it by themselves")?;
    if let (Some(port), Some(wanted)) = (port, wanted.filter(|wanted| *wanted != 0))
        && port != wanted
    {
        write!(f, ", except those whose JUNCTION_PORT says {wanted}")?;
    }
    match process {
        Some(process) => write!(f, ". To replace it, stop it first: kill {process}"),
        None => f.write_str(". To replace it, stop it first."),
    }
}

/// The one hub of a directory: held from before the port is bound until after it is free again.
pub(crate) struct HubLock {
    hub: LocalHub,
    // Dropped before what follows: a hub that waits takes a free lock for the end, and not for a refusal to yield.
    claim: HubClaim,
    /// Held by a hub that yields.
    _yields: Option<FileLockGuard>,
}

impl HubLock {
    /// Takes the lock. A hub that is started by hand for other machines makes an autostarted hub exit.
    ///
    /// # Errors
    /// [`StartError::Stopped`] if the user has stopped the hub. [`StartError::Running`] if another hub has the lock, or waits for it. [`StartError::Bind`] if another program
    /// has the port for which a hub would have to yield.
    pub(crate) async fn take(dir: &ConfigDir, wish: Wish) -> Result<Self, StartError> {
        let hub = LocalHub::of(dir);
        let is_wanted = wish.autostarted && hub.is_signalled(HubSignal::Wanted);
        let mut claim = if is_wanted { None } else { tried(|| hub.try_claim()).await? };
        if claim.is_none() && !wish.autostarted && !wish.host.is_loopback() {
            claim = take_over(&hub, wish).await?;
        }
        let Some(claim) = claim else {
            let port = hub.running()?.port();
            return Err(StartError::Running { port, process: hub.process(), wanted: wish.port });
        };
        if wish.unless_stopped && hub.is_stopped() {
            return Err(StartError::Stopped);
        }
        claim.permit_start();
        let mut yields = None;
        if wish.autostarted {
            yields = tried(|| hub.try_signal(HubSignal::Yields)).await?;
        }
        Ok(Self { hub, claim, _yields: yields })
    }

    /// Binds the port that was set. If none was, binds the default port, or another one if that is taken: no hub of
    /// this directory has it, as that would hold the lock.
    ///
    /// # Errors
    /// [`StartError::Bind`].
    pub(crate) async fn bind(&self, wish: Wish) -> Result<Listeners, StartError> {
        let port = wish.port.unwrap_or(PORT);
        let mut bound = Listeners::bind(wish.host, port);
        for _ in 1..PORT_TRIES {
            if !bound.as_ref().is_err_and(|(_, error)| is_taken(error)) {
                break;
            }
            sleep(RETRY_INTERVAL).await;
            bound = Listeners::bind(wish.host, port);
        }
        match bound {
            Err((_, error)) if wish.port.is_none() && is_taken(&error) => {
                Listeners::bind(wish.host, 0).map_err(bind_error)
            }
            bound => bound.map_err(bind_error),
        }
    }

    /// Tells the bridges of this directory which port the hub serves.
    ///
    /// # Errors
    /// [`ConfigError`] if the file cannot be written.
    pub(crate) fn publish(&self, port: u16) -> Result<(), ConfigError> {
        self.claim.publish(port)
    }

    /// Sends no more bridges to the hub.
    pub(crate) fn withdraw(&self) {
        self.claim.withdraw();
    }

    /// Completes when the user stops the hub.
    pub(crate) async fn stopped(&self) {
        while !self.hub.is_stopped() {
            sleep(STOP_INTERVAL).await;
        }
    }

    /// Completes when an autostarted hub must yield.
    pub(crate) async fn must_yield(&self) {
        while !self.hub.is_signalled(HubSignal::Wanted) {
            sleep(POLL_INTERVAL).await;
        }
    }
}

/// Makes the hub that lives yield, and takes its lock. Returns `None` if it does not yield.
async fn take_over(hub: &LocalHub, wish: Wish) -> Result<Option<HubClaim>, StartError> {
    if let (Some(port), RunningHub::At(living)) = (wish.port, hub.running()?)
        && port != living
    {
        // Nothing is won by taking over if the port is another program's.
        Listeners::bind(wish.host, port).map_err(bind_error)?;
    }
    let (deadline, mut wanted, mut unyielding) = (Instant::now() + TAKEOVER_TIMEOUT, None, 0);
    while Instant::now() < deadline && unyielding < UNYIELDING {
        // Before the lock, because the hub that lives gives them back in the other order.
        let yields = hub.is_signalled(HubSignal::Yields);
        if let Some(claim) = hub.try_claim()? {
            return Ok(Some(claim));
        }
        unyielding = if yields { 0 } else { unyielding + 1 };
        if wanted.is_none() {
            wanted = hub.try_signal(HubSignal::Wanted)?;
        }
        sleep(RETRY_INTERVAL).await;
    }
    Ok(None)
}

/// Tries a few times for a lock.
async fn tried<T>(
    mut attempt: impl FnMut() -> Result<Option<T>, ConfigError>,
) -> Result<Option<T>, ConfigError> {
    for _ in 1..LOCK_TRIES {
        if let Some(taken) = attempt()? {
            return Ok(Some(taken));
        }
        sleep(RETRY_INTERVAL).await;
    }
    attempt()
}

/// Whether the port is taken, or kept by the system for something else, as Windows does.
fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

fn bind_error((address, error): (SocketAddr, io::Error)) -> StartError {
    let owner = match error.kind() {
        io::ErrorKind::AddrInUse => port_owner(address.port()),
        _ => PortOwner::Unknown,
    };
    StartError::Bind(address, error, owner)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[tokio::test]
    async fn the_error_for_a_taken_port_names_its_address() {
        let localhost = IpAddr::from([127, 0, 0, 1]);
        let first = Listeners::bind(localhost, 0).unwrap();
        let (address, error) = Listeners::bind(localhost, first.port()).unwrap_err();
        let error = bind_error((address, error)).to_string();
        assert!(error.contains(&address.to_string()) && error.lines().count() == 1, "{error}");
    }

    #[test]
    fn hub_that_runs_already_is_called_by_name() {
        let said =
            |port, process, wanted| StartError::Running { port, process, wanted }.to_string();
        assert_eq!(
            said(Some(4200), Some(7), None),
            "The hub of this configuration directory already runs here, at 127.0.0.1:4200 (process 7). Sessions find \
             it by themselves. To replace it, stop it first: kill 7"
        );
        let other = said(Some(4200), None, Some(5000));
        assert!(other.contains("4200") && other.contains("JUNCTION_PORT says 5000"), "{other}");
        assert!(!said(Some(4200), None, Some(4200)).contains("JUNCTION_PORT"));
        assert!(!said(None, None, Some(0)).contains("JUNCTION_PORT"));
    }
}
