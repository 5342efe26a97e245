//! `junction-bridge forget`: a host is known no more.

use anyhow::bail;
use junction_shared::machine::hosts::{LOCAL, remove};

use super::remark;
use crate::config::Config;

/// Removes a host from the file of hosts.
///
/// # Errors
/// If there is no such host in the file, or it cannot be removed.
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
    remark("It is forgotten. Sessions that are on that hub now stay until they end.");
    Ok(())
}
