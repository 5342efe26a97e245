//! `junction-bridge invite`: links for other machines.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use junction_shared::invite_link::{InviteLink, parse_address};
use junction_shared::machine::hosts::{HostsFile, LOCAL, is_host_name, set_link};
use junction_shared::machine::identity::new_group;

use crate::config::Config;
use crate::invitation::{REMEDY, WARNING, link_of, own_links};
use crate::joining::name_for;
use crate::qr_code::qr_code;
use crate::terminal::{remark, tell};

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
        (Some(name), None) if name != LOCAL => vec![link_of(config, name)?],
        _ => own_links(config).await?,
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
