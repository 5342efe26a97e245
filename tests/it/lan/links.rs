//! Machines that join a hub by a link, and machines that do not get in.

use junction_shared::invite_link::InviteLink;
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::limits::PORT;
use junction_testkit::{
    Network, Recording, TestBridge, TestHome, TestHub, Transport, Version, eventually, http_at,
    list,
};
use serde_json::{Value, json};

use super::{
    BOB, CAROL, HUB, fingerprint, invite, join, link_of, linked, metrics, open, refused, run, said,
};

#[tokio::test]
async fn three_machines_join_by_one_link_and_survive_a_killed_hub() {
    const BODY: &str = "canary-body-kqjzx";
    const ALIAS: &str = "canary-alias-vwq";
    const TASK: &str = "canary-task-plmokn";
    let Some(network) = Network::create(3) else { return };
    let recording = network.record();
    let (home, mut hub, at_bob) = linked(&network).await;
    let link = invite(&network, &home);
    let at_carol = TestHome::new();
    let joined = said(&run(&network, CAROL, &at_carol, &["join", "--name", "attic"], &link));
    let parsed = InviteLink::parse(&link).expect("a link");
    assert!(
        joined.contains(&fingerprint(&parsed)) && joined.contains("10.77.0.1:4200"),
        "{joined}"
    );

    let alice = join(&network, HUB, &home, "local", "alice").await;
    let bob = join(&network, BOB, &at_bob, "attic", "bob").await;
    // Carol began elsewhere, and moves.
    let mut carol = open(&network, CAROL, &at_carol, "local").await;
    carol.error("list_peers", json!({})).await;
    let moved =
        carol.call("register", json!({ "alias": ALIAS, "task": TASK, "host": "attic" })).await;
    assert_eq!((&moved["hub"], &moved["peerCount"]), (&json!("attic"), &json!(2)));
    ALIAS.clone_into(&mut carol.alias);
    let hosts = list(&carol.call("known_hosts", json!({})).await, "hosts");
    let attic = hosts.iter().find(|host| host["name"] == "attic").expect("attic");
    let shown = [&attic["current"], &attic["linked"], &attic["reachable"], &attic["mode"]];
    assert_eq!(shown, [&json!(true), &json!(true), &json!(true), &json!("lan")]);

    // By its address, too, where that was joined.
    let mut dave = open(&network, BOB, &at_bob, "10.77.0.1:4200").await;
    assert_eq!(dave.register("dave-by-address").await["hub"], "attic");
    drop(dave);
    for (from, to) in [(&alice, &bob), (&bob, &carol), (&carol, &alice)] {
        let sent = from.send(&to.alias, BODY).await;
        assert_eq!(to.read_one().await["message"], BODY);
        assert_eq!(from.receipt(&sent["id"]).await["status"], "read");
    }
    // Each sees the others' machines and fingerprints.
    let peer = bob.sees("alice", "online").await;
    assert!(peer["fingerprint"].is_string() && peer["context"]["machine"].is_string(), "{peer}");

    hub.kill();
    let queued = bob.send(ALIAS, BODY).await;
    assert_eq!(queued["status"], "queued");
    hub.restart(&home).await;
    assert_eq!(carol.read_one().await["message"], BODY);
    assert_eq!(bob.receipt(&queued["id"]).await["status"], "read");
    assert_eq!(carol.leftovers().await, Vec::<Value>::new());

    check_the_wire(&network, recording, &link, &[BODY, ALIAS, TASK, "alice", "/link"]);
}

/// Checks that what crossed the switch holds neither these texts nor the link and the secrets that it makes.
fn check_the_wire(network: &Network, recording: Recording, link: &str, texts: &[&str]) {
    const CLEAR: &str = "canary-clear-uhbyg";
    // The recording does hear what is said in the clear.
    network.on(CAROL, async || {
        let request = format!("GET /{CLEAR} HTTP/1.1\r\nHost: 10.77.0.1\r\n\r\n");
        http_at(Transport::Plain, network.at(HUB, PORT), request.as_bytes()).await
    });
    let wire = recording.end();
    let holds = |needle: &[u8]| wire.windows(needle.len()).any(|bytes| bytes == needle);
    assert!(holds(CLEAR.as_bytes()) && wire.len() > 20_000, "{} bytes", wire.len());
    for canary in texts.iter().chain(&[link, &link[link.len() - 49..]]) {
        assert!(!holds(canary.as_bytes()), "{canary} was on the wire");
    }
    let parsed = InviteLink::parse(link).expect("a link");
    let group = GroupKeys::derive(&parsed.secret);
    for secret in
        [parsed.secret.expose(), group.auth.expose(), group.psk.expose(), group.card.expose()]
    {
        assert!(!holds(secret), "a secret was on the wire");
    }
}

#[tokio::test]
async fn a_hub_with_another_key_is_sent_nothing_and_both_fingerprints_are_shown() {
    let Some(network) = Network::create(2) else { return };
    let (home, mut hub, guest) = linked(&network).await;
    let bob = join(&network, BOB, &guest, "attic", "bob").await;
    let true_key = fingerprint(&InviteLink::parse(&invite(&network, &home)).expect("a link"));
    // Another takes the hub's place, its address and its port.
    hub.kill();
    let other_home = TestHome::new();
    let other = TestHub::start_for(&network, HUB, &other_home).await;
    let other_link = invite(&network, &other_home);
    let other_key = fingerprint(&InviteLink::parse(&other_link).expect("a link"));
    let why = eventually("the session says what it met", async || {
        let why = bob.error("list_peers", json!({})).await;
        why.contains("fingerprint").then_some(why)
    })
    .await;
    assert!(why.contains(&true_key) && why.contains(&other_key), "{why}");
    let why = refused(&run(&network, BOB, &guest, &["join", "--name", "other"], &{
        let (mut mixed, other) =
            (link_of(&guest, "attic"), InviteLink::parse(&other_link).expect("a link"));
        mixed.secret = other.secret;
        mixed.to_text()
    }));
    assert!(why.contains(&true_key) && why.contains(&other_key), "{why}");
    let survey: Value =
        serde_json::from_str(&said(&run(&network, BOB, &guest, &["hosts", "--json"], "")))
            .expect("JSON");
    let attic = list(&survey, "hosts").into_iter().find(|host| host["name"] == "attic");
    assert_eq!(attic.expect("attic")["reachable"], false);
    let problem = survey["problems"][0].as_str().expect("a problem");
    assert!(problem.contains(&true_key) && problem.contains(&other_key), "{problem}");
    let carol = open(&network, BOB, &guest, "local").await;
    let why = carol.error("register", json!({ "host": "attic" })).await;
    assert!(why.contains(&true_key) && why.contains(&other_key), "{why}");
    drop(carol);
    let counted = metrics(&network).await;
    assert!(counted.contains("junction_welcomes_total 0\n"), "{counted}");
    assert!(counted.contains("junction_closed_total{reason=\"unauthorized\"} 0\n"), "{counted}");
    drop(other);
    // The true one is back, and so is the session.
    hub.restart(&home).await;
    bob.sees_nobody().await;
}

#[tokio::test]
async fn a_link_of_another_group_joins_nothing() {
    let Some(network) = Network::create(2) else { return };
    let (home, _hub, guest) = linked(&network).await;
    let mut forged = InviteLink::parse(&invite(&network, &home)).expect("a link");
    forged.secret = junction_shared::secret::Secret::random();
    let why =
        refused(&run(&network, BOB, &guest, &["join", "--name", "forged"], &forged.to_text()));
    assert!(why.contains("no longer valid"), "{why}");
    let known = said(&run(&network, BOB, &guest, &["hosts"], ""));
    assert!(known.contains("attic") && !known.contains("forged"), "{known}");
}

#[tokio::test]
async fn the_hub_does_not_answer_another_machine_without_tls() {
    let Some(network) = Network::create(2) else { return };
    let (_home, _hub, guest) = linked(&network).await;
    let ask = |transport, path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: 10.77.0.1:{PORT}\r\n\r\n");
        network
            .on(BOB, async || http_at(transport, network.at(HUB, PORT), request.as_bytes()).await)
    };
    for path in ["/health", "/link", "/metrics"] {
        assert_eq!(ask(Transport::Plain, path), "", "{path}");
    }
    assert!(ask(Transport::Tls, "/health").contains("\"mode\":\"lan\""));
    assert!(ask(Transport::Tls, "/metrics").starts_with("HTTP/1.1 403 "));
    let counted = metrics(&network).await;
    assert!(
        counted.contains("junction_rejected_connections_total{reason=\"plaintext\"} 3\n"),
        "{counted}"
    );
    // A host that is known without a link is seen, and not joined.
    let bob = open(&network, BOB, &guest, "local").await;
    drop(bob);
    let launch = network
        .bridge(BOB)
        .env("JUNCTION_CONFIG_DIR", guest.config())
        .env("JUNCTION_KNOWN_HOSTS", "cellar=10.77.0.1")
        .env("JUNCTION_HUB", "attic")
        .env("JUNCTION_AUTOSTART", "false");
    let bob = TestBridge::open(&guest, launch, Version::Stateful).await;
    let hosts = list(&bob.call("known_hosts", json!({})).await, "hosts");
    let cellar = hosts.iter().find(|host| host["name"] == "cellar").expect("cellar");
    assert_eq!((&cellar["linked"], &cellar["reachable"]), (&json!(false), &json!(true)));
    assert_eq!(cellar["healthUrl"], "https://10.77.0.1:4200/health");
    let why = bob.error("register", json!({ "host": "cellar" })).await;
    assert!(why.contains("junction-bridge join --name cellar"), "{why}");
    bob.sees_nobody().await;
}
