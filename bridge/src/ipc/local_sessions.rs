//! The user's sessions on this machine: what their bridges say of them, and what the user has these bridges do past the
//! agents. Nothing here checks that a person asks: the caller does.

use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use junction_engine::wall_ms;
use tokio::time::timeout;

use super::description::SessionDescription;
use super::{BridgeRequest, BridgeResponse, all_bridges, process_of, send};
use crate::wording::{Audience, Wording};

/// How long a bridge has to describe its session.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a bridge has to do what the user says: one that leaves waits up to two seconds for receipts, and writes its
/// goodbye for up to one.
const ORDER_PATIENCE: Duration = Duration::from_secs(6);
/// Bridges that are asked, at most, and how many of them at a time.
const MOST_BRIDGES: usize = 1024;
const AT_A_TIME: usize = 64;

/// A bridge of this user on this machine.
pub(crate) struct LocalBridge {
    /// The bridge's process.
    pub(crate) process: u32,
    /// The bridge's socket.
    pub(crate) socket: PathBuf,
    /// What the bridge said, or why it said nothing.
    pub(crate) said: Result<SessionDescription, BridgeSilence>,
    /// Until when the session is held, in milliseconds since 1970.
    pub(crate) held_until: Option<u64>,
}

/// Why a bridge did not describe its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BridgeSilence {
    /// The bridge does not know the question.
    Older,
    /// The bridge did not answer in time.
    Late,
}

/// What the user has a bridge do.
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
}

/// What became of an order to all sessions.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct OrderedSessions {
    /// The sessions that followed it, each by its alias, or by its process as long as it has none.
    pub(crate) done: Vec<String>,
    /// Why others did not.
    pub(crate) failed: Vec<OrderError>,
}

/// The bridges of this user, and what each says.
pub(crate) async fn local_bridges() -> Vec<LocalBridge> {
    let sockets: Vec<_> = all_bridges().into_iter().take(MOST_BRIDGES).collect();
    let mut found = Vec::with_capacity(sockets.len());
    for some in sockets.chunks(AT_A_TIME) {
        let asked = join_all(some.iter().map(|socket| LocalBridge::ask(socket))).await;
        found.extend(asked.into_iter().flatten());
    }
    found
}

/// Has the session that has this alias, of those of these bridges, follow an order.
///
/// # Errors
/// It is not clear which session is meant, or its bridge did not follow.
pub(crate) async fn order(
    bridges: &[LocalBridge],
    alias: &str,
    order: UserOrder,
) -> Result<(), OrderError> {
    of_alias(bridges, alias)?.follow(order).await
}

/// Has every session of these bridges follow an order.
///
/// # Errors
/// [`OrderError::NoSession`] if there is none.
pub(crate) async fn order_all(
    bridges: &[LocalBridge],
    order: UserOrder,
) -> Result<OrderedSessions, OrderError> {
    if bridges.is_empty() {
        return Err(OrderError::NoSession);
    }
    let mut ordered = OrderedSessions::default();
    let mut followed = Vec::with_capacity(bridges.len());
    for some in bridges.chunks(AT_A_TIME) {
        followed.extend(join_all(some.iter().map(|bridge| bridge.follow(order))).await);
    }
    for (bridge, followed) in bridges.iter().zip(followed) {
        match followed {
            Ok(()) => ordered.done.push(bridge.name()),
            // A session that is no more need not follow.
            Err(OrderError::EndedBridge(_)) => {}
            Err(error) => ordered.failed.push(error),
        }
    }
    Ok(ordered)
}

/// The bridge of the session that has this alias.
fn of_alias<'a>(bridges: &'a [LocalBridge], alias: &str) -> Result<&'a LocalBridge, OrderError> {
    let mut meant = bridges.iter().filter(|bridge| bridge.alias() == Some(alias));
    match (meant.next(), meant.next()) {
        (Some(bridge), None) => Ok(bridge),
        (Some(_), Some(_)) => Err(OrderError::SeveralSessions(alias.to_owned())),
        (None, _) if bridges.is_empty() => Err(OrderError::NoSession),
        (None, _) => {
            let others = bridges.iter().filter_map(|bridge| bridge.alias().map(str::to_owned));
            Err(OrderError::UnknownSession(alias.to_owned(), others.collect()))
        }
    }
}

impl LocalBridge {
    /// A bridge and what it says; `None` where none listens any more.
    async fn ask(socket: &Path) -> Option<Self> {
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
        Some(Self { process, socket: socket.to_owned(), said, held_until })
    }

    /// The alias of the session, as far as it is known.
    pub(crate) fn alias(&self) -> Option<&str> {
        self.said.as_ref().ok()?.alias.as_deref()
    }

    /// Has the session follow an order.
    ///
    /// # Errors
    /// Its bridge is too old, does not answer, or has ended.
    pub(crate) async fn follow(&self, order: UserOrder) -> Result<(), OrderError> {
        let request = order.request();
        match timeout(ORDER_PATIENCE, send(&self.socket, &request)).await {
            Err(_) => Err(OrderError::LateBridge(self.name(), self.process)),
            Ok(Ok(received)) if received.response == BridgeResponse::Done => Ok(()),
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
