//! The bridge's side of its socket.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::platform::{GATEWAY, PERSON, SocketListener, SocketStream};
use super::{
    BridgeRequest, BridgeResponse, HOOK_PREFIX, MAX_HOOK_LINE, MAX_LINE, MAX_MESSAGE_LINE,
    MESSAGE_PREFIXES,
};

/// Connections served at once; further ones wait in the system's queue.
const MAX_CONNECTIONS: usize = 16;
/// How long a caller may take to send its request, and to take the response.
const IO_TIME: Duration = Duration::from_secs(2);
/// How long a command may take to print an answer: a person may be reading at the other end of a pipe.
const PRINT_TIME: Duration = Duration::from_secs(60);

/// The owner of a socket. The names of the kinds differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketKind {
    /// A bridge, beside an agent.
    Bridge,
    /// A person's command that runs for a while.
    Person,
    /// A gateway, which runs agents that are reached over HTTP.
    Gateway,
}

impl SocketKind {
    /// What the name of the socket begins with, before the id of the process.
    fn prefix(self) -> &'static str {
        match self {
            Self::Bridge => "",
            Self::Person => PERSON,
            Self::Gateway => GATEWAY,
        }
    }
}

/// Answers requests that arrive at the socket.
pub(crate) trait RequestHandler: Clone + Send + Sync + 'static {
    /// Answers one request on its connection.
    fn handle(
        &self,
        request: BridgeRequest,
        connection: IpcConnection,
    ) -> impl Future<Output = ()> + Send;
}

/// A connection whose request has been read.
pub(crate) struct IpcConnection(BufReader<SocketStream>);

/// Opens the socket and answers requests in a task of its own. Aborting the task closes the socket.
pub(crate) fn start(kind: SocketKind, handler: impl RequestHandler) -> AbortHandle {
    let task = tokio::spawn(async move {
        match SocketListener::open(kind.prefix()) {
            Ok(listener) => serve(listener, handler).await,
            Err(error) => {
                let kind = error.kind();
                tracing::info!(
                    "hooks cannot reach this bridge: its socket cannot be made ({kind})"
                );
            }
        }
    });
    task.abort_handle()
}

async fn serve(listener: SocketListener, handler: impl RequestHandler) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let Ok(stream) = listener.accept().await else {
            // Such as too many open files, which may pass.
            tokio::time::sleep(IO_TIME).await;
            continue;
        };
        let handler = handler.clone();
        tokio::spawn(async move {
            let mut connection = IpcConnection(BufReader::new(stream));
            if let Ok(Some(request)) = timeout(IO_TIME, connection.request()).await {
                handler.handle(request, connection).await;
            }
            drop(slot);
        });
    }
}

impl IpcConnection {
    /// Writes the response. False if the caller did not take it in time.
    pub(crate) async fn respond(&mut self, response: &BridgeResponse) -> bool {
        matches!(timeout(IO_TIME, self.write(response)).await, Ok(Ok(())))
    }

    /// Writes the response and waits for the acknowledgement. False if none arrived in time.
    pub(crate) async fn respond_acknowledged(&mut self, response: &BridgeResponse) -> bool {
        self.acknowledged_within(response, IO_TIME).await
    }

    /// Writes the response and waits until it is printed. False if it was not in time.
    pub(crate) async fn respond_printed(&mut self, response: &BridgeResponse) -> bool {
        self.acknowledged_within(response, PRINT_TIME).await
    }

    async fn acknowledged_within(&mut self, response: &BridgeResponse, limit: Duration) -> bool {
        let acknowledged = timeout(limit, async {
            self.write(response).await.ok()?;
            self.0.read_u8().await.ok()
        });
        matches!(acknowledged.await, Ok(Some(_)))
    }

    /// Waits until the caller closes the connection.
    pub(crate) async fn closed(&mut self) {
        let mut byte = [0];
        while let Ok(1) = self.0.read(&mut byte).await {}
    }

    async fn request(&mut self) -> Option<BridgeRequest> {
        let mut line = Vec::new();
        let mut limited = (&mut self.0).take(MAX_LINE as u64);
        limited.read_until(b'\n', &mut line).await.ok()?;
        let is_message = MESSAGE_PREFIXES.iter().any(|prefix| line.starts_with(prefix));
        let longest = match () {
            () if is_message => MAX_MESSAGE_LINE,
            () if line.starts_with(HOOK_PREFIX) => MAX_HOOK_LINE,
            () => MAX_LINE,
        };
        if !line.ends_with(b"\n") && longest > MAX_LINE {
            let mut limited = (&mut self.0).take((longest - MAX_LINE) as u64);
            limited.read_until(b'\n', &mut line).await.ok()?;
        }
        line.ends_with(b"\n").then(|| serde_json::from_slice(&line).ok())?
    }

    async fn write(&mut self, response: &BridgeResponse) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(response)?;
        line.push(b'\n');
        self.0.write_all(&line).await?;
        self.0.flush().await
    }
}
