//! What a face asks that concerns a team: messages to groups, and claims, which are answered from memory with or without a hub.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Engine;
use super::group_sender::GroupSender;
use crate::Command;
use crate::claims::{ClaimRequest, ClaimsPage, Collision, CollisionKind, Release, Repository};
use crate::command::ClaimCommand;
use crate::error::Error;
use crate::group_in_progress::GroupInProgress;
use crate::group_message::{GroupDraft, GroupSent};
use crate::peer::PeerQuery;

/// Paths that the engine's task compares with all claims before it does something else.
const PATHS_AT_ONCE: usize = 16;

impl Engine {
    /// Sends a message to every member of a group, and waits until the hub accepts each envelope, and for replies if the
    /// draft says so. Once the members are known, the message goes to all of them whether or not the call goes on.
    ///
    /// # Errors
    /// Why it went to nobody. What came of it for each member is in the answer.
    pub async fn send_to_group(&self, group: GroupDraft) -> Result<GroupSent, Error> {
        Ok(self.begin_group(group).await?.sent().await)
    }

    /// Submits a message to every member of a group. From then on it is sent whether or not anybody waits for what becomes
    /// of it.
    ///
    /// # Errors
    /// Why it went to nobody.
    pub async fn begin_group(&self, group: GroupDraft) -> Result<GroupInProgress, Error> {
        GroupSender(self).begin(group).await
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

    /// Every claim that is known in a repository, for somebody else than the agent: it is still to be told of conflicts.
    ///
    /// # Errors
    /// [`Error::Left`] if the session has left.
    pub async fn look_at_claims(&self, repository: Repository) -> Result<ClaimsPage, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Claim(ClaimCommand::Look(repository, reply))).await?;
        answer.await.map_err(|_| self.away())?
    }

    /// What is known of the claims of a repository. The agent counts as told of the conflicts.
    ///
    /// # Errors
    /// [`Error::Left`] if the session has left.
    pub async fn claims(&self, repository: Repository) -> Result<ClaimsPage, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Command::Claim(ClaimCommand::List(repository, reply))).await?;
        answer.await.map_err(|_| self.away())?
    }

    /// The repositories that the session works in, that of its project first.
    pub async fn repositories(&self) -> Vec<Repository> {
        let (reply, answer) = oneshot::channel();
        let _ = self.send(Command::Claim(ClaimCommand::Repositories(reply))).await;
        answer.await.unwrap_or_default()
    }

    /// The names of the repositories that were given up since this was asked last, because the session works in too many,
    /// and in which it claimed something.
    pub async fn take_given_up(&self) -> Vec<String> {
        let (reply, answer) = oneshot::channel();
        let _ = self.send(Command::Claim(ClaimCommand::GivenUp(reply))).await;
        answer.await.unwrap_or_default()
    }

    /// Which other session claims each of these paths, in which no character stands for others: of several claims of a path,
    /// the one that holds longest.
    pub async fn claimants(&self, repository: Repository, paths: Vec<String>) -> Vec<Collision> {
        self.found(ClaimCommand::Claimants, &repository, &paths).await
    }

    /// What others have claimed, or changed a moment ago, of these paths, in which no character stands for others: claims
    /// first. It is answered from memory at once.
    pub async fn collisions(&self, repository: Repository, paths: Vec<String>) -> Vec<Collision> {
        let mut found = self.found(ClaimCommand::Collisions, &repository, &paths).await;
        found.sort_by_key(|collision| collision.kind != CollisionKind::Claimed);
        found
    }

    /// What this question finds about these paths, of which a few are asked about at a time.
    async fn found(
        &self,
        question: fn(Repository, Vec<String>, oneshot::Sender<Vec<Collision>>) -> ClaimCommand,
        repository: &Repository,
        paths: &[String],
    ) -> Vec<Collision> {
        let mut found = Vec::new();
        for some in paths.chunks(PATHS_AT_ONCE) {
            let (reply, answer) = oneshot::channel();
            let asked = question(repository.clone(), some.to_vec(), reply);
            let _ = self.send(Command::Claim(asked)).await;
            found.extend(answer.await.unwrap_or_default());
        }
        found
    }

    /// Notes that the agent has changed these paths, in which no character stands for others. The others are told, and no
    /// agent is woken.
    pub async fn touched(&self, repository: Repository, paths: Vec<String>) {
        for some in paths.chunks(PATHS_AT_ONCE) {
            let touched = ClaimCommand::Touched(repository.clone(), some.to_vec());
            let _ = self.send(Command::Claim(touched)).await;
        }
    }

    /// Works in a repository, and waits until every other session there has said what it claims, this long at most. True if
    /// all have.
    pub async fn hear_all(&self, repository: Repository, patience: Duration) -> bool {
        let (reply, answer) = oneshot::channel();
        let _ = self.send(Command::Claim(ClaimCommand::Hear(repository, reply))).await;
        timeout(patience, answer).await.is_ok_and(Result::unwrap_or_default)
    }

    /// Waits until the newest claims of this session were handed to the hub for every other session of a repository, this
    /// long at most. True if they were.
    pub async fn hand_over(&self, repository: Repository, patience: Duration) -> bool {
        let (reply, answer) = oneshot::channel();
        let _ = self.send(Command::Claim(ClaimCommand::HandOver(repository, reply))).await;
        timeout(patience, answer).await.is_ok_and(Result::unwrap_or_default)
    }

    /// Whether the hub answers a question within this time. If so, it has relayed what was handed to it before, and
    /// what others claimed until then is known: of two sessions that claim at the same moment, one finds the other at
    /// least.
    pub async fn hub_answers(&self, patience: Duration) -> bool {
        let question = PeerQuery { limit: 1, ..PeerQuery::default() };
        timeout(patience, self.list(question)).await.is_ok_and(|page| page.is_ok())
    }

    /// Notes which repository the session works in. The hub is told as soon as there is one, and the others say what they
    /// claim.
    pub async fn work_in(&self, repository: Repository) {
        let _ = self.send(Command::Claim(ClaimCommand::WorkIn(repository))).await;
    }

    /// Notes which repository the session's project is in: it works there as long as that is the project's. Of other
    /// repositories, those go that it has not worked in for longest, once there are too many.
    pub async fn set_project(&self, repository: Repository) {
        let _ = self.send(Command::Claim(ClaimCommand::Project(repository))).await;
    }
}
