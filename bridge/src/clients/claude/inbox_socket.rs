//! The inbox of the agent's own session: a socket that Claude Code names in the environment of the servers it starts.
//! A line written there begins a turn of an idle agent; a busy agent sees it with its next tool result. The socket is
//! not documented, so the bridge uses it only where it behaves as it did in version 2.1.330.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use junction_shared::machine::settings::{env, env_path};
use junction_shared::protocol::wire::Reach;
use rustix::process::geteuid;
use serde::Serialize;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::PROFILE;
use crate::clients::channel::{Channel, WakingWay};
use crate::json_text;
use crate::process::tree::{ProcessTree, program};

/// The environment variables that name the socket and the token that a server of the session must show.
const SOCKET: &str = "CLAUDE_CODE_MESSAGING_SOCKET";
const TOKEN: &str = "CLAUDE_CODE_MESSAGING_TOKEN";
/// How often the socket is tried.
const POLL_INTERVAL: Duration = Duration::from_secs(60);
/// How long connecting may take, and how long writing may.
const IO_TIME: Duration = Duration::from_secs(2);

/// The inbox socket that the environment names. It may have been inherited from a session further up, so it is used
/// only once the client has introduced itself as Claude Code.
pub(super) struct InboxSocket {
    path: PathBuf,
    token: String,
    is_own_client: AtomicBool,
    is_usable: AtomicBool,
}

/// The line that authenticates the next.
#[derive(Serialize)]
struct AuthLineJson<'a> {
    r#type: &'static str,
    token: &'a str,
}

/// The line that the agent sees.
#[derive(Serialize)]
struct UserLineJson<'a> {
    r#type: &'static str,
    message: UserMessageJson<'a>,
}

#[derive(Serialize)]
struct UserMessageJson<'a> {
    role: &'static str,
    content: &'a str,
}

impl InboxSocket {
    /// The socket that the environment names, if it names one.
    pub(super) fn from_env() -> Option<Self> {
        let path = env_path(SOCKET).filter(|path| path.is_absolute())?;
        let token = env(TOKEN)?;
        Some(Self { path, token, is_own_client: false.into(), is_usable: false.into() })
    }

    fn is_own_client(&self) -> bool {
        self.is_own_client.load(Ordering::Relaxed)
    }

    /// Writes a line for the agent.
    async fn write(&self, content: &str) -> io::Result<()> {
        let mut stream = connect(&self.path).await?;
        let auth = AuthLineJson { r#type: "auth", token: &self.token };
        let message = UserMessageJson { role: "user", content };
        let mut lines: Vec<u8> = json_text::line(&auth);
        lines.append(&mut json_text::line(&UserLineJson { r#type: "user", message }));
        let written = timeout(IO_TIME, async {
            stream.write_all(&lines).await?;
            stream.shutdown().await
        });
        written.await.map_err(|_| timed_out())?
    }
}

impl Channel for InboxSocket {
    fn reach(&self) -> Option<Reach> {
        self.is_usable.load(Ordering::Relaxed).then_some(Reach::Push)
    }

    fn way(&self) -> Option<WakingWay> {
        Some(WakingWay::Inbox)
    }

    fn wakes(&self) -> bool {
        true
    }

    fn wake<'a>(&'a self, notice: &'a str) -> BoxFuture<'a, bool> {
        async move {
            if !self.is_own_client() {
                return false;
            }
            let is_written = self.write(notice).await.is_ok();
            self.is_usable.store(is_written, Ordering::Relaxed);
            is_written
        }
        .boxed()
    }

    fn poll_interval(&self) -> Option<Duration> {
        self.is_own_client().then_some(POLL_INTERVAL)
    }

    fn poll(&self) -> BoxFuture<'_, ()> {
        async {
            if self.is_own_client() {
                // A connection without a line has no effect on the session.
                let is_usable = connect(&self.path).await.is_ok();
                self.is_usable.store(is_usable, Ordering::Relaxed);
            }
        }
        .boxed()
    }

    fn client_named(&self, mcp_name: &str) -> bool {
        let is_own = mcp_name == PROFILE.mcp_name;
        let was_own = self.is_own_client.swap(is_own, Ordering::Relaxed);
        is_own && !was_own
    }
}

/// A connection to the session's own client. A socket of any other process is refused.
async fn connect(socket: &Path) -> io::Result<UnixStream> {
    let stream = timeout(IO_TIME, UnixStream::connect(socket)).await.map_err(|_| timed_out())??;
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
        // Where programs cannot be seen, only the parent itself counts.
        None => at == 0,
    }
}

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}
