//! A hub proves that it has the key and the group of a link, before the link is kept.

use std::time::Duration;

use junction_shared::codec::encode;
use junction_shared::handshake::{BridgeHandshake, Caller, GroupKeys, public_key};
use junction_shared::id::{Dial, PeerKey};
use junction_shared::secret::Secret;
use junction_shared::wire::ToHub;

use super::dial::{self, Tcp};
use super::trouble;
use crate::target::Target;

/// How long the goodbye may take.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(1);

/// Connects as a session that nobody sees, and leaves.
///
/// # Errors
/// One sentence that says what is wrong, one that says what to do.
pub(crate) async fn prove(target: &Target, group: &GroupKeys) -> Result<(), String> {
    let address = target.address();
    let failed = |error| trouble::not_joined(&address, &error);
    let unproven = |error| trouble::unproven(&address, error);
    let opened = dial::open(&Tcp, target).await.map_err(failed)?;
    let identity = Secret::random();
    let caller = Caller {
        key: PeerKey(public_key(&identity)),
        identity: &identity,
        auth: &group.auth,
        pin: opened.pin,
        dial: Dial(1),
        want: None,
    };
    let (hello, handshake) =
        BridgeHandshake::answer(&opened.challenge, caller).map_err(unproven)?;
    let (connection, welcome) = opened.greet(hello).await.map_err(failed)?;
    handshake.check(&welcome).map_err(unproven)?;
    connection.close(vec![encode(&ToHub::Leave)], GOODBYE_PATIENCE).await;
    Ok(())
}
