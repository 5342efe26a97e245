//! A message that the outbox has taken, and the wait for what becomes of it.

use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::intent::Intent;
use crate::message::{Sent, Submitted};
use crate::outcome::Status;

/// How long a sender waits for the hub to accept a message before the message counts as queued.
pub(crate) const SEND_PATIENCE: Duration = Duration::from_secs(2);
/// How long a sender waits, past the hub's answer, for the receiver's bridge to say when its agent will be told.
const OUTLOOK_PATIENCE: Duration = Duration::from_millis(200);

/// A message in the outbox. It is sent whether or not anybody waits for what becomes of it.
pub struct SendInProgress {
    pub(crate) submitted: Submitted,
    pub(crate) to: Alias,
    /// How long to wait for an answer.
    pub(crate) wait: Duration,
    pub(crate) started: Instant,
    /// Tells that nobody waits for the answer any more.
    pub(crate) stopped: Option<watch::Receiver<bool>>,
}

/// Waits until nobody waits for an answer any more, which may be never.
async fn until_stopped(stopped: &mut Option<watch::Receiver<bool>>) {
    let is_stopped = match stopped {
        Some(stopped) => stopped.wait_for(|is_stopped| *is_stopped).await.is_ok(),
        None => false,
    };
    if !is_stopped {
        std::future::pending::<()>().await;
    }
}

impl SendInProgress {
    /// The message's id.
    pub fn id(&self) -> MessageId {
        self.submitted.id
    }

    /// The alias that the message goes to.
    pub fn to(&self) -> &Alias {
        &self.to
    }

    /// What is known of the message, now and as that changes.
    pub fn progress(&self) -> watch::Receiver<Status> {
        self.submitted.status.clone()
    }

    /// Waits until the hub accepts the message, and for an answer if its draft says so.
    pub async fn sent(self) -> Sent {
        self.sent_within(OUTLOOK_PATIENCE).await
    }

    /// Waits as [`Self::sent`] does, and so long for the receiver's bridge to say when its agent will be told.
    pub async fn sent_within(self, patience: Duration) -> Sent {
        let Self { submitted, to, wait, started, mut stopped } = self;
        // Nobody is woken for a message past the limit of its chain, so its answer would be waited for in vain.
        let wait = if submitted.past_limit { Duration::ZERO } else { wait };
        let awaits_outlook = wait.is_zero() && submitted.awaits_outlook() && !submitted.repeated;
        // A request that a killed process may have read is repeated to the next one, which may answer.
        let is_repeated = submitted.intent == Intent::Request;
        let is_end = |status: &Status| {
            status.is_final_without_reply() && !(is_repeated && *status == Status::Unconfirmed)
        };
        let mut status = submitted.status;
        let accepted = status.wait_for(|status| *status != Status::Queued);
        let _ = timeout_at(started + SEND_PATIENCE, accepted).await;
        if awaits_outlook {
            // The receiver's bridge opens the message at once, or is not there.
            let opened = status.wait_for(|status| *status != Status::Accepted);
            let _ = timeout(patience, opened).await;
        }
        let mut wait_end = None;
        if !wait.is_zero() {
            wait_end = tokio::select! {
                biased;
                end = submitted.wait_end => end.ok(),
                // Not every final status ends the wait: a message that was read may still be answered.
                Ok(_) = status.wait_for(is_end) => None,
                () = until_stopped(&mut stopped) => None,
                () = tokio::time::sleep_until(started + wait) => None,
            };
        }
        let status = *status.borrow();
        // What was read, or brought an answer, was hindered by nothing after all.
        let is_settled = status == Status::Read || wait_end.is_some();
        let outlook = submitted.outlook.borrow().filter(|_| !is_settled);
        let outlook = outlook.map(|outlook| outlook.after(started.elapsed()));
        let refusal = match status {
            Status::Refused(_) => submitted.refusal.await.ok(),
            _ => None,
        };
        Sent {
            id: submitted.id,
            to,
            status,
            receiver: submitted.receiver,
            urgency: submitted.urgency,
            past_limit: submitted.past_limit,
            wait_end,
            outlook,
            refusal,
            waited: started.elapsed(),
            repeated: submitted.repeated,
            intent: submitted.intent,
        }
    }
}
