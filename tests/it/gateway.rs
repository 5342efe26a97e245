//! MCP over HTTP: the gateway as a process, asked by clients over sockets.

mod access;
mod crowd;
mod delivery;
mod moves;
mod open;
mod original;
mod service;
mod sight;
mod tls;

use junction_testkit::{HttpClient, TestGateway, TestHome, TestHub};
use serde_json::{Value, json};

/// A hub, a gateway and two of its agents.
struct Pair {
    hub: TestHub,
    gateway: TestGateway,
    alice: HttpClient,
    bob: HttpClient,
    home: TestHome,
}

impl Pair {
    async fn start() -> Self {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let gateway = TestGateway::start(&home, hub.port).await;
        let (alice, bob) = (gateway.add(&home, "alice").await, gateway.add(&home, "bob").await);
        for agent in [&alice, &bob] {
            agent.call("register", json!({})).await;
        }
        Self { hub, gateway, alice, bob, home }
    }

    /// Sends bob a message of alice's. Its id.
    async fn send(&self, text: &str) -> Value {
        let message = json!({ "target_alias": "bob", "message": text });
        let sent = self.alice.call("send_message", message).await;
        assert!(sent["status"] == "opened" || sent["status"] == "accepted", "{sent}");
        sent["id"].clone()
    }

    /// The status of a message, as alice is told once.
    async fn outcome(&self, id: &Value) -> Value {
        self.alice.outcome(id).await
    }
}
