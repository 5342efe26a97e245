//! The hub that sessions have started gives its port to clients of the original. Each test is a machine of its own, since the
//! ports are those that everything has by default.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use junction_shared::protocol::limits::PORT;
use junction_testkit::client::Launch;
use junction_testkit::{
    HttpClient, Network, PersonRun, TestBridge, TestGateway, TestHome, TestHub, Version,
    eventually, finished, installed_person, processes_of, signal, texts,
};
use rustix::process::Signal;
use serde_json::json;

/// Runs this on a machine on which nothing has a port.
fn on_an_empty_machine(work: impl AsyncFnOnce() + Send) {
    let Some(network) = Network::create(1) else { return };
    network.on(1, work);
}

/// A session that finds the hub of its machine by itself, and starts it if there is none.
async fn join(home: &TestHome, alias: &str) -> TestBridge {
    let launch = Launch::new(home.bin().join("junction-bridge"))
        .env("JUNCTION_CONFIG_DIR", home.config())
        .env("JUNCTION_SEND_LIMIT", "off")
        .env("XDG_RUNTIME_DIR", home.runtime("all"))
        .env_remove("JUNCTION_HUB")
        .env_remove("JUNCTION_PORT")
        .env_remove("JUNCTION_AUTOSTART")
        .env_remove("CLAUDE_PROJECT_DIR")
        .cwd(home.path());
    let mut bridge = TestBridge::open(home, launch, Version::Stateful).await;
    bridge.register(alias).await;
    bridge
}

/// Waits until this home's hub has a port that `is_it` accepts.
async fn hub_is_at(home: &TestHome, is_it: impl Fn(u16) -> bool) {
    eventually("the hub has its port", async || {
        let (_, port) = home.hub_address()?;
        is_it(port).then_some(())
    })
    .await;
}

/// How a gateway ends that cannot have the port of the original: with an error of these words.
async fn refused(home: &TestHome, before: &[&str], words: &[&str]) {
    let command = [before, &["gateway", "--compat"]].concat();
    let run = finished(installed_person(home, &command).spawn().expect("it starts")).await;
    is_refused(&run, words);
}

fn is_refused(run: &PersonRun, words: &[&str]) {
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{run:?}");
    assert!(run.stderr.starts_with("Error: "), "{run:?}");
    for word in words {
        assert!(run.stderr.contains(word), "{word}: {run:?}");
    }
}

#[test]
fn hub_of_sessions_moves_and_comes_back_and_nothing_is_lost() {
    on_an_empty_machine(async || {
        let home = TestHome::installed();
        let (alice, bob) = (join(&home, "alice").await, join(&home, "bob").await);
        hub_is_at(&home, |port| port == PORT).await;
        let before = alice.send("bob", "before it moves").await;
        bob.holds(1).await;
        let mut gateway = TestGateway::of(installed_person(&home, &["gateway", "--compat"])).await;
        let open = gateway.line_with("every program of your user").await;
        assert!(open.ends_with("http://127.0.0.1:4200/mcp"), "{open}");
        hub_is_at(&home, |port| port != PORT).await;
        let mut client = HttpClient::new((Ipv4Addr::LOCALHOST, PORT).into(), "/mcp");
        client.initialize("original").await;
        let carol = client.call("register", json!({})).await["alias"].clone();
        bob.sees(carol.as_str().expect("an alias"), "online").await;
        let message = json!({ "target_alias": "bob", "message": "from the original's client" });
        client.call("send_message", message).await;
        let read = bob.read_many(2).await;
        assert_eq!(texts(&read), ["before it moves", "from the original's client"]);
        assert_eq!(alice.receipt(&before["id"]).await["status"], "read");
        bob.send("alice", "while it is elsewhere").await;
        alice.holds(1).await;
        assert_eq!(gateway.interrupt().await, Some(0));
        // The next hub has its port again.
        for hub in processes_of(home.path(), "junction-hub") {
            signal(hub, Signal::TERM);
        }
        hub_is_at(&home, |port| port == PORT).await;
        alice.sees("bob", "online").await;
        assert_eq!(alice.read_one().await["message"], "while it is elsewhere");
        assert!(bob.leftovers().await.is_empty() && alice.leftovers().await.is_empty());
    });
}

#[test]
fn hub_that_was_started_by_hand_is_not_moved() {
    on_an_empty_machine(async || {
        let home = TestHome::installed();
        let hub = TestHub::start_on(&home, PORT).await;
        let alice = join(&home, "alice").await;
        let words = ["127.0.0.1:4200 was started by hand", "junction-hub --port"];
        refused(&home, &[], &words).await;
        assert_eq!(hub.metric("junction_peers ").await, 1);
        alice.sees_nobody().await;
    });
}

#[test]
fn program_that_has_the_port_is_named() {
    on_an_empty_machine(async || {
        let home = TestHome::installed();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
        let _other = TcpListener::bind(address).expect("the port is free");
        let pid = std::process::id().to_string();
        refused(&home, &[], &["127.0.0.1:4200 is taken", &pid, "--compat PORT"]).await;
    });
}

#[test]
fn gateway_that_has_the_port_is_called_by_its_command() {
    on_an_empty_machine(async || {
        let home = TestHome::installed();
        let listen = ["gateway", "--listen", "4200"];
        let gateway = TestGateway::of(installed_person(&home, &listen)).await;
        let owner = format!("junction-bridge gateway (process {})", gateway.pid());
        let run =
            finished(installed_person(&TestHome::installed(), &listen).spawn().unwrap()).await;
        is_refused(&run, &["127.0.0.1:4200 is in use by", &owner]);
        let twice = ["gateway", "--listen", "4300", "--compat", "4300"];
        let run = finished(installed_person(&TestHome::installed(), &twice).spawn().unwrap()).await;
        is_refused(&run, &["--listen and --compat name the same port"]);
    });
}

#[test]
fn hub_that_is_told_the_port_cannot_move() {
    on_an_empty_machine(async || {
        let home = TestHome::installed();
        let words = ["--port or JUNCTION_PORT", "4200", "cannot move"];
        refused(&home, &["--port", "4200"], &words).await;
        let mut command = installed_person(&home, &["gateway", "--compat"]);
        let child = command.env("JUNCTION_PORT", "4200").spawn().expect("it starts");
        is_refused(&finished(child).await, &words);
    });
}
