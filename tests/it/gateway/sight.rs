//! What people are shown of the gateway and its agents.

use std::net::SocketAddr;

use junction_testkit::{
    PersonRun, TestHome, TestHub, TestPage, Transport, eventually, http_at, person, run_person,
};
use serde_json::{Value, json};
use tokio::process::Child;

/// A gateway that runs, on a port that the system chose.
struct SeenGateway<'h> {
    home: &'h TestHome,
    hub: u16,
    base: String,
    _process: Child,
}

impl<'h> SeenGateway<'h> {
    async fn start(home: &'h TestHome, hub: &TestHub) -> Self {
        let process = person(home, hub.port, &["gateway", "--listen", "0"]).spawn();
        let hub = hub.port;
        let base = eventually("the gateway serves", async || mcp_url(home, hub).await).await;
        let socket = home.runtime("person").join("agent-junction");
        eventually("its socket is there", async || {
            let names = std::fs::read_dir(&socket).ok()?.filter_map(Result::ok);
            let mut names = names.filter_map(|entry| entry.file_name().into_string().ok());
            names.find(|name| name.starts_with("gateway-")).map(|_| ())
        })
        .await;
        Self { home, hub, base, _process: process.expect("it starts") }
    }

    /// Runs a command of the gateway's user.
    async fn run(&self, arguments: &[&str]) -> PersonRun {
        let mut command = person(self.home, self.hub, arguments);
        command.env("HOME", self.home.path());
        junction_testkit::finished(command.spawn().expect("it starts")).await
    }

    /// What a command prints, as JSON lines.
    async fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let run = self.run(arguments).await;
        let line = |line: &str| serde_json::from_str(line).expect("JSON alone");
        run.stdout.lines().map(line).collect()
    }

    /// What a tool answers the client that has this address.
    async fn call(&self, address: &str, tool: &str, arguments: Value) -> Value {
        let rest = address.strip_prefix("http://").expect("an address without TLS");
        let (place, path) = rest.split_once('/').expect("a path");
        let body = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool, "arguments": arguments },
        })
        .to_string();
        let request = format!(
            "POST /{path} HTTP/1.0\r\nHost: {place}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let place: SocketAddr = place.parse().expect("an address");
        let answer = http_at(Transport::Plain, place, request.as_bytes()).await;
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
        let answer: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
        answer["result"]["structuredContent"].clone()
    }

    /// The address of a new agent that has registered.
    async fn registered(&self, name: &str) -> String {
        let address = self.run(&["gateway", "add", name]).await.stdout.trim().to_owned();
        eventually("the agent is on the hub", async || {
            (self.call(&address, "register", json!({})).await["you"] == name).then_some(())
        })
        .await;
        address
    }
}

async fn mcp_url(home: &TestHome, hub: u16) -> Option<String> {
    let hosts = run_person(home, hub, &["hosts", "--json"]).await;
    let hosts: Value = serde_json::from_str(&hosts.stdout).expect("JSON alone");
    let local = hosts["hosts"].as_array()?.iter().find(|host| host["name"] == "local")?;
    local["mcpUrl"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn agents_are_added_and_removed_by_people() {
    let home = TestHome::new();
    let run = |arguments: &'static [&str]| run_person(&home, 1, arguments);
    let none = run(&["gateway", "list"]).await;
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), ""), "{none:?}");
    assert!(none.stderr.contains("Add one with junction-bridge gateway add NAME."), "{none:?}");
    assert!(!home.config().exists(), "to look makes nothing");
    let added = run(&["gateway", "add", "desk"]).await;
    let address = added.stdout.strip_suffix('\n').expect("a line");
    let secret = address.strip_prefix("http://127.0.0.1:4201/mcp/").expect("the usual address");
    assert!(secret.len() == 43 && !secret.contains('\n'), "{added:?}");
    assert!(added.stderr.contains("Two clients with one address are one agent."), "{added:?}");
    assert!(added.stderr.contains("No gateway is running."), "{added:?}");
    assert_eq!(run(&["gateway", "add", "desk"]).await.stdout, added.stdout, "it is there");
    assert_eq!(run(&["gateway", "list"]).await.stdout, "desk  not served\n");
    let shown = run(&["gateway", "list", "--json"]).await.stdout;
    assert_eq!(shown, "{\"name\":\"desk\",\"running\":false}\n");
    let doctor = run(&["doctor"]).await;
    assert!(
        doctor.stdout.contains("warn  gateway: No gateway is running, so these agents"),
        "{doctor:?}"
    );
    let status = run(&["status"]).await.stdout;
    assert!(status.contains("Gateway not running, 1 agent with an address"), "{status}");
    let other = run(&["gateway", "remove", "shop"]).await;
    assert_eq!(other.code, Some(1));
    assert_eq!(
        other.stderr,
        "Error: The gateway has no agent shop. See which it has with junction-bridge gateway list.\n"
    );
    let removed = run(&["gateway", "remove", "desk"]).await;
    assert_eq!(removed.stdout, "Removed desk: its address leads nowhere from now on.\n");
    let again = run(&["gateway", "add", "desk"]).await.stdout;
    assert_ne!(again, added.stdout, "a name that is added again has another address");
}

#[tokio::test]
async fn agent_behind_the_gateway_is_shown_among_the_sessions() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let gateway = SeenGateway::start(&home, &hub).await;
    assert!(gateway.base.starts_with("http://127.0.0.1:"), "{}", gateway.base);
    gateway.run(&["gateway", "add", "idle"]).await;
    let address = gateway.registered("desk").await;
    let secret = address.strip_prefix(&format!("{}/", gateway.base)).expect("a secret");
    let hosts = gateway.call(&address, "known_hosts", json!({})).await;
    assert_eq!(hosts["hosts"][0]["mcpUrl"], gateway.base.as_str(), "{hosts}");
    let list = gateway.lines(&["gateway", "list", "--json"]).await;
    let (desk, idle) = (&list[0], &list[1]);
    assert_eq!((&desk["connection"], &desk["alias"]), (&json!("connected"), &json!("desk")));
    assert_eq!((&desk["reach"], &desk["why"]), (&json!("pull"), &json!("no-way")));
    assert_eq!(*idle, json!({ "name": "idle", "running": false }));
    let status = gateway.lines(&["status", "--json"]).await;
    let shown = &status[0]["gateway"];
    assert_eq!(shown["addresses"], json!([gateway.base]));
    assert_eq!((&shown["agents"], &shown["runningAgents"]), (&json!(2), &json!(1)));
    let desk = status[1..].iter().find(|session| session["alias"] == "desk").expect("a session");
    assert_eq!((&desk["http"], &desk["why"]), (&json!(true), &json!("no-way")), "{desk}");
    let mut said = Vec::new();
    for arguments in [&["status"][..], &["doctor"], &["gateway", "list"], &["hosts"]] {
        said.push(gateway.run(arguments).await.stdout);
    }
    assert!(said.iter().all(|said| !said.contains(secret)), "no secret is shown: {said:#?}");
    assert!(said[0].contains("2 agents with an address, 1 agent running"), "{}", said[0]);
    assert!(said[0].contains("pull (no-way, over HTTP)"), "{}", said[0]);
    assert!(said[1].contains(&format!("gateway: Serves MCP over HTTP at {}", gateway.base)));
    assert!(said[1].contains("Nothing wakes desk (over HTTP)"), "{}", said[1]);
    assert!(!said[1].contains("bridges, so others see it"), "{}", said[1]);
    assert!(said[2].contains("desk  connected as desk, pull (no-way)"), "{}", said[2]);
    let trial = gateway.run(&["doctor", "--wake", "desk"]).await;
    assert_eq!(trial.code, Some(1));
    assert!(trial.stdout.contains("Nothing wakes desk (over HTTP)"), "{trial:?}");
}

#[tokio::test]
async fn page_shows_the_agent_and_can_remove_but_not_hold_it() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let gateway = SeenGateway::start(&home, &hub).await;
    let address = gateway.registered("desk").await;
    let page = TestPage::start(&home, hub.port).await;
    let visit = page.open(&page.link).await.expect("a visit");
    let mut tab = page.tab(&visit.cookie, &visit.key).await.expect("a tab");
    tab.show().await;
    let own = tab.until("its own session", |frame| frame["own"].get(0).cloned()).await;
    assert_eq!((&own["alias"], &own["http"]), (&json!("desk"), &json!(true)), "{own}");
    assert_eq!((&own["reach"], &own["why"]), (&json!("pull"), &json!("no-way")), "{own}");
    let headers = page.own_headers(&visit);
    let held = page.act("hold", &headers, r#"{"alias":"desk","seconds":600}"#).await;
    assert!(held.contains("desk is reached over HTTP, so no message wakes it"), "{held}");
    let all = page.act("hold", &headers, r#"{"alias":null,"seconds":600}"#).await;
    assert!(all.starts_with("HTTP/1.0 200"), "{all}");
    let removed = page.act("remove", &headers, r#"{"alias":"desk"}"#).await;
    assert!(removed.starts_with("HTTP/1.0 200"), "{removed}");
    tab.until("it has left", |frame| (frame["own"] == json!([])).then_some(())).await;
    let list = gateway.lines(&["gateway", "list", "--json"]).await;
    assert_eq!((&list[0]["running"], &list[0]["connection"]), (&json!(true), &json!("left")));
    let back = gateway.call(&address, "register", json!({ "alias": "desk" })).await;
    assert_eq!(back["alias"], "desk", "{back}");
    tab.until("it is back", |frame| (frame["own"][0]["alias"] == "desk").then_some(())).await;
}
