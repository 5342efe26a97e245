//! The port that clients of the original know. This machine's own hub has it by default, and moves to another one.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::anyhow;
use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::local_hub::{HubSignal, LocalHub, RunningHub};
use junction_shared::machine::running_system::port_owner;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

/// How long a hub may take to leave its port.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often to look whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Listens at this port on loopback. A hub of this directory that a session has started there makes room, and is started again
/// elsewhere by the sessions, which lose nothing by that. Returns whether there was one.
///
/// # Errors
/// Something else has the port.
pub(crate) async fn listen(dir: &ConfigDir, port: u16) -> anyhow::Result<(TcpListener, bool)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let hub = LocalHub::of(dir);
    let until = Instant::now() + PATIENCE;
    let mut has_moved = false;
    let listener = loop {
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => {
                return Err(anyhow!(
                    "{address} cannot be used: {error}. Name another port: --compat PORT."
                ));
            }
        }
        let is_at_port = hub.running()? == RunningHub::At(port);
        if is_at_port && !hub.is_signalled(HubSignal::Yields) {
            return Err(anyhow!(
                "The hub at {address} was started by hand, and does not move. Stop it, then start it at another port: junction-hub --port PORT."
            ));
        }
        if Instant::now() >= until || (!is_at_port && !has_moved) {
            return Err(anyhow!(
                "{address} is taken: {}. Stop that program, or name another port: --compat PORT.",
                port_owner(port)
            ));
        }
        if is_at_port {
            // Again, if a call of an agent has started it once more.
            hub.stop()?;
            has_moved = true;
        }
        sleep(LOOK_EVERY).await;
    };
    if has_moved {
        ended(&hub, until).await?;
        hub.permit_start();
    }
    Ok((listener, has_moved))
}

/// Waits until the hub that has left its port has ended: before, no other one is permitted to start.
async fn ended(hub: &LocalHub, until: Instant) -> anyhow::Result<()> {
    while hub.running()? != RunningHub::None && hub.is_stopped() && Instant::now() < until {
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}
