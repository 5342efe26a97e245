//! How a hub stops.

use std::time::Duration;

use junction_shared::protocol::close::Close;
use junction_shared::protocol::wire::ToHub;
use tokio::time::Instant;

use super::harness::{HarnessHub, closed, send};
use crate::Config;

const GOING_AWAY: (u16, &str) = (1001, "going_away");

#[tokio::test(start_paused = true)]
async fn a_stopping_hub_closes_every_connection_with_a_reason() {
    let mut hub = HarnessHub::start(Config::default());
    let (mut ann, mut pending) = (hub.listed(7).await, hub.socket().await);
    ann.sync().await;
    hub.stop();
    for socket in [&mut ann.socket, &mut pending] {
        let (code, words) = closed(socket).await.unwrap();
        assert_eq!((code, words.as_str()), GOING_AWAY);
    }
    assert_eq!(Close::GoingAway.code(), GOING_AWAY.0);
    let begun = Instant::now();
    (&mut hub.served).await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn no_connection_delays_a_stopping_hub() {
    let mut hub = HarnessHub::start(Config::default());
    let ann = hub.listed(7).await;
    let deaf = hub.bridge_with(8, 1, 64).await;
    let begun = Instant::now();
    hub.stop();
    (&mut hub.served).await.unwrap();
    assert!(begun.elapsed() <= Duration::from_secs(2));
    drop((ann, deaf));
}

#[tokio::test(start_paused = true)]
async fn an_idle_hub_exits_if_configured() {
    let idle_exit = Some(Duration::from_secs(600));
    let hub = HarnessHub::start(Config { idle_exit, ..Config::default() });
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_secs(300)).await;
    let mut ann = hub.listed(7).await;
    // Mail for an unknown peer is kept during the restart grace.
    ann.send_frame(&send(7, 8, 1, 300)).await;
    ann.sync().await;
    ann.send_frame(&ToHub::Leave).await;
    closed(&mut ann.socket).await;
    hub.served.await.unwrap();
    // The message lives for ten minutes, and the hub stays idle for ten more.
    let taken = begun.elapsed().as_secs();
    assert!((1500..1502).contains(&taken), "{taken} s");
}

#[tokio::test(start_paused = true)]
async fn an_idle_hub_keeps_running_by_default() {
    let mut hub = HarnessHub::start(Config::default());
    let day = Duration::from_secs(24 * 60 * 60);
    assert!(tokio::time::timeout(day, &mut hub.served).await.is_err());
}
