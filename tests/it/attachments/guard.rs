//! The text of a message that looks like a secret.

use junction_testkit::{TestBridge, TestHome, TestHub, Version};
use serde_json::{Value, json};

use super::{join, launch};

/// In the form of an AWS access key, and of no account. Put together here, so that no scanner of this repository takes
/// it for one.
fn token() -> String {
    ["AKIA", "Q7XKZP3MJ2LWT9VB"].concat()
}

#[tokio::test]
async fn text_with_a_token_is_stopped_and_goes_once_it_is_confirmed() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (alice, bob) = (join(&home, hub.port, "alice").await, join(&home, hub.port, "bob").await);
    let text = format!("use {} for the bucket", token());
    let message = json!({ "target_alias": "bob", "message": text });
    for _ in 0..2 {
        let stopped = alice.error("send_message", message.clone()).await;
        assert!(stopped.contains("attachments") && stopped.contains("confirm"), "{stopped}");
        assert!(!stopped.contains(&token()), "{stopped}");
    }
    assert_eq!(bob.leftovers().await, Vec::<Value>::new());
    let confirmed = json!({ "target_alias": "bob", "message": text, "confirm": true });
    alice.call("send_message", confirmed).await;
    assert_eq!(bob.read_one().await["message"], text);
}

#[tokio::test]
async fn guard_can_be_turned_off() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = join(&home, hub.port, "bob").await;
    for (alias, launch) in [
        ("by-flag", launch(&home, hub.port, "by-flag").arg("--no-secret-guard")),
        ("by-setting", launch(&home, hub.port, "by-setting").env("JUNCTION_SECRET_GUARD", "off")),
    ] {
        let mut alice = TestBridge::open(&home, launch, Version::Stateful).await;
        alice.register(alias).await;
        alice.send("bob", &token()).await;
        assert_eq!(bob.read_one().await["message"], token());
    }
}
