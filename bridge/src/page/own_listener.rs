//! Connections to the page: those of other users are refused before they say anything, as far as the system tells whose they
//! are.

use std::io;
use std::net::SocketAddr;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use junction_shared::machine::running_system::is_own_connection;
use tokio::net::{TcpListener, TcpStream};

/// A listener for this user.
pub(super) struct OwnListener(pub(super) TcpListener);

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct BrowserAddress(pub(super) SocketAddr);

impl Listener for OwnListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let (stream, from) = Listener::accept(&mut self.0).await;
            let to = stream.local_addr();
            if !to.is_ok_and(|to| is_own_connection(from, to) == Some(false)) {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, OwnListener>> for BrowserAddress {
    fn connect_info(stream: IncomingStream<'_, OwnListener>) -> Self {
        Self(*stream.remote_addr())
    }
}
