//! A hub proves that it has the key and the group of a link, before the link is kept.

use std::time::Duration;

use junction_shared::protocol::codec::encode;
use junction_shared::protocol::handshake::{BridgeHandshake, Caller, GroupKeys, public_key};
use junction_shared::protocol::id::{Dial, PeerKey};
use junction_shared::protocol::wire::ToHub;
use junction_shared::secret::Secret;
use tokio::time::{Instant, sleep};

use crate::hubs::target::Target;
use crate::transport::dial::{self, DialError, Tcp};
use crate::trouble;

/// How long a hub may cut connections before it counts as one that cannot be joined, and how often to try.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(250);
/// How long the goodbye may take.
const GOODBYE_PATIENCE: Duration = Duration::from_secs(1);

/// Connects as a session that nobody sees, and leaves.
///
/// # Errors
/// One sentence that says what is wrong, one that says what to do.
pub async fn prove(target: &Target, group: &GroupKeys) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match prove_once(target, group).await {
            // Sessions of this machine with an older link can have the door closed to it for a moment.
            Err((_, true)) if Instant::now() < deadline => sleep(PAUSE).await,
            Err((why, _)) => return Err(why),
            Ok(()) => return Ok(()),
        }
    }
}

/// Why a hub was not proven, and whether it let nobody say anything.
type Failure = (String, bool);

async fn prove_once(target: &Target, group: &GroupKeys) -> Result<(), Failure> {
    let address = target.address();
    let failed = |error| {
        let is_cut = matches!(error, DialError::Lost);
        (trouble::not_joined(&address, &error), is_cut)
    };
    let unproven = |error| (trouble::unproven(&address, error), false);
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
