//! Who is there: names, listings, comings and goings.

use futures_util::future::join;
use junction_testkit::{
    TestBridge, TestHome, TestHub, Version, eventually, free_port, list, texts, within,
};
use serde_json::{Value, json};

const SHORT_SESSIONS: [(&str, &str); 2] =
    [("JUNCTION_SESSION_TIMEOUT_MS", "6000"), ("JUNCTION_SWEEP_INTERVAL_MS", "500")];

fn aliases(answer: &Value) -> Vec<String> {
    list(answer, "peers")
        .iter()
        .map(|peer| peer["alias"].as_str().expect("an alias").to_owned())
        .collect()
}

#[tokio::test]
async fn a_bridge_joins_by_itself_with_what_it_can_see() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let project = home.path().join("parser");
    std::fs::create_dir_all(project.join(".git")).expect("a repository");
    std::fs::write(project.join(".git/HEAD"), "ref: refs/heads/feature-x\n").expect("a branch");
    let launch =
        TestBridge::launch(&home, hub.port).env("CLAUDE_PROJECT_DIR", project).cwd(home.path());
    let _silent = TestBridge::open(&home, launch, Version::Stateful).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let peer = eventually("the silent bridge is listed with its client", async || {
        let peers = list(&alice.call("list_peers", json!({})).await, "peers");
        peers.into_iter().find(|peer| peer["context"]["client"] == "test-client")
    })
    .await;
    assert_eq!(peer["context"]["repo"], "parser");
    assert_eq!(peer["context"]["branch"], "feature-x");
    assert!(peer["context"]["machine"].is_string());
    assert_eq!(peer["presence"], "online");
    assert_eq!(peer["reach"], "pull");
    assert_eq!(peer["connectedAt"].as_str().map(str::len), Some(24));
}

#[tokio::test]
async fn register_changes_only_the_given_fields() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let mut bob = TestBridge::join(&home, &hub, "bob").await;
    let refined =
        bob.call("register", json!({ "repo": "core", "task": "fix #7", "role": "tester" })).await;
    assert_eq!(refined["alias"], "bob");
    assert_eq!(refined["peerCount"], 1);
    let again = bob.call("register", json!({})).await;
    assert_eq!(again["context"], refined["context"]);
    assert_eq!(again["fingerprint"], refined["fingerprint"]);
    bob.register("robert").await;
    let seen = alice.sees("robert", "online").await;
    for (field, value) in [("repo", "core"), ("task", "fix #7"), ("role", "tester")] {
        assert_eq!(seen["context"][field], value);
    }
    assert_eq!(aliases(&alice.call("list_peers", json!({})).await), ["robert"]);
}

#[tokio::test]
async fn a_taken_or_similar_alias_is_refused_with_a_free_one() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let _alice = TestBridge::join(&home, &hub, "silly-owl").await;
    let mut bob = TestBridge::join(&home, &hub, "bob").await;
    for similar in ["silly-owl", "sillyowl", "s1lly-0wl", "silly--owl"] {
        let text = bob.error("register", json!({ "alias": similar })).await;
        let free = text
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .find(|word| word.starts_with("silly-owl-") || word.contains('-'))
            .unwrap_or_else(|| panic!("no free alias is offered: {text}"))
            .to_owned();
        bob.register(&free).await;
    }
}

#[tokio::test]
async fn an_invalid_alias_is_refused_without_repeating_it() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let long = "q".repeat(33);
    for wrong in ["CAP_ITALS", "ünïcode", "zz..zz", "qq", "---", "white space", "a/b/c", &long] {
        for (tool, arguments) in [
            ("register", json!({ "alias": wrong })),
            ("send_message", json!({ "target_alias": wrong, "message": "x" })),
        ] {
            let text = alice.error(tool, arguments).await;
            assert!(!text.contains(wrong), "{tool}: {text}");
        }
    }
    assert_eq!(alice.call("register", json!({ "alias": "" })).await["alias"], "alice");
}

#[tokio::test]
async fn an_unknown_alias_names_list_peers() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let arguments = json!({ "target_alias": "nobody-here", "message": "x" });
    let text = alice.error("send_message", arguments).await;
    assert!(text.contains("list_peers"), "{text}");
    let text =
        alice.error("send_message", json!({ "target_alias": "alice", "message": "x" })).await;
    assert!(text.contains("list_peers"), "to oneself: {text}");
}

#[tokio::test]
async fn listings_filter_and_page() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let asker = TestBridge::join(&home, &hub, "asker").await;
    let mut others = Vec::new();
    for number in 0..5 {
        let name = format!("peer-{number}");
        let other = TestBridge::join(&home, &hub, &name).await;
        let role = if number % 2 == 0 { "even" } else { "odd" };
        other.call("register", json!({ "role": role, "repo": format!("repo-{number}") })).await;
        others.push(other);
    }
    let even = asker.call("list_peers", json!({ "role": "even" })).await;
    assert_eq!((aliases(&even).len(), &even["total"]), (3, &json!(3)));
    let one = asker.call("list_peers", json!({ "repo": "repo-3" })).await;
    assert_eq!(aliases(&one), ["peer-3"]);
    let (mut cursor, mut paged, mut pages) = (Value::Null, Vec::new(), 0);
    loop {
        let mut arguments = json!({ "limit": 2 });
        if cursor.is_string() {
            arguments["cursor"] = cursor;
        }
        let page = asker.call("list_peers", arguments).await;
        assert_eq!(page["total"], 5);
        paged.extend(aliases(&page));
        pages += 1;
        cursor = page["nextCursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!((pages, paged), (3, (0..5).map(|number| format!("peer-{number}")).collect()));
}

#[tokio::test]
async fn a_wait_for_a_peer_ends_when_one_joins_or_changes_its_role() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let wait = json!({ "timeout_seconds": 30 });
    let (found, bob) =
        join(alice.call("wait_for_peer", wait.clone()), TestBridge::join(&home, &hub, "bob")).await;
    assert_eq!(found["found"], true);
    assert_eq!(list(&found, "peers").len(), 1);
    assert!(found["waited_seconds"].is_number());
    let at_once = alice.call("wait_for_peer", json!({ "timeout_seconds": 0 })).await;
    assert_eq!(at_once["found"], true, "one is there already");
    let wait = alice
        .begin("wait_for_peer", json!({ "timeout_seconds": 30, "expected_role": "reviewer" }))
        .await;
    bob.call("register", json!({ "role": "reviewer" })).await;
    let found = within("the wait", wait.content()).await.expect("an answer");
    assert_eq!(aliases(&found), ["bob"]);
    let nobody = json!({ "timeout_seconds": 1, "expected_role": "nobody" });
    let nobody = alice.call("wait_for_peer", nobody).await;
    assert_eq!((&nobody["found"], &nobody["reason"]), (&json!(false), &json!("timeout")));
}

#[tokio::test]
async fn disconnect_frees_the_alias_and_stays_left_until_register() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let mut bob = TestBridge::join(&home, &hub, "bob").await;
    let before = bob.call("register", json!({})).await["fingerprint"].clone();
    alice.send("bob", "unread for ever").await;
    let sent = bob.send("alice", "still unread when bob leaves").await;
    let left = bob.call("disconnect", json!({})).await;
    assert_eq!(left["disconnected"], true);
    assert_eq!(left["unconfirmed"], json!([{ "id": sent["id"], "to": "alice" }]));
    for tool in ["list_peers", "wait_for_peer"] {
        let text = bob.error(tool, json!({})).await;
        assert!(text.contains("register"), "{text}");
    }
    assert_eq!(bob.call("disconnect", json!({})).await["disconnected"], false);
    assert_eq!(alice.call("list_peers", json!({})).await["total"], 0);
    let _other = TestBridge::join(&home, &hub, "bob").await;
    let after = bob.register("bob-again").await;
    assert_ne!(after["fingerprint"], before, "a new session has a new key");
    assert_eq!(list(&bob.read().await, "messages"), Vec::<Value>::new());
}

#[tokio::test]
async fn a_message_survives_its_senders_departure() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    alice.send("bob", "read me later").await;
    alice.call("disconnect", json!({})).await;
    assert_eq!(bob.read_one().await["message"], "read me later");
}

#[tokio::test]
async fn another_key_under_a_known_alias_is_shown_and_must_be_accepted() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let known = bob.call("register", json!({})).await["fingerprint"].clone();
    alice.send("bob", "hello").await;
    bob.read_one().await;
    bob.call("disconnect", json!({})).await;
    let other = TestBridge::join(&home, &hub, "bob").await;
    let offered = other.call("register", json!({})).await["fingerprint"].clone();
    let mut arguments = json!({ "target_alias": "bob", "message": "is it you?" });
    let text = alice.error("send_message", arguments.clone()).await;
    for fingerprint in [&known, &offered] {
        assert!(text.contains(fingerprint.as_str().expect("hex")), "{text}");
    }
    other.send("alice", "it is me").await;
    let message = alice.read_one().await;
    assert_eq!((&message["key_changed"], &message["fingerprint"]), (&json!(true), &offered));
    arguments["fingerprint"] = known;
    alice.error("send_message", arguments.clone()).await;
    arguments["fingerprint"] = offered;
    alice.call("send_message", arguments).await;
    assert_eq!(texts(&other.read_many(1).await), ["is it you?"]);
}

#[tokio::test]
async fn a_lost_peer_is_away_then_gone_and_its_senders_learn_of_it() {
    let home = TestHome::new();
    let hub = TestHub::start_with(&home, &SHORT_SESSIONS).await;
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    let fresh = alice.send("bob", "before the crash").await;
    bob.client.kill();
    bob.ended().await;
    alice.sees("bob", "away").await;
    let sent = alice.send("bob", "into the away inbox").await;
    assert_eq!((&sent["status"], &sent["peer"]["presence"]), (&json!("accepted"), &json!("away")));
    for id in [&fresh["id"], &sent["id"]] {
        assert_eq!(alice.receipt(id).await["status"], "unconfirmed");
    }
    eventually("bob is not listed any more", async || {
        (alice.call("list_peers", json!({})).await["total"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn known_hosts_shows_each_hub_and_whether_it_answers() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let dead = free_port();
    let known = format!("here=127.0.0.1:{},dead=127.0.0.1:{dead}", hub.port);
    let launch = TestBridge::launch(&home, hub.port).env("JUNCTION_KNOWN_HOSTS", known);
    let bridge = TestBridge::open(&home, launch, Version::Stateful).await;
    bridge.call("register", json!({ "alias": "looker" })).await;
    let hosts = list(&bridge.call("known_hosts", json!({})).await, "hosts");
    let by_name = |name: &str| {
        hosts.iter().find(|host| host["name"] == name).unwrap_or_else(|| panic!("no {name}"))
    };
    let here = by_name("here");
    assert_eq!(here["reachable"], true);
    assert_eq!(here["address"], format!("127.0.0.1:{}", hub.port));
    assert_eq!(here["mode"], "localhost");
    assert_eq!(here["activePeers"], 1);
    assert_eq!(here["version"], env!("CARGO_PKG_VERSION"));
    assert!(here["latencyMs"].is_number() && here["healthUrl"].is_string());
    let dead = by_name("dead");
    assert_eq!(dead["reachable"], false);
    assert!(dead.get("latencyMs").is_none());
    for host in &hosts {
        assert!(host["current"].is_boolean() && host["linked"].is_boolean(), "{host}");
    }
}

#[tokio::test]
async fn a_broken_hosts_file_costs_one_line_and_nothing_else() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let path = home.config().join("hosts.toml");
    let mut hosts = std::fs::read_to_string(&path).expect("hosts.toml");
    hosts.push_str("this is no TOML\n");
    std::fs::write(&path, hosts).expect("written");
    let alice = TestBridge::join(&home, &hub, "alice").await;
    let bob = TestBridge::join(&home, &hub, "bob").await;
    alice.send("bob", "the rest still works").await;
    bob.read_one().await;
    let known = alice.call("known_hosts", json!({})).await;
    assert!(!list(&known, "hosts").is_empty());
    let problems = list(&known, "problems");
    assert_eq!(problems.len(), 1, "{known}");
    let problem = problems[0].as_str().expect("a text");
    assert!(problem.contains("hosts.toml") && !problem.contains("this is no"), "{problem}");
}
