//! Many claims, a liar, and how often states are sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use junction_engine::ClaimError;
use junction_engine::error::Error;
use junction_shared::protocol::wire::ToHub;
use junction_testkit::{FrameProxy, TestHome, TestHub, eventually, from_bridge, pass};

use super::{join, repository, request, sees};

#[tokio::test]
async fn five_hundred_claims_arrive_and_more_than_the_limit_are_refused() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = join(&home, hub.port, "alice").await;
    let bob = join(&home, hub.port, "bob").await;
    let paths: Vec<_> = (0..500).map(|n| format!("src/module_{n:03}/file.rs")).collect();
    let paths: Vec<_> = paths.iter().map(String::as_str).collect();
    alice.claim(request(&paths)).await.expect("500 claims");
    let expected: Vec<_> = paths.iter().map(|path| ("alice", *path)).collect();
    sees(&bob, &expected).await;
    let more: Vec<_> = (0..13).map(|n| format!("more/{n}")).collect();
    let more: Vec<_> = more.iter().map(String::as_str).collect();
    let refused = alice.claim(request(&more)).await;
    assert_eq!(refused.err(), Some(Error::Claim(ClaimError::TooMany(512))));
}

#[tokio::test]
async fn liar_who_claims_everything_is_shown_as_such_and_keeps_nobody_from_claiming() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = join(&home, hub.port, "alice").await;
    alice.claim(request(&["src"])).await.expect("a claim");
    let liar = join(&home, hub.port, "liar").await;
    sees(&liar, &[("alice", "src")]).await;
    liar.claim(request(&["**"])).await.expect("a claim");
    let page = sees(&alice, &[("alice", "src"), ("liar", "**")]).await;
    assert!(page.conflicts.iter().all(|conflict| !conflict.you_yield));
    let page = alice.claim(request(&["docs"])).await.expect("a claim");
    let docs = page.conflicts.iter().find(|conflict| conflict.yours == "docs");
    assert!(docs.is_some_and(|conflict| conflict.you_yield && conflict.alias.as_str() == "liar"));
}

#[tokio::test]
async fn many_edits_are_told_together() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let states: Arc<AtomicUsize> = Arc::default();
    let count = Arc::clone(&states);
    let proxy = FrameProxy::start(hub.port, move |heard| {
        if matches!(from_bridge(heard), Some(ToHub::Claims(_))) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        pass(heard)
    })
    .await;
    let alice = join(&home, proxy.port, "alice").await;
    let bob = join(&home, hub.port, "bob").await;
    sees(&bob, &[]).await;
    for n in 0..200 {
        alice.touched(repository(), vec![format!("src/{n}.rs")]).await;
    }
    eventually("bob knows of the last edit", async || {
        let paths = vec!["src/199.rs".to_owned()];
        bob.collisions(repository(), paths).await.into_iter().next()
    })
    .await;
    // One for the newcomer, one at once, one for all that came since; another newcomer's second at most.
    let sent = states.load(Ordering::Relaxed);
    assert!(sent <= 4, "{sent} states for 200 edits");
}
