//! `junction-bridge join`: a link is proven against its hub, and kept under a name.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use junction_shared::handshake::GroupKeys;
use junction_shared::hosts::{HostsFile, LOCAL, is_host_name, set_link};
use junction_shared::link::Link;
use zeroize::Zeroizing;

use super::{name_for, remark, tell};
use crate::config::Config;
use crate::link;
use crate::target::Target;
use crate::tls::{Security, fingerprint};

/// The most that is read where a link should be, in bytes: the longest link has some 360.
const MAX_LINK: u64 = 4096;

/// What `join` takes besides the link.
#[derive(Debug, Args)]
pub(crate) struct Join {
    /// What the hub is to be called here: 1 to 32 of a-z, 0-9 and hyphen [default: made of its address]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A file with the link, in place of stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Takes a link, has its hub prove itself, and keeps the link.
///
/// # Errors
/// What is wrong with the link, the hub or the file of hosts, and what to do. The link is not repeated.
pub(crate) async fn join(config: &Config, join: Join) -> anyhow::Result<()> {
    let link = Link::parse(&read_link(join.file)?)?;
    let name = join.name.unwrap_or_else(|| name_for(&link.host));
    if name == LOCAL {
        bail!("The name {LOCAL} is this machine's own hub's. Choose another one with --name.");
    }
    if !is_host_name(&name) {
        bail!("That is not a host's name. Choose 1 to 32 of the characters a-z, 0-9 and hyphen.");
    }
    let target = Target {
        name: name.clone(),
        host: link.host.clone(),
        port: link.port,
        security: Security::Pinned(link.pin),
    };
    let group = GroupKeys::derive(&link.secret);
    link::prove(&target, &group).await.map_err(|why| anyhow!(why))?;
    let replaced = HostsFile::load(&config.dir)?
        .find(&name)
        .map(|known| known.link.as_ref().map(|link| link.pin));
    set_link(&config.dir, &name, &link)?;
    let key = fingerprint(&link.pin);
    match replaced.flatten().filter(|old| *old != link.pin) {
        Some(old) => {
            remark(&format!("The host {name} had another key before, {}.", fingerprint(&old)));
        }
        None if replaced.is_some() => {
            remark(&format!("The host {name} was known before, and has a new link."));
        }
        None => {}
    }
    tell(&format!(
        "Joined {name}: the hub at {}, whose key has the fingerprint {key}.",
        target.address()
    ))?;
    remark(&format!(
        "Sessions meet there with JUNCTION_HUB={name} in their environment, or once you tell an agent: register \
         with host {name}."
    ));
    Ok(())
}

/// The text of the link: out of a file, out of stdin, or typed where it is not shown.
fn read_link(file: Option<PathBuf>) -> anyhow::Result<Zeroizing<String>> {
    if let Some(path) = file {
        let file = File::open(&path).map_err(|error| {
            anyhow!("{} cannot be read: {error}. Give another file.", path.display())
        })?;
        return read_text(file);
    }
    if std::io::stdin().is_terminal() {
        let typed = rpassword::prompt_password("Paste the link (it is not shown): ");
        return typed.map(Zeroizing::new).context("The terminal cannot be read. Use --file.");
    }
    read_text(std::io::stdin())
}

fn read_text(source: impl Read) -> anyhow::Result<Zeroizing<String>> {
    let limit = usize::try_from(MAX_LINK).unwrap_or(usize::MAX);
    // Room for all of it from the start: growing would leave copies of the link behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit));
    source.take(MAX_LINK).read_to_end(&mut bytes).context("The link cannot be read. Try again.")?;
    let Ok(text) = std::str::from_utf8(&bytes) else {
        bail!("That is not a link. A link begins with junction://; copy the whole of it.");
    };
    Ok(Zeroizing::new(text.to_owned()))
}
