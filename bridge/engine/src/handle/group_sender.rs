//! How a message goes to a group: who its members are, and one envelope for each.

use std::sync::Arc;

use futures_util::future::join_all;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::limits::{MAX_GROUP, MAX_PAGE};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::Engine;
use crate::command::Command;
use crate::error::Error;
use crate::group::{GroupAddress, GroupTag};
use crate::group_in_progress::GroupInProgress;
use crate::group_message::{BegunGroup, GroupDraft, GroupSubmission, GroupToBegin};
use crate::message::Submitted;
use crate::peer::PeerQuery;
use crate::send_in_progress::{SEND_PATIENCE, SendInProgress};

/// The engine that sends messages to groups.
pub(crate) struct GroupSender<'a>(pub(crate) &'a Engine);

impl GroupSender<'_> {
    /// Submits a message to every member of a group. Once the members are known, the message goes to all of them whether or
    /// not the call goes on.
    ///
    /// # Errors
    /// Why it went to nobody.
    pub(crate) async fn begin(&self, group: GroupDraft) -> Result<GroupInProgress, Error> {
        let (wait, wait_for) = (group.wait, group.wait_for);
        let group = Arc::new(group);
        let submission = loop {
            let members = self.members_of(&group.to).await;
            match self.submit(Arc::clone(&group), members).await? {
                Ok(submission) => break submission,
                Err(BeginAgain::At(moment)) => sleep_until(moment.into()).await,
                Err(BeginAgain::After(mut submission)) => drop(submission.changed().await),
            }
        };
        let SubmittedGroup { id, members, repeated } = submission;
        let started = Instant::now();
        let members = members.into_iter().map(|(alias, submitted)| {
            let to = alias.clone();
            let sending =
                |submitted| SendInProgress { submitted, to, wait, started, stopped: None };
            (alias, submitted.map(sending))
        });
        Ok(GroupInProgress { id, members: members.collect(), wait_for, repeated })
    }

    /// Begins the message and submits it to each member that has not got it yet, unless it has to begin again later. This
    /// goes on to the end even if the call does not.
    async fn submit(
        &self,
        group: Arc<GroupDraft>,
        members: Result<Vec<Alias>, Error>,
    ) -> Result<Result<SubmittedGroup, BeginAgain>, Error> {
        let engine = self.0.clone();
        let submitting = tokio::spawn(async move {
            let begin = GroupToBegin {
                to: group.to.clone(),
                key: group.key.clone(),
                waits: !group.wait.is_zero(),
                members,
            };
            let (reply, begun) = oneshot::channel();
            engine.send(Command::BeginGroup(begin, reply)).await?;
            let submission = match begun.await.map_err(|_| engine.away())?? {
                BegunGroup::Begun(submission) => submission,
                BegunGroup::TooEarly(until) => return Ok(Err(BeginAgain::At(until))),
                BegunGroup::InProgress(other) => return Ok(Err(BeginAgain::After(other))),
            };
            Ok(Ok(submitted(&engine, &group, submission).await))
        });
        submitting.await.map_err(|_| self.0.away())?
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
}

/// A message that was submitted to its group.
struct SubmittedGroup {
    id: MessageId,
    /// The members, and what came of the submission to each.
    members: Vec<(Alias, Result<Submitted, Error>)>,
    repeated: bool,
}

/// When a message to a group has to begin again.
enum BeginAgain {
    At(std::time::Instant),
    /// When this has closed.
    After(watch::Receiver<()>),
}

/// Submits a message that has begun to each member that has not got it yet.
async fn submitted(
    engine: &Engine,
    group: &GroupDraft,
    submission: GroupSubmission,
) -> SubmittedGroup {
    let GroupSubmission { id, left, sent, repeated } = submission;
    let tag = GroupTag { id, to: group.to.sealed_name().into() };
    let deadline = Instant::now() + SEND_PATIENCE;
    let submits = left.into_iter().map(|alias| {
        let draft = group.to_member(alias.clone(), tag.clone());
        let submit = engine.submit(draft, deadline);
        async { (alias, submit.await) }
    });
    let submitted = join_all(submits).await;
    let left = submitted.iter().filter(|(_, submitted)| submitted.is_err());
    let left = left.map(|(alias, _)| alias.clone()).collect();
    // Its task may have ended, and then nobody is notified of anything.
    let _ = engine.send(Command::GroupSubmitted(id, left)).await;
    let sent = sent.into_iter().map(|(alias, sent)| (alias, Ok(sent)));
    SubmittedGroup { id, members: sent.chain(submitted).collect(), repeated }
}
