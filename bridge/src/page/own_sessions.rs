//! The sessions of this user on this machine, as their bridges and gateways describe them, and what they know of claims.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::claim_table::ClaimTable;
use super::live::LiveScene;
use crate::ipc::description::{SessionConnection, SessionDescription};
use crate::ipc::local_sessions::{LocalSession, local_sessions};
use crate::ipc::{
    BridgeRequest, BridgeResponse, ClaimsQuestion, KnownRepository, SessionMatch, ShownClaims, send,
};

/// How often bridges are asked while a tab can be seen.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// How long a bridge has to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where the sessions are that the page shows.
#[derive(Clone, Debug)]
pub(crate) struct OwnPlace {
    /// The configuration directory, as bridges name it.
    pub(crate) directory: String,
    /// The hub, by its name.
    pub(crate) hub: String,
}

impl OwnPlace {
    /// The sessions of this user on this machine that are there. One of another directory or hub may have the same alias.
    pub(crate) async fn sessions(&self) -> Vec<LocalSession> {
        let is_here = |said: &SessionDescription| {
            (&said.directory, &said.hub) == (&self.directory, &self.hub)
        };
        let all = local_sessions().await.into_iter();
        all.filter(|session| session.said.as_ref().is_ok_and(is_here)).collect()
    }
}

/// Looks again and again, while a tab can be seen.
pub(crate) async fn look(live: LiveScene, place: OwnPlace) {
    let mut counts = live.tabs.counts();
    loop {
        if counts.wait_for(|counts| counts.visible > 0).await.is_err() {
            return;
        }
        look_once(&live, &place).await;
        sleep(LOOK_INTERVAL).await;
    }
}

/// Looks once, such as after something was done to a session.
pub(crate) async fn look_once(live: &LiveScene, place: &OwnPlace) {
    let sessions = place.sessions().await;
    let own: Vec<Value> = sessions.iter().filter_map(shown).collect();
    let mut table = ClaimTable::default();
    // A gateway tells nothing of claims.
    let bridges = sessions.iter().filter(|session| !session.is_http());
    for (repository, claims) in join_all(bridges.map(claims_of)).await.into_iter().flatten() {
        table.add(&repository, &claims);
    }
    let claims = table.into_value();
    live.scene(|scene| {
        scene.set_own(own.into());
        scene.set_claims(claims);
    });
}

/// A session as its bridge or gateway describes it.
fn shown(session: &LocalSession) -> Option<Value> {
    let SessionDescription { alias, client, reach, hindrance, connection, .. } =
        session.said.as_ref().ok()?;
    let connection = match connection {
        SessionConnection::Connected => "connected",
        SessionConnection::Away => "away",
        SessionConnection::Left => "left",
    };
    let fields = [
        ("alias", json!(alias.as_ref()?)),
        ("client", json!(client)),
        ("reach", json!(reach)),
        ("why", json!(hindrance)),
        ("connection", json!(connection)),
        ("http", json!(session.is_http().then_some(true))),
        // To the second, so that what is left of the same hold stays equal.
        ("held_until", json!(session.held_until.map(|until| (until + 500) / 1000 * 1000))),
    ];
    let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
    Some(fields.map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The claims that a session knows of, in each of its repositories.
async fn claims_of(bridge: &LocalSession) -> Vec<(KnownRepository, ShownClaims)> {
    let answer = asked(&bridge.socket, BridgeRequest::Repositories).await;
    let Some(BridgeResponse::Repositories { repositories }) = answer else { return Vec::new() };
    let mut known = BTreeMap::new();
    for repository in repositories {
        let question = ClaimsQuestion {
            repository: repository.name.clone(),
            ignores_case: repository.ignores_case,
            files: Vec::new(),
            session: None,
            session_match: SessionMatch::Only,
        };
        let answer = asked(&bridge.socket, BridgeRequest::Claims(Box::new(question))).await;
        if let Some(BridgeResponse::Claims(claims)) = answer {
            known.insert(repository.name.clone(), (repository, claims));
        }
    }
    known.into_values().collect()
}

async fn asked(socket: &Path, request: BridgeRequest) -> Option<BridgeResponse> {
    Some(timeout(PATIENCE, send(socket, &request)).await.ok()?.ok()?.response)
}
