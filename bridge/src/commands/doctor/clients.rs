//! The clients of this machine: what their settings say of the bridge, and how their agents are reached.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::local_gateway::LocalGateway;
use junction_shared::machine::seat_secret::read_seat_secret;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use super::finding::{Finding, Gravity};
use super::plugins::{by_plugin, other_package, two_copies, without_server};
use crate::clients::{SettableClient, settable};
use crate::gateway::names::GatewayNames;
use crate::setup::{
    BRIDGE, ClientSettings, HooksState, NO_WAKING, OverriddenPart, PackageStore, ProgramState,
    ServerState, SettingOverride, SettingsReport, SetupTarget, on_path, own_path, report,
};

const CHECK: &str = "clients";
/// How long another bridge may take to say its version.
const VERSION_TIME: Duration = Duration::from_secs(2);
/// The longest answer to `--version` that is read, in bytes.
const MAX_VERSION: u64 = 256;

/// Checks every client that is here, or whose settings name the bridge. No client is run.
pub(super) async fn clients(directory: &ConfigDir) -> Vec<Finding> {
    let Some(home) = std::env::home_dir().filter(|home| home.is_absolute()) else {
        let says = "The home directory is not known, and so no client's settings are.";
        return vec![Finding::warning(CHECK, says, "Set HOME.")];
    };
    let own = own_path().ok().and_then(|own| own.path.to_str().map(str::to_owned));
    let program = own.unwrap_or_else(|| BRIDGE.to_owned());
    let packages = Some(PackageStore::new(directory.clone()));
    let target = SetupTarget { program, packages, ..SetupTarget::plain(home, None) };
    let project = std::env::current_dir().ok().filter(|here| *here != target.home);
    let in_project = project.map(|project| SetupTarget::plain(target.home.clone(), Some(project)));
    let mut findings = Vec::new();
    for client in settable() {
        let here = match &in_project {
            Some(target) if is_set_up(client, target) => checked(client, target, directory).await,
            _ => Vec::new(),
        };
        let beside = client.package_here(&target).filter(|_| !here.is_empty());
        let beside = beside.map(|beside| client.twice_in_project(&beside));
        findings.extend(beside.or_else(|| client.unloadable_plugin(&target)).map(overridden));
        let is_absent = !here.is_empty() && !is_set_up(client, &target);
        findings.extend(here);
        if !is_absent {
            findings.extend(checked(client, &target, directory).await);
        }
    }
    if findings.is_empty() {
        let says = "No client is found on this machine.";
        let fix = "Install one, such as Claude Code or Codex, and run junction-bridge setup.";
        findings.push(Finding::warning(CHECK, says, fix));
    }
    findings
}

/// Whether the settings for this target have a server of our name.
fn is_set_up(client: SettableClient, target: &SetupTarget) -> bool {
    let report = report(&(client.settings)(target));
    report.by_plugin || report.server != ServerState::Absent
}

async fn checked(
    client: SettableClient,
    target: &SetupTarget,
    directory: &ConfigDir,
) -> Vec<Finding> {
    let settings = &(client.settings)(target);
    let report = report(settings);
    let (name, flag) = match target.project {
        Some(_) => (format!("{} in this project", client.name), " --project"),
        None => (client.name.to_owned(), ""),
    };
    let name = name.as_str();
    let setup = format!("junction-bridge setup{flag} {}", client.program);
    if !report.problems.is_empty() {
        let problems = report.problems.iter().map(|problem| format!("{name}: {problem}"));
        return problems.map(|text| Finding::error(CHECK, Gravity::Failure, &text)).collect();
    }
    if report.by_plugin {
        let overrides = (settings.overrides)(target);
        let mut findings = missing(name, settings, &report, &overrides, &setup);
        findings.extend(overrides.into_iter().map(overridden));
        return by_plugin(client, settings, &report, target, findings);
    }
    match &report.server {
        ServerState::Absent => not_set_up(client, settings, name, target, &setup),
        ServerState::Other => vec![Finding::failure(
            CHECK,
            format!("{name} has another server under the name junction."),
            format!("Rename that one in its settings, then run {setup}."),
        )],
        ServerState::Http { address } => {
            let setup = format!("junction-bridge setup --http {}", client.program);
            let mut overrides = (settings.overrides)(target);
            overrides.retain(|setting| setting.of != OverriddenPart::Hooks);
            let findings = missing(name, settings, &report, &overrides, &setup);
            over_http(name, address, directory, findings, overrides, &setup)
        }
        ServerState::Present { command, program: ProgramState::NotExecutable } => {
            vec![Finding::failure(
                CHECK,
                format!("{name} starts {command}, which is not executable."),
                "Make it executable with chmod +x, or install junction-bridge again.",
            )]
        }
        ServerState::Present { command, program: ProgramState::Gone } => vec![Finding::failure(
            CHECK,
            format!("{name} starts {command}, which is not there."),
            format!("Run {setup}: it writes the path of this program."),
        )],
        ServerState::Present { command, program: ProgramState::Runs } => {
            started(name, command, settings, &report, target, &setup).await
        }
    }
}

/// A client that starts the bridge.
async fn started(
    name: &str,
    command: &str,
    settings: &ClientSettings,
    report: &SettingsReport,
    target: &SetupTarget,
    setup: &str,
) -> Vec<Finding> {
    let overrides = (settings.overrides)(target);
    let mut findings = missing(name, settings, report, &overrides, setup);
    findings.extend(two_copies(name, report, setup));
    findings.extend(other_package(name, settings, report, target, setup));
    findings.extend(overrides.into_iter().map(overridden));
    findings.extend(other_version(name, command, setup).await);
    if findings.is_empty() {
        let with = match report.hooks {
            HooksState::All => ", with hooks",
            _ if report.has_plugin == Some(true) => ", with the junction's plugin",
            _ => "",
        };
        let says = format!("{name} starts {command}{with}: {}.", settings.waking);
        findings.push(Finding::ok(CHECK, says));
    }
    findings
}

/// A client that asks a gateway at this address.
fn over_http(
    name: &str,
    address: &str,
    directory: &ConfigDir,
    mut findings: Vec<Finding>,
    overrides: Vec<SettingOverride>,
    setup: &str,
) -> Vec<Finding> {
    findings.extend(overrides.into_iter().map(overridden));
    findings.extend(lost_agent(name, address, directory, setup));
    if findings.is_empty() {
        let says = format!("{name} asks a gateway over HTTP: {NO_WAKING}.");
        findings.push(Finding::ok(CHECK, says));
    }
    findings
}

/// Says that the address that a client has leads to no agent of this machine's gateway, if it should.
fn lost_agent(name: &str, address: &str, directory: &ConfigDir, setup: &str) -> Option<Finding> {
    let (base, token) = address.rsplit_once('/')?;
    let agents = GatewayNames::load(directory).ok()?;
    let secret = read_seat_secret(directory).ok()??;
    let fix = format!("Run {setup}: it writes the address.");
    let served = LocalGateway::of(directory).running().ok().flatten().map(|it| it.bases);
    let is_elsewhere = |served: &Vec<String>| !served.iter().any(|served| served == base);
    let is_known = agents.by_token(&secret).contains_key(token);
    if let Some(served) = served.filter(is_elsewhere).filter(|_| is_known) {
        let says =
            format!("{name} asks at {base}, and the gateway serves {}.", served.join(" and "));
        return Some(Finding::warning(CHECK, says, fix));
    }
    (base.starts_with("http://") && !is_known).then(|| {
        let says =
            format!("{name} asks at {base} as an agent that this machine's gateway does not have.");
        let fix = format!(
            "Unless that is another machine's gateway, run {setup}: it writes the address."
        );
        Finding::warning(CHECK, says, fix)
    })
}

/// A client without the server, if it is here.
fn not_set_up(
    client: SettableClient,
    settings: &ClientSettings,
    name: &str,
    target: &SetupTarget,
    setup: &str,
) -> Vec<Finding> {
    if let Some(findings) = without_server(name, settings, target, setup) {
        return findings;
    }
    if settings.package.as_ref().is_some_and(|package| package.missing().is_some()) {
        // That is told already.
        return Vec::new();
    }
    let is_here = on_path(client.program).is_some() || settings.folder.is_dir();
    let says = format!("{name} is not set up.");
    is_here.then(|| Finding::warning(CHECK, says, format!("Run {setup}."))).into_iter().collect()
}

/// What of the settings is not there, or not in force.
fn missing(
    name: &str,
    settings: &ClientSettings,
    report: &SettingsReport,
    overrides: &[SettingOverride],
    setup: &str,
) -> Vec<Finding> {
    let is_overridden = |part| overrides.iter().any(|setting| setting.of == part);
    let hooks = match report.hooks {
        _ if report.dead_hook.is_some() => {
            let program = report.dead_hook.as_deref().unwrap_or_default();
            let says = format!(
                "{name} has hooks that call {program}, which cannot be run, so they do nothing."
            );
            Some(Finding::warning(CHECK, says, format!("Run {setup}.")))
        }
        HooksState::Absent | HooksState::Some => Some(Finding::warning(
            CHECK,
            format!(
                "{name} is missing hooks, so its agent may learn of messages late, or not at all while idle."
            ),
            format!("Run {setup}."),
        )),
        HooksState::WithoutEdits => Some(Finding::warning(
            CHECK,
            format!(
                "{name} was set up by an older version: it is missing the hooks around edits, so its agent is not told which files \
                 other sessions have claimed or just changed."
            ),
            format!("Run {setup}."),
        )),
        HooksState::Unknown | HooksState::All => None,
        HooksState::Untrusted => Some(Finding::warning(
            CHECK,
            format!(
                "{name} has hooks that it does not run, because you have not trusted them yet."
            ),
            settings.hook_review.unwrap_or("Confirm them in the client."),
        )),
    };
    // What a person has set otherwise is named with a fix of its own.
    let is_named = is_overridden(OverriddenPart::Rule) || is_overridden(OverriddenPart::Server);
    let asks = report.has_rule == Some(false) && !is_named;
    let rule = asks.then(|| {
        let says = format!("{name} asks you before it calls a tool of the junction.");
        Finding::warning(CHECK, says, format!("Run {setup}, or answer there each time."))
    });
    let plugin = (report.has_plugin == Some(false)).then(|| {
        let says = format!("{name} is missing the junction's plugin, so nothing wakes its agent.");
        Finding::warning(CHECK, says, format!("Run {setup}."))
    });
    hooks.into_iter().chain(plugin).chain(rule).collect()
}

/// A setting of the person's. Without the server, nothing works; the rest only works less well.
fn overridden(setting: SettingOverride) -> Finding {
    match setting.of {
        OverriddenPart::Server => Finding::failure(CHECK, setting.says, setting.fix),
        OverriddenPart::Environment | OverriddenPart::Hooks | OverriddenPart::Rule => {
            Finding::warning(CHECK, setting.says, setting.fix)
        }
    }
}

/// A bridge of another version than this one, or one that does not say.
async fn other_version(name: &str, command: &str, setup: &str) -> Option<Finding> {
    let program =
        if command.contains(['/', '\\']) { PathBuf::from(command) } else { on_path(command)? };
    let own = std::env::current_exe().and_then(|own| own.canonicalize()).ok();
    if own.is_some() && program.canonicalize().ok() == own {
        return None;
    }
    if let Some(reason) = distrusted(&program) {
        return Some(Finding::warning(
            CHECK,
            format!("{name} starts {command}, which {reason}. Its version was not asked."),
            format!("Install junction-bridge where only you or root can write, then run {setup}."),
        ));
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

/// Why a program is not run, even to learn its version: another user may have put it there.
#[cfg(unix)]
fn distrusted(program: &Path) -> Option<&'static str> {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(file) = std::fs::metadata(program) else { return Some("cannot be looked at") };
    let own = rustix::process::geteuid().as_raw();
    let is_own_group = file.gid() == rustix::process::getegid().as_raw();
    let others = if is_own_group { 0o002 } else { 0o022 };
    if ![own, 0].contains(&file.uid()) {
        return Some("belongs to another user");
    }
    (file.mode() & others != 0).then_some("other users can change")
}

#[cfg(not(unix))]
fn distrusted(_: &Path) -> Option<&'static str> {
    None
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
