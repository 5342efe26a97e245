//! `junction-bridge claims`: what sessions have claimed in a repository.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use junction_engine::hubs::known::KnownHosts;
use junction_engine::{Engine, Repository};
use junction_shared::machine::hosts::LOCAL;
use junction_shared::machine::local_hub::RunningHub;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::claims::own_claims;
use crate::clients::shell_session;
use crate::collisions::by_repository;
use crate::config::Config;
use crate::ipc::{
    BridgeRequest, BridgeResponse, ClaimsQuestion, SessionMatch, ShownClaims,
    bridges_of_this_session, send,
};
use crate::onlooker::look_at;
use crate::project::place::Workplace;
use crate::terminal::{Cell, Style, Terminal, remark, tell};

/// How long a session may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait until every session was heard.
const HEARING_TIME: Duration = Duration::from_secs(2);
/// How often to look whether it was.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The most files that are asked about at once.
const FILES_AT_ONCE: usize = 256;
/// The longest path of a file that a claim can name.
const MAX_PATH: usize = 256;

/// What to show of claims.
#[derive(Debug, Args)]
pub(crate) struct ClaimsOptions {
    /// Exit with 1 and name the holder if another session claims any of these files
    #[arg(long, value_name = "FILE", num_args = 0..)]
    check: Option<Vec<PathBuf>>,
    /// Print one claim a line, as the tool claim shows it
    #[arg(long)]
    json: bool,
}

/// A session through which to look, for as long as the command runs.
enum OnlookingSession {
    /// The session in whose shell the command runs. Its own claims do not count.
    Callers,
    /// A session that the command begins, and that nobody sees.
    Own(Engine),
    /// No session, because no hub runs.
    None,
}

/// Shows the claims of the repository in the current directory, or checks files. No hub is started.
///
/// # Errors
/// A file is claimed by another session, or the claims cannot be shown.
pub(crate) async fn claims(config: &Config, options: ClaimsOptions) -> anyhow::Result<()> {
    let here = std::env::current_dir().map_err(|error| {
        anyhow!("The current directory cannot be read: {error}. Go to another.")
    })?;
    let workplace = Workplace::of_project(&here);
    let Some(files) = options.check else {
        let session = OnlookingSession::begin(config, &workplace.repository).await?;
        let shown = session.ask(&workplace.repository, Vec::new()).await;
        session.end().await;
        return show(&shown.unwrap_or_default().claims, options.json);
    };
    let places = files.iter().filter_map(|file| workplace.place_of(file, &here)).collect();
    let mut held = Vec::new();
    for (repository, mut files) in by_repository(places) {
        files.retain(|file| file.len() <= MAX_PATH);
        let session = OnlookingSession::begin(config, &repository).await?;
        for some in files.chunks(FILES_AT_ONCE) {
            held.extend(session.ask(&repository, some.to_vec()).await.unwrap_or_default().held);
        }
        session.end().await;
    }
    if held.is_empty() {
        return Ok(());
    }
    Err(anyhow!("{}. Agree with that session, or wait for the end of its claim.", held.join("; ")))
}

impl OnlookingSession {
    /// The caller's own session, or one of the command's own if there is a hub, once it has heard of all sessions of the
    /// repository, or they take too long.
    async fn begin(config: &Config, repository: &Repository) -> anyhow::Result<Self> {
        let session = Self::open(config, repository).await?;
        let until = Instant::now() + HEARING_TIME;
        while session.ask(repository, Vec::new()).await.is_some_and(|shown| !shown.is_complete) {
            if Instant::now() >= until {
                remark("Not every session has answered, so claims may be missing.");
                break;
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(session)
    }

    async fn open(config: &Config, repository: &Repository) -> anyhow::Result<Self> {
        if own_session(repository, Vec::new()).await.is_some() {
            return Ok(Self::Callers);
        }
        let known = KnownHosts::new(config.dir.clone(), config.port);
        if config.hub == LOCAL && known.running_hub()? == RunningHub::None {
            remark("No hub is running on this machine, so no session claims anything.");
            return Ok(Self::None);
        }
        let engine = look_at(config, &config.hub, config.port);
        engine.work_in(repository.clone()).await;
        Ok(Self::Own(engine))
    }

    async fn ask(&self, repository: &Repository, files: Vec<String>) -> Option<ShownClaims> {
        match self {
            Self::Callers => own_session(repository, files).await,
            Self::Own(engine) => {
                own_claims(engine, &question(repository, files, SessionMatch::Only)).await
            }
            Self::None => None,
        }
    }

    async fn end(self) {
        if let Self::Own(engine) = self {
            engine.stop().await;
        }
    }
}

fn question(
    repository: &Repository,
    files: Vec<String>,
    session_match: SessionMatch,
) -> ClaimsQuestion {
    let Repository { name, ignores_case } = repository.clone();
    ClaimsQuestion {
        repository: name,
        ignores_case,
        files,
        session: shell_session(),
        session_match,
    }
}

/// What the session knows in whose shell this command runs.
async fn own_session(repository: &Repository, files: Vec<String>) -> Option<ShownClaims> {
    for (socket, session_match) in bridges_of_this_session() {
        if let Some(shown) =
            asked(&socket, question(repository, files.clone(), session_match)).await
        {
            return Some(shown);
        }
    }
    None
}

async fn asked(socket: &Path, question: ClaimsQuestion) -> Option<ShownClaims> {
    let request = BridgeRequest::Claims(Box::new(question));
    match timeout(PATIENCE, send(socket, &request)).await.ok()?.ok()?.response {
        BridgeResponse::Claims(shown) => Some(shown),
        _ => None,
    }
}

fn show(claims: &[Value], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return claims.iter().try_for_each(|claim| tell(&claim.to_string()));
    }
    if claims.is_empty() {
        remark("Nobody claims anything in this repository.");
    }
    let text = |claim: &Value, field: &str| claim[field].as_str().unwrap_or("-").to_owned();
    let row = |claim: &Value| {
        vec![
            Cell::new(Style::Strong, text(claim, "alias")),
            Cell::plain(text(claim, "path")),
            Cell::plain(text(claim, "expires")),
            Cell::plain(text(claim, "note")),
        ]
    };
    let rows: Vec<_> = claims.iter().map(row).collect();
    Terminal::stdout().table(&rows).iter().try_for_each(|line| tell(line))
}
