//! A TCP proxy between bridges and a hub. A test can cut, reset or stall its connections; their bytes pass unread.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, timeout};

use crate::at;

/// A fault of every connection that is open.
#[derive(Clone, Copy, Debug)]
pub enum ConnectionFault {
    /// One end breaks at once. The other hangs for a while: what it sends then is lost.
    Cut(Cut),
    /// Nothing is carried for a while; then all goes on, and nothing was lost.
    Stall(Duration),
}

/// How a connection breaks.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Whether the bridge's end breaks first.
    pub bridge_first: bool,
    /// By a reset instead of an orderly end.
    pub reset: bool,
    /// How long the other end hangs.
    pub hangs: Duration,
}

/// A running TCP proxy.
pub struct TcpProxy {
    /// The port on which bridges reach the proxy.
    pub port: u16,
    faults: broadcast::Sender<ConnectionFault>,
    dials: Arc<Mutex<Vec<Instant>>>,
}

impl TcpProxy {
    /// A proxy to the hub at this port, whether or not one serves there now.
    pub async fn start(hub: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (faults, _) = broadcast::channel(16);
        let dials = Arc::new(Mutex::new(Vec::new()));
        let proxy = Self { port, faults: faults.clone(), dials: Arc::clone(&dials) };
        tokio::spawn(async move {
            while let Ok((bridge, _)) = listener.accept().await {
                dials.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
                tokio::spawn(connection(bridge, hub, faults.subscribe()));
            }
        });
        proxy
    }

    /// Injects a fault into all connections that are open now.
    pub fn inject(&self, fault: ConnectionFault) {
        // Nobody hears it while there is no connection.
        let _ = self.faults.send(fault);
    }

    /// When bridges dialled, in order.
    pub fn dials(&self) -> Vec<Instant> {
        self.dials.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One connection, until an end closes or it is cut.
async fn connection(mut bridge: TcpStream, hub: u16, faults: broadcast::Receiver<ConnectionFault>) {
    let Ok(mut hub) = TcpStream::connect(("127.0.0.1", hub)).await else { return };
    for end in [&bridge, &hub] {
        let _ = end.set_nodelay(true);
    }
    let (gate, open) = watch::channel(true);
    let carried = async {
        let (from_bridge, to_bridge) = bridge.split();
        let (from_hub, to_hub) = hub.split();
        let out = carry(from_bridge, to_hub, open.clone());
        join(out, carry(from_hub, to_bridge, open.clone())).await;
    };
    let cut = tokio::select! {
        () = carried => return,
        cut = next_cut(faults, &gate) => cut,
    };
    let (first, mut second) = if cut.bridge_first { (bridge, hub) } else { (hub, bridge) };
    close(first, cut.reset).await;
    let _ = timeout(cut.hangs, copy(&mut second, &mut sink())).await;
    close(second, cut.reset).await;
}

/// Stalls as it is told, until the connection is to be cut.
async fn next_cut(
    mut faults: broadcast::Receiver<ConnectionFault>,
    gate: &watch::Sender<bool>,
) -> Cut {
    loop {
        match faults.recv().await {
            Ok(ConnectionFault::Cut(cut)) => return cut,
            Ok(ConnectionFault::Stall(time)) => {
                gate.send_replace(false);
                at(Instant::now() + time).await;
                gate.send_replace(true);
            }
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            // The test is over, or wants nothing more of this connection.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Carries bytes one way while the gate is open, until there are no more.
async fn carry(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut open: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let stands = open.wait_for(|open| *open).await.is_ok();
        if !stands || to.write_all(&buffer[..read]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

async fn close(mut end: TcpStream, reset: bool) {
    // Either fails only where the connection is over already.
    let _ = if reset { end.set_zero_linger() } else { end.shutdown().await };
}
