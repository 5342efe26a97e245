//! Joining a hub by a link: the link is verified with its hub, and kept under a name.

use std::io::{BufRead, Read as _};

use anyhow::{anyhow, bail};
use junction_shared::invite_link::{InviteLink, LinkError};
use junction_shared::machine::hosts::{
    HostEntry, HostsFile, LOCAL, is_host_name, remove, set_link,
};
use junction_shared::protocol::handshake::{GroupKeys, fingerprint};

use crate::config::Config;
use crate::wording::hubs::not_joined;
use junction_engine::transport::endpoint::Endpoint;
use junction_engine::transport::tls::Security;
use junction_engine::transport::verify::verify;

/// Bytes of a line with a link, at most: the longest link has about 360.
const MAX_LINK: usize = 4096;

/// A hub that was joined.
pub(crate) struct JoinedHub {
    /// The name that the hub is kept under.
    pub(crate) name: String,
    pub(crate) link: InviteLink,
    /// What was known of that name before, in a sentence.
    pub(crate) remark: Option<String>,
}

/// Reads links, verifies the first that is, and keeps it under this name, or one made of its address.
///
/// # Errors
/// What is wrong with the link, the hub or the file of hosts, and what to do. The link is not repeated.
pub(crate) async fn join_by(
    config: &Config,
    links: &mut (impl BufRead + ?Sized),
    name: Option<String>,
) -> anyhow::Result<JoinedHub> {
    let link = first_verified(links).await?;
    let known = HostsFile::load(&config.dir)?;
    let name = name.unwrap_or_else(|| free_name(&known, &link));
    let before = known.find(&name).map(|known| known.link.as_ref());
    set_link(&config.dir, &name, &link)?;
    let remark = match before {
        Some(Some(old)) if old.pin != link.pin => Some(format!(
            "Warning: the hub known as {name} had another key before, with the fingerprint {}.",
            fingerprint(&old.pin)
        )),
        Some(Some(old)) if *old.to_text() == *link.to_text() => {
            Some(format!("The host {name} was joined before by the same link."))
        }
        Some(_) => Some(format!("The host {name} was known before, and has a new link.")),
        None => None,
    };
    Ok(JoinedHub { name, link, remark })
}

/// Checks a name for another hub.
///
/// # Errors
/// What is wrong with it, and what to do.
pub(crate) fn check_name(name: &str) -> anyhow::Result<()> {
    if name == LOCAL {
        bail!("The name {LOCAL} is this machine's own hub's. Choose another one.");
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

/// Removes a known host from the file.
///
/// # Errors
/// The file has no such host, or cannot be written.
pub(crate) fn forget_host(config: &Config, name: &str) -> anyhow::Result<()> {
    if name == LOCAL {
        bail!(
            "The host {LOCAL} is this machine's own hub. To make its links invalid, run junction-hub rotate."
        );
    }
    if !remove(&config.dir, name)? {
        bail!(
            "hosts.toml has no host of that name. Run junction-bridge hosts to see the known ones."
        );
    }
    Ok(())
}

/// The first link that its hub verifies. Several links, one a line as `invite` shows them, are addresses of one hub:
/// each is tried only if those before it failed.
async fn first_verified(source: &mut (impl BufRead + ?Sized)) -> anyhow::Result<InviteLink> {
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

/// The next line that is not empty, or `None` at the end.
fn next_line(source: &mut (impl BufRead + ?Sized)) -> anyhow::Result<Option<String>> {
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
pub(crate) fn name_for(host: &str) -> String {
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
