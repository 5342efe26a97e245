//! Groups that get a new secret, hubs that take another's place, and sessions that move.

use std::process::{Command, Stdio};

use junction_shared::invite_link::InviteLink;
use junction_testkit::client::Launch;
use junction_testkit::{
    Network, TestBridge, TestHome, TestHub, Version, eventually, list, processes_of,
};
use serde_json::json;

use super::{
    BOB, CAROL, HUB, fingerprint, finish, invite, join, link_of, linked, metrics, open, refused,
    run, said, text,
};

fn set_mode(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, permissions).expect("a mode");
}

#[tokio::test]
async fn a_new_secret_ends_every_session_and_the_hubs_machine_rejoins_by_itself() {
    let Some(network) = Network::create(2) else { return };
    let (home, hub, guest) = linked(&network).await;
    let alice = join(&network, HUB, &home, "local", "alice").await;
    let bob = join(&network, BOB, &guest, "attic", "bob").await;
    let read_before = alice.send("bob", "read before").await;
    bob.read_one().await;
    assert_eq!(alice.receipt(&read_before["id"]).await["status"], "read");
    let unread = bob.send("alice", "unread when it happens").await;
    eventually("it has come", async || {
        (alice.call("list_peers", json!({})).await["unread"] == 1).then_some(())
    })
    .await;
    let mut rotate = Command::new(junction_testkit::hub_binary());
    let rotated = finish(rotate.arg("rotate").env("JUNCTION_CONFIG_DIR", home.config()), "");
    assert!(rotated.status.success() && rotated.stdout.is_empty());
    assert!(!text(&rotated.stderr).contains("junction://"));
    // Away from the hub's machine: a clear word, and the way on.
    let why = eventually("bob is told", async || {
        let why = bob.try_call("list_peers", json!({})).await.err()?.to_string();
        why.contains("no longer valid").then_some(why)
    })
    .await;
    assert!(why.contains("junction-bridge join"), "{why}");
    // On it: back by itself, with what it had.
    alice.sees_nobody().await;
    let page = alice.read().await;
    assert_eq!(page["rejoined"], "alice");
    assert_eq!(list(&page, "messages")[0]["message"], "unread when it happens");
    assert!(hub.stderr().contains("new keys"), "{}", hub.stderr());
    let counted = metrics(&network).await;
    assert!(counted.contains("junction_closed_total{reason=\"rotated\"} 2\n"), "{counted}");
    // Sessions that still have the old link do not keep the machine from joining by the new one.
    let mut stale = Vec::new();
    for _ in 0..20 {
        stale.push(open(&network, BOB, &guest, "attic").await);
    }
    // With the new link the other machine is back too, without being started again.
    let link = invite(&network, &home);
    said(&run(&network, BOB, &guest, &["join", "--name", "attic"], &link));
    bob.sees("alice", "online").await;
    alice.send("bob", "after").await;
    assert_eq!(bob.read_one().await["message"], "after");
    // What was sealed under the old secret has an end; its receipt was said while bob could not hear it.
    assert_eq!(bob.receipt(&unread["id"]).await["status"], "unconfirmed");
}

#[tokio::test]
async fn a_lan_hub_replaces_an_autostarted_hub() {
    let Some(network) = Network::create(2) else { return };
    let (home, guest) = (TestHome::installed(), TestHome::new());
    let bridge = home.bin().join("junction-bridge");
    let launch = |alias: &'static str| {
        let mut words = network.prefix(HUB).into_iter();
        let launch = Launch::new(words.next().expect("a word"));
        let launch = words.fold(launch, Launch::arg).arg(&bridge);
        let launch = launch.env("JUNCTION_CONFIG_DIR", home.config());
        async {
            let mut bridge = TestBridge::open(&home, launch, Version::Stateful).await;
            bridge.register(alias).await;
            bridge
        }
    };
    let (alice, carol) = (launch("alice").await, launch("carol").await);
    let before = processes_of(home.path(), "junction-hub");
    assert_eq!(before.len(), 1);
    let why = refused(&run(&network, HUB, &home, &["invite"], ""));
    assert!(why.contains("--host 0.0.0.0"), "{why}");
    let _hub = TestHub::start_for(&network, HUB, &home).await;
    eventually("the autostarted hub ends", async || {
        processes_of(home.path(), "junction-hub").is_empty().then_some(())
    })
    .await;
    let link = invite(&network, &home);
    said(&run(&network, BOB, &guest, &["join"], &link));
    let bob = join(&network, BOB, &guest, "10-77-0-1", "bob").await;
    for (from, to) in [(&alice, &bob), (&bob, &carol)] {
        from.sees(&to.alias, "online").await;
        from.send(&to.alias, "over the new one").await;
        assert_eq!(to.read_one().await["message"], "over the new one");
    }
}

#[tokio::test]
async fn a_hub_that_never_held_the_secret_serves_the_group() {
    let Some(network) = Network::create(3) else { return };
    let (founder, untrusted, guest) = (TestHome::new(), TestHome::new(), TestHome::new());
    let key = founder.path().join("hub.key");
    let out = key.to_str().expect("a path");
    let new = ["invite", "--hub", "10.77.0.1:4200", "--new", "--name", "attic", "--out", out];
    let link = said(&run(&network, BOB, &founder, &new, ""));
    let link = link.trim_end();
    assert!(refused(&run(&network, BOB, &founder, &new, "")).contains("already"));
    std::fs::create_dir(untrusted.config()).expect("a directory");
    set_mode(&untrusted.config(), 0o700);
    std::fs::rename(&key, untrusted.config().join("hub.key")).expect("moved");
    let hub = TestHub::start_for(&network, HUB, &untrusted).await;
    let bob = join(&network, BOB, &founder, "attic", "bob").await;
    said(&run(&network, CAROL, &guest, &["join", "--name", "attic"], link));
    let carol = join(&network, CAROL, &guest, "attic", "carol").await;
    carol.send("bob", "by a hub that knows nothing").await;
    assert_eq!(bob.read_one().await["message"], "by a hub that knows nothing");
    let secret = InviteLink::parse(link).expect("a link").secret;
    for entry in std::fs::read_dir(untrusted.config()).expect("the folder") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("a file");
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&link[link.len() - 49..link.len() - 6]), "{text}");
        assert!(!bytes.windows(32).any(|bytes| bytes == secret.expose()));
    }
    // Nor can it make links or a new secret.
    assert!(refused(&run(&network, HUB, &untrusted, &["invite"], "")).contains("secret"));
    let keys = std::fs::read(untrusted.config().join("hub.key")).expect("hub.key");
    let mut rotate = Command::new(junction_testkit::hub_binary());
    let rotated = finish(rotate.arg("rotate").env("JUNCTION_CONFIG_DIR", untrusted.config()), "");
    assert!(text(&rotated.stderr).contains("whose secret is not here"));
    assert_eq!(std::fs::read(untrusted.config().join("hub.key")).expect("hub.key"), keys);
    drop(hub);
}

#[tokio::test]
async fn an_ephemeral_hub_invalidates_all_earlier_links() {
    let Some(network) = Network::create(2) else { return };
    let (home, mut hub, guest) = linked(&network).await;
    let old = link_of(&guest, "attic");
    hub.kill();
    let mut command = network.command(HUB, junction_testkit::hub_binary());
    command.args(["--host", "10.77.0.1", "--ephemeral"]);
    command.env("JUNCTION_CONFIG_DIR", home.config()).stderr(Stdio::null());
    let mut command = tokio::process::Command::from(command);
    let mut again = command.kill_on_drop(true).spawn().expect("it starts");
    let link = eventually("it serves", async || {
        let invited = run(&network, HUB, &home, &["invite"], "");
        invited.status.success().then(|| text(&invited.stdout))
    })
    .await;
    let new = InviteLink::parse(link.trim_end()).expect("a link");
    assert!(new.pin != old.pin && new.secret.expose() != old.secret.expose());
    let why = refused(&run(&network, BOB, &guest, &["join"], &old.to_text()));
    assert!(why.contains(&fingerprint(&old)) && why.contains(&fingerprint(&new)), "{why}");
    said(&run(&network, BOB, &guest, &["join"], &link));
    again.kill().await.expect("it ends");
}

#[tokio::test]
async fn a_session_that_moves_keeps_its_identity_and_reports_its_messages() {
    let Some(network) = Network::create(2) else { return };
    let (home, mut hub, guest) = linked(&network).await;
    let near = TestHome::new();
    let other = TestHub::start_for(&network, BOB, &near).await;
    let link = said(&run(&network, BOB, &near, &["invite"], ""));
    said(&run(&network, BOB, &guest, &["join", "--name", "cellar"], &link));
    let alice = join(&network, HUB, &home, "local", "alice").await;
    let bob = join(&network, BOB, &guest, "attic", "bob").await;
    let first = bob.send("alice", "before").await;
    let key = alice.read_one().await;
    alice.send("bob", "and back").await;
    bob.read_one().await;
    assert_eq!(bob.receipt(&first["id"]).await["status"], "read");
    // What was never handed over is reported as such. Until bob has seen that the hub is gone, he would hand it over.
    hub.kill();
    bob.error("list_peers", json!({})).await;
    let queued = bob.send("alice", "queued").await;
    assert_eq!(queued["status"], "queued");
    let moved = bob.call("register", json!({ "host": "cellar" })).await;
    assert_eq!((&moved["hub"], &moved["alias"]), (&json!("cellar"), &json!("bob")));
    assert_eq!(bob.receipt(&queued["id"]).await["status"], "refused(gone)");
    hub.restart(&home).await;
    bob.call("register", json!({ "host": "attic" })).await;
    // Nobody takes it for another.
    bob.sees("alice", "online").await;
    let back = bob.send("alice", "back again").await;
    let message = alice.read_one().await;
    assert_eq!((&message["message"], &message["from"]), (&json!("back again"), &key["from"]));
    assert!(message.get("key_changed").is_none(), "{message}");
    assert_eq!(bob.receipt(&back["id"]).await["status"], "read");
    alice.send("bob", "welcome").await;
    assert_eq!(bob.read_one().await["message"], "welcome");
    // The same with `disconnect`.
    hub.kill();
    bob.error("list_peers", json!({})).await;
    let queued = bob.send("alice", "queued").await;
    let left = bob.call("disconnect", json!({})).await;
    assert_eq!(list(&left, "unconfirmed").len(), 0, "{left}");
    bob.call("register", json!({ "host": "cellar" })).await;
    assert_eq!(bob.receipt(&queued["id"]).await["status"], "refused(gone)");
    drop(other);
}
