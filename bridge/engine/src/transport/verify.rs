//! The check of a link before it is kept: its hub has to prove that it has the key and the group of the link.

use std::time::Duration;

use junction_shared::protocol::codec::encode;
use junction_shared::protocol::crypto::public_key;
use junction_shared::protocol::handshake::{BridgeHandshake, Caller, GroupKeys, HandshakeError};
use junction_shared::protocol::id::{Dial, PeerKey};
use junction_shared::protocol::wire::ToHub;
use junction_shared::secret::Secret;
use tokio::time::{Instant, sleep};

use crate::transport::dial::{self, DialError, Tcp};
use crate::transport::endpoint::Endpoint;

/// How long a hub that drops connections is tried again.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(250);
/// How long the goodbye may take.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(1);

/// Why a link was not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyError {
    /// The hub cannot be reached, or turned the session away.
    Unreachable(DialError),
    /// The hub did not prove that it belongs to the group of the link.
    Unproven(HandshakeError),
}

/// Connects to the hub as a session that takes no alias, has the hub prove its group, and leaves.
///
/// # Errors
/// [`VerifyError`].
pub async fn verify(hub: &Endpoint, group: &GroupKeys) -> Result<(), VerifyError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match verify_once(hub, group).await {
            // Sessions of this machine with an older link can have the hub refuse this machine for a moment.
            Err(VerifyError::Unreachable(DialError::Lost)) if Instant::now() < deadline => {
                sleep(PAUSE).await;
            }
            result => return result,
        }
    }
}

/// Connects to the hub once, as [`verify`] does.
///
/// # Errors
/// [`VerifyError`].
pub async fn verify_once(hub: &Endpoint, group: &GroupKeys) -> Result<(), VerifyError> {
    let opened = dial::open(&Tcp, hub).await.map_err(VerifyError::Unreachable)?;
    let identity = Secret::random();
    let caller = Caller {
        key: PeerKey(public_key(&identity)),
        identity: &identity,
        auth: &group.auth,
        pin: opened.pin,
        dial: Dial(1),
        want: None,
        // It is only here to look.
        is_unlisted: true,
        seat: None,
    };
    let (hello, handshake) =
        BridgeHandshake::answer(&opened.challenge, caller).map_err(VerifyError::Unproven)?;
    let (connection, welcome) = opened.send_hello(hello).await.map_err(VerifyError::Unreachable)?;
    handshake.check(&welcome).map_err(VerifyError::Unproven)?;
    connection.close(vec![encode(&ToHub::Leave)], GOODBYE_PATIENCE).await;
    Ok(())
}
