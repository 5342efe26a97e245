//! Messages that a command hands to a running session over its socket.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use tokio::sync::{Semaphore, mpsc, watch};
use uuid::Uuid;

use super::sources::{SourceRights, prepared};
use crate::attachments::AttachmentAccess;
use crate::ipc::server::IpcConnection;
use crate::ipc::{BridgeResponse, SendRequest};
use crate::results::{AttachedJson, SentJson, object};
use crate::wording::Wording as _;
use crate::wording::people::{attachment_fault, for_person};
use junction_engine::attachment::{AttachmentInfo, PreparedAttachments};
use junction_engine::error::Error;
use junction_engine::urgency::Urgency;
use junction_engine::{Draft, Engine, Lease, Sent, Status, UploadProgress, WaitEnd};

/// Messages that are sent for commands at once. The others of the socket's connections are for hooks.
const MAX_SENDS: usize = 8;

/// Sends messages of commands through one session.
#[derive(Clone)]
pub(crate) struct SendService {
    engine: Engine,
    attachments: AttachmentAccess,
    slots: Arc<Semaphore>,
    /// Where to say what messages were sent, for whom wants to follow them.
    followed: Option<mpsc::Sender<FollowedMessage>>,
}

/// What becomes of a message that was sent for a command.
pub(crate) struct FollowedMessage {
    pub(crate) status: watch::Receiver<Status>,
    /// How far its attachments are, if it has any.
    pub(crate) uploads: Option<watch::Receiver<Vec<UploadProgress>>>,
}

/// A message that was sent for a command.
struct SentForCommand {
    sent: Sent,
    asked: Urgency,
    attached: Vec<AttachmentInfo>,
}

impl SendService {
    /// A service that sends through this engine what may be attached by this access.
    pub(crate) fn new(engine: Engine, attachments: AttachmentAccess) -> Self {
        let slots = Arc::new(Semaphore::new(MAX_SENDS));
        Self { engine, attachments, slots, followed: None }
    }

    /// Says of every message that it sends what is known of it, as that changes.
    pub(crate) fn followed_by(self, followers: mpsc::Sender<FollowedMessage>) -> Self {
        Self { followed: Some(followers), ..self }
    }

    /// Sends one message and tells the command what became of it. If the command ends meanwhile, the message is sent
    /// all the same, and an answer to it is for the session.
    pub(crate) async fn send(
        &self,
        request: SendRequest,
        rights: SourceRights,
        connection: &mut IpcConnection,
    ) {
        let waits = request.wait_seconds > 0;
        let sent = match self.slots.try_acquire() {
            Err(_) => Err(for_person(&Error::TooManyWaits)),
            Ok(_slot) => {
                let sending = self.sent(request, rights);
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

    async fn sent(
        &self,
        mut request: SendRequest,
        rights: SourceRights,
    ) -> Result<SentForCommand, String> {
        let named = std::mem::take(&mut request.attachments);
        let mut draft = draft(request)?;
        let attachments = prepared(&self.attachments, named, rights).await;
        draft.attachments = attachments.map_err(|fault| match rights {
            // The agent is told what to ask its user for.
            SourceRights::ByPolicy => fault.wording(),
            SourceRights::ByPerson => attachment_fault(&fault),
        })?;
        let attached = draft.attachments.as_ref().map(PreparedAttachments::infos);
        let uploads = draft.attachments.as_ref().map(PreparedAttachments::progress);
        let asked = draft.urgency;
        let sending = self.engine.begin_send(draft).await.map_err(|error| for_person(&error))?;
        if let Some(followers) = &self.followed {
            // A follower that is far behind follows this one no more.
            let _ = followers.try_send(FollowedMessage { status: sending.progress(), uploads });
        }
        let sent = sending.sent().await;
        Ok(SentForCommand { sent, asked, attached: attached.unwrap_or_default() })
    }
}

/// The response, and the hold on what it tells.
fn response(sent: Result<SentForCommand, String>, waits: bool) -> (BridgeResponse, Option<Lease>) {
    let SentForCommand { sent, asked, attached } = match sent {
        Ok(sent) => sent,
        Err(why) => return (BridgeResponse::Failed { why }, None),
    };
    if let Status::Refused(reason) = sent.status {
        let why = for_person(&Error::Refused(reason));
        return (BridgeResponse::Failed { why }, sent.refusal);
    }
    let mut answer =
        object(&SentJson::new(&sent, (asked, sent.intent), waits.then_some(sent.waited)));
    answer.extend(object(&AttachedJson::new(&attached)));
    let lease = match sent.wait_end {
        Some(WaitEnd::Reply(_, lease)) => Some(lease),
        _ => None,
    };
    (BridgeResponse::Sent { answer }, lease)
}

/// The message to send, without what it is to carry.
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
