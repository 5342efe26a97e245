//! What else the original did: its installation, its pages, its monitor, its skills and its script.

use std::process::Command;

use junction_testkit::memory_scan::{Needle, ScannedProcess, are_gone};
use junction_testkit::{
    HttpClient, Network, TestBridge, TestGateway, TestHome, TestHub, TestWatch, Version, finished,
    installed_person, person, skipped, texts, within,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::settings::hub_that_is_refused;
use super::tools::send;
use super::{FormerHabits, aliases, open_gateway};

/// The tools that the blocks of the skill `inject-junction` name.
const INJECTED: [&str; 7] = [
    "register",
    "list_peers",
    "send_message",
    "read_messages",
    "wait_for_peer",
    "known_hosts",
    "disconnect",
];
/// The page with the recipes.
const RECIPES: &str = include_str!("../../../../docs/recipes.md");

impl FormerHabits {
    /// What cargo installs from a clone, and `setup` then writes, is a client's way to the junction.
    pub(super) async fn installation(&self) {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["metadata", "--locked", "--offline", "--format-version", "1"]);
        let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
        assert!(output.status.success(), "{output:?}");
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let packages = metadata["packages"].as_array().expect("a list").iter();
        let root = packages.into_iter().find(|package| package["name"] == "agent-junction");
        let targets = root.expect("the root package")["targets"].as_array().expect("a list").iter();
        let programs = targets.filter(|target| target["kind"] == json!(["bin"]));
        let mut programs: Vec<_> = programs.map(|program| program["name"].as_str()).collect();
        programs.sort_unstable();
        let installed = ["junction-bridge", "junction-hub", "junction-page"];
        assert_eq!(programs, installed.map(Some));

        let home = TestHome::installed();
        let mut setup = installed_person(&home, &["setup", "claude"]);
        let user = home.path().join("user");
        std::fs::create_dir(&user).expect("a directory");
        setup.env("HOME", &user).env_remove("CLAUDE_CONFIG_DIR");
        let run = finished(setup.spawn().expect("it starts")).await;
        assert_eq!(run.code, Some(0), "{run:?}");
        let settings = std::fs::read(user.join(".claude.json")).expect("settings");
        let settings: Value = serde_json::from_slice(&settings).expect("JSON");
        let program = settings["mcpServers"]["junction"]["command"].as_str().expect("a program");
        let launch = TestBridge::launch_program(program, &self.home, self.hub.port);
        let mut bridge = TestBridge::open(&self.home, launch, Version::Stateful).await;
        bridge.register("set-up").await;
        self.bridge.sees("set-up", "online").await;
    }

    pub(super) async fn mcp_over_http(&self) {
        let call = self.open.tool_call("list_peers", &json!({}));
        let refused = self.hub_at("/mcp").post(&call).await;
        assert_eq!(refused.status, 404);
        assert!(refused.body.contains("junction-bridge gateway --compat"), "{refused:?}");
        let opened = self.open.clone().initialize("original").await;
        assert_eq!(opened["serverInfo"]["name"], "agent-junction");
        let desk = self.gateway.add(&self.home, "desk").await;
        assert_eq!(desk.call("register", json!({})).await["alias"], "desk");
        let secret = HttpClient::new(desk.address, "/mcp/desk");
        assert_eq!(secret.post(&call).await.status, 404, "its name alone leads nowhere");
        let Some(network) = Network::create(1) else { return };
        network.on(1, async || {
            let home = TestHome::installed();
            let command = installed_person(&home, &["gateway", "--compat"]);
            let mut gateway = TestGateway::of(command).await;
            let open = gateway.line_with("every program of your user").await;
            assert!(open.ends_with("http://127.0.0.1:4200/mcp"), "{open}");
            let mut client = HttpClient::new(([127, 0, 0, 1], 4200).into(), "/mcp");
            client.initialize("original").await;
        });
    }

    pub(super) async fn health(&self) {
        let fields = ["activePeers", "mode", "status", "uptime", "version"];
        for client in [HttpClient::new(self.open.address, "/health"), self.hub_at("/health")] {
            let health = client.ask("GET", "", b"").await.json();
            let mut names: Vec<_> = health.as_object().expect("an object").keys().collect();
            names.sort_unstable();
            assert_eq!(names, fields);
            assert_eq!(health["status"], "ok");
        }
    }

    pub(super) async fn status_and_events(&self) {
        for path in ["/status", "/events"] {
            assert_eq!(self.hub_at(path).ask("GET", "", b"").await.status, 401, "{path}");
        }
        let status = self.person(&["status", "--json"]).await;
        let lines = status.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let lines: Vec<Value> = lines.collect();
        assert_eq!(
            (&lines[0]["running"], &lines[0]["process"]),
            (&json!(true), &json!(self.hub.pid()))
        );
        let events = self.events_until_mail("seen-by-its-owner").await;
        let mut snapshots = events.iter().filter(|event| event["event"] == "snapshot");
        let snapshot = snapshots.next().expect("a snapshot");
        let sessions = snapshot["sessions"].as_array().expect("a list");
        assert!(sessions.iter().any(|session| session["alias"] == "stdio"), "{snapshot}");
    }

    /// What `watch --all` shows from its start until the session with a bridge has written to an agent of this alias.
    async fn events_until_mail(&self, alias: &str) -> Vec<Value> {
        let mut command = person(&self.home, self.hub.port, &["watch", "--all", "--json"]);
        let mut child = command.spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut events: Vec<Value> = Vec::new();
        while !events.iter().any(|event| event["event"] == "message" && event["to"] == alias) {
            let line = within("an event", lines.next_line()).await.expect("its stdout");
            let event: Value = serde_json::from_str(&line.expect("it runs")).expect("JSON");
            let begins = event["event"] == "snapshot";
            events.push(event);
            if begins {
                self.agent(alias).await;
                self.bridge.send(alias, "for nobody else").await;
            }
        }
        events
    }

    pub(super) async fn monitor(&self) {
        assert!(self.person(&["status"]).await.contains("stdio"));
        assert!(self.person(&["peers"]).await.contains("stdio"));
        let mut watch = TestWatch::start(&self.home, self.hub.port).await;
        let visitor = TestBridge::join(&self.home, &self.hub, "visitor").await;
        let is_visitor = |event: &Value| event["alias"] == "visitor";
        watch.event("peer", |event| is_visitor(event) && event["change"] == "came").await;
        visitor.send("kurt", "to you").await;
        let shown = watch.event("message", |event| event["from"] == "visitor").await;
        assert_eq!(shown["message"], "to you");
        visitor.client.close_stdin();
        visitor.ended().await;
        watch.event("peer", |event| is_visitor(event) && event["change"] == "left").await;
        let events = self.events_until_mail("watched").await;
        let last = events.last().expect("an event");
        assert_eq!((&last["from"], &last["to"]), (&json!("stdio"), &json!("watched")));
        assert!(!json!(events).to_string().contains("for nobody else"), "{events:?}");
        let (code, errors) = watch.interrupt().await;
        assert!(code == Some(0) && !errors.contains("for nobody else"), "{errors}");
    }

    pub(super) async fn aliases(&self) {
        let agent = self.newcomer().await;
        let registered = agent.call("register", json!({})).await;
        let alias = registered["alias"].as_str().expect("an alias");
        let words: Vec<_> = alias.split('-').collect();
        let is_word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase());
        assert!(words.len() == 2 && words.iter().all(is_word), "{alias}");
        self.agent("my-name").await;
    }

    pub(super) async fn message_types(&self) {
        let (lead, worker) = (self.agent("lead").await, self.agent("worker").await);
        for kind in ["task_assignment", "handover_ready"] {
            let text = json!({ "type": kind, "task": "tests" }).to_string();
            send(&lead, "worker", &text).await;
            assert_eq!(worker.read().await, [text]);
        }
        for tool in self.tools().await {
            assert!(tool["description"].as_str().is_some_and(|it| !it.is_empty()), "{tool}");
        }
        for recipe in ["## Hand work over", "## Lead and workers"] {
            assert!(RECIPES.lines().any(|line| line == recipe), "{recipe}");
        }
    }

    pub(super) async fn injected_blocks(&self) {
        let tools = self.tools().await;
        for name in INJECTED {
            assert!(tools.iter().any(|tool| tool["name"] == name), "{name}");
        }
    }

    /// The tools as a client is told of them.
    async fn tools(&self) -> Vec<Value> {
        let agent = self.newcomer().await;
        let listed = agent.post(&agent.request("tools/list", &json!({}))).await.json();
        listed["result"]["tools"].as_array().expect("a list").clone()
    }

    /// Others have no limit here, so this is a gateway of its own, with the one that all have by default.
    pub(super) async fn broadcast(&self) {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let by_default = |home: &TestHome, hub, arguments: &[&str]| {
            let mut command = TestGateway::command(home, hub, arguments);
            command.env_remove("JUNCTION_SEND_LIMIT");
            command
        };
        let (_gateway, open) = open_gateway(by_default, &home, hub.port).await;
        let mut agents = Vec::new();
        for _ in 0..7 {
            let mut agent = open.clone();
            agent.initialize("original").await;
            agent.call("register", json!({})).await;
            agents.push(agent);
        }
        let sender = agents.pop().expect("an agent");
        let peers = sender.call("list_peers", json!({})).await;
        let aliases = aliases(&peers);
        let (last, first) = aliases.split_last().expect("peers");
        assert_eq!(first.len(), 5);
        for alias in first {
            send(&sender, alias, "to all").await;
        }
        let refused = async |to: &str| {
            let message = json!({ "target_alias": to, "message": "one more" });
            sender.error("send_message", message).await
        };
        let error = refused(last).await;
        assert!(error.contains("limit of new receivers per minute"), "{error}");
        for _ in 5..30 {
            send(&sender, first[0], "again").await;
        }
        let error = refused(first[0]).await;
        assert!(error.contains("limit of messages per minute"), "{error}");
        let mut read = Vec::new();
        for agent in &agents {
            read.extend(agent.read().await);
        }
        assert_eq!(read.iter().filter(|text| *text == "to all").count(), 5);
    }

    /// What waits in the hub, and has come through it, is nowhere in its memory.
    pub(super) async fn hub_cannot_read(&self) {
        let (alice, bob) = (self.agent("sealing").await, self.agent("opening").await);
        let text = format!("nobody but its reader {}", std::process::id());
        send(&alice, "opening", &text).await;
        let hub = ScannedProcess { name: "the hub", pid: self.hub.pid() };
        if hub.is_readable() {
            are_gone(&[hub], &[&Needle::new("the text", text.clone())]).await;
        } else {
            skipped("only root can read a hub's memory");
        }
        assert_eq!(bob.read().await, [text]);
    }

    pub(super) async fn session_ids(&self) {
        let call = self.open.tool_call("list_peers", &json!({}));
        assert_eq!(self.open.post(&call).await.status, 400);
        let mut stranger = self.open.clone();
        stranger.session = Some("c0ffee".to_owned());
        assert_eq!(stranger.post(&call).await.status, 404);
        let (agent, other) = (self.agent("ends-itself").await, self.agent("stays").await);
        assert!(agent.session.is_some());
        assert_eq!(agent.ask("GET", "", b"").await.status, 405);
        assert_eq!(agent.ask("DELETE", "", b"").await.status, 204);
        let gone = json!({ "alias": "ends-itself", "state": "gone", "timeout_seconds": 30 });
        assert_eq!(other.call("wait_for_peer", gone).await["found"], true);
        assert_eq!(agent.post(&call).await.status, 404);
    }

    pub(super) async fn long_bodies(&self) {
        let agent = self.newcomer().await;
        let call = agent.tool_call("list_peers", &json!({})).to_string();
        let body = |bytes: usize| call.clone() + &" ".repeat(bytes - call.len());
        assert_eq!(agent.ask("POST", "", body(1 << 20).as_bytes()).await.status, 200);
        let refused = agent.ask("POST", "", body((1 << 20) + 1).as_bytes()).await;
        assert_eq!(refused.status, 413);
        assert!(refused.body.starts_with("The message is longer than 1 MiB."), "{refused:?}");
    }

    pub(super) async fn several_clients(&self) {
        let (one, two) = (self.agent("one-of-two").await, self.agent("two-of-two").await);
        assert_eq!(one.path, two.path);
        send(&one, "two-of-two", "to the other").await;
        assert_eq!(two.read().await, ["to the other"]);
        let named = ["attic", "cellar"].map(|name| self.gateway.add(&self.home, name));
        let named = futures_util::future::join_all(named).await;
        assert_ne!(named[0].path, named[1].path);
        send(&named[0], "one-of-two", "from the attic").await;
        assert_eq!(one.read().await, ["from the attic"]);
    }

    /// What the original's script did, with what its agents were told: two agents register, find each other and exchange three
    /// rounds; what each has heard is checked afterwards.
    pub(super) async fn end_to_end_script(&self) {
        let demo = self.person(&["demo"]).await;
        assert!(!demo.is_empty());
        let (researcher, writer) = (self.newcomer().await, self.newcomer().await);
        let rounds = async |own: &HttpClient, role: &str, other: &str, begins: bool| {
            let card = json!({ "repo": "e2e", "task": "three rounds", "role": role });
            own.call("register", card).await;
            let wait = json!({ "expected_role": other, "timeout_seconds": 60 });
            let found = own.call("wait_for_peer", wait).await;
            assert_eq!(found["found"], true, "{found}");
            let peer = found["peers"][0]["alias"].as_str().expect("an alias");
            let mut heard = Vec::new();
            for round in 1..=3 {
                let text = format!("{role} {round}");
                if begins {
                    send(own, peer, &text).await;
                }
                let read = own.call("read_messages", json!({ "wait_seconds": 60 })).await;
                heard.extend(read["messages"].as_array().expect("a list").clone());
                if !begins {
                    send(own, peer, &text).await;
                }
            }
            own.call("disconnect", json!({})).await;
            heard
        };
        let both = futures_util::future::join(
            rounds(&researcher, "researcher", "writer", true),
            rounds(&writer, "writer", "researcher", false),
        );
        let (heard, answered) = within("three rounds", both).await;
        assert_eq!(texts(&heard), ["writer 1", "writer 2", "writer 3"]);
        assert_eq!(texts(&answered), ["researcher 1", "researcher 2", "researcher 3"]);
    }
}

/// A port that another program has is named by the doctor, with that program, which goes on.
pub(super) async fn port_check() {
    let holder = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = holder.local_addr().expect("an address").port();
    let home = TestHome::new();
    let mut doctor = person(&home, port, &["doctor"]);
    doctor.env_remove("JUNCTION_HUB").env("JUNCTION_PORT", port.to_string());
    let run = finished(doctor.spawn().expect("it starts")).await;
    let program = format!("(process {})", std::process::id());
    for words in [&format!("127.0.0.1:{port}"), "in use by", &program] {
        assert!(run.stdout.contains(words), "{words}: {run:?}");
    }
    let run = hub_that_is_refused(TestHub::command(&home, port)).await;
    assert!(run.code == Some(1) && run.stderr.contains(&port.to_string()), "{run:?}");
    let still = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
    assert!(still.is_ok(), "nothing is killed");
}
