//! Programs on a port that are no hub.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What something does that is no hub, and is asked for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// Accepts, and neither reads nor writes.
    Silent,
    /// Leaves connections to the system.
    Deaf,
    /// Closes every connection.
    Closing,
    /// Answers everything as a web server that has no such page.
    NotFound,
    /// Answers everything as a healthy hub would answer `/health`.
    Healthy,
    /// Answers as a TLS server does that is asked for plain HTTP.
    Tls,
    /// Greets before it is asked anything, as a mail server does.
    Greeting,
}

/// Every kind of program on a port that is no hub.
pub const STRANGERS: [Stranger; 7] = [
    Stranger::Silent,
    Stranger::Deaf,
    Stranger::Closing,
    Stranger::NotFound,
    Stranger::Healthy,
    Stranger::Tls,
    Stranger::Greeting,
];

impl Stranger {
    fn answer(self) -> &'static [u8] {
        match self {
            Self::Silent | Self::Deaf | Self::Closing => b"",
            Self::NotFound => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            Self::Healthy => {
                b"HTTP/1.1 200 OK\r\ncontent-length: 45\r\nconnection: close\r\n\r\n{\"status\":\"ok\",\"mode\":\"lan\",\"activePeers\":3}   "
            }
            Self::Tls => &[21, 3, 3, 0, 2, 2, 10],
            Self::Greeting => b"220 mail.example ESMTP\r\n",
        }
    }

    /// Serves on this listener until it is dropped.
    pub fn serve(self, listener: std::net::TcpListener) -> StrangerServer {
        listener.set_nonblocking(true).expect("a listener");
        let listener = TcpListener::from_std(listener).expect("a listener");
        StrangerServer(tokio::spawn(async move {
            if self == Self::Deaf {
                std::future::pending::<()>().await;
            }
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                if self == Self::Silent {
                    held.push(stream);
                    continue;
                }
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    if !matches!(self, Self::Closing | Self::Greeting) {
                        let _ = stream.read(&mut request).await;
                    }
                    let _ = stream.write_all(self.answer()).await;
                });
            }
        }))
    }
}

/// A server that ends when this is dropped.
pub struct StrangerServer(JoinHandle<()>);

impl Drop for StrangerServer {
    fn drop(&mut self) {
        self.0.abort();
    }
}
