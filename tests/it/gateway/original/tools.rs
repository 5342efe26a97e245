//! The tools, asked as the original's clients ask them.

use junction_testkit::{HttpClient, TestAgent, TestBridge, TestHome, TestHub};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use super::{FormerHabits, aliases, sees};

impl FormerHabits {
    pub(super) async fn register(&self) {
        let agent = self.newcomer().await;
        let card = json!({ "repo": "shop", "task": "checkout", "role": "worker" });
        let first = agent.call("register", card.clone()).await;
        for (name, value) in card.as_object().expect("an object") {
            assert_eq!(first["context"][name], *value);
        }
        assert!(first["alias"].is_string() && first["peerCount"].is_u64(), "{first}");
        assert!(first["fingerprint"].is_string() && first["hub"].is_string(), "{first}");
        assert_eq!(first.get("sessionId"), None);
        let change = json!({ "task": "payment", "role": "none", "alias": "my-own" });
        let second = agent.call("register", change).await;
        assert_eq!(second["alias"], "my-own");
        let context = &second["context"];
        assert_eq!((&context["repo"], &context["task"]), (&json!("shop"), &json!("payment")));
        assert_eq!(context.get("role"), None, "none clears it");
        let elsewhere = agent.error("register", json!({ "host": "nowhere" })).await;
        assert!(elsewhere.contains("known_hosts"), "{elsewhere}");
    }

    pub(super) async fn list_peers(&self) {
        let card = json!({ "role": "lister", "repo": "lists" });
        self.agent("listed").await.call("register", card).await;
        // One that has not registered.
        let agent = self.newcomer().await;
        let all = agent.call("list_peers", json!({})).await;
        assert!(all["total"].as_u64().expect("a number") >= 2, "{all}");
        let first = agent.call("list_peers", json!({ "limit": 1 })).await;
        let next = json!({ "limit": 1, "cursor": first["nextCursor"] });
        let second = agent.call("list_peers", next).await;
        assert_eq!((aliases(&first).len(), aliases(&second).len()), (1, 1));
        assert_ne!(aliases(&first), aliases(&second));
        for filter in [json!({ "role": "lister" }), json!({ "repo": "lists" })] {
            let listed = agent.call("list_peers", filter).await;
            assert_eq!(aliases(&listed), ["listed"]);
            let peer = &listed["peers"][0];
            assert_eq!(peer["presence"], "online");
            assert!(peer["state"].is_string() && peer["reach"].is_string(), "{peer}");
        }
        let waiting = agent.call("list_peers", json!({ "state": "waiting-on-human" })).await;
        let nobody = agent.call("list_peers", json!({ "role": "nobody" })).await;
        for none in [waiting, nobody] {
            assert_eq!((&none["peers"], &none["total"]), (&json!([]), &json!(0)));
        }
    }

    pub(super) async fn send_message(&self) {
        let (asking, asked) = (self.agent("asking").await, self.agent("asked").await);
        let question = json!({ "target_alias": "asked", "message": "which?", "wait_seconds": 60 });
        let asks =
            tokio::spawn(async move { (asking.call("send_message", question).await, asking) });
        let read = asked.call("read_messages", json!({ "wait_seconds": 60 })).await;
        let question = &read["messages"][0];
        assert_eq!((&question["from"], &question["message"]), (&json!("asking"), &json!("which?")));
        let answer =
            json!({ "target_alias": "asking", "message": "this", "reply_to": question["id"] });
        asked.call("send_message", answer).await;
        let (sent, asking) = asks.await.expect("an answer");
        assert_eq!(sent["id"], question["id"]);
        assert_eq!(
            (&sent["reply"]["message"], &sent["reply"]["reply_to"]),
            (&json!("this"), &sent["id"])
        );
        for (bytes, fits) in [(65_536, true), (65_537, false)] {
            let long = json!({ "target_alias": "asked", "message": "x".repeat(bytes) });
            if fits {
                let sent = asking.call("send_message", long).await;
                let status = sent["status"].as_str().expect("a status");
                assert!(["accepted", "opened"].contains(&status), "{sent}");
            } else {
                let error = asking.error("send_message", long).await;
                assert!(error.contains("65536 bytes"), "{error}");
            }
        }
        assert_eq!(asked.read().await, ["x".repeat(65_536)]);
    }

    pub(super) async fn unknown_peer(&self) {
        let send = json!({ "target_alias": "no-such-peer", "message": "hello" });
        let error = self.newcomer().await.error("send_message", send).await;
        assert!(error.contains("list_peers"), "{error}");
    }

    pub(super) async fn read_messages(&self) {
        let (writer, reader) = (self.agent("writer").await, self.agent("reader").await);
        let nothing = reader.call("read_messages", json!({})).await;
        assert_eq!((&nothing["messages"], &nothing["receipts"]), (&json!([]), &json!([])));
        let waiting = reader.clone();
        let wait = json!({ "wait_seconds": 60 });
        let waits = tokio::spawn(async move { waiting.call("read_messages", wait).await });
        sees(&writer, "reader", "reach", "push").await;
        let id = send(&writer, "reader", "hello").await;
        let message = &waits.await.expect("an answer")["messages"][0];
        assert_eq!((&message["message"], &message["from"]), (&json!("hello"), &json!("writer")));
        assert!(message["timestamp"].is_string(), "{message}");
        assert_eq!(writer.outcome(&id).await, "read");
        // A client that takes one byte of the answer, and goes.
        let id = send(&writer, "reader", "once more").await;
        let read = reader.tool_call("read_messages", &json!({})).to_string();
        let mut lost = reader.send("POST", "", read.as_bytes()).await;
        lost.read_u8().await.expect("the answer begins");
        drop(lost);
        assert_eq!(reader.read().await, ["once more"]);
        assert_eq!(writer.outcome(&id).await, "read");
    }

    pub(super) async fn wait_for_peer(&self) {
        let (waiting, tester) = (self.agent("waiting").await, self.newcomer().await);
        let none = json!({ "expected_role": "tester", "timeout_seconds": 0 });
        let none = waiting.call("wait_for_peer", none).await;
        assert_eq!((&none["found"], &none["reason"]), (&json!(false), &json!("timeout")));
        let wait = json!({ "expected_role": "tester", "timeout_seconds": 540 });
        let role = json!({ "role": "tester", "alias": "tester" });
        let both = futures_util::future::join(
            waiting.call("wait_for_peer", wait),
            tester.call("register", role),
        );
        assert_eq!(aliases(&both.await.0), ["tester"]);
        let longer = json!({ "alias": "tester", "timeout_seconds": 541 });
        let found = waiting.call("wait_for_peer", longer).await;
        assert_eq!(
            (&found["found"], &found["clamped"]),
            (&json!(true), &json!(["timeout_seconds: 540"]))
        );
        let client = TestAgent::join(&self.home, &self.hub, "with-hooks").await;
        client.hook(&json!({ "hook_event_name": "Stop", "session_id": "s" })).await;
        let idle = json!({ "alias": "with-hooks", "state": "idle", "timeout_seconds": 30 });
        assert_eq!(waiting.call("wait_for_peer", idle).await["peers"][0]["state"], "idle");
        tester.call("disconnect", json!({})).await;
        let gone = json!({ "alias": "tester", "state": "gone", "timeout_seconds": 30 });
        assert_eq!(waiting.call("wait_for_peer", gone).await["found"], true);
    }

    pub(super) async fn known_hosts(&self) {
        let hosts = self.newcomer().await.call("known_hosts", json!({})).await;
        let local = named(&hosts, "local");
        assert_eq!(local["mcpUrl"], format!("http://{}/mcp", self.open.address));
        assert_eq!(
            (&local["reachable"], &local["address"]),
            (&json!(true), &json!(self.hub_address()))
        );
        assert_eq!(local["healthUrl"], format!("http://{}/health", self.hub_address()));
        // Neither is that of a hub elsewhere, nor that of one without a gateway.
        let other = TestHome::new();
        let hub = TestHub::start(&other).await;
        let bridge = TestBridge::join(&other, &hub, "alone").await;
        let hosts = bridge.call("known_hosts", json!({})).await;
        assert_eq!(named(&hosts, "local").get("mcpUrl"), None);
    }

    fn hub_address(&self) -> String {
        format!("127.0.0.1:{}", self.hub.port)
    }

    pub(super) async fn disconnect(&self) {
        let (leaving, staying) = (self.agent("leaving").await, self.agent("staying").await);
        let id = send(&leaving, "staying", "unread").await;
        let left = leaving.call("disconnect", json!({})).await;
        assert_eq!((&left["disconnected"], &left["unconfirmed"][0]["id"]), (&json!(true), &id));
        let gone = json!({ "alias": "leaving", "state": "gone", "timeout_seconds": 30 });
        assert_eq!(staying.call("wait_for_peer", gone).await["found"], true);
        assert!(leaving.call("register", json!({})).await["alias"].is_string(), "it joins again");
    }
}

/// The host of this name, as the tool known_hosts lists them.
pub(super) fn named(hosts: &Value, name: &str) -> Value {
    let hosts = hosts["hosts"].as_array().expect("a list").iter();
    hosts.into_iter().find(|host| host["name"] == name).expect("a host of this name").clone()
}

/// Sends a message; its id.
pub(super) async fn send(client: &HttpClient, to: &str, text: &str) -> Value {
    let message = json!({ "target_alias": to, "message": text });
    client.call("send_message", message).await["id"].clone()
}
