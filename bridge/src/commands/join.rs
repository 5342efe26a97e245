//! `junction-bridge join`: verifies a link with its hub, and keeps it under a name.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, IsTerminal, Read};
use std::path::PathBuf;

use anyhow::{anyhow, bail};
use clap::Args;
use junction_shared::invite_link::{InviteLink, LinkError, address_text};
use junction_shared::machine::hosts::{HostEntry, HostsFile, LOCAL, is_host_name, set_link};
use junction_shared::protocol::handshake::{GroupKeys, fingerprint};

use crate::config::Config;
use crate::terminal::{remark, tell};
use crate::wording::hubs::not_joined;
use junction_engine::transport::endpoint::Endpoint;
use junction_engine::transport::tls::Security;
use junction_engine::transport::verify::verify;

/// Bytes of a line with a link, at most: the longest link has about 360.
const MAX_LINK: usize = 4096;

/// The options of `join`.
#[derive(Debug, Args)]
pub(crate) struct Join {
    /// Name to store the hub under: 1 to 32 of a-z, 0-9 and hyphen [default: derived from its address]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A file with the link, in place of stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Reads a link, verifies it with its hub, and keeps it.
///
/// # Errors
/// What is wrong with the link, the hub or the file of hosts, and what to do. The link is not repeated.
pub(crate) async fn join(config: &Config, join: Join) -> anyhow::Result<()> {
    if let Some(name) = &join.name {
        check_name(name)?;
    }
    // Before the link is asked for.
    config.dir.check()?;
    let link = first_verified(&mut source(join.file)?).await?;
    let known = HostsFile::load(&config.dir)?;
    let name = join.name.unwrap_or_else(|| free_name(&known, &link));
    let before = known.find(&name).map(|known| known.link.as_ref());
    set_link(&config.dir, &name, &link)?;
    let key = fingerprint(&link.pin);
    match before {
        Some(Some(old)) if old.pin != link.pin => remark(&format!(
            "The host {name} had a hub with another key before, of the fingerprint {}.",
            fingerprint(&old.pin)
        )),
        Some(Some(old)) if *old.to_text() == *link.to_text() => {
            remark(&format!("The host {name} was joined before by the same link."));
        }
        Some(_) => remark(&format!("The host {name} was known before, and has a new link.")),
        None => {}
    }
    tell(&format!(
        "Joined {name}: the hub at {}, whose key has the fingerprint {key}.",
        address_text(&link.host, link.port)
    ))?;
    remark(&format!(
        "Sessions meet there with JUNCTION_HUB={name} in their environment, or once you tell an agent: register \
         with host {name}."
    ));
    Ok(())
}

fn check_name(name: &str) -> anyhow::Result<()> {
    if name == LOCAL {
        bail!("The name {LOCAL} is this machine's own hub's. Choose another one with --name.");
    }
    if !is_host_name(name) {
        bail!(
            "That is not a valid host name. Choose 1 to 32 of the characters a-z, 0-9 and hyphen."
        );
    }
    Ok(())
}

/// A name made of the hub's address that no other hub has.
fn free_name(known: &HostsFile, link: &InviteLink) -> String {
    let name = name_for(&link.host);
    let is_others = |other: &HostEntry| (&other.host, other.port) != (&link.host, link.port);
    match known.find(&name) {
        Some(other) if is_others(other) => name_for(&format!("{}-{}", link.host, link.port)),
        _ => name,
    }
}

/// The first link that its hub verifies. Several links, one a line as `invite` shows them, are addresses of one hub:
/// each is tried only if those before it failed.
async fn first_verified(source: &mut dyn BufRead) -> anyhow::Result<InviteLink> {
    let mut first_error = None;
    while let Some(line) = next_line(source)? {
        let link = InviteLink::parse(&line)?;
        let security = Security::Pinned(link.pin);
        let hub = Endpoint { host: link.host.clone(), port: link.port, security };
        match verify(&hub, &GroupKeys::derive(&link.secret)).await {
            Ok(()) => return Ok(link),
            Err(error) => {
                let error = anyhow!(not_joined(&hub.address(), &error));
                first_error = first_error.or(Some(error));
            }
        }
    }
    Err(first_error.unwrap_or_else(|| LinkError::NotALink.into()))
}

/// The source of links: a file, stdin, or a terminal that does not show what is typed.
fn source(file: Option<PathBuf>) -> anyhow::Result<Box<dyn BufRead>> {
    if let Some(path) = file {
        let file = File::open(&path).map_err(|error| {
            anyhow!("{} cannot be read: {error}. Give another file.", path.display())
        })?;
        return Ok(Box::new(BufReader::new(file)));
    }
    if std::io::stdin().is_terminal() {
        let typed = rpassword::prompt_password("Paste the link (it is not shown): ");
        let typed =
            typed.map_err(|error| anyhow!("The terminal cannot be read: {error}. Use --file."))?;
        return Ok(Box::new(Cursor::new(typed)));
    }
    Ok(Box::new(std::io::stdin().lock()))
}

/// The next line that is not empty, or `None` at the end.
fn next_line(source: &mut dyn BufRead) -> anyhow::Result<Option<String>> {
    let mut bytes = Vec::with_capacity(MAX_LINK);
    loop {
        bytes.clear();
        let line = source.take(MAX_LINK as u64).read_until(b'\n', &mut bytes);
        let read = line.map_err(|error| anyhow!("The link cannot be read: {error}. Try again."))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| LinkError::NotALink)?;
        match text.trim() {
            "" if read == 0 => return Ok(None),
            "" => {}
            line => return Ok(Some(line.to_owned())),
        }
    }
}

/// A name for a hub at this host, where none was given: its letters and digits, with hyphens between them.
pub(super) fn name_for(host: &str) -> String {
    const MOST: usize = 32;
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = host.chars().map(plain).take(MOST).collect();
    let name = name.trim_matches('-');
    if name.is_empty() || name == LOCAL { "hub".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_gets_a_name_that_a_host_may_have() {
        assert_eq!(name_for("192.168.1.7"), "192-168-1-7");
        assert_eq!(name_for("Attic.Lan"), "attic-lan");
        assert_eq!(name_for("fd00::7"), "fd00--7");
        assert_eq!(name_for("local"), "hub");
        for host in ["::", &"x.".repeat(100), "::1", "-"] {
            assert!(is_host_name(&name_for(host)), "{host}");
        }
    }
}
