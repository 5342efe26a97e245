//! The hub of this machine, the port that it has or is to have, and the known hosts.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use junction_shared::machine::hosts::LOCAL;
use junction_shared::machine::local_hub::{LocalHub, RunningHub};
use junction_shared::machine::running_system::port_owner;
use tokio::time::{Instant, sleep};

use super::finding::{Finding, Gravity};
use crate::config::Config;
use crate::survey::rounded_ms;
use crate::wording::hubs::{STARTS_A_HUB, host_problem};
use crate::wording::{Audience, Wording as _};
use junction_engine::hubs::known::{KnownHosts, ListingProblem};
use junction_engine::hubs::probe::{Health, HostStatus, ProbeError, Survey, survey};
use junction_engine::hubs::target::{HubTarget, TargetError};
use junction_engine::transport::dial::is_listening;
use junction_engine::transport::endpoint::Endpoint;

const CHECK: &str = "hub";
/// How long a hub may take to start or stop.
const START_TIME: Duration = Duration::from_millis(1500);
/// How often to look meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What was found of the hubs.
pub(super) struct HubCheck {
    /// What to tell.
    pub(super) findings: Vec<Finding>,
    /// The hub in use, if sessions can be expected to reach it, or to start it.
    pub(super) target: Option<HubTarget>,
    /// Whether the hub of this machine was stopped, so that sessions are on none.
    pub(super) is_stopped: bool,
}

/// Checks the program of the hub, the hub of this machine, and all known hosts.
pub(super) async fn hubs(config: &Config) -> HubCheck {
    let known = KnownHosts::new(config.dir.clone(), config.port);
    let mut findings: Vec<_> = program().into_iter().collect();
    let target = match known.target(&config.hub) {
        Ok(target) => Some(target),
        // The directory was found wanting already.
        Err(TargetError::Files(_)) => None,
        Err(error) => {
            findings.push(Finding::error(
                "JUNCTION_HUB",
                Gravity::Failure,
                &error.words_for(Audience::Person),
            ));
            None
        }
    };
    let is_local = target.as_ref().is_none_or(|target| target.name == LOCAL);
    let running = settled(&known).await;
    let Survey { hosts, problems } = survey(&known, &config.hub).await;
    // A file that cannot be read, and its lines, were reported where they are.
    let is_of_setting = |problem: &&ListingProblem| {
        !matches!(problem, ListingProblem::Files(_) | ListingProblem::Line(_))
    };
    let words = |problem: &ListingProblem| problem.words_for(Audience::Person);
    let listed = problems.iter().filter(is_of_setting).map(words);
    findings
        .extend(listed.map(|text| Finding::error("JUNCTION_KNOWN_HOSTS", Gravity::Failure, &text)));
    for host in &hosts {
        if host.name == LOCAL {
            if let Some(running) = running {
                findings.push(local(config, &known, running, host, is_local).await);
            }
        } else {
            findings.push(other_host(host));
        }
    }
    let is_sound = findings.iter().all(|finding| finding.gravity < Gravity::Failure);
    let is_stopped = running == Some(RunningHub::None) && LocalHub::of(&config.dir).is_stopped();
    let is_reached = |target: &HubTarget| target.name != LOCAL || (is_sound && !is_stopped);
    HubCheck { findings, target: target.filter(is_reached), is_stopped }
}

/// Whether the hub's program is beside this one, where sessions look for it.
fn program() -> Option<Finding> {
    let name = format!("junction-hub{}", std::env::consts::EXE_SUFFIX);
    let beside: PathBuf = std::env::current_exe().ok()?.with_file_name(name);
    (!beside.is_file()).then(|| {
        Finding::warning(
            "programs",
            format!("{} is not there, so no session can start a hub.", beside.display()),
            "Install both programs side by side, or keep a hub running yourself.",
        )
    })
}

/// The hub of this machine, once it is neither starting nor stopping; `None` where the files cannot be read.
async fn settled(known: &KnownHosts) -> Option<RunningHub> {
    let deadline = Instant::now() + START_TIME;
    loop {
        match known.running_hub().ok()? {
            RunningHub::Unready if Instant::now() < deadline => sleep(LOOK_EVERY).await,
            running => return Some(running),
        }
    }
}

/// The hub of this machine.
async fn local(
    config: &Config,
    known: &KnownHosts,
    running: RunningHub,
    host: &HostStatus,
    is_in_use: bool,
) -> Finding {
    let process = LocalHub::of(&known.dir).process();
    let who = process.map_or_else(String::new, |process| format!(" (process {process})"));
    let end = process.map_or_else(String::new, |process| format!(", or kill {process}"));
    match running {
        RunningHub::None => none(config, known, is_in_use).await,
        RunningHub::Unready => Finding::failure(
            CHECK,
            format!("The hub{who} has its lock and serves no port."),
            format!(
                "Run junction-bridge doctor again; if this stays, run junction-bridge stop{end}."
            ),
        ),
        RunningHub::At(port) if config.port.is_some_and(|set| set != port) => Finding::failure(
            CHECK,
            format!(
                "The hub of {}{who} serves 127.0.0.1:{port}, and another port is set.",
                dir(known)
            ),
            format!("Unset JUNCTION_PORT, or set it to {port}."),
        ),
        RunningHub::At(port) => match &host.health {
            Ok(health) => serving(port, &who, health),
            Err(ProbeError::NoAnswer) => Finding::failure(
                CHECK,
                format!("The hub{who} at 127.0.0.1:{port} has its lock and does not answer."),
                format!("Run junction-bridge stop{end}."),
            ),
            Err(_) => Finding::failure(
                CHECK,
                format!(
                    "The hub{who} at 127.0.0.1:{port} does not prove that it has this group's keys."
                ),
                format!("Run junction-bridge stop{end}; the next session starts another hub."),
            ),
        },
    }
}

/// A hub of this machine that is healthy.
fn serving(port: u16, who: &str, health: &Health) -> Finding {
    let version = plain(health.version.as_deref().unwrap_or_default());
    let mode = health.mode.map_or("mode unknown", |mode| mode.name());
    let sessions = match health.active_peers {
        Some(1) => ", 1 session".to_owned(),
        Some(count) => format!(", {count} sessions"),
        None => String::new(),
    };
    let says = format!("127.0.0.1:{port} answers{who}, {mode}{sessions}, version {version}");
    let own = env!("CARGO_PKG_VERSION");
    if version == own {
        return Finding::ok(CHECK, format!("{says}."));
    }
    Finding::warning(
        CHECK,
        format!("{says}, while this program has version {own}."),
        "Run junction-bridge stop: the next tool call of any session starts the hub of its own version.",
    )
}

/// A label of another program, in characters that mislead nobody.
fn plain(text: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || ".+-_".contains(*c);
    let text: String = text.chars().filter(is_plain).take(32).collect();
    if text.is_empty() { "unknown".to_owned() } else { text }
}

/// No hub runs here. Its port may be taken all the same.
async fn none(config: &Config, known: &KnownHosts, is_in_use: bool) -> Finding {
    let port = known.local_port(RunningHub::None);
    let address = (Ipv4Addr::LOCALHOST, port);
    // A socket that is bound and does not listen is in the way, too.
    let is_taken = is_listening(&Endpoint::plain(address.into())).await
        || std::net::TcpListener::bind(address)
            .is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse);
    let owner = if is_taken { port_owner(port).to_string() } else { String::new() };
    if is_taken && config.port.is_some() {
        return Finding::failure(
            CHECK,
            format!(
                "127.0.0.1:{port} is in use by {owner}, which is not the hub of {}.",
                dir(known)
            ),
            "Stop that program, or unset JUNCTION_PORT or set it to a free port.",
        );
    }
    if LocalHub::of(&known.dir).is_stopped() {
        let fix = match config.autostart {
            true => STARTS_A_HUB,
            false => "Run junction-hub: JUNCTION_AUTOSTART keeps sessions from starting one.",
        };
        let says = "You stopped the hub with junction-bridge stop, and sessions are on none.";
        return Finding::warning(CHECK, says, fix);
    }
    if is_in_use && !config.autostart {
        return Finding::failure(
            CHECK,
            "No hub runs here, and JUNCTION_AUTOSTART keeps sessions from starting one.",
            "Run junction-hub, or unset JUNCTION_AUTOSTART.",
        );
    }
    let taken =
        format!(" Port {port} is in use by {owner}, so that it takes another port by itself.");
    let taken = if is_taken { taken } else { String::new() };
    if !is_in_use {
        return Finding::ok(
            CHECK,
            "This machine's own hub does not run, and is not needed: JUNCTION_HUB names another.",
        );
    }
    Finding::ok(CHECK, format!("No hub runs now; a session starts one when it needs it.{taken}"))
}

fn dir(known: &KnownHosts) -> String {
    known.dir.path().display().to_string()
}

/// A hub on another machine, or at a port of its own.
fn other_host(host: &HostStatus) -> Finding {
    let check = "known hosts";
    let gravity = if host.is_current { Gravity::Failure } else { Gravity::Warning };
    let at = format!("{} at {}", host.name, host.endpoint.address());
    if let Some(problem) = host_problem(host) {
        return Finding::error(check, Gravity::Failure, &problem);
    }
    match &host.health {
        Ok(health) => {
            let time = rounded_ms(health.latency);
            Finding::ok(check, format!("{at} answers in {time} ms and proves its key."))
        }
        Err(ProbeError::Stranger) => Finding::error(
            check,
            gravity,
            &format!(
                "What listens for {at} is not this group's hub. Check the address, and ask the person who runs the hub."
            ),
        ),
        Err(_) => Finding::error(
            check,
            gravity,
            &format!(
                "{at} does not answer. Check that its hub runs and that no firewall is in the way, or run \
                 junction-bridge forget {}.",
                host.name
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Terminal;

    #[test]
    fn hub_of_another_version_is_told_with_both_versions() {
        let health = |version: Option<&str>| Health {
            latency: Duration::from_millis(1),
            active_peers: Some(1),
            mode: None,
            version: version.map(str::to_owned),
            uptime: None,
        };
        let own = serving(4200, "", &health(Some(env!("CARGO_PKG_VERSION"))));
        assert_eq!(own.gravity, Gravity::Ok);
        for (version, shown) in
            [(Some("0.0.9"), "0.0.9"), (None, "unknown"), (Some("\u{1b}[31m1"), "31m1")]
        {
            let finding = serving(4200, " (process 7)", &health(version));
            assert_eq!(finding.gravity, Gravity::Warning);
            let line = finding.line(Terminal::PIPE);
            assert!(line.contains(&format!("version {shown}")), "{line}");
            assert!(line.contains(&format!("version {}", env!("CARGO_PKG_VERSION"))), "{line}");
        }
    }
}
