//! Sessions that nobody sees, beside real bridges.

use junction_shared::protocol::wire::{
    Answer, List, Page, Question, ToBridge, ToHub, UNLISTED, WelcomeBody,
};
use junction_testkit::{
    RawPeer, RawSocket, TestBridge, TestHome, TestHub, Transport, eventually, health, list, within,
};
use serde_json::json;

/// A session that asks to be unlisted, over this transport, with its card published.
async fn hide(home: &TestHome, hub: &TestHub, transport: Transport) -> (RawSocket, WelcomeBody) {
    let peer = RawPeer::new(home);
    peer.hide();
    RawSocket::join_over(transport, hub.port, &peer, "hidden").await
}

/// A session's view of the hub, which the hub gives once it has the session's card.
async fn page(socket: &mut RawSocket) -> Page {
    let all = List { role: None, repo: None, limit: 50, cursor: None };
    socket.send(&ToHub::Ask(1, Question::List(all))).await;
    let page = |frame| match frame {
        ToBridge::Answer(1, Answer::Page(page)) => Some(page),
        _ => None,
    };
    socket.until("a page", page).await
}

#[tokio::test]
async fn unlisted_session_is_seen_by_no_bridge_in_no_way() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let waits = alice.begin("wait_for_peer", json!({ "timeout_seconds": 60 })).await;
    let (mut hidden, welcome) = hide(&home, &hub, Transport::Plain).await;
    assert!(welcome.has(UNLISTED) && welcome.grant.alias != "hidden");
    assert_eq!(page(&mut hidden).await.total, 1);
    assert!(alice.call("list_peers", json!({})).await["total"] == 0);
    assert_eq!(alice.call("register", json!({})).await["peerCount"], 0);
    assert_eq!(health(hub.port).await.expect("health")["activePeers"], 1);
    hidden.send(&ToHub::Leave).await;
    let _ = hidden.close_code().await;
    // The wait goes on through all of it, until there is somebody to see.
    let _bob = TestBridge::join(&home, &hub, "bob").await;
    let answer = within("bob is seen", waits.content()).await.expect("an answer");
    let seen = list(&answer, "peers");
    assert!(seen.len() == 1 && seen[0]["alias"] != welcome.grant.alias.as_str(), "{answer}");
}

#[tokio::test]
async fn session_that_comes_through_tls_is_visible_whatever_it_asks_for() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let (_seen, welcome) = hide(&home, &hub, Transport::Tls).await;
    assert!(!welcome.has(UNLISTED));
    assert_eq!(welcome.grant.alias, "hidden");
    eventually("it is listed", async || {
        (alice.call("list_peers", json!({})).await["total"] == 1).then_some(())
    })
    .await;
    assert_eq!(health(hub.port).await.expect("health")["activePeers"], 2);
}
