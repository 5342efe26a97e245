//! One repository: what this session claims there, what the others do, and where the two meet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::SharedClaims;

use super::heard::HeardClaim;
use super::others::OtherSessions;
use super::own::{NewClaims, OwnClaim, OwnClaims};
use super::page::{ClaimConflict, ClaimInfo, ClaimsPage, Collision, CollisionKind};
use super::pattern::Pattern;
use super::request::{ClaimError, ClaimRequest, Release, Repository, check_segments};

/// The shortest time between two states to the same sessions.
const PAUSE: Duration = Duration::from_secs(1);
/// How much longer the pause is for touched paths alone, for each of so many paths that the state has.
const TOUCHED_PAUSE: (Duration, usize) = (Duration::from_secs(1), 64);
/// How long it may take until others learn that a path that they know as touched was touched again.
const TOUCHED_AGAIN: Duration = Duration::from_secs(60);
/// Conflicts on a page, and collisions in an answer.
const MAX_SHOWN: usize = 256;
/// Paths that are asked about at once.
const MAX_ASKED: usize = 256;
/// Conflicts with one other session that are remembered as told; of more nothing is told.
const MAX_TOLD: usize = 1024;

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
    fn wall(&self, at: Instant) -> u64 {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        match at.checked_duration_since(self.now) {
            Some(later) => self.wall_ms.saturating_add(ms(later)),
            None => self.wall_ms.saturating_sub(ms(self.now.saturating_duration_since(at))),
        }
    }
}

/// A conflict with a claim of another session: the claim's counter and pattern, and the pattern of this session.
type ToldConflict = (u64, String, String);

/// What is known of one repository.
pub(super) struct RepositoryClaims {
    pub(super) repository: Repository,
    own: OwnClaims,
    others: OtherSessions,
    /// When all others are to be told of what has changed.
    due: Option<Instant>,
    /// When they were told last.
    told_at: Option<Instant>,
    /// The conflicts that this session's agent knows of.
    told: BTreeMap<PeerKey, BTreeSet<ToldConflict>>,
}

impl RepositoryClaims {
    /// A repository of which nothing is known.
    pub(super) fn new(repository: Repository) -> Self {
        Self {
            repository,
            own: OwnClaims::default(),
            others: OtherSessions::default(),
            due: None,
            told_at: None,
            told: BTreeMap::new(),
        }
    }

    // ---- this session

    /// Claims patterns.
    ///
    /// # Errors
    /// Why nothing was claimed.
    pub(super) fn claim(&mut self, request: &ClaimRequest, now: Instant) -> Result<(), ClaimError> {
        self.expire(now);
        let own = self.own.claims().map(|claim| claim.counter);
        let others = self.others.iter().flat_map(|(_, other)| &other.heard.claims);
        let highest = own.chain(others.map(|claim| claim.counter)).max().unwrap_or_default();
        let (paths, note) = (&request.paths, request.note.as_deref());
        let counter = highest.saturating_add(1);
        self.own.claim(&NewClaims { paths, note, ttl: request.ttl, counter }, now)?;
        self.changed(PAUSE, now);
        Ok(())
    }

    /// Releases claims of this session.
    pub(super) fn release(&mut self, what: &Release, now: Instant) {
        self.expire(now);
        if self.own.release(what) {
            self.changed(PAUSE, now);
        }
    }

    /// Notes that the agent has changed these paths.
    pub(super) fn touch(&mut self, paths: &[String], now: Instant) {
        self.expire(now);
        let is_news = self.own.touch(paths, now);
        let (pause, paths) = TOUCHED_PAUSE;
        let size = u32::try_from(self.own.touched() / paths).unwrap_or(u32::MAX);
        self.changed(if is_news { PAUSE + pause * size } else { TOUCHED_AGAIN }, now);
    }

    /// Whether this session claims anything.
    pub(super) fn has_claims(&self) -> bool {
        self.own.claims().next().is_some()
    }

    /// Something has changed that the others are to know this long after they were told last.
    fn changed(&mut self, pause: Duration, now: Instant) {
        let due = self.told_at.map_or(now, |told| now.max(told + pause));
        self.due = Some(self.due.map_or(due, |sooner| sooner.min(due)));
    }

    // ---- the others

    /// The other sessions, as the hub names them.
    pub(super) fn others(&mut self) -> &mut OtherSessions {
        &mut self.others
    }

    /// Another session says what it claims now.
    pub(super) fn hear(&mut self, from: &PeerKey, state: &SharedClaims, now: Instant) -> bool {
        let is_taken = self.others.hear(from, state, now);
        self.forget_told();
        is_taken
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
        self.due
    }

    /// Begins to tell the others, if it is time to.
    pub(super) fn on_time(&mut self, now: Instant) {
        if self.due.is_some_and(|due| due <= now) {
            (self.due, self.told_at) = (None, Some(now));
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
    fn expire(&mut self, now: Instant) {
        self.others.expire(now);
        if self.own.expire(now) {
            self.forget_told();
        }
    }

    // ---- what is shown

    /// All that is known. The agent knows the conflicts on it from now on.
    pub(super) fn page(&mut self, view: &ClaimsView<'_>) -> ClaimsPage {
        self.expire(view.now);
        let own = self.own.claims().map(|claim| own_info(claim, view));
        let mut claims: Vec<_> = own.collect();
        let mut is_named = true;
        for (key, other) in self.others.iter().filter(|(_, other)| !other.heard.claims.is_empty()) {
            match (view.alias_of)(key) {
                Some(alias) => {
                    let infos = other.heard.claims.iter().map(|claim| info(claim, &alias, view));
                    claims.extend(infos);
                }
                None => is_named = false,
            }
        }
        let keys: Vec<_> = self.others.iter().map(|(key, _)| *key).collect();
        let mut conflicts = Vec::new();
        for key in keys {
            conflicts.extend(self.take_conflicts(&key, view, |_| true));
        }
        let more = conflicts.len().saturating_sub(MAX_SHOWN);
        conflicts.truncate(MAX_SHOWN);
        ClaimsPage { claims, conflicts, more, is_complete: is_named && self.others.is_complete() }
    }

    /// Conflicts with claims that have come since this session's own were made, and that the agent does not know of.
    pub(super) fn news(&mut self, view: &ClaimsView<'_>) -> Vec<ClaimConflict> {
        if !self.others.has_unchecked() {
            return Vec::new();
        }
        self.expire(view.now);
        let mut news = Vec::new();
        for key in self.others.take_unchecked(|key| (view.alias_of)(key).is_some()) {
            news.extend(self.take_conflicts(&key, view, |is_told| !is_told));
        }
        news
    }

    /// Whether a conflict that was told, or is to be, still stands.
    pub(super) fn stands(&self, conflict: &ClaimConflict, view: &ClaimsView<'_>) -> bool {
        let is_same =
            |claim: &HeardClaim| claim.pattern.path() == conflict.path && claim.ends > view.now;
        self.own.has(&conflict.yours)
            && self.others.iter().any(|(key, other)| {
                other.heard.claims.iter().any(is_same)
                    && (view.alias_of)(key).is_some_and(|alias| alias == conflict.alias)
            })
    }

    /// The conflicts with one session of which it is wished that they are taken, as far as they were told or not. They count
    /// as told.
    fn take_conflicts(
        &mut self,
        key: &PeerKey,
        view: &ClaimsView<'_>,
        is_wished: impl Fn(bool) -> bool,
    ) -> Vec<ClaimConflict> {
        let Some(alias) = (view.alias_of)(key) else { return Vec::new() };
        let Some(other) = self.others.get(key).filter(|_| self.has_claims()) else {
            return Vec::new();
        };
        let ignores_case = self.repository.ignores_case || other.heard.ignores_case;
        let told = self.told.entry(*key).or_default();
        let mut conflicts = Vec::new();
        for theirs in &other.heard.claims {
            for own in
                self.own.claims().filter(|own| own.pattern.meets(&theirs.pattern, ignores_case))
            {
                let (path, yours) = (theirs.pattern.path(), own.pattern.path());
                let conflict = (theirs.counter, path.to_owned(), yours.to_owned());
                let is_told = told.contains(&conflict);
                if !is_wished(is_told) || (!is_told && told.len() >= MAX_TOLD) {
                    continue;
                }
                told.insert(conflict);
                conflicts.push(ClaimConflict {
                    repository: self.repository.name.clone(),
                    path: path.to_owned(),
                    yours: yours.to_owned(),
                    alias: alias.clone(),
                    note: theirs.note.clone(),
                    since_ms: view.wall(theirs.made),
                    expires_ms: view.wall(theirs.ends),
                    you_yield: (theirs.counter, *key) < (own.counter, view.me),
                });
            }
        }
        conflicts
    }

    /// Forgets which conflicts were told, as far as they are over.
    fn forget_told(&mut self) {
        let (others, own) = (&self.others, &self.own);
        self.told.retain(|key, told| {
            let Some(other) = others.get(key) else { return false };
            let claims =
                other.heard.claims.iter().map(|claim| (claim.counter, claim.pattern.path()));
            let claims: BTreeSet<_> = claims.collect();
            told.retain(|(counter, path, yours)| {
                claims.contains(&(*counter, path.as_str())) && own.has(yours)
            });
            !told.is_empty()
        });
    }

    /// What others have claimed or changed of these paths.
    pub(super) fn collisions(&mut self, paths: &[String], view: &ClaimsView<'_>) -> Vec<Collision> {
        self.expire(view.now);
        let paths = paths.iter().filter(|path| check_segments(path).is_ok()).take(MAX_ASKED);
        let found = paths.flat_map(|path| self.collisions_with(path, view));
        found.take(MAX_SHOWN).collect()
    }

    /// What others have claimed or changed of a path: of each session the claim that holds longest, and the last change.
    fn collisions_with(&self, path: &str, view: &ClaimsView<'_>) -> Vec<Collision> {
        let file = Pattern::literal(path);
        let mut found = Vec::new();
        for (key, other) in self.others.iter() {
            let ignores_case = self.repository.ignores_case || other.heard.ignores_case;
            let covers = |pattern: &Pattern| pattern.covers(&file, ignores_case);
            let claims = other.heard.claims.iter().filter(|claim| covers(&claim.pattern));
            let claim = claims.min_by_key(|claim| claim.counter);
            let touched = other.heard.touched.iter().filter(|touched| covers(&touched.pattern));
            let touched = touched.max_by_key(|touched| touched.at);
            if claim.is_none() && touched.is_none() {
                continue;
            }
            let Some(alias) = (view.alias_of)(key) else { continue };
            let collision = |kind, pattern: &Pattern, at| Collision {
                path: path.to_owned(),
                alias: alias.clone(),
                kind,
                theirs: pattern.path().to_owned(),
                note: None,
                at_ms: view.wall(at),
                expires_ms: None,
                you_hold: false,
            };
            found.extend(claim.map(|claim| Collision {
                note: claim.note.clone(),
                expires_ms: Some(view.wall(claim.ends)),
                you_hold: self.own.claims().any(|own| {
                    own.pattern.covers(&file, self.repository.ignores_case)
                        && (own.counter, view.me) < (claim.counter, *key)
                }),
                ..collision(CollisionKind::Claimed, &claim.pattern, claim.made)
            }));
            found
                .extend(touched.map(|touched| {
                    collision(CollisionKind::Touched, &touched.pattern, touched.at)
                }));
        }
        found
    }
}

fn own_info(claim: &OwnClaim, view: &ClaimsView<'_>) -> ClaimInfo {
    ClaimInfo {
        alias: None,
        path: claim.pattern.path().to_owned(),
        note: claim.note.as_deref().map(str::to_owned),
        since_ms: view.wall(claim.made),
        expires_ms: view.wall(claim.ends),
    }
}

fn info(claim: &HeardClaim, alias: &Alias, view: &ClaimsView<'_>) -> ClaimInfo {
    ClaimInfo {
        alias: Some(alias.clone()),
        path: claim.pattern.path().to_owned(),
        note: claim.note.clone(),
        since_ms: view.wall(claim.made),
        expires_ms: view.wall(claim.ends),
    }
}
