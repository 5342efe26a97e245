//! The repositories that a session works in, and the frames about them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use junction_shared::protocol::id::{PeerKey, RepositoryTag};
use junction_shared::protocol::limits::MAX_REPOSITORIES;
use junction_shared::protocol::wire::SharedClaims;

use super::page::{ClaimConflict, ClaimsPage, Collision};
use super::repository::{ClaimsView, RepositoryClaims};
use super::request::{ClaimError, ClaimRequest, Release, Repository};

/// Senders and repositories of which the number of the last state is kept; of more, the lowest keys go. Only members of the
/// group get in, by a state that was opened.
const MAX_NUMBERS: usize = 16_384;

/// Repositories of which is remembered that they were given up with claims.
const MAX_GIVEN_UP: usize = 64;

/// A frame to send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ClaimsFrame {
    /// The repositories that this session works in.
    Repositories(Vec<RepositoryTag>),
    /// The state of this session in a repository, for another session there, under this number.
    State {
        /// The repository.
        tag: RepositoryTag,
        /// The other session.
        to: PeerKey,
        /// The number.
        number: u64,
        /// The state.
        state: SharedClaims,
    },
}

/// A repository, and what the hub of the present group calls it.
struct WorkedRepository {
    tag: RepositoryTag,
    claims: RepositoryClaims,
}

/// The repositories that a session works in: at most eight, the one used last at the end.
#[derive(Default)]
pub(crate) struct ClaimBook {
    repositories: Vec<WorkedRepository>,
    /// The name of the project's repository, which stays among them.
    project: Option<String>,
    /// Whether there is a hub that is to know the repositories.
    is_connected: bool,
    /// Whether the hub knows others than these.
    is_unnamed: bool,
    /// Sessions of repositories that this one works in no more, which are to hear that it claims nothing there.
    farewells: VecDeque<(RepositoryTag, PeerKey)>,
    /// Repositories that were given up with claims, and when these would have ended: the agent is to be told.
    given_up: VecDeque<(String, Instant)>,
    /// The number of the last state that was sent.
    number: u64,
    /// The number of the last state that came, by sender and repository.
    heard: BTreeMap<(PeerKey, RepositoryTag), u64>,
}

impl ClaimBook {
    // ---- what the session does

    /// The repositories of a session that takes the place of this one: the claims end with it.
    pub(crate) fn successor(&self) -> Self {
        let same = |worked: &WorkedRepository| WorkedRepository {
            tag: worked.tag,
            claims: RepositoryClaims::new(worked.claims.repository.clone()),
        };
        let repositories = self.repositories.iter().map(same).collect();
        Self { repositories, project: self.project.clone(), ..Self::default() }
    }

    /// Notes that the session works in a repository, which the hub of the group calls by this tag.
    pub(crate) fn work_in(&mut self, repository: &Repository, tag: RepositoryTag) {
        self.open(repository, tag);
    }

    /// Notes that the project of the session is in a repository: it works there as long as that is the project's.
    pub(crate) fn set_project(&mut self, repository: &Repository, tag: RepositoryTag) {
        self.project = Some(repository.name.clone());
        self.open(repository, tag);
    }

    /// The repositories that the session works in: the project's first, and then the one used last at the end.
    pub(crate) fn repositories(&self) -> Vec<Repository> {
        let all = self.repositories.iter().map(|worked| worked.claims.repository.clone());
        let (project, others): (Vec<_>, Vec<_>) =
            all.partition(|repository| self.is_project(repository));
        [project, others].concat()
    }

    fn is_project(&self, repository: &Repository) -> bool {
        self.project.as_ref() == Some(&repository.name)
    }

    /// Claims patterns.
    ///
    /// # Errors
    /// Why nothing was claimed.
    pub(crate) fn claim(
        &mut self,
        request: &ClaimRequest,
        tag: RepositoryTag,
        now: Instant,
    ) -> Result<(), ClaimError> {
        self.open(&request.repository, tag).claim(request, now)?;
        self.on_time(now);
        Ok(())
    }

    /// Releases claims of this session.
    pub(crate) fn release(&mut self, repository: &Repository, what: &Release, now: Instant) {
        if let Some(claims) = self.named(&repository.name) {
            claims.release(what, now);
        }
        self.on_time(now);
    }

    /// Notes that the agent has changed these paths.
    pub(crate) fn touch(
        &mut self,
        repository: &Repository,
        tag: RepositoryTag,
        paths: &[String],
        now: Instant,
    ) {
        self.open(repository, tag).touch(paths, now);
        self.on_time(now);
    }

    /// All that is known of a repository. The session works there from now on.
    pub(crate) fn page(
        &mut self,
        repository: &Repository,
        tag: RepositoryTag,
        view: &ClaimsView<'_>,
    ) -> ClaimsPage {
        let is_relayed = self.is_connected;
        ClaimsPage { is_relayed, ..self.open(repository, tag).page(view) }
    }

    /// Whether every other session of a repository was heard, and is known by its alias if it claims anything.
    pub(crate) fn is_complete(&mut self, name: &str, view: &ClaimsView<'_>) -> bool {
        self.named(name).is_some_and(|claims| claims.is_complete(view))
    }

    /// Whether every other session of a repository was handed the newest claims of this one.
    pub(crate) fn is_told(&mut self, name: &str) -> bool {
        self.is_connected && self.named(name).is_some_and(|claims| claims.is_told())
    }

    /// Which other session claims each of these paths.
    pub(crate) fn claimants(
        &mut self,
        repository: &Repository,
        paths: &[String],
        view: &ClaimsView<'_>,
    ) -> Vec<Collision> {
        let claims = self.named(&repository.name);
        claims.map(|claims| claims.claimants(paths, view)).unwrap_or_default()
    }

    /// Every claim that is known in a repository, without the conflicts, which the agent is not told by this. The session works
    /// there from now on.
    pub(crate) fn page_without_conflicts(
        &mut self,
        repository: &Repository,
        tag: RepositoryTag,
        view: &ClaimsView<'_>,
    ) -> ClaimsPage {
        let is_relayed = self.is_connected;
        ClaimsPage { is_relayed, ..self.open(repository, tag).page_without_conflicts(view) }
    }

    /// What others have claimed or changed of these paths.
    pub(crate) fn collisions(
        &mut self,
        repository: &Repository,
        paths: &[String],
        view: &ClaimsView<'_>,
    ) -> Vec<Collision> {
        let claims = self.named(&repository.name);
        claims.map(|claims| claims.collisions(paths, view)).unwrap_or_default()
    }

    /// Conflicts that have arisen since, and that the agent does not know of, at most so many.
    pub(crate) fn news(&mut self, view: &ClaimsView<'_>, room: usize) -> Vec<ClaimConflict> {
        let mut news = Vec::new();
        for worked in &mut self.repositories {
            news.extend(worked.claims.news(view, room - news.len()));
        }
        news
    }

    /// When there may be news that could not be looked for yet.
    pub(crate) fn news_due(&self) -> Option<Instant> {
        self.repositories.iter().filter_map(|worked| worked.claims.news_due).min()
    }

    /// Whether a conflict still stands.
    pub(crate) fn stands(&self, conflict: &ClaimConflict, view: &ClaimsView<'_>) -> bool {
        let claims = self.repositories.iter().map(|worked| &worked.claims);
        let mut claims = claims.filter(|claims| claims.repository.name == conflict.repository);
        claims.any(|claims| claims.stands(conflict, view))
    }

    fn named(&mut self, name: &str) -> Option<&mut RepositoryClaims> {
        let claims = self.repositories.iter_mut().map(|worked| &mut worked.claims);
        claims.into_iter().find(|claims| claims.repository.name == name)
    }

    /// The repository, which is the one used last from now on. Beyond the bound the one goes that was not used for longest,
    /// first of those where nothing is claimed, and never the project's.
    fn open(&mut self, repository: &Repository, tag: RepositoryTag) -> &mut RepositoryClaims {
        let at = self
            .repositories
            .iter()
            .position(|worked| worked.claims.repository.name == repository.name);
        let worked = match at {
            Some(at) => self.repositories.remove(at),
            None => {
                self.make_room();
                self.is_unnamed = true;
                WorkedRepository { tag, claims: RepositoryClaims::new(repository.clone()) }
            }
        };
        self.repositories.push(worked);
        let last = self.repositories.len() - 1;
        let claims = &mut self.repositories[last].claims;
        claims.repository.ignores_case |= repository.ignores_case;
        claims
    }

    fn make_room(&mut self) {
        if self.repositories.len() < MAX_REPOSITORIES {
            return;
        }
        let others = || {
            let all = self.repositories.iter().enumerate();
            all.filter(|(_, worked)| !self.is_project(&worked.claims.repository))
        };
        let idle = others().find(|(_, worked)| !worked.claims.has_claims());
        let at = idle.or_else(|| others().next()).map_or(0, |(at, _)| at);
        let WorkedRepository { tag, mut claims } = self.repositories.remove(at);
        self.farewells.extend(claims.others().here().map(|to| (tag, to)));
        self.given_up.extend(claims.claims_end().map(|end| (claims.repository.name.clone(), end)));
        if self.given_up.len() > MAX_GIVEN_UP {
            self.given_up.pop_front();
        }
    }

    /// The names of the repositories that were given up with claims, once.
    pub(crate) fn take_given_up(&mut self, now: Instant) -> Vec<String> {
        let given_up = self.given_up.drain(..).filter(|(_, end)| *end > now);
        given_up.map(|(name, _)| name).collect()
    }

    // ---- what the hub says

    /// A hub that relays claims has welcomed the session.
    pub(crate) fn connected(&mut self) {
        (self.is_connected, self.is_unnamed) = (true, !self.repositories.is_empty());
    }

    /// The connection is over.
    pub(crate) fn disconnected(&mut self) {
        self.is_connected = false;
        self.farewells.clear();
        self.repositories.iter_mut().for_each(|worked| worked.claims.others().disconnected());
    }

    /// The session is in another group now, where the repositories have other tags and nobody is known.
    pub(crate) fn regroup(&mut self, tag_of: impl Fn(&str) -> RepositoryTag) {
        self.disconnected();
        self.heard.clear();
        for worked in &mut self.repositories {
            worked.tag = tag_of(&worked.claims.repository.name);
            *worked.claims.others() = Default::default();
        }
    }

    /// The hub says who works in a repository.
    pub(crate) fn same_repository(&mut self, tag: &RepositoryTag, keys: &[PeerKey]) {
        if let Some(claims) = self.tagged(tag) {
            claims.others().are(keys);
        }
    }

    /// Another session works in a repository now.
    pub(crate) fn joined(&mut self, tag: &RepositoryTag, key: PeerKey) {
        if let Some(claims) = self.tagged(tag) {
            claims.others().joined(key);
        }
    }

    /// Another session is not connected any more, or works elsewhere. True if it claims or has changed something.
    pub(crate) fn left(&mut self, tag: &RepositoryTag, key: &PeerKey) -> bool {
        self.tagged(tag).is_some_and(|claims| {
            claims.others().left(key);
            claims.has_content(key)
        })
    }

    /// Another session is gone.
    pub(crate) fn gone(&mut self, key: &PeerKey) {
        self.repositories.iter_mut().for_each(|worked| worked.claims.others().gone(key));
    }

    /// Whether a state of this number is newer than the last from that sender.
    pub(crate) fn is_newer(&self, tag: &RepositoryTag, from: &PeerKey, number: u64) -> bool {
        self.heard.get(&(*from, *tag)).is_none_or(|last| number > *last)
    }

    /// Another session says what it claims now, in a state that was opened. True if it claims or has changed something.
    pub(crate) fn hear(
        &mut self,
        (tag, number): (RepositoryTag, u64),
        from: PeerKey,
        state: &SharedClaims,
        now: Instant,
    ) -> bool {
        if !self.is_newer(&tag, &from, number) {
            return false;
        }
        self.heard.insert((from, tag), number);
        if self.heard.len() > MAX_NUMBERS {
            self.heard.pop_first();
        }
        let Some(claims) = self.tagged(&tag) else { return false };
        claims.hear(&from, state, now) && claims.has_content(&from)
    }

    /// The sessions that claim or have changed something.
    pub(crate) fn with_content(&self) -> Vec<PeerKey> {
        self.repositories.iter().flat_map(|worked| worked.claims.with_content()).collect()
    }

    fn tagged(&mut self, tag: &RepositoryTag) -> Option<&mut RepositoryClaims> {
        let mut worked = self.repositories.iter_mut().filter(|worked| worked.tag == *tag);
        worked.next().map(|worked| &mut worked.claims)
    }

    // ---- what is to be sent

    /// When [`ClaimBook::on_time`] or [`ClaimBook::news`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let due = self.repositories.iter().filter_map(|worked| worked.claims.due());
        due.chain(self.news_due()).min()
    }

    /// Begins to tell others what is due.
    pub(crate) fn on_time(&mut self, now: Instant) {
        self.repositories.iter_mut().for_each(|worked| worked.claims.on_time(now));
    }

    /// Whether [`ClaimBook::next_frame`] has one.
    pub(crate) fn has_frame(&mut self) -> bool {
        let untold = |worked: &mut WorkedRepository| worked.claims.others().has_untold();
        self.is_connected
            && (self.is_unnamed
                || !self.farewells.is_empty()
                || self.repositories.iter_mut().any(untold))
    }

    /// The next frame. Who is left hears it before the hub does, which relays nothing more then.
    pub(crate) fn next_frame(&mut self, now: Instant) -> Option<ClaimsFrame> {
        if !self.is_connected {
            return None;
        }
        if let Some((tag, to)) = self.farewells.pop_front() {
            let (number, state) = (self.next_number(), SharedClaims::default());
            return Some(ClaimsFrame::State { tag, to, number, state });
        }
        if std::mem::take(&mut self.is_unnamed) {
            let tags = self.repositories.iter().map(|worked| worked.tag);
            return Some(ClaimsFrame::Repositories(tags.collect()));
        }
        let mut repositories = self.repositories.iter_mut();
        let next = repositories
            .find_map(|worked| worked.claims.next_state(now).map(|next| (worked.tag, next)));
        let (tag, (to, state)) = next?;
        Some(ClaimsFrame::State { tag, to, number: self.next_number(), state })
    }

    fn next_number(&mut self) -> u64 {
        self.number = self.number.saturating_add(1);
        self.number
    }
}

#[cfg(test)]
mod tests;
