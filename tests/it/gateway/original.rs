//! The habits of those who come from the original: each line of docs/from-agent-junction-js.md is tried.

use junction_testkit::memory_scan::{Needle, ScannedProcess, are_gone};
use junction_testkit::{
    HttpClient, TestBridge, TestGateway, TestHome, TestHub, free_port, run_person, skipped, within,
};
use serde_json::{Value, json};

/// The page with the habits.
const PAGE: &str = include_str!("../../../docs/from-agent-junction-js.md");

/// What the habits are tried with: a hub, a gateway that takes any client, two clients, and a session with a bridge.
struct FormerHabits {
    home: TestHome,
    hub: TestHub,
    open: HttpClient,
    alice: HttpClient,
    bob: HttpClient,
    bridge: TestBridge,
    _gateway: TestGateway,
}

impl FormerHabits {
    async fn start() -> Self {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let port = free_port();
        let (gateway, open) = open_gateway(&home, hub.port, port).await;
        let (mut alice, mut bob) = (open.clone(), open.clone());
        alice.initialize("alice").await;
        bob.initialize("bob").await;
        let bridge = TestBridge::join(&home, &hub, "stdio").await;
        Self { home, hub, open, alice, bob, bridge, _gateway: gateway }
    }

    /// The alias of bob.
    async fn bob(&self) -> Value {
        self.bob.call("register", json!({})).await["alias"].clone()
    }

    /// Tries the habit that has this in its first cell. False if there is none such.
    async fn tries(&self, habit: &str) -> bool {
        let name = habit.split(['`', '(', ' ', ',']).find(|word| !word.is_empty()).unwrap_or("");
        match name {
            "register" => self.register().await,
            "list_peers" => self.list_peers().await,
            "send_message" | "read_messages" => self.messages().await,
            "Peer" => self.unknown_peer().await,
            "wait_for_peer" => self.wait_for_peer().await,
            "known_hosts" => self.known_hosts().await,
            "disconnect" => self.disconnect().await,
            "JUNCTION_HOST" | "JUNCTION_PORT" | "JUNCTION_SESSION_TIMEOUT_MS" => {
                self.hub_settings().await;
            }
            "JUNCTION_KNOWN_HOSTS" | ".env" | "JUNCTION_URL" => self.host_settings().await,
            "npx" => self.programs().await,
            "MCP" | "session" | "bodies" | "several" => self.over_http().await,
            "GET" => self.status().await,
            "the" => self.words_of(habit).await,
            "aliases" => self.aliases().await,
            "broadcast" => self.broadcast().await,
            "port" => self.taken_port().await,
            "test/run-e2e.sh" => end_to_end_script().await,
            _ => return false,
        }
        true
    }

    async fn register(&self) {
        let card = json!({ "repo": "shop", "task": "checkout", "role": "worker" });
        let first = self.alice.call("register", card.clone()).await;
        for (name, value) in card.as_object().expect("it is there") {
            assert_eq!(first["context"][name], *value);
        }
        assert!(
            first["peerCount"].is_u64()
                && first["fingerprint"].is_string()
                && first["hub"].is_string()
        );
        let second =
            self.alice.call("register", json!({ "task": "payment", "role": "none" })).await;
        assert_eq!(second["alias"], first["alias"]);
        let context = &second["context"];
        assert_eq!((&context["repo"], &context["task"]), (&json!("shop"), &json!("payment")));
        assert_eq!(context.get("role"), None, "none clears it");
    }

    async fn list_peers(&self) {
        self.bob.call("register", json!({ "role": "reviewer" })).await;
        let all = self.alice.call("list_peers", json!({})).await;
        assert!(all["peers"].is_array() && all["total"].is_u64());
        let peer = &self.alice.call("list_peers", json!({ "role": "reviewer" })).await["peers"][0];
        assert_eq!(peer["presence"], "online");
        assert!(peer["reach"].is_string() && peer["connectedAt"].is_string());
    }

    async fn messages(&self) {
        let text = json!({ "type": "task_assignment", "task": "tests" }).to_string();
        let send = json!({ "target_alias": self.bob().await, "message": text });
        let sent = self.alice.call("send_message", send).await;
        assert!(
            ["accepted", "opened"].contains(&sent["status"].as_str().expect("it is there")),
            "{sent}"
        );
        let read = self.bob.call("read_messages", json!({})).await;
        let message = &read["messages"]
            .as_array()
            .expect("it is there")
            .iter()
            .find(|it| it["id"] == sent["id"])
            .expect("it is there");
        assert_eq!(message["message"], text);
        assert!(message["from"].is_string() && message["timestamp"].is_string());
        assert_eq!(self.bob.call("read_messages", json!({})).await["messages"], json!([]));
        let long = json!({ "target_alias": self.bob().await, "message": "x".repeat(65_537) });
        let error = self.alice.error("send_message", long).await;
        assert!(error.contains("65536 bytes"), "{error}");
    }

    async fn unknown_peer(&self) {
        let send = json!({ "target_alias": "no-such-peer", "message": "hello" });
        assert!(self.alice.error("send_message", send).await.contains("list_peers"));
    }

    async fn wait_for_peer(&self) {
        self.bob.call("register", json!({ "role": "tester" })).await;
        let wait = json!({ "expected_role": "tester", "timeout_seconds": 30 });
        let found = self.alice.call("wait_for_peer", wait).await;
        assert_eq!(found["found"], true);
        let wait = json!({ "expected_role": "nobody", "timeout_seconds": 0 });
        let none = self.alice.call("wait_for_peer", wait).await;
        assert_eq!((&none["found"], &none["reason"]), (&json!(false), &json!("timeout")));
        assert!(none["waited_seconds"].is_number());
    }

    async fn known_hosts(&self) {
        let hosts = self.alice.call("known_hosts", json!({})).await;
        let local = hosts["hosts"]
            .as_array()
            .expect("it is there")
            .iter()
            .find(|host| host["name"] == "local");
        let local = local.expect("this machine's own");
        assert_eq!(local["mcpUrl"], format!("http://{}/mcp", self.open.address));
        assert!(local["healthUrl"].as_str().expect("it is there").ends_with("/health"));
    }

    async fn disconnect(&self) {
        let mut carol = self.open.clone();
        carol.initialize("carol").await;
        let alias = carol.call("register", json!({})).await["alias"].clone();
        let left = carol.call("disconnect", json!({})).await;
        assert_eq!((&left["disconnected"], &left["unconfirmed"]), (&json!(true), &json!([])));
        let gone = json!({ "alias": alias, "state": "gone", "timeout_seconds": 30 });
        assert_eq!(self.alice.call("wait_for_peer", gone).await["found"], true);
        assert!(carol.call("register", json!({})).await["alias"].is_string(), "it joins again");
    }

    async fn hub_settings(&self) {
        let home = TestHome::new();
        let settings = [
            ("JUNCTION_HOST", "127.0.0.1"),
            ("JUNCTION_SESSION_TIMEOUT_MS", "60000"),
            ("JUNCTION_SWEEP_INTERVAL_MS", "1000"),
        ];
        let hub = TestHub::start_with(&home, &settings).await;
        let health = junction_testkit::health(hub.port).await.expect("it serves the port");
        assert_eq!(health["mode"], "localhost");
    }

    async fn host_settings(&self) {
        let home = TestHome::new();
        std::fs::write(home.path().join(".env"), "JUNCTION_KNOWN_HOSTS=dotenv=127.0.0.1\n")
            .expect("it is there");
        let mut command = junction_testkit::person(&home, self.hub.port, &["hosts", "--json"]);
        command.env("JUNCTION_KNOWN_HOSTS", format!("attic=127.0.0.1:{}", self.hub.port));
        command.env("JUNCTION_URL", "http://127.0.0.1:1");
        let run = junction_testkit::finished(command.spawn().expect("it is there")).await;
        assert!(run.stdout.contains("\"attic\"") && !run.stdout.contains("dotenv"), "{run:?}");
    }

    async fn programs(&self) {
        let version = run_person(&self.home, self.hub.port, &["--version"]).await;
        assert!(version.stdout.starts_with("junction-bridge "), "{version:?}");
    }

    async fn over_http(&self) {
        let call = self.open.tool_call("list_peers", &json!({}));
        assert_eq!(self.open.post(&call).await.status, 400);
        let mut stranger = self.open.clone();
        stranger.session = Some("c0ffee".to_owned());
        assert_eq!(stranger.post(&call).await.status, 404);
        let mut carol = self.open.clone();
        let opened = carol.initialize("carol").await;
        assert_eq!(opened["serverInfo"]["name"], "agent-junction");
        assert_eq!(carol.ask("GET", "", b"").await.status, 405);
        assert!(carol.post(&carol.tool_call("register", &json!({}))).await.body.len() < 100_000);
        let large = format!("{}{}", " ".repeat(500_000), carol.tool_call("register", &json!({})));
        assert_eq!(carol.ask("POST", "", large.as_bytes()).await.status, 200);
        assert_eq!(carol.ask("POST", "", &vec![b' '; 1 << 21]).await.status, 413);
        assert_eq!(carol.ask("DELETE", "", b"").await.status, 204);
        assert_eq!(carol.post(&call).await.status, 404);
        // The hub itself has no MCP, and says where it is.
        let hub = HttpClient::new(([127, 0, 0, 1], self.hub.port).into(), "/mcp");
        let refused = hub.post(&call).await;
        assert_eq!(refused.status, 404);
        assert!(refused.body.contains("junction-bridge gateway --compat"), "{refused:?}");
    }

    async fn status(&self) {
        for address in [self.open.address, ([127, 0, 0, 1], self.hub.port).into()] {
            let health = HttpClient::new(address, "/health").ask("GET", "", b"").await.json();
            for field in ["status", "mode", "activePeers", "uptime", "version"] {
                assert!(!health[field].is_null(), "{field}: {health}");
            }
        }
        for path in ["/status", "/events"] {
            let hub = HttpClient::new(([127, 0, 0, 1], self.hub.port).into(), path);
            assert_eq!(hub.ask("GET", "", b"").await.status, 401, "{path}");
        }
    }

    /// What has a name that begins with an article.
    async fn words_of(&self, habit: &str) {
        match habit {
            _ if habit.contains("monitor app") => {
                let peers = run_person(&self.home, self.hub.port, &["peers"]).await;
                assert!(peers.stdout.contains("stdio"), "{peers:?}");
            }
            _ if habit.contains("use-junction") => self.messages().await,
            _ if habit.contains("inject-junction") => {
                let listed =
                    self.alice.post(&self.alice.request("tools/list", &json!({}))).await.json();
                let tools = listed["result"]["tools"].as_array().expect("it is there");
                for tool in
                    ["register", "list_peers", "send_message", "read_messages", "disconnect"]
                {
                    assert!(tools.iter().any(|it| it["name"] == tool), "{tool}");
                }
            }
            _ if habit.contains("encrypted each inbox") => self.hub_cannot_read().await,
            _ => panic!("{habit}"),
        }
    }

    /// What waits in the hub, and has come through it, is nowhere in its memory.
    async fn hub_cannot_read(&self) {
        let text = format!("nobody but bob {}", std::process::id());
        let send = json!({ "target_alias": self.bob().await, "message": text });
        self.alice.call("send_message", send).await;
        let hub = ScannedProcess { name: "the hub", pid: self.hub.pid() };
        if hub.is_readable() {
            are_gone(&[hub], &[&Needle::new("the text", text.clone())]).await;
        } else {
            skipped("only root can read a hub's memory");
        }
        assert!(self.bob.read().await.contains(&text));
    }

    async fn aliases(&self) {
        let mut carol = self.open.clone();
        carol.initialize("carol").await;
        let alias = carol.call("register", json!({})).await["alias"]
            .as_str()
            .expect("it is there")
            .to_owned();
        assert_eq!(alias.split('-').count(), 2, "{alias}");
        assert_eq!(carol.call("register", json!({ "alias": "carol" })).await["alias"], "carol");
    }

    async fn broadcast(&self) {
        let peers = self.alice.call("list_peers", json!({})).await["peers"].clone();
        for peer in peers.as_array().expect("it is there") {
            let send = json!({ "target_alias": peer["alias"], "message": "to all" });
            self.alice.call("send_message", send).await;
        }
        assert_eq!(self.bridge.read_one().await["message"], "to all");
        assert!(self.bob.read().await.contains(&"to all".to_owned()));
    }

    async fn taken_port(&self) {
        let holder = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("it is there");
        let port = holder.local_addr().expect("it is there").port();
        let home = TestHome::new();
        let mut command = TestHub::command(&home, port);
        let output = command.output().expect("it is there");
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(&port.to_string()), "{said}");
        assert!(
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok(),
            "nothing is killed"
        );
    }
}

/// A gateway that serves any client at this port, and a client of it.
async fn open_gateway(home: &TestHome, hub: u16, port: u16) -> (TestGateway, HttpClient) {
    let compat = port.to_string();
    let command = TestGateway::command(home, hub, &["--compat", &compat]);
    let mut gateway = TestGateway::of(command).await;
    gateway.line_with("Serving MCP to every program").await;
    (gateway, HttpClient::new(([127, 0, 0, 1], port).into(), "/mcp"))
}

/// What the original's end-to-end script did, with what its agents were told: on a port of their own, two agents register,
/// find each other and exchange three rounds; what each has heard is checked afterwards.
async fn end_to_end_script() {
    let home = TestHome::new();
    let hub = TestHub::start(&home).await;
    let (_gateway, client) = open_gateway(&home, hub.port, free_port()).await;
    let (mut researcher, mut writer) = (client.clone(), client);
    researcher.initialize("claude-code").await;
    writer.initialize("claude-code").await;
    let rounds = async |own: &HttpClient, role: &str, other: &str, begins: bool| {
        let card = json!({ "repo": "e2e", "task": "three rounds", "role": role });
        own.call("register", card).await;
        let wait = json!({ "expected_role": other, "timeout_seconds": 60 });
        let found = own.call("wait_for_peer", wait).await;
        assert_eq!(found["found"], true, "{found}");
        let peer = found["peers"][0]["alias"].clone();
        let mut log = Vec::new();
        for round in 1..=3 {
            let say = json!({ "target_alias": peer, "message": format!("{role} {round}") });
            if begins {
                own.call("send_message", say.clone()).await;
            }
            let heard = own.call("read_messages", json!({ "wait_seconds": 60 })).await;
            log.extend(heard["messages"].as_array().expect("it is there").clone());
            if !begins {
                own.call("send_message", say).await;
            }
        }
        own.call("disconnect", json!({})).await;
        log
    };
    let both = futures_util::future::join(
        rounds(&researcher, "researcher", "writer", true),
        rounds(&writer, "writer", "researcher", false),
    );
    let (heard, answered) = within("three rounds", both).await;
    let texts = |log: &[Value]| -> Vec<String> {
        log.iter()
            .map(|message| message["message"].as_str().expect("it is there").to_owned())
            .collect()
    };
    assert_eq!(texts(&heard), ["writer 1", "writer 2", "writer 3"]);
    assert_eq!(texts(&answered), ["researcher 1", "researcher 2", "researcher 3"]);
}

#[tokio::test]
async fn each_habit_that_the_page_lists_works_as_it_says() {
    let place = FormerHabits::start().await;
    let mut habits = 0;
    for line in PAGE.lines().filter(|line| line.starts_with("| ")) {
        let habit = line.split('|').nth(1).unwrap().trim();
        if habit != "there" {
            assert!(place.tries(habit).await, "nothing tries {habit:?}");
            habits += 1;
        }
    }
    assert!(habits > 25, "the page was read");
}
