//! Waits for one session, for an idle one, and for the end of one.

use junction_testkit::{TestAgent, TestBridge, TestHome, TestHub, eventually, within};
use serde_json::{Value, json};

fn event(name: &str) -> Value {
    json!({ "hook_event_name": name, "session_id": "s", "prompt": "x" })
}

/// Has the agent in a turn, or out of it, and waits until others know.
async fn is(agent: &TestAgent, by: &TestBridge, alias: &str, state: &str) {
    let name = if state == "busy" { "UserPromptSubmit" } else { "Stop" };
    agent.hook(&event(name)).await;
    eventually(state, async || (by.sees(alias, "online").await["state"] == state).then_some(()))
        .await;
}

fn listed(answer: &Value) -> (Vec<&str>, &Value) {
    let aliases = answer["peers"].as_array().expect("a list").iter();
    (aliases.filter_map(|peer| peer["alias"].as_str()).collect(), &answer["total"])
}

#[tokio::test]
async fn a_wait_for_an_idle_session_ends_with_its_turn_and_lists_go_by_state() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let codex = TestAgent::join(&home, &hub, "codex").await;
    is(&codex, &bob, "codex", "busy").await;
    let wait = json!({ "alias": "codex", "state": "idle", "timeout_seconds": 60 });
    let waits = bob.begin("wait_for_peer", wait.clone()).await;
    let busy = bob.call("list_peers", json!({ "state": "busy" })).await;
    assert_eq!(listed(&busy), (vec!["codex"], &json!(1)));
    let idle = bob.call("list_peers", json!({ "state": "Idle" })).await;
    assert_eq!(listed(&idle), (vec![], &json!(0)));
    is(&codex, &bob, "codex", "idle").await;
    let found = within("the wait", waits.content()).await.expect("an answer");
    assert_eq!((&found["found"], &found["peers"][0]["alias"]), (&json!(true), &json!("codex")));
    assert_eq!(found["peers"][0]["state"], "idle");
    assert_eq!(bob.call("wait_for_peer", wait).await["found"], true, "at once");
    let idle = bob.call("list_peers", json!({ "state": "Idle", "limit": 1 })).await;
    assert_eq!(listed(&idle), (vec!["codex"], &json!(1)));
}

#[tokio::test]
async fn a_wait_for_the_end_of_a_session_ends_when_it_leaves_and_not_when_it_is_away() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let carol = TestBridge::join(&home, &hub, "carol").await;
    carol.call("register", json!({ "role": "critic" })).await;
    let gone = |of: &str, name: &str| json!({ of: name, "state": "gone", "timeout_seconds": 60 });
    let waits = [gone("alias", "carol"), gone("expected_role", "critic"), gone("alias", "dan")];
    let mut open = Vec::new();
    for wait in waits {
        open.push(bob.begin("wait_for_peer", wait).await);
    }
    hub.kill();
    // Both come back to the next hub, which does not know who else there was.
    let hub = TestHub::start_on(&home, hub.port).await;
    bob.sees("carol", "online").await;
    let nobody = json!({ "alias": "dan", "state": "gone", "timeout_seconds": 0 });
    assert_eq!(bob.call("wait_for_peer", nobody).await["found"], false, "it may come back");
    carol.call("disconnect", json!({})).await;
    let dan = open.pop().expect("a wait");
    for wait in open {
        let end = within("the wait", wait.content()).await.expect("an answer");
        assert_eq!(
            (&end["found"], &end["gone"], &end["peers"]),
            (&json!(true), &json!(true), &Value::Null)
        );
    }
    let again = bob.call("wait_for_peer", gone("alias", "carol")).await;
    assert_eq!(again["gone"], true, "at once: the hub has seen it leave");
    let carol = TestBridge::join(&home, &hub, "dan").await;
    carol.call("disconnect", json!({})).await;
    assert_eq!(within("the wait", dan.content()).await.expect("an answer")["gone"], true);
}

#[tokio::test]
async fn waits_that_cannot_end_say_so() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    for (arguments, says) in [
        (json!({ "state": "gone" }), "alias or expected_role"),
        (json!({ "alias": "bob" }), "your own"),
        (json!({ "alias": "no alias" }), "alias must be"),
        (json!({ "target_alias": "carol" }), "calls them alias"),
        (json!({ "state": "sleeping" }), "state must be"),
    ] {
        let text = bob.error("wait_for_peer", arguments).await;
        assert!(text.contains(says), "{text}");
    }
}
