//! The inbox of the agent's own session, a socket that Claude Code names in the environment of the servers it starts.
//! What is written there begins a turn of an idle agent, and is shown to a busy one with its next tool result. It is
//! nowhere documented, so it is used only where it is found to be what it was when this was written (2.1.330).

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::{BoxFuture, FutureExt as _};
use junction_shared::machine::settings::{env, env_path};
use junction_shared::protocol::wire::Reach;

use super::channel::Rung;
use junction_engine::wiped::Wiped;

/// What names the socket, and the word that lets a server of the session in.
const SOCKET: &str = "CLAUDE_CODE_MESSAGING_SOCKET";
const TOKEN: &str = "CLAUDE_CODE_MESSAGING_TOKEN";
/// The client that has such an inbox, as it names itself.
const CLIENT: &str = "claude-code";

/// The inbox, where there is one.
pub(crate) struct Inbox {
    place: Option<Place>,
    is_its_client: AtomicBool,
    is_there: AtomicBool,
}

/// Where it is.
struct Place {
    socket: std::path::PathBuf,
    token: Wiped<String>,
}

impl Inbox {
    /// The one that the environment names, if it does.
    pub(crate) fn from_env() -> Self {
        let place = env_path(SOCKET)
            .zip(env(TOKEN))
            .filter(|(socket, _)| socket.is_absolute())
            .map(|(socket, token)| Place { socket, token: Wiped::new(token) });
        Self { place, is_its_client: false.into(), is_there: false.into() }
    }

    /// The client has said who it is. True if that makes it worth a look: a variable may have been inherited from a
    /// session further up.
    pub(crate) fn client(&self, name: &str) -> bool {
        let is_its = name == CLIENT;
        let was = self.is_its_client.swap(is_its, Ordering::Relaxed);
        is_its && !was && self.place.is_some()
    }

    fn place(&self) -> Option<&Place> {
        self.place.as_ref().filter(|_| self.is_its_client.load(Ordering::Relaxed))
    }
}

impl Rung for Inbox {
    fn reach(&self) -> Option<Reach> {
        self.is_there.load(Ordering::Relaxed).then_some(Reach::Push)
    }

    fn is_wake(&self) -> bool {
        true
    }

    fn is_to_be_looked_at(&self) -> bool {
        self.place().is_some()
    }

    fn look(&self) -> BoxFuture<'_, ()> {
        async {
            let Some(place) = self.place() else { return };
            // A connection that says nothing changes nothing.
            let is_there = imp::connect(&place.socket).await.is_ok();
            self.is_there.store(is_there, Ordering::Relaxed);
        }
        .boxed()
    }

    fn wake<'a>(&'a self, notice: &'a str) -> BoxFuture<'a, bool> {
        async move {
            let Some(place) = self.place() else { return false };
            let is_told = imp::tell(place, notice).await.is_ok();
            self.is_there.store(is_told, Ordering::Relaxed);
            is_told
        }
        .boxed()
    }
}

#[cfg(unix)]
mod imp {
    use std::io;
    use std::path::Path;
    use std::time::Duration;

    use rustix::process::geteuid;
    use serde::Serialize;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::UnixStream;
    use tokio::time::timeout;

    use super::Place;
    use crate::json_text;
    use crate::process::tree::{ProcessTree, program};
    use junction_engine::wiped::Wiped;

    /// How long the client may take for all of it.
    const PATIENCE: Duration = Duration::from_secs(2);

    /// The line that lets in what follows.
    #[derive(Serialize)]
    struct Auth<'a> {
        r#type: &'static str,
        token: &'a str,
    }

    /// The line that the agent is shown.
    #[derive(Serialize)]
    struct Prompt<'a> {
        r#type: &'static str,
        message: Words<'a>,
    }

    #[derive(Serialize)]
    struct Words<'a> {
        role: &'static str,
        content: &'a str,
    }

    /// A connection to the session's own client, and nobody else's.
    pub(crate) async fn connect(socket: &Path) -> io::Result<UnixStream> {
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let stream = timeout(PATIENCE, UnixStream::connect(socket)).await.map_err(late)??;
        let peer = stream.peer_cred()?;
        let pid = peer.pid().and_then(|pid| u32::try_from(pid).ok());
        let is_own = peer.uid() == geteuid().as_raw() && pid.is_some_and(is_own_client);
        if is_own { Ok(stream) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }

    /// Whether a process is the client of this session: an ancestor, with no other run of the same program between.
    fn is_own_client(pid: u32) -> bool {
        let ancestors = ProcessTree::now().ancestors(std::process::id());
        let Some(at) = ancestors.iter().position(|ancestor| *ancestor == pid) else { return false };
        match program(pid) {
            Some(client) => {
                ancestors[..at].iter().all(|between| program(*between).as_ref() != Some(&client))
            }
            // Where programs cannot be seen: the parent itself.
            None => at == 0,
        }
    }

    /// Has the client show the agent a line.
    pub(crate) async fn tell(place: &Place, content: &str) -> io::Result<()> {
        let mut stream = connect(&place.socket).await?;
        let auth = Auth { r#type: "auth", token: &place.token };
        let message = Words { role: "user", content };
        let mut lines: Wiped<Vec<u8>> = json_text::line(&auth);
        lines.append(&json_text::line(&Prompt { r#type: "user", message }));
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        timeout(PATIENCE, async {
            stream.write_all(&lines).await?;
            stream.shutdown().await
        })
        .await
        .map_err(late)?
    }
}

#[cfg(not(unix))]
mod imp {
    use std::io;
    use std::path::Path;

    use super::Place;

    pub(crate) async fn connect(_: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) async fn tell(place: &Place, _: &str) -> io::Result<()> {
        let _ = &place.token;
        connect(&place.socket).await
    }
}
