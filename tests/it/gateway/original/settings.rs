//! The settings of the original, given to these programs.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Output, Stdio};

use junction_shared::protocol::limits::PORT;
use junction_testkit::{
    Network, PersonRun, TestBridge, TestHome, TestHub, Transport, Version, bridge_binary, finished,
    free_port, health, http_at, pair, person,
};
use serde_json::{Value, json};

use super::FormerHabits;
use super::tools::named;
use crate::lan::{finish, text};

/// The machine of the hub, and another.
const HERE: u8 = 1;
const THERE: u8 = 2;

/// Runs a command of the bridge on a machine, with this on its stdin.
fn run(network: &Network, machine: u8, home: &TestHome, arguments: &[&str], input: &str) -> Output {
    let mut command = network.command(machine, bridge_binary());
    command.args(arguments).env("JUNCTION_CONFIG_DIR", home.config());
    command.env("JUNCTION_KNOWN_HOSTS", "attic=10.77.0.1").env("JUNCTION_AUTOSTART", "false");
    finish(&mut command, input)
}

/// JUNCTION_HOST lets other machines in, by TLS and with a link. JUNCTION_KNOWN_HOSTS names a hub there, and joins none.
pub(super) async fn host_of_the_hub() {
    let alone = TestHome::new();
    let hub = TestHub::start_with(&alone, &[("JUNCTION_HOST", "127.0.0.1")]).await;
    assert_eq!(health(hub.port).await.expect("an answer")["mode"], "localhost");
    let Some(network) = Network::create(2) else { return };
    let (home, guest) = (TestHome::new(), TestHome::new());
    let all = [("JUNCTION_HOST", "0.0.0.0")];
    let _hub = TestHub::start_anywhere(&network, HERE, &home, &all).await;
    let asked = |transport| {
        let request = b"GET /health HTTP/1.1\r\nHost: 10.77.0.1:4200\r\n\r\n";
        network.on(THERE, async || http_at(transport, network.at(HERE, PORT), request).await)
    };
    assert_eq!(asked(Transport::Plain), "");
    assert!(asked(Transport::Tls).contains("\"mode\":\"lan\""));
    let hosts = run(&network, THERE, &guest, &["hosts", "--json"], "");
    let attic = named(&serde_json::from_slice(&hosts.stdout).expect("JSON"), "attic");
    assert_eq!((&attic["reachable"], &attic["linked"]), (&json!(true), &json!(false)));
    let launch = network
        .bridge(THERE)
        .env("JUNCTION_CONFIG_DIR", guest.config())
        .env("JUNCTION_KNOWN_HOSTS", "attic=10.77.0.1")
        .env("JUNCTION_AUTOSTART", "false");
    let bridge = TestBridge::open(&guest, launch, Version::Stateful).await;
    let why = bridge.error("register", json!({ "host": "attic" })).await;
    assert!(why.contains("junction-bridge join --name attic"), "{why}");
    let link = text(&run(&network, HERE, &home, &["invite"], "").stdout);
    let joined = run(&network, THERE, &guest, &["join", "--name", "attic"], &link);
    assert!(joined.status.success(), "{joined:?}");
    assert_eq!(bridge.call("register", json!({ "host": "attic" })).await["hub"], "attic");
}

/// A hub serves the port that JUNCTION_PORT says. Without it, it serves 4200, or another port where a program has that.
pub(super) async fn port_of_the_hub() {
    let (home, port) = (TestHome::new(), free_port());
    let hub = TestHub::start_on(&home, port).await;
    assert_eq!(hub.port, port);
    assert!(health(port).await.is_some());
    let Some(network) = Network::create(1) else { return };
    let home = TestHome::new();
    let hub = TestHub::start_anywhere(&network, HERE, &home, &[]).await;
    assert_eq!(hub.port, PORT);
    drop(hub);
    let bind = async || TcpListener::bind((Ipv4Addr::LOCALHOST, PORT));
    let other = network.on(HERE, bind).expect("the port is free");
    let hub = TestHub::start_anywhere(&network, HERE, &home, &[]).await;
    assert_ne!(hub.port, PORT);
    let hosts = run(&network, HERE, &home, &["hosts", "--json"], "");
    let local = named(&serde_json::from_slice(&hosts.stdout).expect("JSON"), "local");
    assert_eq!(local["address"], format!("127.0.0.1:{}", hub.port), "it is found there");
    assert_eq!(local["reachable"], true);
    drop(other);
}

/// A session that was killed is gone after the time that was set. By default that is half an hour.
pub(super) async fn times_of_the_hub() {
    let settings = [("JUNCTION_SESSION_TIMEOUT_MS", "2000"), ("JUNCTION_SWEEP_INTERVAL_MS", "500")];
    let home = TestHome::new();
    let hub = TestHub::start_with(&home, &settings).await;
    let (alice, bob) = pair(&home, &hub).await;
    bob.client.kill();
    bob.ended().await;
    alice.sees_nobody().await;
    for (name, _) in settings {
        let mut wrong = TestHub::command(&home, 0);
        wrong.env(name, "1");
        let run = hub_that_is_refused(wrong).await;
        assert!(run.code == Some(1) && run.stderr.contains(name), "{run:?}");
    }
}

/// How a hub ends that cannot start.
pub(super) async fn hub_that_is_refused(mut command: Command) -> PersonRun {
    command.stderr(Stdio::piped());
    let mut command = tokio::process::Command::from(command);
    finished(command.kill_on_drop(true).spawn().expect("it starts")).await
}

/// What `hosts --json` says with this set.
async fn hosts(place: &FormerHabits, name: &str, value: &str, flags: &[&str]) -> Value {
    let mut command = person(&place.home, place.hub.port, &[&["hosts", "--json"], flags].concat());
    command.env(name, value);
    let run = finished(command.spawn().expect("it starts")).await;
    serde_json::from_str(&run.stdout).expect("JSON")
}

pub(super) async fn hosts_by_a_variable(place: &FormerHabits) {
    let (answers, silent) = (place.hub.port, free_port());
    let known = format!("attic=127.0.0.1:{answers},cellar=127.0.0.1:{silent},shed=127.0.0.1");
    let listed = hosts(place, "JUNCTION_KNOWN_HOSTS", &known, &[]).await;
    let shown = |name: &str| {
        let host = named(&listed, name);
        (host["address"].as_str().expect("an address").to_owned(), host["reachable"] == true)
    };
    assert_eq!(shown("attic"), (format!("127.0.0.1:{answers}"), true));
    assert_eq!(shown("cellar"), (format!("127.0.0.1:{silent}"), false));
    assert_eq!(shown("shed").0, "127.0.0.1:4200");
    assert_eq!(named(&listed, "attic")["linked"], false);
}

pub(super) async fn file_of_settings(place: &FormerHabits) {
    // Where the programs are started there is a file, of which the hub would refuse the number.
    let file = place.home.path().join(".env");
    let wrong = "JUNCTION_SWEEP_INTERVAL_MS=1\nJUNCTION_KNOWN_HOSTS=attic=127.0.0.1\n";
    std::fs::write(&file, wrong).expect("written");
    let listed = hosts(place, "JUNCTION_LOG", "warn", &[]).await;
    assert!(listed["hosts"].as_array().expect("a list").iter().all(|host| host["name"] != "attic"));
    let home = TestHome::new();
    let mut command = TestHub::command(&home, 0);
    command.current_dir(place.home.path()).stderr(Stdio::piped());
    let mut hub = command.spawn().expect("it starts");
    let stderr = hub.stderr.take().expect("a pipe");
    let said = std::io::BufRead::lines(std::io::BufReader::new(stderr)).next();
    hub.kill().and_then(|()| hub.wait()).expect("it is killed");
    assert!(said.expect("a line").expect("text").contains("serves 127.0.0.1:"));
    std::fs::remove_file(file).expect("removed");
    // A variable counts, and a flag counts more.
    let local = |hosts: &Value| named(hosts, "local")["address"].clone();
    let (variable, flag) = (free_port(), free_port());
    let by_variable = hosts(place, "JUNCTION_PORT", &variable.to_string(), &[]).await;
    assert_eq!(local(&by_variable), format!("127.0.0.1:{variable}"));
    let flags = ["--port", &flag.to_string()];
    let by_flag = hosts(place, "JUNCTION_PORT", &variable.to_string(), &flags).await;
    assert_eq!(local(&by_flag), format!("127.0.0.1:{flag}"));
}

pub(super) async fn address_of_the_hub(place: &FormerHabits) {
    let nowhere = format!("127.0.0.1:{}", free_port());
    let here = format!("127.0.0.1:{}", place.hub.port);
    let url = format!("http://{nowhere}");
    // Nothing but the address of the original is said: the hub of this machine is found.
    let found = peers(place, None, &[], &url).await;
    assert!(found.code == Some(0) && found.stdout.contains("stdio"), "{found:?}");
    let named = peers(place, Some(&nowhere), &[], &url).await;
    assert!(named.code == Some(1) && named.stderr.contains(&nowhere), "{named:?}");
    let by_flag = peers(place, Some(&nowhere), &["--hub", &here], &url).await;
    assert!(by_flag.code == Some(0) && by_flag.stdout.contains("stdio"), "{by_flag:?}");
    let refused = peers(place, Some(&here), &["--junction-url", &url], &url).await;
    assert!(refused.code == Some(2) && refused.stderr.contains("--junction-url"), "{refused:?}");
}

/// The sessions that a person is shown who has set JUNCTION_URL, and JUNCTION_HUB if there is a hub to name.
async fn peers(place: &FormerHabits, hub: Option<&str>, flags: &[&str], url: &str) -> PersonRun {
    let mut command = person(&place.home, 1, &[&["peers"], flags].concat());
    command.env_remove("JUNCTION_HUB").env("JUNCTION_URL", url);
    command.envs(hub.map(|hub| ("JUNCTION_HUB", hub)));
    finished(command.spawn().expect("it starts")).await
}
