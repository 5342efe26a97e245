//! The seats of this machine's sessions: which one a session of a client has.

use std::sync::Arc;

use junction_engine::{self as engine, SeatBasis};
use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::machine::seat_secret::{next_incarnation, read_seat_secret, seat_secret};
use junction_shared::protocol::seat::SeatKeys;
use junction_shared::secret::Secret;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use crate::clients::client_process::place_of_bridge;
use crate::clients::{ClientSession, SessionClaim};

/// Claims that wait until the one before was made. Of more, the oldest are dropped: the newest names the session of now.
const QUEUE: usize = 16;

/// Claims seats for the engine, in order and beside everything else: the secret of the seats is in a file.
#[derive(Clone)]
pub(crate) struct SeatClaims {
    queue: broadcast::Sender<Option<SessionClaim>>,
    /// How many claims have not been settled.
    open: Arc<watch::Sender<u64>>,
}

impl SeatClaims {
    /// Begins to make claims, in a task of its own. `dir` is the directory of the secret.
    pub(crate) fn start(engine: engine::Engine, dir: ConfigDir) -> Self {
        let (queue, mut claims) = broadcast::channel::<Option<SessionClaim>>(QUEUE);
        let claimed = Self { queue, open: Arc::default() };
        let open = Arc::clone(&claimed.open);
        tokio::spawn(async move {
            let mut secret = None;
            loop {
                let claim = match claims.recv().await {
                    Ok(claim) => claim,
                    Err(RecvError::Lagged(dropped)) => {
                        open.send_modify(|open| *open -= dropped);
                        continue;
                    }
                    Err(RecvError::Closed) => break,
                };
                if claim.is_some() && secret.is_none() {
                    secret = load(&dir).await;
                }
                let session = claim.zip(secret.as_ref());
                let session = session.map(|(claim, secret)| seat(&dir, secret, claim));
                let settled = engine.claim_seat(session).await;
                let open = Arc::clone(&open);
                // The next claim must not wait: it may say more.
                tokio::spawn(async move {
                    settled.wait().await;
                    open.send_modify(|open| *open -= 1);
                });
            }
        });
        claimed
    }

    /// The session is known, or it is known that the client does not name it yet.
    pub(crate) fn claim(&self, claim: Option<SessionClaim>) {
        self.open.send_modify(|open| *open += 1);
        if self.queue.send(claim).is_err() {
            self.open.send_modify(|open| *open -= 1);
        }
    }

    /// Waits until it is known what came of the claims so far: a call of a session that has just been named is to find the
    /// session's own mail.
    pub(crate) async fn settled(&self) {
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }
}

/// The secret of the seats, made if there is none yet. Without it the session has no seat.
async fn load(dir: &ConfigDir) -> Option<Secret> {
    let found = match read_seat_secret(dir) {
        // To make it takes a lock, for which this may have to wait.
        Ok(None) => {
            let dir = dir.clone();
            tokio::task::spawn_blocking(move || seat_secret(&dir)).await.ok()?.map(Some)
        }
        read => read,
    };
    match found {
        Ok(secret) => secret,
        Err(error) => {
            tracing::warn!(%error, "no_seat");
            None
        }
    }
}

fn seat(dir: &ConfigDir, secret: &Secret, claim: SessionClaim) -> engine::SeatToClaim {
    let (basis, is_wish, session) = match claim {
        SessionClaim::Wish(session) => (SeatBasis::Wished, true, session),
        SessionClaim::Proof(session) | SessionClaim::Swap(session) => {
            (SeatBasis::Proven, false, session)
        }
        SessionClaim::Move(session) => (SeatBasis::Continued, false, session),
    };
    let ClientSession { client, id } = session;
    let keys = SeatKeys::derive(secret, client, &id);
    // A wish is good against another bridge of the same process of the client.
    let place = is_wish.then(place_of_bridge).flatten().map(|place| keys.place(&place));
    let incarnation = next_incarnation(dir, engine::wall_ms());
    engine::SeatToClaim { keys, incarnation, place, basis }
}

#[cfg(test)]
mod tests {
    use junction_engine::Command;

    use super::*;
    use crate::testing::snapshot;

    #[tokio::test]
    async fn of_too_many_claims_the_newest_are_made_and_no_call_waits_for_the_others() {
        let home = tempfile::tempdir().unwrap();
        let dir = ConfigDir::at(home.path().join("junction"));
        let secret = seat_secret(&dir).unwrap();
        let (engine, mut commands, _snapshot) = engine::Engine::new(snapshot());
        let seats = SeatClaims::start(engine, dir);
        // The task that makes the claims has not run yet.
        let ids: Vec<_> = (0..QUEUE + 4).map(|number| number.to_string()).collect();
        for id in &ids {
            let session = ClientSession { client: "claude-code", id: id.clone() };
            seats.claim(Some(SessionClaim::Move(session)));
        }
        for id in &ids[4..] {
            let Some(Command::ClaimSeat(Some(seat), reply)) = commands.recv().await else {
                panic!("a claim is made");
            };
            assert_eq!(seat.keys.key(), SeatKeys::derive(&secret, "claude-code", id).key());
            let _ = reply.send(());
        }
        seats.settled().await;
        assert!(commands.try_recv().is_err());
    }
}
