//! Several machines and one hub: joined by a link, and everyone else kept out. The machines are network
//! namespaces; without the right to make them, or without `ip`, each of these tests says that it is skipped.

use std::process::{Command, Output, Stdio};

use junction_shared::invite_link::InviteLink;
use junction_shared::protocol::handshake::GroupKeys;
use junction_shared::protocol::limits::PORT;
use junction_testkit::client::Launch;
use junction_testkit::{
    Network, TestBridge, TestHome, TestHub, Transport, Version, bridge_binary, eventually, http_at,
    list, processes_of,
};
use serde_json::{Value, json};

/// The machine of the hub, and those of others.
const HUB: u8 = 1;
const BOB: u8 = 2;
const CAROL: u8 = 3;

/// A command of a bridge on a machine, with this on its stdin.
fn run(network: &Network, machine: u8, home: &TestHome, arguments: &[&str], input: &str) -> Output {
    let mut command = network.command(machine, bridge_binary());
    finish(command.args(arguments).env("JUNCTION_CONFIG_DIR", home.config()), input)
}

fn finish(command: &mut Command, input: &str) -> Output {
    use std::io::Write as _;

    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    // It may end without reading.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// What a command says that has to succeed.
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// What a command says that has to fail: one sentence that says what is wrong, one that says what to do.
fn refused(output: &Output) -> String {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("Error: ") && output.stdout.is_empty(), "{said}");
    said
}

/// The one link to the hub of this home.
fn invite(network: &Network, home: &TestHome) -> String {
    let links = said(&run(network, HUB, home, &["invite"], ""));
    let link = links.trim_end().to_owned();
    assert_eq!(link.lines().count(), 1, "one address, one link: {links}");
    link
}

/// A bridge on a machine, on the hub that is called so there.
async fn join(
    network: &Network,
    machine: u8,
    home: &TestHome,
    hub: &str,
    alias: &str,
) -> TestBridge {
    let mut bridge = open(network, machine, home, hub).await;
    bridge.register(alias).await;
    bridge
}

async fn open(network: &Network, machine: u8, home: &TestHome, hub: &str) -> TestBridge {
    let launch = network
        .bridge(machine)
        .env("JUNCTION_CONFIG_DIR", home.config())
        .env("JUNCTION_HUB", hub)
        .env("JUNCTION_AUTOSTART", "false")
        .env("JUNCTION_SEND_LIMIT", "off")
        .env_remove("CLAUDE_PROJECT_DIR")
        .cwd(home.path());
    TestBridge::open(home, launch, Version::Stateful).await
}

/// A hub on the first machine of a network, and the home that joined it by its link on the second.
async fn linked(network: &Network) -> (TestHome, TestHub, TestHome) {
    let (home, guest) = (TestHome::new(), TestHome::new());
    let hub = TestHub::start_for(network, HUB, &home).await;
    let link = invite(network, &home);
    said(&run(network, BOB, &guest, &["join", "--name", "attic"], &link));
    (home, hub, guest)
}

/// The fingerprint of a hub's key, as it is shown.
fn fingerprint(link: &InviteLink) -> String {
    link.pin.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn three_machines_meet_by_one_link_and_outlive_their_hub() {
    const BODY: &str = "canary-body-kqjzx";
    const ALIAS: &str = "canary-alias-vwq";
    const TASK: &str = "canary-task-plmokn";
    const CLEAR: &str = "canary-clear-uhbyg";
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

    // The recording does hear what is said in the clear.
    network.on(CAROL, async || {
        let request = format!("GET /{CLEAR} HTTP/1.1\r\nHost: 10.77.0.1\r\n\r\n");
        http_at(Transport::Plain, network.at(HUB, PORT), request.as_bytes()).await
    });
    let wire = recording.end();
    let holds = |needle: &[u8]| wire.windows(needle.len()).any(|bytes| bytes == needle);
    assert!(holds(CLEAR.as_bytes()) && wire.len() > 20_000, "{} bytes", wire.len());
    for canary in [BODY, ALIAS, TASK, "alice", "/link", &link[..], &link[link.len() - 49..]] {
        assert!(!holds(canary.as_bytes()), "{canary} was on the wire");
    }
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
        mixed.to_text().to_string()
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

/// What the hub counts, as a person on its machine reads it.
async fn metrics(network: &Network) -> String {
    network.on(HUB, async || {
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        http_at(Transport::Plain, ([127, 0, 0, 1], PORT).into(), request).await
    })
}

/// The link that a home has under a name.
fn link_of(home: &TestHome, name: &str) -> InviteLink {
    let hosts = std::fs::read_to_string(home.config().join("hosts.toml")).expect("hosts.toml");
    let line = hosts.lines().find(|line| line.starts_with(name)).expect("a line");
    InviteLink::parse(line.split('"').nth(1).expect("a link")).expect("a link")
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
async fn without_tls_another_machine_gets_nothing() {
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

#[tokio::test]
async fn a_new_secret_ends_every_session_and_the_hubs_own_machine_comes_back_by_itself() {
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
async fn a_hub_for_the_lan_takes_the_place_of_one_that_a_bridge_started() {
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
    assert_eq!(processes_of(home.path(), "junction-hub"), Vec::<u32>::new());
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

fn set_mode(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, permissions).expect("a mode");
}

#[tokio::test]
async fn a_hub_that_is_ephemeral_keeps_no_link_valid() {
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
async fn a_session_that_moves_stays_who_it_is_and_tells_what_became_of_its_messages() {
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
    // What was never handed over is told as that.
    hub.kill();
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
    let queued = bob.send("alice", "queued").await;
    let left = bob.call("disconnect", json!({})).await;
    assert_eq!(list(&left, "unconfirmed").len(), 0, "{left}");
    bob.call("register", json!({ "host": "cellar" })).await;
    assert_eq!(bob.receipt(&queued["id"]).await["status"], "refused(gone)");
    drop(other);
}
