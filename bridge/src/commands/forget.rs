//! `junction-bridge forget`: removes a known host.

use anyhow::bail;
use junction_shared::machine::hosts::{LOCAL, remove};

use crate::config::Config;
use crate::terminal::remark;

/// Removes a host from `hosts.toml`.
///
/// # Errors
/// The file has no such host, or cannot be written.
pub(crate) fn forget(config: &Config, name: &str) -> anyhow::Result<()> {
    if name == LOCAL {
        bail!(
            "The host {LOCAL} is this machine's own hub. To make its links invalid, run junction-hub rotate."
        );
    }
    if !remove(&config.dir, name)? {
        bail!(
            "No host in the file has that name. Run junction-bridge hosts to see which there are."
        );
    }
    remark("It is forgotten. Sessions that are already on that hub stay there until they end.");
    Ok(())
}
