//! A look at a hub for a person: by the files of this machine's hub, and by a session that nobody sees.

use std::time::Duration;

use junction_shared::machine::config_dir::ConfigError;
use junction_shared::machine::hosts::LOCAL;
use junction_shared::machine::local_hub::{LocalHub, RunningHub};
use junction_shared::protocol::limits::MAX_PAGE;
use junction_shared::protocol::wire::Context;
use tokio::time::{Instant, sleep};

use crate::config::Config;
use crate::results::{presence_word, reach_word, state_word};
use crate::terminal::{Cell, Style, Terminal};
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
        setting_error: config.problem,
        hub: hub.to_owned(),
        config_dir: config.dir.clone(),
        port,
        autostart: false,
        alias: None,
        seen: Context::default(),
        send_limit: None,
        chain_limit: config.chain_limit,
        is_unlisted: true,
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
    let mut query = PeerQuery { role, repo, limit: MAX_PAGE, cursor: None };
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

/// Peers as the lines of a table: alias, role, repository and branch, client, presence, state, reach, task. A terminal
/// also gets the names of the columns.
pub(crate) fn table(terminal: Terminal, peers: &[PeerInfo]) -> Vec<String> {
    const COLUMNS: [&str; 8] =
        ["ALIAS", "ROLE", "REPOSITORY", "CLIENT", "PRESENCE", "STATE", "REACH", "TASK"];
    let mut rows = Vec::new();
    if terminal != Terminal::PIPE && !peers.is_empty() {
        rows.push(COLUMNS.map(|name| Cell::new(Style::Faint, name)).to_vec());
    }
    rows.extend(peers.iter().map(row));
    terminal.table(&rows)
}

fn row(peer: &PeerInfo) -> Vec<Cell> {
    let Context { repo, task, role, branch, client, .. } = &peer.context;
    // A peer wrote these texts.
    let text = |text: &Option<String>| {
        text.as_deref().and_then(label).unwrap_or_else(|| NOTHING.to_owned())
    };
    let place = match branch.as_deref().and_then(label) {
        Some(branch) => format!("{} ({branch})", text(repo)),
        None => text(repo),
    };
    let availability = &peer.availability;
    let state =
        if availability.is_unattended { "unattended" } else { state_word(availability.state) };
    let style = if peer.online { Style::Good } else { Style::Warning };
    vec![
        Cell::new(Style::Strong, peer.alias.as_str()),
        Cell::plain(text(role)),
        Cell::plain(place),
        Cell::plain(text(client)),
        Cell::new(style, presence_word(peer.online)),
        Cell::plain(state),
        Cell::plain(reach_word(availability.reach)),
        Cell::plain(text(task)),
    ]
}
