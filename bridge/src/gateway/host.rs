//! What the gateway serves from: its agents by address and by session.

use std::collections::{HashMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use junction_engine::hubs::probe::{HubMode, probe};
use junction_engine::transport::endpoint::Endpoint;
use junction_shared::machine::local_hub::{LocalHub, RunningHub};
use junction_shared::machine::seat_secret::{SEAT_FILE, read_seat_secret};
use junction_shared::secret::Secret;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::agents::{AgentKey, AgentTable};
use super::names::{FileStamp, GatewayNames, NamedAgent, NamesError};
use super::session_id::SessionId;
use crate::config::Config;
use crate::mcp::http::HttpServer;

/// Sessions that were ended by their clients, of which is remembered that they are not to come back.
const MAX_ENDED: usize = 4_096;
/// What ids of sessions are given for at the address that takes any client.
const OPEN_DOOR: &str = "";

/// What the gateway serves from.
pub(crate) struct GatewayHost {
    pub(crate) config: Arc<Config>,
    pub(crate) agents: AgentTable,
    /// Answers what clients ask before they need an agent.
    pub(super) reception: HttpServer,
    names: Mutex<KnownNames>,
    /// The stamp of the file with the secret from which addresses are derived, once it was seen to hold that.
    secret_stamp: Mutex<Option<FileStamp>>,
    ended: Mutex<VecDeque<SessionId>>,
    started: Instant,
}

/// The names, as they were read from the file.
struct KnownNames {
    stamp: FileStamp,
    names: GatewayNames,
    by_token: HashMap<String, NamedAgent>,
}

/// The address that a client has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// The address of one agent.
    Named(NamedAgent),
    /// The address that takes any client of this machine's user, and has an agent for each session.
    Open,
}

impl GatewayHost {
    /// A host of no agents yet.
    ///
    /// # Errors
    /// The names cannot be read.
    pub(crate) fn new(config: Arc<Config>, secret: Secret) -> Result<Self, NamesError> {
        let stamp = FileStamp::of_names(&config.dir);
        let names = GatewayNames::load(&config.dir)?;
        let names = Mutex::new(KnownNames { stamp, by_token: names.by_token(&secret), names });
        let agents = AgentTable::new(Arc::clone(&config), secret);
        let (secret_stamp, ended, started) = (Mutex::default(), Mutex::default(), Instant::now());
        let reception = HttpServer::without_agent();
        Ok(Self { config, agents, reception, names, secret_stamp, ended, started })
    }

    /// The agent whose address ends with this, if it was not removed.
    pub(super) fn named(&self, token: &str) -> Option<NamedAgent> {
        self.names().by_token.get(token).cloned()
    }

    /// How the hub of this machine is, as its own health check says, or what the gateway itself can say in its place.
    pub(super) async fn health(&self) -> Value {
        let hub = LocalHub::of(&self.config.dir).running().ok().and_then(RunningHub::port);
        let asked = match hub {
            Some(port) => probe(&Endpoint::plain((Ipv4Addr::LOCALHOST, port).into())).await.ok(),
            None => None,
        };
        let (peers, mode) = asked.map_or((None, None), |health| (health.active_peers, health.mode));
        json!({
            "status": "ok",
            "mode": mode.map_or("localhost", HubMode::name),
            "activePeers": peers.unwrap_or_default(),
            "uptime": self.started.elapsed().as_secs(),
            "version": env!("CARGO_PKG_VERSION"),
        })
    }

    /// Ends agents that are not wanted any more.
    pub(crate) fn sweep(&self) {
        let names = self.names().names.clone();
        self.agents.sweep(&names);
    }

    /// Whether addresses are still derived from the secret that the gateway has started with: who has taken another one, because
    /// the secret was stolen, must not find the old addresses served.
    pub(crate) fn has_secret(&self) -> bool {
        let mut known = self.secret_stamp.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = Some(FileStamp::of(&self.config.dir, SEAT_FILE));
        if stamp == *known {
            return true;
        }
        let own = self.agents.secret().expose();
        match read_seat_secret(&self.config.dir) {
            Ok(read) if read.as_ref().is_none_or(|secret| secret.expose() != own) => return false,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "seat_secret_not_read"),
        }
        *known = stamp;
        true
    }

    /// A new id for a session of a client that calls itself so.
    pub(super) fn new_session(&self, door: &Door, client: &str) -> SessionId {
        SessionId::new(self.agents.secret(), door.text(), client)
    }

    /// The session that a client names, unless it was never given, or has ended.
    pub(super) fn session(&self, door: &Door, text: &str) -> Option<SessionId> {
        let session = SessionId::read(self.agents.secret(), door.text(), text)?;
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        (!ended.contains(&session)).then_some(session)
    }

    /// Ends a session that its client has done with. An agent that has an address stays.
    pub(super) async fn end(&self, door: &Door, session: SessionId) {
        {
            let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            ended.push_back(session.clone());
            if ended.len() > MAX_ENDED {
                ended.pop_front();
            }
        }
        if *door == Door::Open {
            self.agents.leave(&AgentKey::Session(session)).await;
        }
    }

    /// The names as the file has them now. While it is damaged, those before.
    fn names(&self) -> MutexGuard<'_, KnownNames> {
        let mut known = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = FileStamp::of_names(&self.config.dir);
        if stamp != known.stamp {
            match GatewayNames::load(&self.config.dir) {
                Ok(names) => {
                    let by_token = names.by_token(self.agents.secret());
                    *known = KnownNames { stamp, names, by_token };
                }
                Err(error) => tracing::warn!(%error, "names_not_read"),
            }
        }
        known
    }
}

impl Door {
    fn text(&self) -> &str {
        match self {
            Self::Named(agent) => &agent.generation,
            Self::Open => OPEN_DOOR,
        }
    }
}
