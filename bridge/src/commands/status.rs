//! `junction-bridge status`: this machine's hub and the sessions on it.

use std::time::Duration;

use junction_shared::machine::hosts::LOCAL;
use junction_shared::machine::identity::own_link;
use junction_shared::machine::local_hub::LocalHub;
use junction_shared::protocol::handshake::fingerprint;
use serde::Serialize;
use serde_json::Value;

use super::gateway::{GatewayJson, GatewayOverview};
use crate::config::Config;
use crate::ipc::description::{SessionConnection, SessionDescription};
use crate::ipc::local_sessions::{LocalSession, local_sessions};
use crate::onlooker::{LivingHub, show};
use crate::results::PeerJson;
use crate::terminal::{Style, Terminal, remark, tell};
use crate::timestamp::span;
use crate::wording::hubs::STARTS_A_HUB;
use crate::wording::people::for_person;
use junction_engine::hubs::probe::{Health, HubMode, probe};
use junction_engine::transport::endpoint::Endpoint;

/// The first line of `status --json`: the hub. The sessions follow, one a line, as `list_peers` shows them.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct HubJson {
    running: bool,
    /// Whether the hub was stopped and is started by no session until its agent needs it.
    stopped: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<u32>,
    /// Whether the hub answers.
    reachable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uptime: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    active_peers: Option<u64>,
    /// The fingerprint of the key by which other machines know the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    /// This machine's gateway, if it runs or has agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<GatewayJson>,
}

/// Shows this machine's hub and its sessions. Nothing is started or changed, and no session sees that somebody looks.
///
/// # Errors
/// The files of the hub cannot be used, the hub does not answer, or nothing can be written to stdout.
pub(crate) async fn status(config: &Config, json: bool) -> anyhow::Result<()> {
    let files = LocalHub::of(&config.dir);
    let hub = LivingHub::find(&files).await?;
    let gateway = GatewayOverview::of(&config.dir).await?;
    let gateway = Some(gateway).filter(|gateway| !gateway.is_unused());
    let Some(hub) = hub else {
        let is_stopped = files.is_stopped();
        if json {
            let gateway = gateway.as_ref().map(Into::into);
            let hub = HubJson { stopped: is_stopped, gateway, ..HubJson::default() };
            tell(&serde_json::to_string(&hub)?)?;
        } else {
            tell(&no_hub(is_stopped))?;
            tell_gateway(gateway.as_ref())?;
        }
        other_hub(config);
        return Ok(());
    };
    let health = match hub.port {
        Some(port) => probe(&Endpoint::plain(([127, 0, 0, 1], port).into())).await.ok(),
        None => None,
    };
    let pin = own_link(&config.dir).ok().map(|link| fingerprint(&link.pin));
    if json {
        let gateway = gateway.as_ref().map(Into::into);
        let hub = HubJson { gateway, ..hub_json(hub, health.as_ref(), pin) };
        tell(&serde_json::to_string(&hub)?)?;
    } else {
        tell(&describe(hub, health.as_ref(), pin.as_deref()))?;
        tell_gateway(gateway.as_ref())?;
    }
    if health.is_none() {
        anyhow::bail!(
            "The hub {} does not answer. Try again in a few seconds; junction-bridge stop ends a hub that hangs.",
            hub.place()
        );
    }
    tell_sessions(hub, config, gateway.map(|gateway| gateway.sessions).unwrap_or_default(), json)
        .await?;
    local_sessions().await.iter().filter_map(held).for_each(|said| remark(&said));
    other_hub(config);
    Ok(())
}

/// Shows the sessions on the hub, and which of them are reached over HTTP.
async fn tell_sessions(
    hub: LivingHub,
    config: &Config,
    http: Vec<LocalSession>,
    json: bool,
) -> anyhow::Result<()> {
    match hub.sessions(config).await {
        Ok(sessions) => {
            let sessions = sessions.into_iter().map(|session| PeerJson::from(session).into_value());
            let mut sessions: Vec<_> = sessions.collect();
            let address = hub.port.map(|port| format!("127.0.0.1:{port}"));
            let is_here = |said: &&SessionDescription| {
                said.hub == LOCAL || Some(&said.hub) == address.as_ref()
            };
            let http: Vec<_> = http.iter().filter_map(|one| one.said.as_ref().ok()).collect();
            let http: Vec<_> = http.into_iter().filter(is_here).collect();
            sessions.iter_mut().for_each(|session| mark_http(session, &http));
            show(&sessions, json)
        }
        Err(error) => {
            remark(&format!("Its sessions are not shown: {}", for_person(&error)));
            Ok(())
        }
    }
}

/// Marks a session that is one of these, which are reached over HTTP, and says why a message would not wake its agent.
fn mark_http(session: &mut Value, http: &[&SessionDescription]) {
    let is_it = |said: &&&SessionDescription| {
        let is_connected = said.connection == SessionConnection::Connected;
        is_connected && said.alias.as_deref() == session["alias"].as_str()
    };
    if let Some(said) = http.iter().find(is_it) {
        session["http"] = true.into();
        if let Some(why) = &said.hindrance {
            session["why"] = why.as_str().into();
        }
    }
}

/// Shows the gateway, if there is anything to say of it.
fn tell_gateway(gateway: Option<&GatewayOverview>) -> anyhow::Result<()> {
    let Some(gateway) = gateway else { return Ok(()) };
    let words = gateway.words();
    let (first, rest) = words.split_first().map_or(("", &[][..]), |(first, rest)| (first, rest));
    let first = Terminal::stdout().paint(Style::Strong, &format!("Gateway {first}"));
    tell(&[&[first][..], rest].concat().join(", "))
}

/// What to say where no hub runs.
fn no_hub(is_stopped: bool) -> String {
    let what = if is_stopped {
        "The hub of this machine was stopped."
    } else {
        "No hub is running on this machine."
    };
    format!("{what} {STARTS_A_HUB}")
}

/// Says so where the settings name another hub than the one that is shown.
fn other_hub(config: &Config) {
    if config.hub != LOCAL {
        remark(
            "This is this machine's own hub; JUNCTION_HUB or --hub names another one. junction-bridge hosts shows the known \
             hubs, and junction-bridge peers the sessions on the one that is named.",
        );
    }
}

fn hub_json(hub: LivingHub, health: Option<&Health>, fingerprint: Option<String>) -> HubJson {
    HubJson {
        running: true,
        stopped: false,
        address: hub.port.map(|port| format!("127.0.0.1:{port}")),
        process: hub.process,
        reachable: health.is_some(),
        version: health.and_then(|health| health.version.clone()),
        mode: health.and_then(|health| health.mode).map(HubMode::name),
        uptime: health.and_then(|health| health.uptime).map(|uptime| uptime.as_secs()),
        active_peers: health.and_then(|health| health.active_peers),
        fingerprint,
        gateway: None,
    }
}

/// What to say of a session that is held.
fn held(session: &LocalSession) -> Option<String> {
    let session = session.said.as_ref().ok()?;
    let left = Duration::from_secs(session.held_ms?.div_ceil(1000));
    let alias = session.alias.as_deref()?;
    Some(format!("You hold {alias} back for {} more, so no message wakes it.", span(left)))
}

/// The hub in one line.
fn describe(hub: LivingHub, health: Option<&Health>, fingerprint: Option<&str>) -> String {
    let terminal = Terminal::stdout();
    let mut words = vec![terminal.paint(Style::Strong, &format!("Hub {}", hub.place()))];
    if let Some(health) = health {
        words.extend(health.mode.map(|mode| mode_words(mode).to_owned()));
        words.extend(health.active_peers.map(sessions));
        words.extend(health.uptime.map(|uptime| format!("up {}", span(uptime))));
        words.extend(health.version.as_ref().map(|version| format!("version {version}")));
    }
    words.extend(fingerprint.map(|fingerprint| format!("fingerprint {fingerprint}")));
    words.join(", ")
}

fn mode_words(mode: HubMode) -> &'static str {
    match mode {
        HubMode::Localhost => "for this machine only",
        HubMode::Lan => "for other machines too",
    }
}

fn sessions(count: u64) -> String {
    match count {
        1 => "1 session connected".to_owned(),
        _ => format!("{count} sessions connected"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hub_that_does_not_answer_is_told_by_its_files() {
        let hub = LivingHub { port: Some(4200), process: Some(7) };
        assert_eq!(describe(hub, None, None), "Hub at 127.0.0.1:4200 (process 7)");
        let json = serde_json::to_value(hub_json(hub, None, None)).unwrap();
        let expected = serde_json::json!({
            "running": true, "stopped": false, "address": "127.0.0.1:4200", "process": 7, "reachable": false,
        });
        assert_eq!(json, expected);
        let hub = LivingHub { port: None, process: None };
        assert_eq!(describe(hub, None, None), "Hub on this machine");
    }
}
