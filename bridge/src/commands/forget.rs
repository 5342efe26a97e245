//! `junction-bridge forget`: removes a known host.

use crate::config::Config;
use crate::joining::forget_host;
use crate::terminal::remark;

/// Removes a host from `hosts.toml`.
///
/// # Errors
/// The file has no such host, or cannot be written.
pub(crate) fn forget(config: &Config, name: &str) -> anyhow::Result<()> {
    forget_host(config, name)?;
    remark("It is forgotten. Sessions that are already on that hub stay there until they end.");
    Ok(())
}
