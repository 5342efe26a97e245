//! `junction-bridge claims`: what sessions have claimed in a repository.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use junction_engine::hubs::known::KnownHosts;
use junction_engine::{Engine, Repository, wall_ms};
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
use crate::timestamp::{ms_of, span};

/// How long a session may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait until every session was heard.
const HEARING_TIME: Duration = Duration::from_secs(2);
/// How often to look whether it was.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The most files that are asked about at once, and the most bytes of their paths.
const FILES_AT_ONCE: usize = 256;
const BYTES_AT_ONCE: usize = 48 * 1024;
/// What is said where an answer is missing. Nothing is stopped by that.
const UNHEARD: &str = "Not every session has answered, so claims may be missing.";

/// What to show of claims.
#[derive(Debug, Args)]
pub(crate) struct ClaimsOptions {
    /// Exit with 1 and say who claims which if another session claims any of the files
    #[arg(long)]
    check: bool,
    /// Print one claim a line, as the tool claim shows it
    #[arg(long)]
    json: bool,
    /// Files to check. Put -- before them if a name could be a flag
    #[arg(value_name = "FILE", requires = "check")]
    files: Vec<PathBuf>,
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
    if options.check {
        return check(config, &workplace, &here, &options.files).await;
    }
    let session = OnlookingSession::begin(config, &workplace.repository).await?;
    if matches!(session, OnlookingSession::None) {
        // Which was said.
        return Ok(());
    }
    let shown = session.ask(&workplace.repository, Vec::new()).await;
    session.end().await;
    show(&shown.unwrap_or_default(), options.json)
}

/// Says which of these files other sessions claim, a line each.
async fn check(
    config: &Config,
    workplace: &Workplace,
    here: &Path,
    files: &[PathBuf],
) -> anyhow::Result<()> {
    let places = files.iter().flat_map(|file| workplace.places_to_check(file, here)).collect();
    let mut held = Vec::new();
    for (repository, files) in by_repository(places) {
        let session = OnlookingSession::begin(config, &repository).await?;
        for some in parts(files) {
            match session.ask(&repository, some).await {
                Some(shown) => held.extend(shown.held),
                None if matches!(session, OnlookingSession::None) => {}
                None => remark(UNHEARD),
            }
        }
        session.end().await;
    }
    if held.is_empty() {
        return Ok(());
    }
    held.iter().for_each(|line| remark(line));
    Err(anyhow!(
        "Other sessions claim what you checked. Agree with them, or wait for the end of their claims; git commit --no-verify \
         commits anyway."
    ))
}

/// The files in parts that a session is asked about at once.
fn parts(files: Vec<String>) -> Vec<Vec<String>> {
    let mut parts: Vec<Vec<String>> = Vec::new();
    let mut bytes = 0;
    for file in files {
        bytes += file.len();
        match parts.last_mut().filter(|part| part.len() < FILES_AT_ONCE && bytes <= BYTES_AT_ONCE) {
            Some(part) => part.push(file),
            None => {
                bytes = file.len();
                parts.push(vec![file]);
            }
        }
    }
    parts
}

impl OnlookingSession {
    /// The caller's own session, or one of the command's own if there is a hub, once it has heard of all sessions of the
    /// repository, or they take too long.
    async fn begin(config: &Config, repository: &Repository) -> anyhow::Result<Self> {
        let session = Self::open(config, repository).await?;
        let until = Instant::now() + HEARING_TIME;
        while session.ask(repository, Vec::new()).await.is_some_and(|shown| !shown.is_complete) {
            if Instant::now() >= until {
                remark(UNHEARD);
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

fn show(shown: &ShownClaims, as_json: bool) -> anyhow::Result<()> {
    let ShownClaims { claims, more, .. } = shown;
    if as_json {
        claims.iter().try_for_each(|claim| tell(&claim.to_string()))?;
    } else if claims.is_empty() {
        remark("Nobody claims anything in this repository.");
    } else {
        table(claims, Terminal::stdout()).iter().try_for_each(|line| tell(line))?;
    }
    if *more > 0 {
        remark(&format!(
            "{more} more claims are not shown. Name files after --check to ask about them."
        ));
    }
    Ok(())
}

fn table(claims: &[Value], terminal: Terminal) -> Vec<String> {
    let heads = ["SESSION", "CLAIMS", "ENDS IN", "NOTE"];
    let head = heads.map(|head| Cell::new(Style::Faint, head)).to_vec();
    let text = |claim: &Value, field: &str| claim[field].as_str().unwrap_or("-").to_owned();
    let row = |claim: &Value| {
        vec![
            Cell::new(Style::Strong, text(claim, "alias")),
            Cell::plain(text(claim, "path")),
            Cell::plain(left(claim)),
            Cell::plain(text(claim, "note")),
        ]
    };
    let rows: Vec<_> = std::iter::once(head).chain(claims.iter().map(row)).collect();
    terminal.table(&rows)
}

/// For how long a claim still holds.
fn left(claim: &Value) -> String {
    let ends = claim["expires"].as_str().and_then(ms_of);
    let left = |ends: u64| span(Duration::from_millis(ends.saturating_sub(wall_ms())));
    ends.map_or_else(|| "-".to_owned(), left)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use serde_json::json;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct CommandLine {
        #[command(flatten)]
        options: ClaimsOptions,
    }

    fn parsed(arguments: &[&str]) -> Option<(bool, bool, Vec<String>)> {
        let line = ["claims"].iter().chain(arguments);
        let ClaimsOptions { check, json, files } = CommandLine::try_parse_from(line).ok()?.options;
        let files = files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
        Some((check, json, files))
    }

    #[test]
    fn regression_names_that_look_like_flags_are_files() {
        let names = ["-x", "--json", "--check", "--no such flag", "a"];
        let after = [&["--check", "--"], names.as_slice()].concat();
        let names = names.map(str::to_owned).to_vec();
        assert_eq!(parsed(&after), Some((true, false, names)));
        let one = || vec!["a".to_owned()];
        assert_eq!(parsed(&["--check", "a", "--json"]), Some((true, true, one())));
        assert_eq!(parsed(&["--json", "--check", "--", "a"]), Some((true, true, one())));
        assert_eq!(parsed(&["--check", "-x"]), None, "neither passed over nor taken for a flag");
        for none in [&["--check"][..], &["--check", "--"]] {
            assert_eq!(parsed(none), Some((true, false, Vec::new())));
        }
        assert_eq!(parsed(&["a"]), None, "a file that is not to be checked");
    }

    #[test]
    fn regression_all_files_are_asked_about_however_long_their_paths() {
        let files: Vec<_> =
            (0..600).map(|number| format!("{number}/{}", "x".repeat(number))).collect();
        let files = [files, vec!["y".repeat(BYTES_AT_ONCE + 1), "z".to_owned()]].concat();
        let parts = parts(files.clone());
        assert_eq!(parts.concat(), files);
        for part in &parts {
            let bytes: usize = part.iter().map(String::len).sum();
            assert!(part.len() <= FILES_AT_ONCE && (bytes <= BYTES_AT_ONCE || part.len() == 1));
        }
        assert!(parts.len() < 10 && super::parts(Vec::new()).is_empty());
    }

    #[test]
    fn claims_are_a_table_with_a_header() {
        let expires = "1970-01-01T00:00:00.000Z";
        let claim = json!({ "alias": "bob", "path": "src", "expires": expires });
        let lines = table(&[claim], Terminal::PIPE);
        assert_eq!(lines, ["SESSION  CLAIMS  ENDS IN  NOTE", "bob      src     0 s      -"]);
    }
}
