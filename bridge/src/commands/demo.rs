//! `junction-bridge demo`: the main job, run before the user's eyes with real processes on a port and in a
//! home of its own. Two agents' bridges talk, the hub dies half-way, and nothing is lost.

use std::collections::HashMap;
use std::env::consts::EXE_SUFFIX;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use data_encoding::HEXLOWER;
use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::secret::random_bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::process::signals::Signals;

mod client;

use client::DemoClient;

/// The longest any one step may take; on an idle machine each takes milliseconds, but for the one that
/// waits 2 s for a dead hub.
const STEP: Duration = Duration::from_secs(20);
/// How often the end of a message is asked for: a receipt alone ends no wait.
const ASK: Duration = Duration::from_millis(50);
/// The clients that `junction-bridge setup` knows, by the names of their programs.
const SET_UP: [&str; 5] = ["claude", "codex", "gemini", "opencode", "agy"];
/// What a hub prints once it serves.
const SERVES: &str = "junction-hub serves 127.0.0.1:";

/// Runs the demo and prints its story.
///
/// # Errors
/// What went wrong, if the story does not come to its good end.
pub(crate) async fn run() -> anyhow::Result<()> {
    // Before there is anything to clean up.
    let mut signals = Signals::new()?;
    let home = Home::new()?;
    tokio::select! {
        outcome = tell(&home) => outcome,
        () = signals.next() => {
            bail!("The demo was interrupted. Run it again to see its end.")
        }
    }
}

async fn tell(home: &Home) -> anyhow::Result<()> {
    say("Agent Junction: two agents and one hub, on this machine only, keeping nothing.\n")?;
    let mut hub = step("the hub's start", DemoHub::start(home, 0)).await?;
    line("hub", &format!("serves 127.0.0.1:{}, in a temporary directory", hub.port))?;
    let mut alice = step("alice's start", DemoAgent::join(home, hub.port, "alice")).await?;
    let mut bob = step("bob's start", DemoAgent::join(home, hub.port, "bob")).await?;
    meet(&mut alice, &mut bob).await?;
    talk(&mut alice, &mut bob).await?;
    let ids = outlive(&mut hub, home, &mut alice, &mut bob).await?;
    step("alice's receipts", alice.told_read(&ids)).await?;
    line("alice", "gets the final status of each: read, read, read")?;
    let rest = step("bob's last look", bob.read_once(json!({}))).await?;
    ensure!(
        rest.is_empty(),
        "A message came twice. Please report this with `junction-bridge --version`."
    );
    for mut agent in [alice, bob] {
        step("goodbye", agent.call("disconnect", json!({}))).await?;
        step("the bridge's end", agent.client.end()).await?;
    }
    say("\nThe hub died with messages on their way; none was lost or duplicated.")?;
    say(&next_steps(&std::env::var_os("PATH").unwrap_or_default()))
}

/// What to do after the demo, with the clients that are on this PATH.
fn next_steps(path: &OsStr) -> String {
    let is_there = |client: &&str| {
        let file = format!("{client}{EXE_SUFFIX}");
        std::env::split_paths(path)
            .any(|folder| folder.is_absolute() && folder.join(&file).is_file())
    };
    let clients: Vec<_> = SET_UP.into_iter().filter(is_there).collect();
    let setup = ["junction-bridge setup"].into_iter().chain(clients).collect::<Vec<_>>().join(" ");
    format!(
        "\nNext, for your own agents:\n  {setup}\n  junction-bridge doctor   checks that all of it works\n  \
         junction-bridge ui       shows who is there and what goes on, on a page in your browser\n  \
         junction-bridge watch    shows what arrives for you, in a terminal"
    )
}

/// Alice finds bob.
async fn meet(alice: &mut DemoAgent, bob: &mut DemoAgent) -> anyhow::Result<()> {
    for agent in [&*alice, &*bob] {
        line(agent.name, &format!("joins; others know its key by {}", agent.fingerprint))?;
    }
    let wait = json!({ "timeout_seconds": 15, "expected_role": "reviewer" });
    let found = step("alice's search", alice.call("wait_for_peer", wait)).await?;
    let peer = &found["peers"][0];
    ensure!(
        peer["alias"] == "bob",
        "Alice did not find bob. Run `junction-bridge demo` again with JUNCTION_LOG=debug."
    );
    line("alice", &format!("looks for a reviewer and finds bob, {}", word(&peer["presence"])))
}

/// A question, its answer, and the receipt.
async fn talk(alice: &mut DemoAgent, bob: &mut DemoAgent) -> anyhow::Result<()> {
    let question = "Is the parser ready for review?";
    let sent = step("alice's question", alice.send("bob", question, None)).await?;
    line("alice", &format!("to bob: {question}   [{}]", word(&sent["status"])))?;
    let read = step("bob's read", bob.read(1)).await?;
    ensure!(read[0]["message"] == question, "Bob read another text than alice sent.");
    let answer = "Yes: branch parser, all tests green.";
    step("bob's answer", bob.send("alice", answer, Some(&read[0]["id"]))).await?;
    let read = step("alice's read", alice.read(1)).await?;
    ensure!(read[0]["message"] == answer, "Alice read another text than bob sent.");
    line("bob", &format!("to alice: {answer}   [read]"))?;
    step("alice's receipt", alice.told_read(&[word(&sent["id"]).to_owned()])).await?;
    line("alice", "is told that bob read the question")
}

/// The hub dies with one message unread and is away for another; all of them arrive, once and in order.
/// Returns their ids.
async fn outlive(
    hub: &mut DemoHub,
    home: &Home,
    alice: &mut DemoAgent,
    bob: &mut DemoAgent,
) -> anyhow::Result<Vec<String>> {
    let texts_sent = ["one: before the crash", "two: while the hub is dead", "three: after it"];
    let mut ids = Vec::new();
    for (at, text) in texts_sent.iter().enumerate() {
        let sent = step("alice's message", alice.send("bob", text, None)).await?;
        let status = word(&sent["status"]);
        line("alice", &format!("to bob: {text}   [{status}]"))?;
        ensure!(at != 1 || status == "queued", "Without a hub a message can only be queued.");
        ids.push(word(&sent["id"]).to_owned());
        match at {
            0 => {
                hub.kill().await?;
                line("hub", "is killed (kill -9) before bob has read that")?;
            }
            1 => {
                *hub = step("the hub's second start", DemoHub::start(home, hub.port)).await?;
                line("hub", "is started again, remembering nothing")?;
            }
            _ => {}
        }
    }
    let read = step("bob's reads", bob.read(texts_sent.len())).await?;
    let read: Vec<&str> = read.iter().map(|message| word(&message["message"])).collect();
    ensure!(read == texts_sent, "Bob read other messages than alice sent, or in another order.");
    line("bob", "reads one, two, three: each once, in order")?;
    Ok(ids)
}

/// One agent: a real bridge, and the client that an agent's tool would be.
struct DemoAgent {
    name: &'static str,
    fingerprint: String,
    client: DemoClient,
    /// Outcomes of its messages, by id: any read may bring some, each once.
    outcomes: HashMap<String, String>,
}

impl DemoAgent {
    async fn join(home: &Home, port: u16, name: &'static str) -> anyhow::Result<Self> {
        let hub = format!("127.0.0.1:{port}");
        let settings = [
            ("JUNCTION_CONFIG_DIR", home.config.as_path()),
            // The sockets for hooks go with it, too.
            ("XDG_RUNTIME_DIR", &home.config),
            ("JUNCTION_HUB", Path::new(&hub)),
            ("JUNCTION_AUTOSTART", Path::new("false")),
        ];
        let mut client = DemoClient::start(&own_binary()?, &settings).await?;
        let role = if name == "bob" { "reviewer" } else { "author" };
        let card = client.call("register", json!({ "alias": name, "role": role })).await?;
        let fingerprint = word(&card["fingerprint"]).to_owned();
        Ok(Self { name, fingerprint, client, outcomes: HashMap::new() })
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> anyhow::Result<Value> {
        self.client.call(tool, arguments).await
    }

    async fn send(
        &mut self,
        to: &str,
        text: &str,
        answers: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let mut arguments = json!({ "target_alias": to, "message": text });
        if let Some(id) = answers {
            arguments["reply_to"] = id.clone();
        }
        self.call("send_message", arguments).await
    }

    /// Reads, and notes the ends that come with it; the messages.
    async fn read_once(&mut self, arguments: Value) -> anyhow::Result<Vec<Value>> {
        let mut page = self.call("read_messages", arguments).await?;
        for end in page["receipts"].as_array().into_iter().flatten() {
            let (id, status) = (word(&end["id"]), word(&end["status"]));
            self.outcomes.insert(id.to_owned(), status.to_owned());
        }
        match page["messages"].take() {
            Value::Array(messages) => Ok(messages),
            _ => Ok(Vec::new()),
        }
    }

    /// Reads until this many messages have come.
    async fn read(&mut self, count: usize) -> anyhow::Result<Vec<Value>> {
        let mut messages = Vec::new();
        while messages.len() < count {
            messages.extend(self.read_once(json!({ "wait_seconds": 15 })).await?);
        }
        Ok(messages)
    }

    /// Reads until the outcome of each of these messages has come, which must be that it was read.
    async fn told_read(&mut self, ids: &[String]) -> anyhow::Result<()> {
        let mut open: Vec<&String> = ids.iter().collect();
        loop {
            for status in open.iter().filter_map(|id| self.outcomes.get(*id).cloned()) {
                ensure!(status == "read", "A message ended as {status}, though it was read.");
            }
            open.retain(|id| !self.outcomes.contains_key(*id));
            if open.is_empty() {
                return Ok(());
            }
            sleep(ASK).await;
            self.read_once(json!({})).await?;
        }
    }
}

/// A hub process; dropped, it is killed.
struct DemoHub {
    port: u16,
    child: Child,
}

impl DemoHub {
    async fn start(home: &Home, port: u16) -> anyhow::Result<Self> {
        let program = own_binary()?.with_file_name(format!("junction-hub{EXE_SUFFIX}"));
        let mut command = Command::new(&program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("JUNCTION_") {
                command.env_remove(name);
            }
        }
        command
            .env("JUNCTION_CONFIG_DIR", &home.config)
            .env("JUNCTION_PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().with_context(|| {
            format!("{} cannot be started. Install both binaries side by side.", program.display())
        })?;
        let stderr = child.stderr.take().context("The hub has no stderr.")?;
        let mut lines = BufReader::new(stderr).lines();
        let mut seen = String::new();
        while let Some(line) = lines.next_line().await? {
            if let Some(port) = line.strip_prefix(SERVES) {
                let port = port.trim().parse().context("The hub named no port.")?;
                // Read on, so that the hub never waits for a full pipe.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Ok(Self { port, child });
            }
            seen.push_str(&line);
        }
        bail!("The hub did not start: {seen}")
    }

    /// Kills it as a crash would, and waits until it is dead.
    async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// A temporary home, removed when dropped.
struct Home {
    config: PathBuf,
}

impl Home {
    fn new() -> anyhow::Result<Self> {
        let name = format!("junction-demo-{}", HEXLOWER.encode(&random_bytes::<8>()));
        let config = std::env::temp_dir().join(name);
        ConfigDir::at(config.clone()).open()?;
        Ok(Self { config })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What cannot be removed holds the keys of a group that has no members any more.
        let _ = std::fs::remove_dir_all(&self.config);
    }
}

fn own_binary() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("The path of this program cannot be found.")
}

async fn step<T>(what: &str, doing: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let started = Instant::now();
    match timeout(STEP, doing).await {
        Ok(done) => done.with_context(|| format!("It went wrong at {what}.")),
        Err(_) => bail!("It stopped at {what} for {} s.", started.elapsed().as_secs()),
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn line(who: &str, does: &str) -> anyhow::Result<()> {
    say(&format!("  {who:<6}{does}"))
}

/// The demo's own stdout carries a story, not MCP; a reader who left is no panic.
fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}").context("The demo's output cannot be written.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demo_ends_with_the_setup_of_the_clients_that_are_there() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().as_os_str();
        assert!(next_steps(path).contains("\n  junction-bridge setup\n"));
        for client in ["codex", "claude", "other"] {
            std::fs::write(folder.path().join(format!("{client}{EXE_SUFFIX}")), "").unwrap();
        }
        let text = next_steps(path);
        assert!(text.contains("\n  junction-bridge setup claude codex\n"), "{text}");
        assert!(text.contains("junction-bridge doctor") && text.contains("junction-bridge watch"));
    }
}
