//! What a face asks that concerns a team: messages to groups, and claims, which are answered from memory with or without a hub.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Engine;
use super::group_sender::GroupSender;
use crate::Command;
use crate::claims::{ClaimRequest, ClaimsPage, Collision, Release, Repository};
use crate::command::ClaimCommand;
use crate::error::Error;
use crate::group_message::{GroupDraft, GroupSent};

impl Engine {
    /// Sends a message to every member of a group, and waits until the hub accepts each envelope, and for replies if the
    /// draft says so. Once the members are known, the message goes to all of them whether or not the call goes on.
    ///
    /// # Errors
    /// Why it went to nobody. What came of it for each member is in the answer.
    pub async fn send_to_group(&self, group: GroupDraft) -> Result<GroupSent, Error> {
        GroupSender(self).send(group).await
    }

    /// Claims paths, and gives what is known of the claims of the repository then. The others are told as soon as there is a
    /// hub; where their claims meet, both sides find who yields.
    ///
    /// # Errors
    /// [`Error::Claim`] if nothing was claimed, [`Error::Left`] if the session has left.
    pub async fn claim(&self, request: ClaimRequest) -> Result<ClaimsPage, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Claim(ClaimCommand::Claim(request, reply))).await?;
        answer.await.map_err(|_| self.away())?
    }

    /// Releases claims of this session, and gives what is known of the claims of the repository then.
    ///
    /// # Errors
    /// [`Error::Left`] if the session has left.
    pub async fn release(
        &self,
        repository: Repository,
        what: Release,
    ) -> Result<ClaimsPage, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Claim(ClaimCommand::Release(repository, what, reply))).await?;
        answer.await.map_err(|_| self.away())?
    }

    /// What is known of the claims of a repository.
    ///
    /// # Errors
    /// [`Error::Left`] if the session has left.
    pub async fn claims(&self, repository: Repository) -> Result<ClaimsPage, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Claim(ClaimCommand::List(repository, reply))).await?;
        answer.await.map_err(|_| self.away())?
    }

    /// What others have claimed, or changed a moment ago, of these paths, in which no character stands for others. It is
    /// answered from memory at once.
    pub async fn collisions(&self, repository: Repository, paths: Vec<String>) -> Vec<Collision> {
        let (reply, answer) = oneshot::channel();
        let asked = self.send(Command::Claim(ClaimCommand::Collisions(repository, paths, reply)));
        if asked.await.is_err() {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }

    /// Notes that the agent has changed these paths, in which no character stands for others. The others are told, and no
    /// agent is woken.
    pub async fn touched(&self, repository: Repository, paths: Vec<String>) {
        let _ = self.send(Command::Claim(ClaimCommand::Touched(repository, paths))).await;
    }

    /// Works in a repository, and waits until every other session there has said what it claims, this long at most. True if
    /// all have.
    pub async fn hear_all(&self, repository: Repository, patience: Duration) -> bool {
        let (reply, answer) = oneshot::channel();
        let _ = self.send(Command::Claim(ClaimCommand::Hear(repository, reply))).await;
        timeout(patience, answer).await.is_ok_and(Result::unwrap_or_default)
    }

    /// Notes which repository the session works in. The hub is told as soon as there is one, and the others say what they
    /// claim.
    pub async fn work_in(&self, repository: Repository) {
        let _ = self.send(Command::Claim(ClaimCommand::WorkIn(repository))).await;
    }
}
