//! The habits of those who come from the original: each line of docs/from-agent-junction-js.md is tried.

mod rest;
mod settings;
mod tools;

use junction_testkit::{
    HttpClient, TestBridge, TestGateway, TestHome, TestHub, eventually, free_port, run_person,
};
use serde_json::{Value, json};

/// The page with the habits.
const PAGE: &str = include_str!("../../../docs/from-agent-junction-js.md");

/// What the habits are tried with: a hub, a gateway that takes any client, and a session with a bridge, `stdio`.
struct FormerHabits {
    home: TestHome,
    hub: TestHub,
    /// A client of the address that takes any, without a session.
    open: HttpClient,
    bridge: TestBridge,
    gateway: TestGateway,
}

impl FormerHabits {
    async fn start() -> Self {
        let home = TestHome::new();
        let hub = TestHub::start(&home).await;
        let (gateway, open) = open_gateway(TestGateway::command, &home, hub.port).await;
        let bridge = TestBridge::join(&home, &hub, "stdio").await;
        Self { home, hub, open, bridge, gateway }
    }

    /// A client with a session that has called no tool.
    async fn newcomer(&self) -> HttpClient {
        let mut client = self.open.clone();
        client.initialize("original").await;
        client
    }

    /// A client whose agent is registered under this alias.
    async fn agent(&self, alias: &str) -> HttpClient {
        let client = self.newcomer().await;
        assert_eq!(client.call("register", json!({ "alias": alias })).await["alias"], alias);
        client
    }

    /// What a person's command prints that has to succeed.
    async fn person(&self, arguments: &[&str]) -> String {
        let run = run_person(&self.home, self.hub.port, arguments).await;
        assert_eq!(run.code, Some(0), "{arguments:?}: {run:?}");
        run.stdout
    }

    /// A client of the hub's own port.
    fn hub_at(&self, path: &str) -> HttpClient {
        HttpClient::new(([127, 0, 0, 1], self.hub.port).into(), path)
    }

    /// Tries the habit that has this in its first cell. False if there is none such.
    async fn tries(&self, habit: &str) -> bool {
        let name = habit.split(['`', '(', ' ', ',']).find(|word| !word.is_empty()).unwrap_or("");
        match name {
            "register" => self.register().await,
            "list_peers" => self.list_peers().await,
            "send_message" => self.send_message().await,
            "Peer" => self.unknown_peer().await,
            "read_messages" => self.read_messages().await,
            "wait_for_peer" => self.wait_for_peer().await,
            "known_hosts" => self.known_hosts().await,
            "disconnect" => self.disconnect().await,
            "JUNCTION_HOST" => settings::host_of_the_hub().await,
            "JUNCTION_PORT" => settings::port_of_the_hub().await,
            "JUNCTION_SESSION_TIMEOUT_MS" => settings::times_of_the_hub().await,
            "JUNCTION_KNOWN_HOSTS" => settings::hosts_by_a_variable(self).await,
            ".env" => settings::file_of_settings(self).await,
            "JUNCTION_URL" => settings::address_of_the_hub(self).await,
            "npx" => self.installation().await,
            "MCP" => self.mcp_over_http().await,
            "GET" if habit.contains("/health") => self.health().await,
            "GET" => self.status_and_events().await,
            "aliases" => self.aliases().await,
            "broadcast" => self.broadcast().await,
            "port" => rest::port_check().await,
            "session" => self.session_ids().await,
            "bodies" => self.long_bodies().await,
            "several" => self.several_clients().await,
            "test/run-e2e.sh" => self.end_to_end_script().await,
            "the" if habit.contains("monitor app") => self.monitor().await,
            "the" if habit.contains("use-junction") => self.message_types().await,
            "the" if habit.contains("inject-junction") => self.injected_blocks().await,
            "the" if habit.contains("encrypted each inbox") => self.hub_cannot_read().await,
            _ => return false,
        }
        true
    }
}

/// A gateway that serves any client, by a command that takes the home, the hub's port and what else is to be said; and a client
/// of it.
async fn open_gateway(
    command: impl FnOnce(&TestHome, u16, &[&str]) -> tokio::process::Command,
    home: &TestHome,
    hub: u16,
) -> (TestGateway, HttpClient) {
    let port = free_port();
    let mut gateway = TestGateway::of(command(home, hub, &["--compat", &port.to_string()])).await;
    gateway.line_with("Serving MCP to every program").await;
    (gateway, HttpClient::new(([127, 0, 0, 1], port).into(), "/mcp"))
}

/// Waits until this client sees the agent with this alias so.
async fn sees(client: &HttpClient, alias: &str, field: &str, value: &str) {
    eventually(&format!("{field} of {alias} is {value}"), async || {
        let peers = client.call("list_peers", json!({ "limit": 200 })).await;
        let peers = peers["peers"].as_array().expect("a list").iter();
        peers.into_iter().any(|peer| peer["alias"] == alias && peer[field] == value).then_some(())
    })
    .await;
}

/// The aliases in a list of peers.
fn aliases(listed: &Value) -> Vec<&str> {
    let peers = listed["peers"].as_array().expect("a list").iter();
    peers.map(|peer| peer["alias"].as_str().expect("an alias")).collect()
}

/// The first cells of the table in a section of the page.
fn habits(section: &str) -> Vec<&'static str> {
    let (_, rest) = PAGE.split_once(&format!("\n## {section}\n")).expect("a section");
    first_cells(rest.split("\n## ").next().unwrap_or_default())
}

fn first_cells(text: &'static str) -> Vec<&'static str> {
    let lines = text.lines().filter(|line| line.starts_with("| "));
    let cells = lines.filter_map(|line| line.split('|').nth(1)).map(str::trim);
    cells.filter(|cell| *cell != "there").collect()
}

/// Tries what a section of the page lists.
async fn work_as_it_says(section: &str) {
    let place = FormerHabits::start().await;
    for habit in habits(section) {
        assert!(place.tries(habit).await, "nothing tries {habit:?}");
    }
}

#[tokio::test]
async fn tools_that_the_page_lists_work_as_it_says() {
    work_as_it_says("Tools").await;
}

#[tokio::test]
async fn settings_that_the_page_lists_work_as_it_says() {
    work_as_it_says("Settings").await;
}

#[tokio::test]
async fn the_rest_that_the_page_lists_works_as_it_says() {
    work_as_it_says("The rest").await;
}

#[test]
fn no_habit_that_the_page_lists_is_in_another_section() {
    let tried: Vec<_> = ["Tools", "Settings", "The rest"].into_iter().flat_map(habits).collect();
    assert_eq!(tried, first_cells(PAGE));
    assert!(tried.len() > 25, "the page was read");
}
