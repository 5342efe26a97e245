//! Claims are told, kept over breaks, and the two sides of a conflict know who yields.

use std::sync::{Arc, Mutex};

use junction_engine::{CollisionKind, Release};
use junction_testkit::{FrameProxy, TestHome, TestHub, eventually, pass};

use super::{join, repository, request, sees};

#[tokio::test]
async fn newcomer_is_told_and_both_sides_of_a_conflict_know_who_yields() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = join(&home, hub.port, "alice").await;
    alice.claim(request(&["src/auth"])).await.expect("a claim");
    let bob = join(&home, hub.port, "bob").await;
    sees(&bob, &[("alice", "src/auth")]).await;
    let page = bob.claim(request(&["src/**/login.rs"])).await.expect("a claim");
    assert_eq!(page.conflicts.len(), 1);
    assert!(page.conflicts[0].you_yield && page.conflicts[0].alias.as_str() == "alice");
    let news = eventually("alice learns of it", async || {
        let news = alice.snapshot().team.claim_news.take();
        (!news.is_empty()).then_some(news)
    })
    .await;
    assert!(news.len() == 1 && !news[0].you_yield && news[0].alias.as_str() == "bob");
    alice.release(repository(), Release::All).await.expect("a release");
    sees(&bob, &[("bob", "src/**/login.rs")]).await;
    bob.disconnect().await;
    sees(&alice, &[]).await;
}

#[tokio::test]
async fn sessions_agree_after_a_killed_hub_and_claims_made_meanwhile() {
    let home = TestHome::new();
    let mut hub = TestHub::start(&home).await;
    let alice = join(&home, hub.port, "alice").await;
    let bob = join(&home, hub.port, "bob").await;
    alice.claim(request(&["a"])).await.expect("a claim");
    sees(&bob, &[("alice", "a")]).await;
    hub.kill();
    // Both claim one path while neither hears of the other.
    alice.claim(request(&["same"])).await.expect("a claim without a hub");
    bob.claim(request(&["same"])).await.expect("a claim without a hub");
    hub.restart(&home).await;
    let all = [("alice", "a"), ("alice", "same"), ("bob", "same")];
    let (first, second) = (sees(&alice, &all).await, sees(&bob, &all).await);
    assert_eq!((first.conflicts.len(), second.conflicts.len()), (1, 1));
    assert_ne!(first.conflicts[0].you_yield, second.conflicts[0].you_yield);
}

#[tokio::test]
async fn hub_sees_no_path_no_note_and_no_name() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let wire: Arc<Mutex<Vec<u8>>> = Arc::default();
    let record = Arc::clone(&wire);
    let proxy = FrameProxy::start(hub.port, move |heard| {
        record.lock().expect("the record").extend_from_slice(&heard.bytes);
        pass(heard)
    })
    .await;
    let alice = join(&home, proxy.port, "alice").await;
    let bob = join(&home, proxy.port, "bob").await;
    alice.claim(request(&["canary-path-hqwtn"])).await.expect("a claim");
    alice.touched(repository(), vec!["canary-file-pzlrd".to_owned()]).await;
    sees(&bob, &[("alice", "canary-path-hqwtn")]).await;
    let found = eventually("bob knows what was changed", async || {
        let paths = vec!["canary-file-pzlrd".to_owned()];
        bob.collisions(repository(), paths).await.into_iter().next()
    })
    .await;
    assert_eq!((found.kind, found.alias.as_str()), (CollisionKind::Touched, "alice"));
    let wire = wire.lock().expect("the record");
    let holds = |text: &str| wire.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("alice"), "the record works");
    for canary in ["canary-path", "canary-note", "canary-file", "canary-repo"] {
        assert!(!holds(canary), "{canary} is on the wire");
    }
}
