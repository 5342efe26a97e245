//! `junction-bridge join`: verifies a link with its hub, and keeps it under a name.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, IsTerminal};
use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use junction_shared::invite_link::address_text;
use junction_shared::protocol::handshake::fingerprint;

use crate::config::Config;
use crate::joining::{JoinedHub, check_name, join_by};
use crate::terminal::{remark, tell};

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
    let JoinedHub { name, link, remark: before } =
        join_by(config, &mut *source(join.file)?, join.name).await?;
    before.iter().for_each(|before| remark(before));
    let key = fingerprint(&link.pin);
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
