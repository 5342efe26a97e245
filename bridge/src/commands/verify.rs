//! `junction-bridge verify`: words for two people to compare.

use std::time::Duration;

use anyhow::{anyhow, bail};
use futures_util::future::join_all;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::safety_phrase::safety_phrase;
use tokio::time::timeout;

use crate::ipc::{BridgeRequest, BridgeResponse, all_bridges, bridges_of_this_session, send};
use crate::terminal::{remark, tell};

/// How long a session may take to answer: it may have to ask its hub.
const PATIENCE: Duration = Duration::from_secs(3);

/// Shows the safety phrase of two fingerprints, or of a session that runs here and a peer that it knows by its alias.
///
/// # Errors
/// If a fingerprint is not valid, both are the same, or no session that runs here knows the peer.
pub(crate) async fn verify(one: &str, other: Option<&str>) -> anyhow::Result<()> {
    match other {
        Some(other) => of_fingerprints(one, other),
        None => of_peer(one).await,
    }
}

fn of_fingerprints(one: &str, other: &str) -> anyhow::Result<()> {
    let parse = |text: &str| {
        let text = text.trim().to_ascii_lowercase();
        let is_one = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        is_one.then_some(text).ok_or_else(|| {
            anyhow!(
                "That is not a fingerprint. Give two of 16 hexadecimal digits, as junction-bridge peers --json shows them."
            )
        })
    };
    let (one, other) = (parse(one)?, parse(other)?);
    if one == other {
        bail!("Both fingerprints are the same. Give your session's, and its peer's.");
    }
    tell(&safety_phrase(&one, &other))
}

/// The phrase of each session that knows the peer: of the one that this command runs in, or else of all that this
/// user has.
async fn of_peer(alias: &str) -> anyhow::Result<()> {
    if Alias::parse(alias).is_err() {
        bail!(
            "That is not an alias. Give one as junction-bridge peers shows it, or two fingerprints."
        );
    }
    let own: Vec<_> = bridges_of_this_session().into_iter().map(|(socket, _)| socket).collect();
    let sockets = if own.is_empty() { all_bridges() } else { own };
    let request = BridgeRequest::Verify { alias: alias.to_owned() };
    let asked = sockets.iter().map(|socket| timeout(PATIENCE, send(socket, &request)));
    let mut is_known = false;
    for response in join_all(asked).await {
        let Ok(Ok(received)) = response else { continue };
        if let BridgeResponse::Fingerprints { alias: session, own, other } = received.response {
            is_known = true;
            remark(&format!("{session} ({own}) and {alias} ({other}):"));
            tell(&safety_phrase(&own, &other))?;
        }
    }
    if !is_known {
        bail!(
            "No session of yours on this machine knows that one by the key it has now. Give both fingerprints \
             instead, as junction-bridge peers --json shows them."
        );
    }
    Ok(())
}
