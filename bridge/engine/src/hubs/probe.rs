//! Asks hubs for their health: whether they answer, and what they say about themselves.

use std::time::Duration;

use futures_util::future::join_all;
use junction_shared::invite_link::InviteLink;
use junction_shared::machine::hosts::{HostEntry, LOCAL};
use junction_shared::machine::local_hub::RunningHub;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::handshake::{GroupKeys, Pin};
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use crate::hubs::known::{HostList, KnownHosts, ListingProblem, endpoint};
use crate::registration::label;
use crate::transport::dial::{DialError, is_listening};
use crate::transport::endpoint::Endpoint;
use crate::transport::http;
use crate::transport::tls::{Insecure, Security};
use crate::transport::verify::{VerifyError, verify_once};

/// How long a hub has to answer.
const PROBE_TIME: Duration = Duration::from_secs(1);
/// The longest body of an answer to `/health`: a hub's has about 100 bytes.
const MAX_HEALTH: usize = 16 * 1024;

/// All known hosts after each was asked for its health.
pub struct Survey {
    /// The hosts.
    pub hosts: Vec<HostStatus>,
    /// What is wrong with the settings that name them.
    pub problems: Vec<ListingProblem>,
}

/// A known host after it was asked for its health.
pub struct HostStatus {
    /// The host's name on this machine.
    pub name: String,
    /// Where the host is.
    pub endpoint: Endpoint,
    /// Whether this is the hub in use.
    pub is_current: bool,
    /// Whether the host's link is known, and nothing at its address failed to prove that it has the link's group.
    pub is_linked: bool,
    /// What the hub says about itself, or why it was not asked.
    pub health: Result<Health, ProbeError>,
}

/// What a hub says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// How long the hub took to answer.
    pub latency: Duration,
    /// Sessions on the hub.
    pub active_peers: Option<u64>,
    /// Which machines the hub serves.
    pub mode: Option<HubMode>,
    /// The hub's version, as a label.
    pub version: Option<String>,
    /// How long the hub has run.
    pub uptime: Option<Duration>,
}

/// Which machines a hub serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HubMode {
    /// This machine alone.
    Localhost,
    /// Other machines as well.
    Lan,
}

impl HubMode {
    /// The mode as `/health` spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Localhost => "localhost",
            Self::Lan => "lan",
        }
    }
}

/// Why a hub did not say anything about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeError {
    /// No healthy hub answered in time.
    NoAnswer,
    /// Something listens there that did not prove to be the hub.
    Stranger,
    /// The hub no longer accepts the link.
    OldLink,
    /// The hub showed another key than its link names.
    OtherKey {
        /// The key in the link.
        expected: Pin,
        /// The key that the hub showed.
        found: Pin,
    },
}

impl From<Insecure> for ProbeError {
    fn from(insecure: Insecure) -> Self {
        match insecure {
            Insecure::OtherKey { expected, found } => Self::OtherKey { expected, found },
            Insecure::Unowned(_) | Insecure::NoTls | Insecure::Lost => Self::NoAnswer,
        }
    }
}

/// Asks all known hosts for their health at once, and those whose group is known here for a proof of it. `current` is
/// the name or the address of the hub in use.
pub async fn survey(known: &KnownHosts, current: &str) -> Survey {
    let running = known.running_hub().unwrap_or(RunningHub::None);
    let HostList { hosts, problems } = known.list();
    let own = hosts.iter().find(|host| host.name == LOCAL).and_then(|host| host.link.as_ref());
    let hosts = hosts.iter().map(|host| status(host, own, running, current));
    Survey { hosts: join_all(hosts).await, problems }
}

async fn status(
    host: &HostEntry,
    own: Option<&InviteLink>,
    running: RunningHub,
    current: &str,
) -> HostStatus {
    let endpoint = endpoint(host);
    let is_here = endpoint.security == Security::Loopback;
    let link = host.link.as_ref().or(own.filter(|_| is_here));
    // The lock of a hub of this machine is a proof, too, where no secret is here to ask for another.
    let has_lock = is_here && running.port() == Some(endpoint.port);
    let health = match (probe(&endpoint).await, link) {
        (Ok(health), Some(link)) => proven(&endpoint, link).await.map(|()| health),
        (Ok(_), None) if is_here && !has_lock => Err(ProbeError::Stranger),
        (Err(ProbeError::NoAnswer), _) if !has_lock && is_listening(&endpoint).await => {
            Err(ProbeError::Stranger)
        }
        (health, _) => health,
    };
    HostStatus {
        is_current: current == host.name || current == endpoint.address(),
        is_linked: host.link.is_some() && matches!(health, Ok(_) | Err(ProbeError::NoAnswer)),
        name: host.name.clone(),
        health,
        endpoint,
    }
}

/// Has the hub prove the group of this link.
async fn proven(hub: &Endpoint, link: &InviteLink) -> Result<(), ProbeError> {
    let group = GroupKeys::derive(&link.secret);
    match timeout(PROBE_TIME, verify_once(hub, &group)).await {
        // A hub that is full cannot be asked.
        Ok(Ok(()) | Err(VerifyError::Unreachable(DialError::Full))) => Ok(()),
        Ok(Err(VerifyError::Unreachable(DialError::Closed(
            Close::Unauthorized | Close::Rotated,
        )))) if hub.security != Security::Loopback => Err(ProbeError::OldLink),
        Ok(Err(_)) | Err(_) => Err(ProbeError::Stranger),
    }
}

/// Asks a hub for its health.
///
/// # Errors
/// [`ProbeError`] within a second.
pub async fn probe(hub: &Endpoint) -> Result<Health, ProbeError> {
    let started = Instant::now();
    let body = timeout(PROBE_TIME, ask(hub)).await.map_err(|_| ProbeError::NoAnswer)??;
    parse(&body, started.elapsed()).ok_or(ProbeError::NoAnswer)
}

/// The body of a hub's answer to `/health`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HealthBody {
    status: String,
    mode: Option<String>,
    active_peers: Option<u64>,
    version: Option<String>,
    uptime: Option<u64>,
}

fn parse(body: &[u8], latency: Duration) -> Option<Health> {
    let answer: HealthBody = serde_json::from_slice(body).ok()?;
    let modes = [HubMode::Localhost, HubMode::Lan];
    (answer.status == "ok").then(|| Health {
        latency,
        active_peers: answer.active_peers,
        mode: modes.into_iter().find(|mode| answer.mode.as_deref() == Some(mode.name())),
        version: answer.version.as_deref().and_then(label),
        uptime: answer.uptime.map(Duration::from_secs),
    })
}

/// The body of the answer to `GET /health`.
async fn ask(hub: &Endpoint) -> Result<Vec<u8>, ProbeError> {
    let addresses = hub.addresses().await.map_err(|_| ProbeError::NoAnswer)?;
    http::get(&addresses, hub.security, "/health", MAX_HEALTH).await?.ok_or(ProbeError::NoAnswer)
}

#[cfg(test)]
mod tests {
    use junction_shared::machine::config_dir::ConfigDir;
    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that gives everybody one answer, and the heads of the requests it got.
    async fn server(answer: &'static str) -> (u16, tokio::sync::mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heads, receiver) = tokio::sync::mpsc::channel(8);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = vec![0; 1024];
                let read = stream.read(&mut head).await.unwrap();
                heads.send(String::from_utf8_lossy(&head[..read]).into_owned()).await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (port, receiver)
    }

    /// The states of `local` and of a host called attic at this port.
    async fn survey_attic(port: u16, current: &str) -> [HostStatus; 2] {
        let dir = TempDir::new().unwrap();
        let config = ConfigDir::at(dir.path().join("config"));
        config.open().unwrap();
        let listed = Some(format!("attic=127.0.0.1:{port}"));
        let known = KnownHosts { dir: config, listed, port: None };
        let Survey { hosts, problems } = survey(&known, current).await;
        assert_eq!(problems, []);
        hosts.try_into().ok().unwrap()
    }

    #[tokio::test]
    async fn healthy_hub_is_described() {
        let (port, mut heads) = server(
            "HTTP/1.1 200 OK\r\ncontent-length: 88\r\n\r\n\
             {\"status\":\"ok\",\"mode\":\"lan\",\"activePeers\":2,\"uptime\":3600,\"version\":\"0.1.0\\u001b[31m\"}  ",
        )
        .await;
        let health = probe(&Endpoint::plain(([127, 0, 0, 1], port).into())).await.unwrap();
        assert_eq!((health.active_peers, health.mode), (Some(2), Some(HubMode::Lan)));
        assert_eq!(health.version.as_deref(), Some("0.1.0[31m"));
        let head = heads.recv().await.unwrap();
        assert!(head.contains(&format!("host: 127.0.0.1:{port}\r\n")), "{head}");
        // Whoever says so on this machine has proven nothing.
        let [local, attic] = survey_attic(port, "attic").await;
        assert_eq!(attic.endpoint.address(), format!("127.0.0.1:{port}"));
        assert_eq!((attic.is_current, attic.is_linked, local.is_current), (true, false, false));
        assert_eq!(attic.health, Err(ProbeError::Stranger));
    }

    #[tokio::test]
    async fn server_that_is_not_a_healthy_hub_is_a_stranger() {
        for answer in [
            "nonsense\r\n\r\n",
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n{\"status\":\"gone\"} ",
            "HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n{\"status\":\"ok\"}",
        ] {
            let (port, _heads) = server(answer).await;
            let at = Endpoint::plain(([127, 0, 0, 1], port).into());
            assert_eq!(probe(&at).await, Err(ProbeError::NoAnswer), "{answer}");
            let [local, attic] = survey_attic(port, "local").await;
            assert_eq!(attic.health, Err(ProbeError::Stranger), "{answer}");
            assert!(local.is_current);
        }
    }
}
