//! Who may look at what goes on.

use std::sync::{Arc, OnceLock};

use junction_shared::protocol::onlooker::OnlookerNonce;
use junction_shared::secret::{Secret, random_bytes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Programs that may look at events at once.
const MAX_ONLOOKERS: usize = 16;

/// What those that look have to prove, and how many there may be.
pub(crate) struct OnlookerAccess {
    nonce: OnlookerNonce,
    /// The port that the hub serves, once it does. A token for another port is for another hub.
    port: OnceLock<u16>,
    /// One permit for each that looks at events.
    places: Arc<Semaphore>,
}

impl OnlookerAccess {
    /// None yet, of a hub that starts now.
    pub(crate) fn new() -> Self {
        let (nonce, places) =
            (OnlookerNonce(random_bytes()), Arc::new(Semaphore::new(MAX_ONLOOKERS)));
        Self { nonce, port: OnceLock::new(), places }
    }

    /// Notes the port that the hub serves.
    pub(crate) fn serve(&self, port: u16) {
        let _ = self.port.set(port);
    }

    /// Whether a token proves that its bearer may look.
    pub(crate) fn admits(&self, auth: &Secret, token: &str) -> bool {
        self.port.get().is_some_and(|port| self.nonce.admits(auth, *port, token))
    }

    /// The header that tells what a token is to be made for.
    pub(crate) fn challenge(&self) -> String {
        self.nonce.challenge()
    }

    /// A place for one that looks at events, if one is free.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }
}
