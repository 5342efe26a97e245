//! Who is there, and what goes on: as the hub of this machine tells it, or as the person's own session sees it.

use std::collections::BTreeMap;
use std::time::Duration;

use junction_engine::hubs::feed::{FeedError, FeedEvent, FeedMessage, FeedSession, HubFeed};
use junction_engine::hubs::known::KnownHosts;
use junction_engine::{ConnectionState, Engine, PeerInfo, wall_ms};
use junction_shared::protocol::wire::Context;
use serde_json::{Map, Value, json};
use tokio::time::{sleep, timeout};

use super::live::LiveScene;
use crate::onlooker::all_peers;
use crate::person::member::CLIENT;
use crate::project::machine;
use crate::results::object;
use crate::results::words::{reach, state_word};

/// How long to wait before the hub is asked again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long to look at the list of sessions until a hub that tells nothing is asked again.
const UNTOLD: Duration = Duration::from_secs(30);
/// How often the list of sessions is looked at where the hub does not tell of changes.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// Shows what the hub tells, as long as it does so; otherwise what the person's session sees.
pub(crate) async fn look(known: KnownHosts, hub: String, engine: Engine, live: LiveScene) {
    loop {
        match HubFeed::open(&known, &hub).await {
            Ok(feed) => {
                say_flow(&live, true);
                follow(feed, &live).await;
            }
            Err(error) if error.is_passing() => {}
            Err(FeedError::Elsewhere(_)) => {
                say_flow(&live, false);
                return look_at_peers(engine, live).await;
            }
            Err(_) => {
                // The hub is of an earlier version, or not this group's: another may take its place.
                say_flow(&live, false);
                let _ = timeout(UNTOLD, look_at_peers(engine.clone(), live.clone())).await;
            }
        }
        sleep(PAUSE).await;
    }
}

/// Says whether messages between sessions are shown. A hub that tells of them is one of this machine.
fn say_flow(live: &LiveScene, is_shown: bool) {
    live.scene(|scene| {
        scene.change_hello(|hello| {
            hello["hub"]["flow"] = is_shown.into();
            if is_shown {
                hello["hub"]["local"] = true.into();
            }
        });
    });
}

/// Shows what the hub tells until it ends.
async fn follow(mut feed: HubFeed, live: &LiveScene) -> FeedError {
    loop {
        let event = match feed.next().await {
            Ok(event) => event,
            Err(error) => return error,
        };
        live.scene(|scene| match event {
            FeedEvent::Snapshot(sessions) => {
                scene.set_sessions(sessions.iter().map(told).collect());
            }
            FeedEvent::Joined(session) | FeedEvent::Changed(session) => {
                let (id, session) = told(&session);
                scene.put_session(id, session);
            }
            FeedEvent::Left(id) => scene.remove_session(id.as_str()),
            FeedEvent::Message(message) => {
                let (id, message) = passed(&message);
                scene.put_flow(id, message);
            }
        });
    }
}

/// A session as the hub tells of it.
fn told(session: &FeedSession) -> (String, Value) {
    let mut shown = object(session);
    shown.remove("seconds");
    let since = wall_ms().saturating_sub(session.seconds * 1000);
    shown.insert("since".to_owned(), since.into());
    (session.id.as_str().to_owned(), shown.into())
}

/// A message between sessions.
fn passed(message: &FeedMessage) -> (String, Value) {
    let mut shown = object(message);
    shown.insert("at".to_owned(), wall_ms().into());
    (shown["id"].as_str().unwrap_or_default().to_owned(), shown.into())
}

/// Shows the sessions that the person's session sees, for as long as it lasts.
async fn look_at_peers(engine: Engine, live: LiveScene) {
    loop {
        // Only while there is a hub: to ask for one would start it again after a stop.
        if engine.snapshot().state == ConnectionState::Connected
            && let Ok(peers) = all_peers(&engine, None, None).await
        {
            let own = own_session(&engine);
            let sessions: BTreeMap<_, _> = peers.iter().map(seen).chain(own).collect();
            live.scene(|scene| scene.set_sessions(sessions));
        }
        sleep(LOOK_INTERVAL).await;
    }
}

/// The person's own session, which no list names.
fn own_session(engine: &Engine) -> Option<(String, Value)> {
    let snapshot = engine.snapshot();
    let session = json!({
        "id": snapshot.fingerprint, "alias": snapshot.alias?.as_str(), "online": true, "state": "unknown", "reach": "push",
        "client": CLIENT, "machine": machine(),
    });
    Some((snapshot.fingerprint, session))
}

/// A session as others on its hub see it.
fn seen(peer: &PeerInfo) -> (String, Value) {
    let Context { client, machine, repo, branch, role, task, .. } = &peer.context;
    let mut shown = Map::new();
    let texts = [
        ("client", client),
        ("machine", machine),
        ("repo", repo),
        ("branch", branch),
        ("role", role),
        ("task", task),
    ];
    for (name, text) in texts {
        if let Some(text) = text.as_deref().and_then(junction_engine::label) {
            shown.insert(name.to_owned(), text.into());
        }
    }
    for (name, value) in [
        ("id", json!(peer.fingerprint)),
        ("alias", json!(peer.alias.as_str())),
        ("online", json!(peer.online)),
        ("state", json!(state_word(peer.availability.state))),
        ("reach", json!(reach(peer.availability.reach))),
        ("since", json!(peer.connected_ms)),
    ] {
        shown.insert(name.to_owned(), value);
    }
    if peer.availability.is_unattended {
        shown.insert("unattended".to_owned(), true.into());
    }
    (peer.fingerprint.clone(), shown.into())
}
