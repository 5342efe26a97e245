//! The user's sessions on this machine: what their bridges and gateways say of them, and what the user has these do past
//! the agents. Nothing here checks that a person asks: the caller does.

use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use junction_engine::wall_ms;
use tokio::time::timeout;

use super::description::SessionDescription;
use super::{
    BridgeRequest, BridgeResponse, HttpAgent, all_bridges, gateway_of, gateways, process_of, send,
};
use crate::wording::{Audience, Wording};

/// How long a bridge has to describe its session.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a bridge has to do what the user says: one that leaves waits up to two seconds for receipts, and writes its
/// goodbye for up to one.
const ORDER_PATIENCE: Duration = Duration::from_secs(6);
/// Bridges that are asked, at most, and how many of them at a time.
const MOST_BRIDGES: usize = 1024;
const AT_A_TIME: usize = 64;
/// Gateways that are asked, at most: each configuration directory has one.
const MOST_GATEWAYS: usize = 16;
/// Agents of a gateway that are shown, at most: as many as it runs.
const MOST_AGENTS: usize = 1024;

/// A session of this user on this machine.
pub(crate) struct LocalSession {
    /// The process of the bridge or gateway.
    pub(crate) process: u32,
    /// The socket of that process.
    pub(crate) socket: PathBuf,
    /// What that process is.
    pub(crate) server: SessionServer,
    /// What was said of the session, or why nothing was.
    pub(crate) said: Result<SessionDescription, BridgeSilence>,
    /// Until when the session is held, in milliseconds since 1970.
    pub(crate) held_until: Option<u64>,
}

/// What serves a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SessionServer {
    /// A bridge, beside its agent.
    Bridge,
    /// A gateway, whose agents are reached over HTTP.
    Gateway {
        /// What the gateway knows the agent by; nothing of a gateway that named none.
        agent: String,
        /// The name that the agent was added by, if it has an address of its own.
        name: Option<String>,
    },
}

/// Why a session was not described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BridgeSilence {
    /// The process does not know the question.
    Older,
    /// The process did not answer in time.
    Late,
}

/// What the user has a bridge or gateway do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserOrder {
    /// Pause all wakes of the agent for this time, a second to a day, in place of an earlier hold.
    Hold(Duration),
    /// End the pause.
    Release,
    /// Leave the junction until the agent calls `register`.
    Remove,
}

/// Why a bridge did not do what its user said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OrderError {
    /// No session has the alias. These are there.
    UnknownSession(String, Vec<String>),
    /// Several sessions have the alias, on different hubs.
    SeveralSessions(String),
    /// No session runs.
    NoSession,
    /// The bridge of this session does not know the order.
    OlderBridge(String),
    /// The bridge of this session, in this process, did not answer in time.
    LateBridge(String, u32),
    /// The bridge of this session has ended.
    EndedBridge(String),
    /// The agent of this session is reached over HTTP, so there are no wakes to hold back.
    NothingWakes(String),
    /// The gateway of this session, in this process, did not answer in time.
    LateGateway(String, u32),
}

/// What became of an order to all sessions.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct OrderedSessions {
    /// The sessions that followed it, each by its alias, or by its process as long as it has none.
    pub(crate) done: Vec<String>,
    /// Why others did not.
    pub(crate) failed: Vec<OrderError>,
}

/// The sessions of this user, as their bridges and gateways describe them.
pub(crate) async fn local_sessions() -> Vec<LocalSession> {
    let sockets: Vec<_> = all_bridges().into_iter().take(MOST_BRIDGES).collect();
    let mut found = Vec::with_capacity(sockets.len());
    for some in sockets.chunks(AT_A_TIME) {
        let asked = join_all(some.iter().map(|socket| LocalSession::of_bridge(socket))).await;
        found.extend(asked.into_iter().flatten());
    }
    found.extend(http_sessions().await);
    found
}

/// The sessions of this user that are reached over HTTP, as their gateways describe them.
pub(crate) async fn http_sessions() -> Vec<LocalSession> {
    let gateways: Vec<_> = gateways().into_iter().take(MOST_GATEWAYS).collect();
    let asked = join_all(gateways.iter().map(|socket| LocalSession::of_gateway(socket))).await;
    asked.into_iter().flatten().collect()
}

/// Has the session that has this alias, of these, follow an order.
///
/// # Errors
/// It is not clear which session is meant, or it did not follow.
pub(crate) async fn order(
    sessions: &[LocalSession],
    alias: &str,
    order: UserOrder,
) -> Result<(), OrderError> {
    of_alias(sessions, alias)?.follow(order).await
}

/// Has each of these sessions follow an order that means anything to it.
///
/// # Errors
/// [`OrderError::NoSession`] if there is none.
pub(crate) async fn order_all(
    sessions: &[LocalSession],
    order: UserOrder,
) -> Result<OrderedSessions, OrderError> {
    if sessions.is_empty() {
        return Err(OrderError::NoSession);
    }
    let mut ordered = OrderedSessions::default();
    let mut followed = Vec::with_capacity(sessions.len());
    for some in sessions.chunks(AT_A_TIME) {
        followed.extend(join_all(some.iter().map(|session| session.follow(order))).await);
    }
    for (session, followed) in sessions.iter().zip(followed) {
        match followed {
            Ok(()) => ordered.done.push(session.name()),
            // A session that is no more need not follow, and one that nothing wakes is as if it were held.
            Err(OrderError::EndedBridge(_) | OrderError::NothingWakes(_)) => {}
            Err(error) => ordered.failed.push(error),
        }
    }
    Ok(ordered)
}

/// The session that has this alias.
fn of_alias<'a>(sessions: &'a [LocalSession], alias: &str) -> Result<&'a LocalSession, OrderError> {
    let mut meant = sessions.iter().filter(|session| session.alias() == Some(alias));
    match (meant.next(), meant.next()) {
        (Some(session), None) => Ok(session),
        (Some(_), Some(_)) => Err(OrderError::SeveralSessions(alias.to_owned())),
        (None, _) if sessions.is_empty() => Err(OrderError::NoSession),
        (None, _) => {
            let others = sessions.iter().filter_map(|session| session.alias().map(str::to_owned));
            Err(OrderError::UnknownSession(alias.to_owned(), others.collect()))
        }
    }
}

impl LocalSession {
    /// The session of a bridge; `None` where none listens any more.
    async fn of_bridge(socket: &Path) -> Option<Self> {
        let process = process_of(socket)?;
        let said = match timeout(PATIENCE, send(socket, &BridgeRequest::Describe)).await {
            Err(_) => Err(BridgeSilence::Late),
            Ok(Ok(received)) => match received.response {
                BridgeResponse::Description(description) => Ok(*description),
                _ => Err(BridgeSilence::Older),
            },
            Ok(Err(error)) if is_unknown(error.kind()) => Err(BridgeSilence::Older),
            Ok(Err(_)) => return None,
        };
        let held_ms = said.as_ref().ok().and_then(|session| session.held_ms);
        let held_until = held_ms.map(|left| wall_ms().saturating_add(left));
        let server = SessionServer::Bridge;
        Some(Self { process, socket: socket.to_owned(), server, said, held_until })
    }

    /// The sessions of a gateway, or one of which nothing is known where the gateway is silent.
    async fn of_gateway(socket: &Path) -> Vec<Self> {
        let Some(process) = gateway_of(socket) else { return Vec::new() };
        let of = |agent, name, said| {
            let server = SessionServer::Gateway { agent, name };
            Self { process, socket: socket.to_owned(), server, said, held_until: None }
        };
        let mut found: Vec<Self> = Vec::new();
        let mut after: Option<String> = None;
        while found.len() < MOST_AGENTS {
            let request = BridgeRequest::Agents { after: after.take() };
            let silence = match timeout(PATIENCE, send(socket, &request)).await {
                Ok(Ok(received)) => match received.response {
                    BridgeResponse::Agents { agents, more } => {
                        after = agents.last().map(|agent| agent.id.clone()).filter(|_| more);
                        let told = |HttpAgent { id, name, session }| of(id, name, Ok(session));
                        found.extend(agents.into_iter().map(told));
                        if after.is_none() { break } else { continue }
                    }
                    _ => BridgeSilence::Older,
                },
                Err(_) => BridgeSilence::Late,
                Ok(Err(error)) if is_unknown(error.kind()) => BridgeSilence::Older,
                Ok(Err(_)) => break,
            };
            found.push(of(String::new(), None, Err(silence)));
            break;
        }
        found
    }

    /// The alias of the session, as far as it is known.
    pub(crate) fn alias(&self) -> Option<&str> {
        self.said.as_ref().ok()?.alias.as_deref()
    }

    /// Whether the agent is reached over HTTP.
    pub(crate) fn is_http(&self) -> bool {
        self.server != SessionServer::Bridge
    }

    /// Has the session follow an order.
    ///
    /// # Errors
    /// Its bridge or gateway is too old, does not answer, or has ended; or the order means nothing to it.
    pub(crate) async fn follow(&self, order: UserOrder) -> Result<(), OrderError> {
        let request = match &self.server {
            SessionServer::Bridge => order.request(),
            SessionServer::Gateway { agent, .. } if order == UserOrder::Remove => {
                BridgeRequest::RemoveAgent { agent: agent.clone() }
            }
            SessionServer::Gateway { .. } => return Err(OrderError::NothingWakes(self.name())),
        };
        match timeout(ORDER_PATIENCE, send(&self.socket, &request)).await {
            Err(_) if self.is_http() => Err(OrderError::LateGateway(self.name(), self.process)),
            Err(_) => Err(OrderError::LateBridge(self.name(), self.process)),
            Ok(Ok(received)) if received.response == BridgeResponse::Done => Ok(()),
            // An agent that nobody asked for a while has ended.
            Ok(Ok(_)) if self.is_http() => Err(OrderError::EndedBridge(self.name())),
            Ok(Ok(_)) => Err(OrderError::OlderBridge(self.name())),
            Ok(Err(error)) if is_unknown(error.kind()) => Err(OrderError::OlderBridge(self.name())),
            Ok(Err(_)) => Err(OrderError::EndedBridge(self.name())),
        }
    }

    fn name(&self) -> String {
        self.alias().map_or_else(|| format!("process {}", self.process), str::to_owned)
    }
}

impl UserOrder {
    fn request(self) -> BridgeRequest {
        match self {
            Self::Hold(time) => BridgeRequest::Hold { seconds: time.as_secs() },
            Self::Release => BridgeRequest::Release,
            Self::Remove => BridgeRequest::Remove,
        }
    }
}

/// Whether a bridge did not know the request: an older one closes the connection without a word.
fn is_unknown(error: ErrorKind) -> bool {
    matches!(error, ErrorKind::UnexpectedEof | ErrorKind::InvalidData)
}

impl Wording for OrderError {
    /// Only a person holds or removes a session.
    fn words_for(&self, _: Audience) -> String {
        match self {
            Self::UnknownSession(alias, others) => unknown_session(alias, others),
            Self::SeveralSessions(alias) => format!(
                "Several sessions of yours on this machine are called {alias}, on different hubs. Ask the agent of the one that \
                 you mean to call register with another alias."
            ),
            Self::NoSession => {
                "No session of yours runs on this machine. Start a client first.".to_owned()
            }
            Self::OlderBridge(name) => format!(
                "The bridge of {name} is of an earlier version, which can be neither held nor removed. Restart its client."
            ),
            Self::LateBridge(name, process) => format!(
                "The bridge of {name} does not answer. Restart its client, or kill {process}."
            ),
            Self::EndedBridge(name) => format!(
                "The bridge of {name} has just ended, so nothing was done. Look which sessions run now, and try again."
            ),
            Self::NothingWakes(name) => format!(
                "{name} is reached over HTTP, so no message wakes it and there is nothing to hold back or release. Remove it \
                 if it is to get no messages."
            ),
            Self::LateGateway(name, process) => format!(
                "The gateway of {name} does not answer. End process {process}, and start junction-bridge gateway again."
            ),
        }
    }
}

fn unknown_session(alias: &impl Display, others: &[String]) -> String {
    let what = format!("No session of yours on this machine is called {alias}.");
    match others {
        [] => format!("{what} None has an alias yet: try again in a few seconds."),
        [other] => format!("{what} Name {other}, which runs here."),
        _ => format!("{what} Name one that runs here: {}.", others.join(", ")),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
