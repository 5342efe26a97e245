//! The hub of this machine where no port is set: there is one for each configuration directory, machine and network
//! namespace, on whatever port, and its bridges find it. Each test has network namespaces of its own, in which the
//! default port is free.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Output};

use futures_util::future::join_all;
use junction_shared::protocol::limits::PORT;
use junction_testkit::client::Launch;
use junction_testkit::{
    Network, STRANGERS, Stranger, StrangerServer, TestBridge, TestHome, TestHub, Version,
    eventually, list, processes_of, signal, skipped,
};
use rustix::process::Signal;
use serde_json::{Value, json};

/// The machine of most tests.
const HERE: u8 = 1;
/// Another machine.
const THERE: u8 = 2;

/// A stranger on the default port of a machine.
fn squat(network: &Network, machine: u8, stranger: Stranger) -> StrangerServer {
    let address = (Ipv4Addr::LOCALHOST, PORT);
    let bind = async || std::net::TcpListener::bind(address).expect("the default port");
    stranger.serve(network.on(machine, bind))
}

/// A bridge on a machine as an installation has it, without settings.
fn installed(network: &Network, machine: u8, home: &TestHome) -> Launch {
    let mut words = network.prefix(machine).into_iter();
    let launch = Launch::new(words.next().expect("a word"));
    let launch = words.fold(launch, Launch::arg).arg(home.bin().join("junction-bridge"));
    launch
        .env("JUNCTION_CONFIG_DIR", home.config())
        .env("JUNCTION_SEND_LIMIT", "off")
        .env("XDG_RUNTIME_DIR", home.runtime("all"))
        .env_remove("CLAUDE_PROJECT_DIR")
        .cwd(home.path())
}

async fn join(home: &TestHome, launch: Launch, alias: &str) -> TestBridge {
    let mut bridge = TestBridge::open(home, launch, Version::Stateful).await;
    let joined = eventually(&format!("{alias} joins"), async || {
        bridge.try_call("register", json!({ "alias": alias })).await.ok()
    })
    .await;
    assert_eq!((&joined["alias"], &joined["hub"]), (&json!(alias), &json!("local")));
    alias.clone_into(&mut bridge.alias);
    bridge
}

/// Waits until a bridge sees this many others, and no more.
async fn sees_others(bridge: &TestBridge, others: u64) {
    eventually(&format!("{} sees {others} others", bridge.alias), async || {
        let page = bridge.try_call("list_peers", json!({})).await.ok()?;
        (page["total"] == others).then_some(())
    })
    .await;
}

fn hubs(home: &TestHome) -> Vec<u32> {
    processes_of(home.path(), "junction-hub")
}

async fn has_one_hub(home: &TestHome) -> u32 {
    eventually("one hub is left", async || match hubs(home)[..] {
        [hub] => Some(hub),
        _ => None,
    })
    .await
}

/// Waits until no hub that a bridge started is left. One that was started while another took the lock lives for a
/// moment.
async fn has_no_autostarted_hub(home: &TestHome) {
    eventually("no autostarted hub is left", async || hubs(home).is_empty().then_some(())).await;
}

/// The port of the home's hub, as its file says.
async fn port_of(home: &TestHome) -> u16 {
    let (path, port) = eventually("the hub's port", async || home.hub_address()).await;
    assert_eq!(mode(&path), 0o600, "{}", path.display());
    port
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

/// A command of a person on a machine, and what it says.
fn run(network: &Network, machine: u8, home: &TestHome, arguments: &[&str]) -> (Output, String) {
    let mut command = network.command(machine, junction_testkit::bridge_binary());
    command.args(arguments).env("JUNCTION_CONFIG_DIR", home.config());
    said(&mut command)
}

fn said(command: &mut Command) -> (Output, String) {
    let output = command.output().expect("it runs");
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    let text = text.concat();
    (output, text)
}

/// The `local` hub as a tool shows it.
async fn local_host(bridge: &TestBridge) -> Value {
    list(&bridge.call("known_hosts", json!({})).await, "hosts").swap_remove(0)
}

#[tokio::test]
async fn regression_stranger_on_the_default_port_costs_another_port_and_nothing_else() {
    for stranger in STRANGERS {
        let Some(network) = Network::create(1) else { return };
        let home = TestHome::installed();
        let _squatter = squat(&network, HERE, stranger);
        let (_, before) = run(&network, HERE, &home, &["hosts"]);
        assert!(before.contains("not linked, what listens there is not this"), "{before}");
        let launch = || installed(&network, HERE, &home);
        let (alice, bob) =
            tokio::join!(join(&home, launch(), "alice"), join(&home, launch(), "bob"));
        sees_others(&alice, 1).await;
        alice.send("bob", "past the stranger").await;
        assert_eq!(bob.read_one().await["message"], "past the stranger");
        has_one_hub(&home).await;
        let port = port_of(&home).await;
        assert_ne!(port, PORT, "{stranger:?}");
        let local = local_host(&alice).await;
        assert_eq!(local["address"], format!("127.0.0.1:{port}"));
        let shown = [&local["linked"], &local["reachable"], &local["current"]];
        assert_eq!(shown, [&json!(true); 3], "{stranger:?}: {local}");
        let (_, after) = run(&network, HERE, &home, &["hosts"]);
        assert!(after.contains(&format!("{port}  linked, answers in")), "{after}");
    }
}

#[tokio::test]
async fn regression_hub_of_another_home_on_the_default_port_is_not_joined() {
    let Some(network) = Network::create(1) else { return };
    let (home, other) = (TestHome::installed(), TestHome::installed());
    let first = join(&other, installed(&network, HERE, &other), "first").await;
    assert_eq!(port_of(&other).await, PORT);
    let (_, said) = run(&network, HERE, &home, &["hosts"]);
    assert!(said.contains("not linked, what listens there is not this"), "{said}");
    let second = join(&home, installed(&network, HERE, &home), "second").await;
    assert_ne!(port_of(&home).await, PORT);
    sees_others(&first, 0).await;
    sees_others(&second, 0).await;
    has_one_hub(&home).await;
}

#[tokio::test]
async fn hub_of_this_group_without_a_lock_is_joined_on_the_default_port() {
    // As a hub of an earlier version is: here, one that holds the lock of another directory.
    let Some(network) = Network::create(1) else { return };
    let earlier = TestHome::new();
    let _hub = TestHub::start_anywhere(&network, HERE, &earlier, &[]).await;
    let home = TestHome::installed();
    for file in ["hub.key", "hosts.toml"] {
        let text = std::fs::read_to_string(earlier.config().join(file)).expect("a file");
        let dir = junction_shared::machine::config_dir::ConfigDir::at(home.config());
        dir.write_private(file, &text).expect("a copy");
    }
    let bridge = join(&home, installed(&network, HERE, &home), "later").await;
    sees_others(&bridge, 0).await;
    has_no_autostarted_hub(&home).await;
    assert_eq!(local_host(&bridge).await["reachable"], true);
}

#[tokio::test]
async fn bridges_of_two_homes_that_race_end_on_one_hub_each() {
    let Some(network) = Network::create(1) else { return };
    let homes = [TestHome::installed(), TestHome::installed()];
    let racing = (0..16).map(async |number| {
        let home = &homes[number % 2];
        join(home, installed(&network, HERE, home), &format!("racer-{number}")).await
    });
    let bridges = join_all(racing).await;
    for bridge in &bridges {
        sees_others(bridge, 7).await;
    }
    let mut ports = Vec::new();
    for home in &homes {
        has_one_hub(home).await;
        ports.push(port_of(home).await);
    }
    assert_ne!(ports[0], ports[1]);
    assert!(ports.contains(&PORT), "{ports:?}");
}

#[tokio::test]
async fn two_network_namespaces_that_share_a_home_have_a_hub_each() {
    let Some(network) = Network::create(2) else { return };
    let home = TestHome::installed();
    let _squatter = squat(&network, THERE, Stranger::Silent);
    let racing = (0..8_u8).map(async |number| {
        let machine = number % 2 + 1;
        join(&home, installed(&network, machine, &home), &format!("racer-{number}")).await
    });
    let bridges = join_all(racing).await;
    for bridge in &bridges {
        sees_others(bridge, 3).await;
    }
    let places = eventually("two hubs are left", async || {
        let hubs = hubs(&home);
        (hubs.len() == 2).then_some(hubs)
    })
    .await;
    // One of them dies, and its port says nothing to the other machine's bridges.
    signal(places[0], Signal::KILL);
    for bridge in &bridges {
        sees_others(bridge, 3).await;
    }
    assert!(hubs(&home).contains(&places[1]), "the other hub lives");
}

#[tokio::test]
async fn hub_that_was_killed_is_found_again_on_another_port() {
    let Some(network) = Network::create(1) else { return };
    let home = TestHome::installed();
    let mut hub = TestHub::start_anywhere(&network, HERE, &home, &[]).await;
    assert_eq!((hub.port, port_of(&home).await), (PORT, PORT));
    let launch = || installed(&network, HERE, &home).env("JUNCTION_AUTOSTART", "false");
    let (alice, bob) = (join(&home, launch(), "alice").await, join(&home, launch(), "bob").await);
    // A message is sealed for a key that was seen.
    alice.send("bob", "hello").await;
    bob.read_one().await;
    hub.kill();
    // What the dead hub left behind is not believed, whoever is there now.
    assert_eq!(port_of(&home).await, PORT);
    let _squatter = squat(&network, HERE, Stranger::Greeting);
    let local = local_host(&alice).await;
    assert_eq!((&local["linked"], &local["reachable"]), (&json!(false), &json!(false)));
    alice
        .ends_up_with(|said| said.contains("is in use by") && said.contains("Start junction-hub"))
        .await;
    let queued = alice.send("bob", "from before").await;
    assert_eq!(queued["status"], "queued");
    hub.restart(&home).await;
    assert_ne!(hub.port, PORT);
    assert!(hub.stderr().contains("Port 4200 is in use by"), "{}", hub.stderr());
    assert_eq!(port_of(&home).await, hub.port);
    assert_eq!(bob.read_one().await["message"], "from before");
    assert_eq!(alice.receipt(&queued["id"]).await["status"], "read");
    // One that is stopped takes its files with it.
    assert!(hub.stop(Signal::TERM).await.success());
    assert_eq!(home.hub_address(), None);
    let left: Vec<_> = std::fs::read_dir(home.config()).expect("the directory").collect();
    assert_eq!(left.len(), 3, "hub.key, hosts.toml and the lock of both: {left:?}");
}

#[tokio::test]
async fn stale_port_of_a_killed_hub_leads_nobody_astray() {
    let Some(network) = Network::create(1) else { return };
    let home = TestHome::installed();
    let squatter = squat(&network, HERE, Stranger::NotFound);
    let alice = join(&home, installed(&network, HERE, &home), "alice").await;
    let (path, stale) = home.hub_address().expect("a port");
    let first = has_one_hub(&home).await;
    drop(squatter);
    signal(first, Signal::KILL);
    let second =
        eventually("another hub runs", async || hubs(&home).into_iter().find(|hub| *hub != first))
            .await;
    sees_others(&alice, 0).await;
    let bob = join(&home, installed(&network, HERE, &home), "bob").await;
    sees_others(&bob, 1).await;
    assert_eq!(hubs(&home), [second]);
    // It is where a hub belongs, now that the port is free.
    let (same, port) = home.hub_address().expect("a port");
    assert_eq!((same, port), (path, PORT), "{stale}");
}

#[tokio::test]
async fn hub_for_other_machines_replaces_an_autostarted_one_on_any_port() {
    let Some(network) = Network::create(2) else { return };
    for (squatted, port) in [(true, None), (false, Some(4300)), (true, Some(4300))] {
        let (home, guest) = (TestHome::installed(), TestHome::new());
        let _squatter = squatted.then(|| squat(&network, HERE, Stranger::Silent));
        let launch = || installed(&network, HERE, &home);
        let (alice, carol) =
            (join(&home, launch(), "alice").await, join(&home, launch(), "carol").await);
        let before = has_one_hub(&home).await;
        let mut settings = vec![("JUNCTION_HOST", "0.0.0.0")];
        settings.extend(port.map(|_| ("JUNCTION_PORT", "4300")));
        let hub = TestHub::start_anywhere(&network, HERE, &home, &settings).await;
        assert!(port.is_none_or(|port| port == hub.port));
        eventually("the first hub is gone", async || {
            (!hubs(&home).contains(&before)).then_some(())
        })
        .await;
        alice.sees("carol", "online").await;
        carol.send("alice", "over the new one").await;
        assert_eq!(alice.read_one().await["message"], "over the new one");
        assert_eq!(local_host(&alice).await["mode"], "lan");
        // The command finds the hub, too, and its link leads there.
        let (invited, text) = run(&network, HERE, &home, &["invite"]);
        assert!(invited.status.success(), "{text}");
        let link = String::from_utf8(invited.stdout).expect("a link");
        assert!(link.contains(&format!("10.77.0.1:{}", hub.port)), "{}", hub.port);
        let file = guest.path().join("link");
        std::fs::write(&file, link).expect("written");
        let (_, joined) =
            run(&network, THERE, &guest, &["join", "--file", file.to_str().expect("a path")]);
        assert!(joined.contains("Joined 10-77-0-1"), "{joined}");
        has_no_autostarted_hub(&home).await;
    }
}

#[tokio::test]
async fn hub_on_another_loopback_address_is_found_by_every_bridge() {
    let Some(network) = Network::create(1) else { return };
    let home = TestHome::installed();
    let _hub = TestHub::start_anywhere(&network, HERE, &home, &[("JUNCTION_HOST", "::1")]).await;
    let alice = join(&home, installed(&network, HERE, &home), "alice").await;
    let launch = installed(&network, HERE, &home).env("JUNCTION_HUB", "[::1]:4200");
    let mut bob = TestBridge::open(&home, launch, Version::Stateful).await;
    bob.register("bob").await;
    sees_others(&alice, 1).await;
    has_no_autostarted_hub(&home).await;
}

#[tokio::test]
async fn sessions_of_another_user_get_a_port_of_their_own() {
    let Some(network) = Network::create(1) else { return };
    let home = TestHome::installed();
    let nobody = Some(65_534);
    for path in [home.path().to_owned(), home.bin(), home.runtime("all")] {
        if std::os::unix::fs::chown(&path, nobody, nobody).is_err() {
            return skipped("this user may not give a directory to another one");
        }
    }
    let has_setpriv = Command::new("setpriv").arg("--version").output();
    if !has_setpriv.is_ok_and(|ran| ran.status.success()) {
        return skipped("there is no setpriv here");
    }
    let _squatter = squat(&network, HERE, Stranger::Silent);
    let launch = || {
        let words = network.prefix(HERE).into_iter();
        let drop_to = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        let mut words = words.chain(drop_to.map(str::to_owned));
        let launch = Launch::new(words.next().expect("a word"));
        let launch = words.fold(launch, Launch::arg).arg(home.bin().join("junction-bridge"));
        launch
            .env("JUNCTION_CONFIG_DIR", home.config())
            .env("XDG_RUNTIME_DIR", home.runtime("all"))
            .env_remove("CLAUDE_PROJECT_DIR")
            .cwd(home.path())
    };
    let (alice, bob) = (join(&home, launch(), "alice").await, join(&home, launch(), "bob").await);
    sees_others(&alice, 1).await;
    sees_others(&bob, 1).await;
    has_one_hub(&home).await;
    // What has the port of a session that set it cannot be seen, but whose it is.
    let set = launch()
        .env("JUNCTION_PORT", PORT.to_string())
        .env("JUNCTION_CONFIG_DIR", home.path().join("another"));
    let carol = TestBridge::open(&home, set, Version::Stateful).await;
    carol.ends_up_with(|said| said.contains("another user (user id 0)")).await;
}
