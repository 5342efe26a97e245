//! The connections to the gateway: how many there are, and which of them is closed when there are too many.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::time::Instant;

/// Connections at most. Each agent has one or two, and each that runs one to the hub.
const MAX_CONNECTIONS: usize = 2_048;

/// All connections that are open.
#[derive(Default)]
pub(crate) struct Connections(Mutex<Vec<OpenConnection>>);

struct OpenConnection {
    usage: Arc<ConnectionUsage>,
    /// Dropping it closes the connection.
    close: oneshot::Sender<()>,
}

/// How a connection is used.
#[derive(Debug)]
pub(super) struct ConnectionUsage {
    /// Whether a client has shown on it that it may be here.
    is_known: AtomicBool,
    requests: AtomicUsize,
    last: Mutex<Instant>,
}

/// A request on a connection. Dropping it ends the request.
pub(super) struct ConnectionRequest(Arc<ConnectionUsage>);

impl Connections {
    /// Takes a new connection. Returns how it is used, and what ends when it is to be closed; `None` if there are too many
    /// that are busy.
    pub(super) fn admit(&self) -> Option<(Arc<ConnectionUsage>, oneshot::Receiver<()>)> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|connection| !connection.close.is_closed());
        if open.len() >= MAX_CONNECTIONS {
            // Strangers first, even those that say something, then what was silent for the longest time.
            let idle = open.iter().enumerate();
            let idle = idle.filter(|(_, it)| !it.usage.is_busy() || !it.usage.is_known());
            let (victim, _) = idle.min_by_key(|(_, it)| (it.usage.is_known(), it.usage.last()))?;
            open.swap_remove(victim);
        }
        let usage = Arc::new(ConnectionUsage {
            is_known: AtomicBool::new(false),
            requests: AtomicUsize::new(0),
            last: Mutex::new(Instant::now()),
        });
        let (close, closed) = oneshot::channel();
        open.push(OpenConnection { usage: Arc::clone(&usage), close });
        Some((usage, closed))
    }
}

impl ConnectionUsage {
    /// Notes that a client has shown that it may be here.
    pub(super) fn known(&self) {
        self.is_known.store(true, Ordering::Relaxed);
    }

    /// Notes a request, as long as what is returned lives.
    pub(super) fn begin(self: &Arc<Self>) -> ConnectionRequest {
        self.requests.fetch_add(1, Ordering::Relaxed);
        ConnectionRequest(Arc::clone(self))
    }

    /// Whether a request is being served.
    pub(super) fn is_busy(&self) -> bool {
        self.requests.load(Ordering::Relaxed) > 0
    }

    /// Whether a client has shown that it may be here.
    pub(super) fn is_known(&self) -> bool {
        self.is_known.load(Ordering::Relaxed)
    }

    /// When the last request ended, or the connection was made.
    pub(super) fn last(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionRequest {
    fn drop(&mut self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn of_too_many_connections_a_silent_stranger_goes_first() {
        let connections = Connections::default();
        let mut admitted: Vec<_> =
            (0..MAX_CONNECTIONS).map(|_| connections.admit().unwrap()).collect();
        admitted.iter().for_each(|(usage, _)| usage.known());
        let requests: Vec<_> = admitted[1..].iter().map(|(usage, _)| usage.begin()).collect();
        let stranger = connections.admit().unwrap();
        assert!(
            admitted[0]
                .1
                .try_recv()
                .is_err_and(|error| error == oneshot::error::TryRecvError::Closed)
        );
        let busy = connections.admit().unwrap();
        let mut closed = stranger.1;
        assert_eq!(closed.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        busy.0.known();
        let _request = busy.0.begin();
        assert!(connections.admit().is_none(), "all are busy");
        drop(busy);
        let talkative = connections.admit().unwrap();
        let _request = talkative.0.begin();
        assert!(connections.admit().is_some(), "a stranger makes room");
        drop(requests);
        assert!(connections.admit().is_some());
    }
}
