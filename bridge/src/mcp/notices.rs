//! What every answer reports about the session: who it is, whether it is on a hub, and what waits for it.

use junction_shared::protocol::alias::Alias;
use serde::Serialize;

use crate::wording::Wording as _;
use junction_engine::error::Error;
use junction_engine::{ConnectionState, Snapshot};

/// What every answer reports about the session beside its own matter, where there is anything to report.
#[derive(Serialize)]
pub(crate) struct NoticesJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    you: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offline: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread_from: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notifications_waiting: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hub_misbehaving: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejoined: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    renamed: Option<String>,
}

impl NoticesJson {
    /// What is reported at this moment, and the alias that the hub gave the session, if this answer reports it.
    pub(crate) fn new(snapshot: &Snapshot, renamed: Option<&Alias>) -> Self {
        let waiting = snapshot.unread.count > 0;
        let from = snapshot.unread.from.iter().filter(|_| waiting);
        Self {
            you: snapshot.alias.as_ref().map(ToString::to_string),
            offline: match &snapshot.state {
                ConnectionState::Connected => None,
                ConnectionState::Away(reason) => Some(reason.wording()),
                ConnectionState::Left => Some(Error::Left.wording()),
            },
            unread: waiting.then_some(snapshot.unread.count),
            unread_from: from.map(ToString::to_string).collect(),
            notifications_waiting: (snapshot.notifications > 0).then_some(snapshot.notifications),
            hub_misbehaving: (snapshot.misbehaviour > 0).then_some(snapshot.misbehaviour),
            rejoined: snapshot.rejoined.as_ref().map(ToString::to_string),
            renamed: renamed.map(ToString::to_string),
        }
    }
}
