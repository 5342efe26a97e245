//! One repository: what this session claims there, and what the others do.

use std::time::{Duration, Instant};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::SharedClaims;

use super::news_quota::NewsQuotas;
use super::others::{OtherSession, OtherSessions};
use super::own::{NewClaims, OwnClaims};
use super::pace::{PAUSE, Pace};
use super::request::{ClaimError, ClaimRequest, Release, Repository};

/// How much longer the pause is for touched paths alone, for each of so many paths that the state has.
const TOUCHED_PAUSE: (Duration, usize) = (Duration::from_secs(1), 64);
/// How long it may take until others learn that a path that they know as touched was touched again, if none of them has to
/// do with it.
const TOUCHED_AGAIN: Duration = Duration::from_secs(60);

/// Who looks at the claims, and when.
pub(crate) struct ClaimsView<'a> {
    /// The key of this session.
    pub(crate) me: PeerKey,
    /// The time.
    pub(crate) now: Instant,
    /// The wall clock of this moment, in milliseconds since 1970.
    pub(crate) wall_ms: u64,
    /// The alias of another session, once its card is known.
    pub(crate) alias_of: &'a dyn Fn(&PeerKey) -> Option<Alias>,
}

impl ClaimsView<'_> {
    /// The wall clock at another time.
    pub(super) fn wall(&self, at: Instant) -> u64 {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        match at.checked_duration_since(self.now) {
            Some(later) => self.wall_ms.saturating_add(ms(later)),
            None => self.wall_ms.saturating_sub(ms(self.now.saturating_duration_since(at))),
        }
    }
}

/// What is known of one repository.
pub(super) struct RepositoryClaims {
    pub(super) repository: Repository,
    pub(super) own: OwnClaims,
    pub(super) others: OtherSessions,
    /// When all others are to be told of what has changed.
    pace: Pace,
    /// When claims are to be compared that were not yet, to find news.
    pub(super) news_due: Option<Instant>,
    /// How much news of each other session there may be.
    pub(super) quotas: NewsQuotas,
}

impl RepositoryClaims {
    /// A repository of which nothing is known.
    pub(super) fn new(repository: Repository) -> Self {
        Self {
            repository,
            own: OwnClaims::default(),
            others: OtherSessions::default(),
            pace: Pace::default(),
            news_due: None,
            quotas: NewsQuotas::default(),
        }
    }

    // ---- this session

    /// Claims patterns. Their counter is above those of all claims of others that are known, so that they yield to these. Of
    /// this session's own claims it takes no notice: one that another session has not heard of yet would raise it above
    /// that of a claim which the other makes later.
    ///
    /// # Errors
    /// Why nothing was claimed.
    pub(super) fn claim(&mut self, request: &ClaimRequest, now: Instant) -> Result<(), ClaimError> {
        self.expire(now);
        let others = self.others.iter().flat_map(|(_, other)| &other.heard.claims);
        let highest = others.map(|claim| claim.counter).max().unwrap_or_default();
        let (paths, note) = (&request.paths, request.note.as_deref());
        let counter = highest.saturating_add(1);
        self.own.claim(&NewClaims { paths, note, ttl: request.ttl, counter }, now)?;
        self.others.compare_again();
        self.pace.claims_changed(self.others.here().count(), now);
        Ok(())
    }

    /// Releases claims of this session.
    pub(super) fn release(&mut self, what: &Release, now: Instant) {
        self.expire(now);
        if self.own.release(what) {
            self.pace.claims_changed(self.others.here().count(), now);
        }
    }

    /// Notes that the agent has changed these paths.
    pub(super) fn touch(&mut self, paths: &[String], now: Instant) {
        self.expire(now);
        let is_news =
            self.own.touch(paths, now) || paths.iter().any(|path| self.concerns_others(path));
        let (pause, paths) = TOUCHED_PAUSE;
        let size = u32::try_from(self.own.touched() / paths).unwrap_or(u32::MAX);
        self.pace.touched(if is_news { PAUSE + pause * size } else { TOUCHED_AGAIN }, now);
    }

    /// Whether this session claims anything.
    pub(super) fn has_claims(&self) -> bool {
        self.own.claims().next().is_some()
    }

    /// When the last of this session's claims ends, if there are any.
    pub(super) fn claims_end(&self) -> Option<Instant> {
        self.own.claims().map(|claim| claim.ends).max()
    }

    /// Whether everybody who is here was handed the newest claims of this session.
    pub(super) fn is_told(&self) -> bool {
        !self.pace.owes_claims() && !self.others.has_untold()
    }

    // ---- the others

    /// The other sessions, as the hub names them.
    pub(super) fn others(&mut self) -> &mut OtherSessions {
        &mut self.others
    }

    /// Another session says what it claims now.
    pub(super) fn hear(&mut self, from: &PeerKey, state: &SharedClaims, now: Instant) -> bool {
        self.others.hear(from, state, now)
    }

    /// Whether a session claims or has changed something.
    pub(super) fn has_content(&self, key: &PeerKey) -> bool {
        self.others.get(key).is_some_and(|other| !other.heard.is_empty())
    }

    /// The sessions that claim or have changed something.
    pub(super) fn with_content(&self) -> impl Iterator<Item = PeerKey> {
        self.others.iter().filter(|(_, other)| !other.heard.is_empty()).map(|(key, _)| *key)
    }

    /// When the others are to be told.
    pub(super) fn due(&self) -> Option<Instant> {
        self.pace.due()
    }

    /// Begins to tell the others, if it is time to.
    pub(super) fn on_time(&mut self, now: Instant) {
        if self.pace.begins(now) {
            self.others.tell_all();
        }
    }

    /// The next session to tell, and the state.
    pub(super) fn next_state(&mut self, now: Instant) -> Option<(PeerKey, SharedClaims)> {
        let to = self.others.next_untold()?;
        self.expire(now);
        Some((to, self.own.state(self.repository.ignores_case, now)))
    }

    /// Drops what has outlived its time.
    pub(super) fn expire(&mut self, now: Instant) {
        self.others.expire(now);
        self.own.expire(now);
    }

    /// Whether paths that differ in case alone are one file here or for another session.
    pub(super) fn ignores_case(&self, other: &OtherSession) -> bool {
        self.repository.ignores_case || other.heard.ignores_case
    }

    /// Whether all others were heard, and are known by their aliases if they claim or have changed anything.
    pub(super) fn is_complete(&self, view: &ClaimsView<'_>) -> bool {
        self.others.is_complete() && self.with_content().all(|key| (view.alias_of)(&key).is_some())
    }
}
