//! `junction-bridge invite`: links for other machines.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;
use futures_util::future::join_all;
use junction_shared::invite_link::{InviteLink, parse_address};
use junction_shared::machine::hosts::{HostsFile, LOCAL, is_host_name, set_link};
use junction_shared::machine::identity::{new_group, own_link};
use junction_shared::machine::network;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use super::join::name_for;
use crate::config::Config;
use crate::terminal::{remark, tell};
use junction_engine::hubs::known::KnownHosts;
use junction_engine::hubs::probe::{HubMode, probe};
use junction_engine::transport::endpoint::Endpoint;
use junction_engine::transport::tls::Security;

/// What the holder of a link can do.
const WARNING: &str = "Anyone who has a link can join the group, see its sessions and write to them. Pass it on over a \
                       way that you trust, and to nobody else.";
/// How to make the links of this machine's hub invalid.
const REMEDY: &str = "junction-hub rotate makes all links invalid.";

/// Which links to make.
#[derive(Debug, Args)]
pub(crate) struct Invite {
    /// Known host whose link to print [default: the hub of this machine]
    #[arg(long, value_name = "NAME", conflicts_with = "new")]
    host: Option<String>,
    /// Show each link as a QR code, too
    #[arg(long)]
    qr: bool,
    /// Make a new group for a hub on another machine, which never holds the group's secret
    #[arg(long, requires = "hub")]
    new: bool,
    /// Address at which that hub will run
    #[arg(long, value_name = "HOST:PORT", requires = "new")]
    hub: Option<String>,
    /// Name to store that hub under [default: derived from its address]
    #[arg(long, value_name = "NAME", requires = "new")]
    name: Option<String>,
    /// File for that hub's keys, which must not exist yet
    #[arg(long, value_name = "FILE", requires = "new", default_value = "hub.key")]
    out: PathBuf,
}

/// Shows links, one a line.
///
/// # Errors
/// Why there are no links, and what to do.
pub(crate) async fn invite(config: &Config, invite: Invite) -> anyhow::Result<()> {
    // Before anything else, because no link can be made without it.
    config.dir.check()?;
    let links = match (&invite.host, &invite.hub) {
        (_, Some(address)) => vec![found(config, address, invite.name.as_deref(), &invite.out)?],
        (Some(name), None) if name != LOCAL => vec![known(config, name)?],
        _ => local(config).await?,
    };
    remark(WARNING);
    if invite.hub.is_none() && invite.host.as_deref().is_none_or(|host| host == LOCAL) {
        remark(REMEDY);
    }
    for link in &links {
        let text = link.to_text();
        tell(&text)?;
        if invite.qr {
            tell(&qr_code(&text)?)?;
        }
    }
    Ok(())
}

/// The link of a known host.
fn known(config: &Config, name: &str) -> anyhow::Result<InviteLink> {
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
async fn local(config: &Config) -> anyhow::Result<Vec<InviteLink>> {
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
            "This machine's hub serves only this machine. If a bridge did not start it, stop it. Then run: \
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

/// A new group, and the keys for its hub in a file.
fn found(
    config: &Config,
    address: &str,
    name: Option<&str>,
    out: &Path,
) -> anyhow::Result<InviteLink> {
    let Some((host, port)) = parse_address(address) else {
        bail!("That is not HOST:PORT. Give the address that other machines will reach the hub by.");
    };
    let name = name.map_or_else(|| name_for(&host), str::to_owned);
    if name == LOCAL || !is_host_name(&name) {
        bail!(
            "That is not a name for another host. Choose 1 to 32 of a-z, 0-9 and hyphen, with --name."
        );
    }
    if HostsFile::load(&config.dir)?.find(&name).is_some() {
        bail!("There is a host of the name {name} already. Choose another one with --name.");
    }
    let (link, key) = new_group(&host, port);
    key.save_as(out)?;
    if let Err(error) = set_link(&config.dir, &name, &link) {
        // Without the link the keys are useless.
        let _ = std::fs::remove_file(out);
        return Err(error.into());
    }
    let is_loopback = link_is_loopback(&host);
    let serving = if is_loopback { String::new() } else { " --host 0.0.0.0".to_owned() };
    remark(&format!(
        "The hub's keys are in {}. Move that file into the configuration directory of the hub, readable by its user alone, \
         under the name hub.key. Then start it: junction-hub{serving} --port {port}",
        out.display()
    ));
    remark(&format!("Here the hub is called {name}."));
    Ok(link)
}

/// Whether a host is this machine alone, as the far end of a tunnel is.
fn link_is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A text as a QR code of block characters.
fn qr_code(text: &str) -> anyhow::Result<String> {
    let code = QrCode::new(text)
        .map_err(|_| anyhow!("The link is too long for a QR code. Leave out --qr."))?;
    // Most terminals are dark, so the colors are inverted.
    Ok(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}
