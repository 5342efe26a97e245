//! A message to a group that was submitted, and the wait for what becomes of it and for the replies.

use futures_util::stream::{FuturesOrdered, StreamExt as _};
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use tokio::sync::watch;

use crate::error::Error;
use crate::group::WaitFor;
use crate::group_message::{GroupMember, GroupSent};
use crate::message::WaitEnd;
use crate::outcome::Status;
use crate::send_in_progress::SendInProgress;

/// A message to a group in the outbox. It is sent whether or not anybody waits for what becomes of it.
pub struct GroupInProgress {
    pub(crate) id: MessageId,
    /// The members, and the message to each, or why it was not sent to that one.
    pub(crate) members: Vec<(Alias, Result<SendInProgress, Error>)>,
    pub(crate) wait_for: WaitFor,
    /// Whether an earlier call with the same send key sent the message.
    pub(crate) repeated: bool,
}

impl GroupInProgress {
    /// The id that the message has for all members.
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// The members, and what is known of the message to each, now and as that changes; nothing where it is not sent to one.
    pub fn receivers(&self) -> impl Iterator<Item = (Alias, Option<watch::Receiver<Status>>)> {
        let status = |sending: &SendInProgress| sending.progress();
        self.members
            .iter()
            .map(move |(alias, sending)| (alias.clone(), sending.as_ref().ok().map(status)))
    }

    /// Waits until the hub accepts each envelope, and for replies if the draft says so.
    pub async fn sent(self) -> GroupSent {
        let Self { id, members, wait_for, repeated } = self;
        let (stop, stopped) = watch::channel(false);
        let members = members.into_iter().map(|(alias, sending)| {
            let (stop, stopped) = (stop.clone(), Some(stopped.clone()));
            async move {
                let sent = match sending {
                    Ok(sending) => Ok(SendInProgress { stopped, ..sending }.sent().await),
                    Err(error) => Err(error),
                };
                let wait_end = sent.as_ref().ok().and_then(|sent| sent.wait_end.as_ref());
                let is_enough = match wait_end {
                    Some(WaitEnd::Reply(..)) => wait_for == WaitFor::Any,
                    // The agent should read that message first.
                    Some(WaitEnd::EndedBy(_)) => true,
                    Some(WaitEnd::Gone) | None => false,
                };
                if is_enough {
                    stop.send_replace(true);
                }
                GroupMember { alias, sent }
            }
        });
        let members = members.collect::<FuturesOrdered<_>>().collect().await;
        GroupSent { id, members, repeated }
    }
}
