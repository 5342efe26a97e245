//! Links by which other machines join a hub.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{anyhow, bail};
use futures_util::future::join_all;
use junction_shared::invite_link::InviteLink;
use junction_shared::machine::hosts::HostsFile;
use junction_shared::machine::identity::own_link;
use junction_shared::machine::network;

use crate::config::Config;
use junction_engine::hubs::known::KnownHosts;
use junction_engine::hubs::probe::{HubMode, probe};
use junction_engine::transport::endpoint::Endpoint;
use junction_engine::transport::tls::Security;

/// What the holder of a link can do.
pub(crate) const WARNING: &str = "Anyone who has a link can join the group, see its sessions and write to them. Pass it on in a \
                       way that you trust, and to nobody else.";
/// How to make the links of this machine's hub invalid.
pub(crate) const REMEDY: &str = "junction-hub rotate makes all links invalid.";

/// The link of a known host.
///
/// # Errors
/// There is none, and what to do.
pub(crate) fn link_of(config: &Config, name: &str) -> anyhow::Result<InviteLink> {
    let entry = HostsFile::load(&config.dir)?.entries.into_iter().find(|entry| entry.name == name);
    let Some(entry) = entry else {
        bail!("No known host has that name. Run junction-bridge hosts to see which there are.");
    };
    entry.link.ok_or_else(|| {
        anyhow!(
            "The host {name} is known without a link. Join it first, with junction-bridge join."
        )
    })
}

/// Links to the hub of this machine: one for every address at which the hub answers with its key.
///
/// # Errors
/// Why there are no links, and what to do.
pub(crate) async fn own_links(config: &Config) -> anyhow::Result<Vec<InviteLink>> {
    let known = KnownHosts::new(config.dir.clone(), config.port);
    let running = known.running_hub()?;
    let port = known.local_port(running);
    if let Some(other) = running.port().filter(|other| *other != port) {
        bail!(
            "This machine's hub serves port {other}, and JUNCTION_PORT or --port says {port}. Leave the port out: the \
             hub is found by itself."
        );
    }
    let Ok(health) = probe(&Endpoint::plain((Ipv4Addr::LOCALHOST, port).into())).await else {
        bail!(
            "No hub answers on this machine at port {port}. Start one for other machines with: junction-hub --host \
             0.0.0.0"
        );
    };
    if health.mode != Some(HubMode::Lan) {
        bail!(
            "This machine's hub serves only this machine. Stop it, unless an agent's session has started it, and run: \
             junction-hub --host 0.0.0.0"
        );
    }
    let own = own_link(&config.dir)?;
    let reached = join_all(network::addresses().into_iter().map(async |address: IpAddr| {
        let hub = Endpoint { host: address.to_string(), port, security: Security::Pinned(own.pin) };
        probe(&hub).await.ok().map(|_| hub.host)
    }));
    let links: Vec<_> =
        reached.await.into_iter().flatten().map(|host| own.at(&host, port)).collect();
    if links.is_empty() {
        bail!(
            "The hub of this machine answers at none of its addresses with the key in {}. Connect the machine to a \
             network, or use the folder that the hub was started with.",
            config.dir.path().display()
        );
    }
    Ok(links)
}
