//! The clients of this machine: what their settings say of the bridge, and how their agents are reached.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use super::finding::{Finding, Gravity};
use crate::clients::{SettableClient, settable};
use crate::setup::{
    BRIDGE, ClientSettings, HooksState, ServerState, SettingsReport, SetupTarget, on_path,
    own_path, report,
};

const CHECK: &str = "clients";
/// How long another bridge may take to say its version.
const VERSION_TIME: Duration = Duration::from_secs(2);
/// The longest answer to `--version` that is read, in bytes.
const MAX_VERSION: u64 = 256;

/// Checks every client that is here, or whose settings name the bridge. No client is run.
pub(super) async fn clients() -> Vec<Finding> {
    let Some(home) = std::env::home_dir().filter(|home| home.is_absolute()) else {
        let says = "The home directory is not known, and so no client's settings are.";
        return vec![Finding::warning(CHECK, says, "Set HOME.")];
    };
    let own = own_path().ok().and_then(|own| own.path.to_str().map(str::to_owned));
    let target =
        SetupTarget { home, project: None, program: own.unwrap_or_else(|| BRIDGE.to_owned()) };
    let mut findings = Vec::new();
    for client in settable() {
        findings.extend(checked(client, &(client.settings)(&target)).await);
    }
    if findings.is_empty() {
        let says = "No client is found on this machine.";
        let fix = "Install one, such as Claude Code or Codex, and run junction-bridge setup.";
        findings.push(Finding::warning(CHECK, says, fix));
    }
    findings
}

async fn checked(client: SettableClient, settings: &ClientSettings) -> Vec<Finding> {
    let (name, report) = (client.name, report(settings));
    let setup = format!("junction-bridge setup {}", client.program);
    if !report.problems.is_empty() {
        let problems = report.problems.iter().map(|problem| format!("{name}: {problem}"));
        return problems.map(|text| Finding::error(CHECK, Gravity::Failure, &text)).collect();
    }
    match &report.server {
        ServerState::Absent if on_path(client.program).is_some() || settings.folder.is_dir() => {
            vec![Finding::warning(CHECK, format!("{name} is not set up."), format!("Run {setup}."))]
        }
        ServerState::Absent => Vec::new(),
        ServerState::Other => vec![Finding::failure(
            CHECK,
            format!("{name} has another server under the name junction."),
            format!("Rename that one in its settings, then run {setup}."),
        )],
        ServerState::Present { command, exists: false } => vec![Finding::failure(
            CHECK,
            format!("{name} starts {command}, which is not there."),
            format!("Run {setup}: it writes the path of this program."),
        )],
        ServerState::Present { command, exists: true } => {
            let mut findings = missing(client, settings, &report, &setup);
            findings.extend(other_version(name, command, &setup).await);
            if findings.is_empty() {
                let with = match report.hooks {
                    HooksState::All => ", with hooks",
                    _ => "",
                };
                let says = format!("{name} starts {command}{with}: {}.", settings.waking);
                findings.push(Finding::ok(CHECK, says));
            }
            findings
        }
    }
}

/// What of the settings is not there, or not in force.
fn missing(
    client: SettableClient,
    settings: &ClientSettings,
    report: &SettingsReport,
    setup: &str,
) -> Vec<Finding> {
    let name = client.name;
    let hooks = match report.hooks {
        HooksState::Unknown | HooksState::All => None,
        HooksState::Absent | HooksState::Some => Some(Finding::warning(
            CHECK,
            format!(
                "{name} has not all hooks, so its agent is told of messages late, or never while idle."
            ),
            format!("Run {setup}."),
        )),
        HooksState::Untrusted => Some(Finding::warning(
            CHECK,
            format!(
                "{name} has hooks that it does not run, because you have not trusted them yet."
            ),
            settings.hook_review.unwrap_or("Confirm them in the client."),
        )),
    };
    let rule = (report.has_rule == Some(false)).then(|| {
        let says = format!("{name} asks you before it calls a tool of the junction.");
        Finding::warning(CHECK, says, format!("Run {setup}, or answer there each time."))
    });
    hooks.into_iter().chain(rule).collect()
}

/// A bridge of another version than this one, or one that does not say.
async fn other_version(name: &str, command: &str, setup: &str) -> Option<Finding> {
    let program =
        if command.contains(['/', '\\']) { PathBuf::from(command) } else { on_path(command)? };
    let own = std::env::current_exe().and_then(|own| own.canonicalize()).ok();
    if own.is_some() && program.canonicalize().ok() == own {
        return None;
    }
    let own = env!("CARGO_PKG_VERSION");
    let version = timeout(VERSION_TIME, version_of(&program)).await.ok().flatten();
    if version.as_deref() == Some(own) {
        return None;
    }
    let which = version.map_or_else(
        || "which does not say its version".to_owned(),
        |version| format!("which is version {version}"),
    );
    Some(Finding::warning(
        CHECK,
        format!("{name} starts {command}, {which}, while this program has version {own}."),
        format!("Run {setup} to have it start this one, or update that one."),
    ))
}

/// The version of a bridge, by its own word.
async fn version_of(program: &Path) -> Option<String> {
    let mut child = Command::new(program)
        .arg("--version")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let mut text = String::new();
    child.stdout.take()?.take(MAX_VERSION).read_to_string(&mut text).await.ok()?;
    let version = text.strip_prefix(BRIDGE)?.split_whitespace().next()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".+-".contains(&byte);
    version.bytes().all(is_plain).then(|| version.to_owned())
}
