//! `setup --http`: clients that ask this machine's gateway in place of starting a bridge.

use std::path::Path;

use anyhow::{Context as _, bail};
use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::protocol::alias::Alias;

use super::options::Setup;
use crate::clients::SettableClient;
use crate::commands::gateway::{addresses, bases};
use crate::gateway::names::GatewayNames;
use crate::setup::{ClientSettings, ForeignPackage, PlannedFile, ServerState, SetupTarget, report};
use crate::terminal::{remark, tell};

/// What `--print` shows in place of the secret of an address that is not made yet.
const NO_SECRET: &str = "-----the-secret-of-an-agent-not-added-yet--";

/// Refuses what `--http` cannot be used with.
///
/// # Errors
/// The settings of a project are meant, which others share.
pub(super) fn check_flags(setup: &Setup) -> anyhow::Result<()> {
    if setup.http && setup.project {
        bail!(
            "The address of an agent is a secret, and a project's settings are shared with others. Leave out --project, or \
             --http."
        );
    }
    Ok(())
}

/// The target of a client that asks the gateway, which has an agent of the client's name from now on. `--print` adds none.
///
/// # Errors
/// The client has the junction from a package, or the files of the gateway cannot be used.
pub(super) async fn http_target(
    client: SettableClient,
    target: &SetupTarget,
    dir: &ConfigDir,
    setup: &Setup,
) -> anyhow::Result<SetupTarget> {
    let settings = (client.settings)(target);
    if !settings.files.iter().any(PlannedFile::has_server) {
        bail!(from_package(client, &settings));
    }
    let name = agent_name(client)?;
    let agent = match setup.print {
        true => GatewayNames::load(dir)?.agents().find(|agent| agent.name == name),
        false => Some(GatewayNames::add(dir, &name)?),
    };
    let addresses = match agent {
        Some(agent) => addresses(dir, &agent).await?,
        None => bases(dir)?.into_iter().map(|base| format!("{base}/{NO_SECRET}")).collect(),
    };
    Ok(SetupTarget { address: own_address(addresses), ..target.clone() })
}

/// The name of the agent that a client is.
fn agent_name(client: SettableClient) -> anyhow::Result<Alias> {
    Alias::parse(client.program).context("The name of the client is no alias. Report this.")
}

/// The address for a client of this machine: without TLS, if there is such a one.
fn own_address(mut addresses: Vec<String>) -> Option<String> {
    let plain = addresses.iter().position(|address| address.starts_with("http://"));
    let at = plain.unwrap_or_default();
    (at < addresses.len()).then(|| addresses.swap_remove(at))
}

/// Says that a client has the junction from a package, beside which a server in its settings would be a second one.
fn from_package(client: SettableClient, settings: &ClientSettings) -> String {
    let SettableClient { name, program, .. } = client;
    let foreign = settings.foreign.as_ref().filter(|foreign| foreign.is_loaded());
    let (kind, removal) = match foreign {
        Some(ForeignPackage { kind, removal, .. }) => (*kind, removal.clone()),
        None => ("plugin", format!("run junction-bridge setup --remove {program}")),
    };
    format!(
        "{name} has the junction from its {kind}, which starts a bridge. To use HTTP in its place, {removal}, then run this \
         again."
    )
}

/// Whether a client's settings have it ask a gateway now.
pub(super) fn asks_gateway(client: SettableClient, target: &SetupTarget) -> bool {
    matches!(report(&(client.settings)(target)).server, ServerState::Http { .. })
}

/// Says what it means that a client asks the gateway.
pub(super) fn tell_agent(client: SettableClient, settings: &ClientSettings) -> anyhow::Result<()> {
    let SettableClient { name, program, .. } = client;
    tell(&format!(
        "  All sessions of {name} are one agent now, {program}, which nothing wakes. Set up without --http, each is an agent \
         of its own."
    ))?;
    for file in settings.files.iter().filter(|file| file.has_server() && is_open(&file.path)) {
        let path = file.path.display();
        remark(&format!(
            "{path} holds a secret now, and other users may read it. Run chmod 600 {path}."
        ));
    }
    Ok(())
}

/// Says that the agent of a client that asks the gateway no more is still there.
pub(super) fn tell_left_agent(client: SettableClient) -> anyhow::Result<()> {
    let SettableClient { name, program, .. } = client;
    tell(&format!(
        "  The gateway still has the agent of {name}. To have its address lead nowhere, run junction-bridge gateway remove \
         {program}."
    ))
}

/// Whether a file may be read by others than its owner.
#[cfg(unix)]
fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).is_ok_and(|file| file.mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::settable;

    #[test]
    fn client_of_this_machine_gets_the_address_without_tls() {
        let all = |all: &[&str]| own_address(all.iter().map(ToString::to_string).collect());
        assert_eq!(
            all(&["https://10.0.0.7/a", "http://127.0.0.1/b"]).unwrap(),
            "http://127.0.0.1/b"
        );
        assert_eq!(all(&["https://10.0.0.7/a"]).unwrap(), "https://10.0.0.7/a");
        assert_eq!(all(&[]), None);
    }

    #[test]
    fn every_client_has_a_name_for_its_agent() {
        assert!(settable().all(|client| agent_name(client).is_ok()));
    }
}
