//! Messages that a command hands to a running session over its socket.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use tokio::sync::{Semaphore, mpsc, watch};
use uuid::Uuid;

use crate::ipc::server::IpcConnection;
use crate::ipc::{BridgeResponse, SendRequest};
use crate::results::{SentJson, object};
use crate::wording::people::for_person;
use junction_engine::error::Error;
use junction_engine::urgency::Urgency;
use junction_engine::{Draft, Engine, Lease, Sent, Status, WaitEnd};

/// Messages that are sent for commands at once. The others of the socket's connections are for hooks.
const MAX_SENDS: usize = 8;

/// Sends messages of commands through one session.
#[derive(Clone)]
pub(crate) struct SendService {
    engine: Engine,
    slots: Arc<Semaphore>,
    /// Where to say what messages were sent, for whom wants to follow them.
    followed: Option<mpsc::Sender<watch::Receiver<Status>>>,
}

impl SendService {
    /// A service that sends through this engine.
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine, slots: Arc::new(Semaphore::new(MAX_SENDS)), followed: None }
    }

    /// Says of every message that it sends what is known of it, as that changes.
    pub(crate) fn followed_by(self, followers: mpsc::Sender<watch::Receiver<Status>>) -> Self {
        Self { followed: Some(followers), ..self }
    }

    /// Sends one message and tells the command what became of it. If the command ends meanwhile, the message is sent
    /// all the same, and an answer to it is for the session.
    pub(crate) async fn send(&self, request: SendRequest, connection: &mut IpcConnection) {
        let waits = request.wait_seconds > 0;
        let sent = match self.slots.try_acquire() {
            Err(_) => Err(for_person(&Error::TooManyWaits)),
            Ok(_slot) => {
                let sending = self.sent(request);
                tokio::select! {
                    sent = sending => sent,
                    () = connection.closed() => return,
                }
            }
        };
        let (response, lease) = response(sent, waits);
        if connection.respond_printed(&response).await {
            lease.into_iter().for_each(Lease::ack);
        }
    }

    async fn sent(&self, request: SendRequest) -> Result<(Sent, Urgency), String> {
        let draft = draft(request)?;
        let asked = draft.urgency;
        let sending = self.engine.begin_send(draft).await.map_err(|error| for_person(&error))?;
        if let Some(followers) = &self.followed {
            // A follower that is far behind follows this one no more.
            let _ = followers.try_send(sending.progress());
        }
        Ok((sending.sent().await, asked))
    }
}

/// The response, and the hold on what it tells.
fn response(sent: Result<(Sent, Urgency), String>, waits: bool) -> (BridgeResponse, Option<Lease>) {
    let (sent, asked) = match sent {
        Ok(sent) => sent,
        Err(why) => return (BridgeResponse::Failed { why }, None),
    };
    if let Status::Refused(reason) = sent.status {
        let why = for_person(&Error::Refused(reason));
        return (BridgeResponse::Failed { why }, sent.refusal);
    }
    let answer = object(&SentJson::new(&sent, asked, waits.then_some(sent.waited)));
    let lease = match sent.wait_end {
        Some(WaitEnd::Reply(_, lease)) => Some(lease),
        _ => None,
    };
    (BridgeResponse::Sent { answer }, lease)
}

/// The message to send.
///
/// # Errors
/// What is wrong with the request, and what to do.
pub(crate) fn draft(request: SendRequest) -> Result<Draft, String> {
    let target = Alias::parse(&request.to)
        .map_err(|_| "That is not an alias. Give one as junction-bridge peers shows it.")?;
    let reply_to = request.reply_to.map(|id| {
        let id = Uuid::try_parse(&id);
        id.map(|id| MessageId(id.into_bytes()))
            .map_err(|_| "--reply-to must be the id of a message. Give one as it was shown.")
    });
    let urgency = match request.urgency {
        None => Urgency::default(),
        Some(word) => {
            let named = Urgency::NAMES.into_iter().find(|(name, _)| *name == word);
            named.ok_or("--urgency must be low, normal or high. Give one of them.")?.1
        }
    };
    Ok(Draft {
        reply_to: reply_to.transpose()?,
        ttl: request.ttl_seconds.map(Duration::from_secs),
        fingerprint: request.fingerprint.map(|text| text.to_ascii_lowercase()),
        wait: Duration::from_secs(request.wait_seconds),
        urgency,
        from_person: request.from_person,
        ..Draft::new(target, request.message)
    })
}
