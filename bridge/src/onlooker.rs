//! A look at a hub for a person: by the files of this machine's hub, and by a session that nobody sees.

use std::time::Duration;

use junction_shared::machine::config_dir::ConfigError;
use junction_shared::machine::hosts::LOCAL;
use junction_shared::machine::local_hub::{LocalHub, RunningHub};
use junction_shared::protocol::limits::MAX_PAGE;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::config::Config;
use crate::results::presence_word;
use crate::terminal::{Cell, Style, Terminal, tell};
use junction_engine::error::Error;
use junction_engine::{Engine, PeerInfo, PeerQuery, label};

/// How long a hub that starts or stops may take to do so.
const SETTLING_TIME: Duration = Duration::from_secs(3);
/// How often to look whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Pages to read at most. More sessions than fit on them can be on no hub.
const MAX_PAGES: usize = 500;
/// What stands in a table for a text that is missing.
const NOTHING: &str = "-";

/// The hub of this machine and configuration directory, while it runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LivingHub {
    /// The port that the hub serves. None if it has been starting or stopping for long.
    pub(crate) port: Option<u16>,
    /// The hub's process, where the system tells.
    pub(crate) process: Option<u32>,
}

impl LivingHub {
    /// The hub that runs, once it has started or stopped.
    ///
    /// # Errors
    /// [`ConfigError`] if the files are not private to this user.
    pub(crate) async fn find(files: &LocalHub) -> Result<Option<Self>, ConfigError> {
        let deadline = Instant::now() + SETTLING_TIME;
        loop {
            let running = files.running()?;
            if running == RunningHub::None {
                return Ok(None);
            }
            if running.port().is_some() || Instant::now() >= deadline {
                return Ok(Some(Self { port: running.port(), process: files.process() }));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Where the hub is, for a sentence.
    pub(crate) fn place(&self) -> String {
        let at = self
            .port
            .map_or_else(|| "on this machine".to_owned(), |port| format!("at 127.0.0.1:{port}"));
        match self.process {
            Some(process) => format!("{at} (process {process})"),
            None => at,
        }
    }

    /// The sessions on the hub.
    ///
    /// # Errors
    /// Why they are not known, and what to do.
    pub(crate) async fn sessions(&self, config: &Config) -> Result<Vec<PeerInfo>, Error> {
        let engine = look_at(config, LOCAL, self.port);
        let peers = all_peers(&engine, None, None).await;
        engine.stop().await;
        peers
    }
}

/// A session on this hub that is in nobody's list. It starts no hub.
pub(crate) fn look_at(config: &Config, hub: &str, port: Option<u16>) -> Engine {
    Engine::start(junction_engine::Config {
        hub: hub.to_owned(),
        port,
        autostart: false,
        is_unlisted: true,
        awaits_session: false,
        ..config.engine()
    })
}

/// All peers of this role and in this repository, or any.
///
/// # Errors
/// Why the hub does not list them.
pub(crate) async fn all_peers(
    engine: &Engine,
    role: Option<&str>,
    repo: Option<&str>,
) -> Result<Vec<PeerInfo>, Error> {
    let mut all = Vec::new();
    let (role, repo) = (role.map(str::to_owned), repo.map(str::to_owned));
    let mut query = PeerQuery { role, repo, limit: MAX_PAGE, ..PeerQuery::default() };
    for _ in 0..MAX_PAGES {
        let page = engine.list(query.clone()).await?;
        all.extend(page.peers);
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    Ok(all)
}

/// Shows peers, each of which is as the tool `list_peers` shows it: as JSON one a line, or as a table of alias, role,
/// repository and branch, client, presence, state, reach and task.
///
/// # Errors
/// Nothing can be written to stdout.
pub(crate) fn show(peers: &[Value], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return peers.iter().try_for_each(|peer| tell(&peer.to_string()));
    }
    table(Terminal::stdout(), peers).iter().try_for_each(|line| tell(line))
}

/// Peers as the lines of a table. A terminal also gets the names of the columns.
fn table(terminal: Terminal, peers: &[Value]) -> Vec<String> {
    const COLUMNS: [&str; 8] =
        ["ALIAS", "ROLE", "REPOSITORY", "CLIENT", "PRESENCE", "STATE", "REACH", "TASK"];
    let mut rows = Vec::new();
    if terminal != Terminal::PIPE && !peers.is_empty() {
        rows.push(COLUMNS.map(|name| Cell::new(Style::Faint, name)).to_vec());
    }
    rows.extend(peers.iter().map(row));
    terminal.table(&rows)
}

fn row(peer: &Value) -> Vec<Cell> {
    // A peer wrote some of these texts.
    let label_of = |text: &Value| text.as_str().and_then(label);
    let text = |text: &Value| label_of(text).unwrap_or_else(|| NOTHING.to_owned());
    let context = &peer["context"];
    let place = match label_of(&context["branch"]) {
        Some(branch) => format!("{} ({branch})", text(&context["repo"])),
        None => text(&context["repo"]),
    };
    let is_unattended = peer["attended"] == Value::Bool(false);
    let state = if is_unattended { "unattended".to_owned() } else { text(&peer["state"]) };
    let style = if peer["presence"] == presence_word(true) { Style::Good } else { Style::Warning };
    vec![
        Cell::new(Style::Strong, text(&peer["alias"])),
        Cell::plain(text(&context["role"])),
        Cell::plain(place),
        Cell::plain(text(&context["client"])),
        Cell::new(style, text(&peer["presence"])),
        Cell::plain(state),
        Cell::plain(reach_of(peer)),
        Cell::plain(text(&context["task"])),
    ]
}

/// How a message reaches a peer: of an agent of this user that is reached over HTTP, also why it wakes nobody.
fn reach_of(peer: &Value) -> String {
    let reach = peer["reach"].as_str().and_then(label).unwrap_or_else(|| NOTHING.to_owned());
    match (&peer["http"], peer["why"].as_str()) {
        (Value::Bool(true), Some(why)) => format!("{reach} ({why}, over HTTP)"),
        (Value::Bool(true), None) => format!("{reach} (over HTTP)"),
        _ => reach,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn peer_is_one_line_whatever_it_wrote() {
        let peer = json!({
            "alias": "calm-otter", "presence": "away", "reach": "push", "state": "idle", "attended": false,
            "context": { "repo": "a\u{1b}[31m", "branch": "main\n", "task": "x\u{202e}y" },
        });
        let lines = table(Terminal::PIPE, &[peer, json!({ "alias": "bob" })]);
        assert_eq!(
            lines,
            [
                "calm-otter  -  a[31m (main)  -  away  unattended  push  xy",
                "bob         -  -             -  -     -           -     -",
            ]
        );
        let peer = json!({ "alias": "desk", "reach": "pull", "http": true, "why": "no-way" });
        assert_eq!(
            table(Terminal::PIPE, &[peer]),
            ["desk  -  -  -  -  -  pull (no-way, over HTTP)  -"]
        );
    }
}
