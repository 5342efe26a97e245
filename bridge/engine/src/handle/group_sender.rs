//! How a message goes to a group: who its members are, one envelope for each, and the wait for their replies.

use std::future::Future;

use futures_util::future::join_all;
use futures_util::stream::{FuturesOrdered, StreamExt as _};
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::limits::{MAX_GROUP, MAX_PAGE};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::Engine;
use crate::command::Command;
use crate::error::Error;
use crate::group::{GroupAddress, GroupTag, WaitFor};
use crate::group_message::{
    BegunGroup, GroupDraft, GroupMember, GroupSent, GroupToBegin, RepeatedGroup,
};
use crate::message::Submitted;
use crate::peer::PeerQuery;
use crate::send_in_progress::{SEND_PATIENCE, SendInProgress};

/// The members of a group, and what came of the submission to each.
type SubmittedMembers = Vec<(Alias, Result<Submitted, Error>)>;

/// The engine that sends messages to groups.
pub(crate) struct GroupSender<'a>(pub(crate) &'a Engine);

impl GroupSender<'_> {
    /// Sends a message to every member of a group, and waits until the hub accepts each envelope, and for replies if the
    /// draft says so. Once the members are known, the message goes to all of them whether or not the call goes on.
    ///
    /// # Errors
    /// Why it went to nobody. What came of it for each member is in the answer.
    pub(crate) async fn send(&self, group: GroupDraft) -> Result<GroupSent, Error> {
        let started = Instant::now();
        let begin = |has_members| GroupToBegin {
            address: group.to.to_string(),
            key: group.key.clone(),
            has_members,
        };
        if group.key.is_some()
            && let Some(BegunGroup::Repeated(sent)) = self.begin_group(begin(false)).await?
        {
            return Ok(repeated(sent, started).await);
        }
        let members = self.members_of(&group.to).await?;
        let id = match self.begin_group(begin(true)).await? {
            Some(BegunGroup::New(id)) => id,
            Some(BegunGroup::Repeated(sent)) => return Ok(repeated(sent, started).await),
            None => return Err(Error::EmptyGroup),
        };
        let (wait, wait_for) = (group.wait, group.wait_for);
        let tag = GroupTag { id, to: group.to.sealed_name().into() };
        let submitted = self.submit_to(members, group, tag, started).await?;
        let (stop, stopped) = watch::channel(false);
        let members = submitted.into_iter().map(|(alias, submitted)| {
            let (stop, stopped) = (stop.clone(), stopped.clone());
            async move {
                let to = alias.clone();
                let sending = submitted.map(|submitted| SendInProgress {
                    submitted,
                    to,
                    wait,
                    started,
                    stopped: Some(stopped),
                });
                let sent = match sending {
                    Ok(sending) => Ok(sending.sent().await),
                    Err(error) => Err(error),
                };
                let is_answered = sent.as_ref().is_ok_and(|sent| sent.wait_end.is_some());
                if is_answered && wait_for == WaitFor::Any {
                    stop.send_replace(true);
                }
                GroupMember { alias, sent }
            }
        });
        Ok(GroupSent { id, members: all(members).await, repeated: false })
    }

    async fn begin_group(&self, begin: GroupToBegin) -> Result<Option<BegunGroup>, Error> {
        let (reply, begun) = oneshot::channel();
        self.0.send(Command::BeginGroup(begin, reply)).await?;
        begun.await.map_err(|_| self.0.away())?
    }

    /// The members of a group at this moment, without this session.
    async fn members_of(&self, to: &GroupAddress) -> Result<Vec<Alias>, Error> {
        let everyone = PeerQuery { limit: MAX_PAGE, ..PeerQuery::default() };
        let query = match to {
            GroupAddress::Role(role) => PeerQuery { role: Some(role.clone()), ..everyone },
            GroupAddress::Repo(repo) => PeerQuery { repo: Some(repo.clone()), ..everyone },
            GroupAddress::Everyone => everyone,
            GroupAddress::Aliases(aliases) => return self.others_of(aliases),
        };
        let page = self.0.list(query).await?;
        let members = usize::try_from(page.total).unwrap_or(usize::MAX);
        match members {
            0 => Err(Error::EmptyGroup),
            1..=MAX_GROUP => Ok(page.peers.into_iter().map(|peer| peer.alias).collect()),
            _ => Err(Error::GroupTooLarge { members }),
        }
    }

    /// The aliases in a list, each once and without this session's own.
    fn others_of(&self, aliases: &[Alias]) -> Result<Vec<Alias>, Error> {
        let own = self.0.snapshot().alias;
        let mut others: Vec<Alias> = Vec::new();
        for alias in aliases {
            if Some(alias) != own.as_ref() && !others.contains(alias) {
                others.push(alias.clone());
            }
        }
        match others.len() {
            0 => Err(Error::ToSelf),
            1..=MAX_GROUP => Ok(others),
            members => Err(Error::GroupTooLarge { members }),
        }
    }

    /// Submits the message to each member. This goes on to the end even if the call does not.
    async fn submit_to(
        &self,
        members: Vec<Alias>,
        group: GroupDraft,
        tag: GroupTag,
        started: Instant,
    ) -> Result<SubmittedMembers, Error> {
        let (engine, id) = (self.0.clone(), tag.id);
        let submitting = tokio::spawn(async move {
            let submits = members.into_iter().map(|alias| {
                let draft = group.to_member(alias.clone(), tag.clone());
                let submit = engine.submit(draft, started + SEND_PATIENCE);
                async { (alias, submit.await) }
            });
            let submitted = join_all(submits).await;
            // Its task may have ended, and then nobody is notified of anything.
            let _ = engine.send(Command::GroupSubmitted(id)).await;
            submitted
        });
        submitting.await.map_err(|_| self.0.away())
    }
}

/// What has become of a message that was sent before.
async fn repeated(sent: RepeatedGroup, started: Instant) -> GroupSent {
    let RepeatedGroup { id, members } = sent;
    let members = members.into_iter().map(|(alias, submitted)| async move {
        let (to, wait) = (alias.clone(), std::time::Duration::ZERO);
        let sending = SendInProgress { submitted, to, wait, started, stopped: None };
        GroupMember { alias, sent: Ok(sending.sent().await) }
    });
    GroupSent { id, members: all(members).await, repeated: true }
}

/// Waits for all members, and keeps their order.
async fn all<F>(members: impl Iterator<Item = F>) -> Vec<GroupMember>
where
    F: Future<Output = GroupMember>,
{
    members.collect::<FuturesOrdered<_>>().collect().await
}
