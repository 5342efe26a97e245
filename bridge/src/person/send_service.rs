//! Messages that a command hands to a running session over its socket.

use std::sync::Arc;
use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use tokio::sync::{Semaphore, mpsc, watch};
use uuid::Uuid;

use super::group_message::{GroupAnswer, ReplyRoom, group_draft, send_to_group};
use super::sources::{SourceRights, prepared};
use crate::address::{AddressFault, Addressee, GROUP_AMONG_OTHERS};
use crate::attachments::AttachmentAccess;
use crate::ipc::server::IpcConnection;
use crate::ipc::{BridgeResponse, SendRequest};
use crate::results::{AttachedJson, SentJson, object};
use crate::wording::Wording as _;
use crate::wording::people::{attachment_fault, for_person};
use junction_engine::attachment::{AttachmentInfo, PreparedAttachments};
use junction_engine::error::Error;
use junction_engine::group_message::GroupDraft;
use junction_engine::intent::Intent;
use junction_engine::urgency::Urgency;
use junction_engine::{
    Draft, Engine, GroupInProgress, Lease, Sent, Status, UploadProgress, WaitEnd,
};

/// What is said of a receiver that is none.
const NO_ADDRESS: &str = "That is neither an alias nor a group. Give an alias as junction-bridge peers shows it, role:NAME, repo:NAME, or '*' \
                          for everybody.";
/// What is said of files for a group.
const FOR_ONE: &str = "Files go to one receiver at a time. Choose one.";
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

/// A message that is sent for a person, for whom wants to know what becomes of it.
pub(crate) struct FollowedMessage {
    pub(crate) id: MessageId,
    /// What was asked for.
    pub(crate) request: SendRequest,
    /// The receivers, and what is known of the message to each. Nothing is where it is not sent to that one.
    pub(crate) receivers: Vec<(Alias, Option<watch::Receiver<Status>>)>,
    pub(crate) attached: Vec<AttachmentInfo>,
    /// How far its attachments are, if it has any.
    pub(crate) uploads: Option<watch::Receiver<Vec<UploadProgress>>>,
}

/// What a command is told, and the holds on that.
pub(crate) struct CommandAnswer {
    pub(crate) response: BridgeResponse,
    leases: Vec<Lease>,
}

/// Why a message is not sent.
#[derive(Debug)]
pub(crate) struct SendFault {
    /// What is wrong and what to do, for who runs a command.
    pub(crate) why: String,
    /// The fingerprint of the receiver's new key, if that is what is wrong.
    pub(crate) offered: Option<String>,
}

impl SendFault {
    fn of(error: &Error) -> Self {
        let offered = match error {
            Error::KeyChanged { offered, .. } => Some(offered.clone()),
            _ => None,
        };
        Self { why: for_person(error), offered }
    }
}

impl From<String> for SendFault {
    fn from(why: String) -> Self {
        Self { why, offered: None }
    }
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
        let sent = match self.slots.try_acquire() {
            Err(_) => Err(SendFault::of(&Error::TooManyWaits)),
            Ok(_slot) => {
                let sending = self.sent_by(request, rights);
                tokio::select! {
                    sent = sending => sent,
                    () = connection.closed() => return,
                }
            }
        };
        let answer = sent.unwrap_or_else(|fault| CommandAnswer::failed(fault.why));
        if connection.respond_printed(&answer.response).await {
            answer.told();
        }
    }

    /// Sends a message with what it names, if these rights let that leave.
    async fn sent_by(
        &self,
        mut request: SendRequest,
        rights: SourceRights,
    ) -> Result<CommandAnswer, SendFault> {
        // Before a file is read.
        drafted(&request)?;
        let named = std::mem::take(&mut request.attachments);
        let attachments = prepared(&self.attachments, named, rights).await;
        let attachments = attachments.map_err(|fault| match rights {
            // The agent is told what to ask its user for.
            SourceRights::ByPolicy => fault.wording(),
            SourceRights::ByPerson => attachment_fault(&fault),
        })?;
        self.sent(request, attachments).await
    }

    /// Sends a message, with these attachments and no others, and waits until it is known what becomes of it.
    ///
    /// # Errors
    /// Why it is not sent, and what to do.
    pub(crate) async fn sent(
        &self,
        request: SendRequest,
        attachments: Option<PreparedAttachments>,
    ) -> Result<CommandAnswer, SendFault> {
        let mut draft = match drafted(&request)? {
            PersonDraft::Group(_) if attachments.is_some() => {
                return Err(FOR_ONE.to_owned().into());
            }
            PersonDraft::Group(group) => return self.sent_to_group(group, request).await,
            PersonDraft::Peer(draft) => draft,
        };
        draft.attachments = attachments;
        let attached = draft.attachments.as_ref().map(PreparedAttachments::infos);
        let attached = attached.unwrap_or_default();
        let uploads = draft.attachments.as_ref().map(PreparedAttachments::progress);
        let (asked, waits) = (draft.urgency, !draft.wait.is_zero());
        let sending = self.engine.begin_send(draft).await.map_err(|error| SendFault::of(&error))?;
        self.tell_followers(|| FollowedMessage {
            id: sending.id(),
            request,
            receivers: vec![(sending.to().clone(), Some(sending.progress()))],
            attached: attached.clone(),
            uploads,
        });
        let sent = sending.sent().await;
        Ok(CommandAnswer::of(sent, asked, &attached, waits))
    }

    async fn sent_to_group(
        &self,
        group: GroupDraft,
        request: SendRequest,
    ) -> Result<CommandAnswer, SendFault> {
        let follow = |sending: &GroupInProgress| {
            self.tell_followers(|| FollowedMessage {
                id: sending.id(),
                request,
                receivers: sending.receivers().collect(),
                attached: Vec::new(),
                uploads: None,
            });
        };
        let sent = send_to_group(&self.engine, group, ReplyRoom::Page, follow).await?;
        let GroupAnswer { answer, leases, .. } = sent;
        Ok(CommandAnswer { response: BridgeResponse::Sent { answer }, leases })
    }

    fn tell_followers(&self, message: impl FnOnce() -> FollowedMessage) {
        if let Some(followers) = &self.followed {
            // A follower that is far behind follows this one no more.
            let _ = followers.try_send(message());
        }
    }
}

impl CommandAnswer {
    /// Notes that who asked has been told.
    pub(crate) fn told(self) {
        self.leases.into_iter().for_each(Lease::ack);
    }

    fn failed(why: String) -> Self {
        Self { response: BridgeResponse::Failed { why }, leases: Vec::new() }
    }

    /// What became of a message to one peer.
    fn of(sent: Sent, asked: Urgency, attached: &[AttachmentInfo], waits: bool) -> Self {
        if let (Status::Refused(reason), false) = (sent.status, sent.repeated) {
            let why = for_person(&Error::Refused(reason));
            let leases = sent.refusal.into_iter().collect();
            return Self { leases, ..Self::failed(why) };
        }
        let asked = (asked, sent.intent);
        let mut answer = object(&SentJson::new(&sent, asked, waits.then_some(sent.waited)));
        answer.extend(object(&AttachedJson::new(attached)));
        let leases = match sent.wait_end {
            Some(WaitEnd::Reply(_, lease)) => vec![lease],
            _ => Vec::new(),
        };
        Self { response: BridgeResponse::Sent { answer }, leases }
    }
}

/// A message to send, without what it is to carry.
pub(crate) enum PersonDraft {
    /// To one peer.
    Peer(Draft),
    /// To several.
    Group(GroupDraft),
}

/// The message to send, without what it is to carry.
///
/// # Errors
/// What is wrong with the request, and what to do.
pub(crate) fn drafted(request: &SendRequest) -> Result<PersonDraft, String> {
    match Addressee::parse(&request.to) {
        Ok(Addressee::Peer(target)) => Ok(PersonDraft::Peer(draft(target, request)?)),
        Ok(Addressee::Group(to)) => {
            // Any alias will do for what is common to both.
            let draft = draft(Alias::parse("group").map_err(|_| NO_ADDRESS)?, request)?;
            Ok(PersonDraft::Group(group_draft(to, draft, request)?))
        }
        Err(AddressFault::GroupAmongOthers) => Err(GROUP_AMONG_OTHERS.to_owned()),
        Err(AddressFault::Unknown | AddressFault::Nobody) => Err(NO_ADDRESS.to_owned()),
    }
}

fn draft(target: Alias, request: &SendRequest) -> Result<Draft, String> {
    let reply_to = request.reply_to.as_ref().map(|id| {
        let id = Uuid::try_parse(id);
        id.map(|id| MessageId(id.into_bytes()))
            .map_err(|_| "--reply-to must be the id of a message. Give one as it was shown.")
    });
    let urgency = named(request.urgency.as_deref(), Urgency::NAMES)
        .ok_or("--urgency must be low, normal or high. Give one of them.")?;
    let intent = named(request.intent.as_deref(), Intent::NAMES)
        .ok_or("--intent must be inform, request or done. Give one of them.")?;
    if intent == Intent::Done && request.reply_to.is_none() {
        return Err(
            "--intent done needs --reply-to with the id of the request. Give both.".to_owned()
        );
    }
    Ok(Draft {
        reply_to: reply_to.transpose()?,
        ttl: request.ttl_seconds.map(Duration::from_secs),
        fingerprint: request.fingerprint.as_ref().map(|text| text.to_ascii_lowercase()),
        wait: Duration::from_secs(request.wait_seconds),
        urgency,
        from_person: request.from_person,
        intent,
        key: request.key.clone(),
        ..Draft::new(target, request.message.clone())
    })
}

/// What a word stands for; without one, what is usual.
fn named<T: Default, const N: usize>(
    word: Option<&str>,
    names: [(&'static str, T); N],
) -> Option<T> {
    let Some(word) = word else { return Some(T::default()) };
    names.into_iter().find(|(name, _)| *name == word).map(|(_, value)| value)
}
