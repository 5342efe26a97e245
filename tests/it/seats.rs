//! Seats with real processes: a session whose bridge ends and is started again stays who it is.

use junction_testkit::{BridgeEnding, TestBridge, TestHome, TestHub, TestSession, list};
use serde_json::{Value, json};

mod changes;
mod disturbed;
mod endings;
mod rivals;
mod secret;
mod sessions;
mod versions;

/// A session with its first bridge, and bob, who has exchanged messages with it.
pub(super) struct Acquainted {
    pub(super) session: TestSession,
    pub(super) alice: TestBridge,
    pub(super) bob: TestBridge,
    /// The alias that the session was given.
    pub(super) name: String,
}

impl Acquainted {
    pub(super) async fn new(home: &TestHome, hub: &TestHub) -> Self {
        Self::on(home, hub, hub.port, hub.port).await
    }

    /// As [`Self::new`], with the ports at which the session and bob reach the hub.
    pub(super) async fn on(home: &TestHome, hub: &TestHub, session: u16, bob: u16) -> Self {
        let session = TestSession { port: session, ..TestSession::new(home, hub, "session") };
        let alice = session.start(home).await;
        let bob = TestBridge::join_port(home, bob, "bob").await;
        let name = alias(&alice).await;
        greet(&alice, &name, &bob).await;
        Self { session, alice, bob, name }
    }

    /// Sends one message after the other, from bob to the session; their ids.
    pub(super) async fn send(&self, messages: &[&str]) -> Vec<Value> {
        let mut ids = Vec::new();
        for message in messages {
            ids.push(self.bob.send(&self.name, message).await["id"].clone());
        }
        ids
    }
}

/// The alias of a bridge's session now.
pub(super) async fn alias(bridge: &TestBridge) -> String {
    let registered = bridge.call("register", json!({})).await;
    registered["alias"].as_str().expect("an alias").to_owned()
}

/// What others see of a bridge's session and what itself is told of it.
pub(super) async fn identity(bridge: &TestBridge) -> [Value; 3] {
    let mut registered = bridge.call("register", json!({})).await;
    ["alias", "fingerprint", "context"].map(|field| registered[field].take())
}

/// A message each way, so that each side knows the other for certain.
pub(super) async fn greet(alice: &TestBridge, name: &str, other: &TestBridge) {
    let sent = alice.send(&other.alias, "I am here").await;
    assert_is_from(&other.read_one().await, name, false);
    alice.receipt(&sent["id"]).await;
    let sent = other.send(name, "So am I").await;
    alice.read_one().await;
    assert_eq!(other.receipt(&sent["id"]).await["status"], "read");
}

/// The message is from the session of this alias, whose key has not changed, and says whether it was restarted.
pub(super) fn assert_is_from(message: &Value, name: &str, restarted: bool) {
    assert_eq!(message["from"], name, "{message}");
    assert_eq!(message.get("key_changed"), None, "{message}");
    assert_eq!(message.get("restarted"), restarted.then_some(&json!(true)), "{message}");
}

/// The first result says that the session came back under this alias; no later one does.
pub(super) async fn assert_came_back(bridge: &TestBridge, name: &str) {
    let first = bridge.call("list_peers", json!({})).await;
    assert_eq!(first["you"], name, "{first}");
    let told = first["came_back"].as_str().unwrap_or_default();
    assert!(told.contains(name) && told.contains("claim it again"), "{first}");
    assert_eq!(bridge.call("list_peers", json!({})).await.get("came_back"), None);
}

/// Waits until a bridge sees no session of this alias.
pub(super) async fn loses_sight(bridge: &TestBridge, name: &str) {
    let what = format!("{name} is in no list");
    junction_testkit::eventually(&what, async || {
        let answer = bridge.try_call("list_peers", json!({ "limit": 200 })).await.ok()?;
        list(&answer, "peers").iter().all(|peer| peer["alias"] != name).then_some(())
    })
    .await;
}

/// Waits until the session of this alias is another bridge's, and says so.
pub(super) async fn is_replaced(bridge: &TestBridge, name: &str) {
    let answer = junction_testkit::eventually("it says that it was replaced", async || {
        let answer = bridge.call("list_peers", json!({})).await;
        answer.get("replaced").is_some().then_some(answer)
    })
    .await;
    assert!(answer["replaced"].as_str().is_some_and(|text| text.contains(name)), "{answer}");
    assert_ne!(alias(bridge).await, name);
    assert_eq!(bridge.call("list_peers", json!({})).await.get("replaced"), None);
}
