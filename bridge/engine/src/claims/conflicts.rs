//! Where claims of others meet those of this session: what of that is shown, and what is news.
//!
//! Peers choose how many patterns are compared, so each look compares a bounded number of pairs. What that leaves out is
//! compared later, and counts as told only when it is.

use std::time::Duration;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::PeerKey;

use super::heard::HeardClaim;
use super::others::OtherSession;
use super::own::OwnClaim;
use super::page::{ClaimConflict, ClaimInfo, ClaimsPage};
use super::repository::{ClaimsView, RepositoryClaims};
use super::request::Repository;

/// Pairs of patterns that are compared at once: as many as two sessions with all the claims that they may have. Of the
/// most expensive ones this takes a fraction of a second.
const MAX_COMPARED: usize = 512 * 512;
/// Conflicts on a page.
const MAX_SHOWN: usize = 256;
/// When news is looked for again for which there was no room.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A claim of another session, by the session's key and the claim's place there, that meets a claim of this session.
struct Meeting<'a> {
    /// How many meetings with the same session come before it.
    rank: usize,
    key: PeerKey,
    at: usize,
    own: &'a OwnClaim,
}

impl RepositoryClaims {
    /// All that is known. The agent knows the conflicts on it from now on.
    pub(super) fn page(&mut self, view: &ClaimsView<'_>) -> ClaimsPage {
        let page = self.page_without_conflicts(view);
        let (conflicts, more) = self.show_conflicts(view);
        // What is not shown is news.
        self.news_due = self.others.has_unchecked().then_some(view.now);
        ClaimsPage { conflicts, more, ..page }
    }

    /// Every claim that is known. The agent learns nothing by it.
    pub(super) fn page_without_conflicts(&mut self, view: &ClaimsView<'_>) -> ClaimsPage {
        self.expire(view.now);
        let own = self.own.claims().map(|claim| own_info(claim, view));
        let mut claims: Vec<_> = own.collect();
        for (key, other) in self.others.iter().filter(|(_, other)| !other.heard.claims.is_empty()) {
            if let Some(alias) = (view.alias_of)(key) {
                claims.extend(other.heard.claims.iter().map(|claim| info(claim, &alias, view)));
            }
        }
        ClaimsPage { claims, is_complete: self.is_complete(view), ..ClaimsPage::default() }
    }

    /// The conflicts that a page shows, which the agent knows from now on, and how many more were found. Where there are too
    /// many, each session has as many as the others: one that claims much hides nobody.
    fn show_conflicts(&mut self, view: &ClaimsView<'_>) -> (Vec<ClaimConflict>, usize) {
        let own: Vec<_> = self.own.claims().collect();
        let claimants = self.others.iter().filter(|(_, other)| !other.heard.claims.is_empty());
        let share = MAX_COMPARED / own.len().max(1) / claimants.count().max(1);
        let (mut met, mut count) = (Vec::new(), 0);
        for (key, other) in self.others.iter_mut() {
            let ignores_case = self.repository.ignores_case || other.heard.ignores_case;
            let most = if (view.alias_of)(key).is_some() { share.max(1) } else { 0 };
            let mut rank = 0;
            for (at, theirs) in other.heard.claims.iter_mut().enumerate().take(most) {
                let meets = |own: &&OwnClaim| own.pattern.meets(&theirs.pattern, ignores_case);
                let before = rank;
                for own in own.iter().copied().filter(meets) {
                    if rank < MAX_SHOWN {
                        met.push(Meeting { rank, key: *key, at, own });
                    }
                    rank += 1;
                }
                theirs.is_checked |= rank == before;
            }
            count += rank;
        }
        met.sort_by_key(|meeting| (meeting.rank, meeting.key));
        met.truncate(MAX_SHOWN);
        for Meeting { key, at, .. } in &met {
            if let Some(other) = self.others.get_mut(key) {
                let theirs = &mut other.heard.claims[*at];
                (theirs.is_checked, theirs.is_told) = (true, true);
            }
        }
        self.others.note_unchecked();
        let shown = |meeting: &Meeting<'_>| {
            let theirs = &self.others.get(&meeting.key)?.heard.claims[meeting.at];
            let alias = (view.alias_of)(&meeting.key)?;
            Some(conflict(&self.repository, (&meeting.key, &alias), theirs, meeting.own, view))
        };
        let shown: Vec<_> = met.iter().filter_map(shown).collect();
        let more = count - shown.len();
        (shown, more)
    }

    /// Conflicts with claims that have come since this session's own were made, and that the agent does not know of: of each
    /// claim of another session one, and of each session a few in some minutes. No more than there is room for.
    pub(super) fn news(&mut self, view: &ClaimsView<'_>, room: usize) -> Vec<ClaimConflict> {
        self.news_due = None;
        if !self.others.has_unchecked() {
            return Vec::new();
        }
        self.expire(view.now);
        self.quotas.expire(view.now);
        let (mut found, mut left) = (Vec::new(), MAX_COMPARED);
        let mut keys = self.others.unchecked();
        // Those of whom there was little news come first.
        keys.sort_by_key(|key| self.quotas.used(key));
        for key in keys {
            let Some(alias) = (view.alias_of)(&key) else { continue };
            let again = loop {
                if left == 0 {
                    break Some(view.now);
                } else if let Some(again) = self.quotas.full_until(&key) {
                    break Some(again);
                } else if found.len() >= room {
                    break Some(view.now + LOOK_AGAIN);
                }
                match self.next_news((&key, &alias), view, &mut left) {
                    Some(conflict) => found.push(conflict),
                    None => break (left == 0).then_some(view.now),
                }
            };
            self.news_due = self.news_due.into_iter().chain(again).min();
        }
        self.others.note_unchecked();
        found
    }

    /// The next conflict with a session that is news, if one is found before there is nothing left to compare.
    fn next_news(
        &mut self,
        (key, alias): (&PeerKey, &Alias),
        view: &ClaimsView<'_>,
        left: &mut usize,
    ) -> Option<ClaimConflict> {
        let other = self.others.get_mut(key)?;
        let ignores_case = self.repository.ignores_case || other.heard.ignores_case;
        let own: Vec<_> = self.own.claims().collect();
        for theirs in other.heard.claims.iter_mut().filter(|theirs| !theirs.is_checked) {
            if *left == 0 {
                return None;
            }
            *left = left.saturating_sub(own.len());
            theirs.is_checked = true;
            let met = own.iter().filter(|own| own.pattern.meets(&theirs.pattern, ignores_case));
            // The one that is claimed longest: the news is true as long as any of them is.
            if let Some(own) = met.max_by_key(|own| own.ends) {
                theirs.is_told = true;
                self.quotas.add(*key, view.now);
                return Some(conflict(&self.repository, (key, alias), theirs, own, view));
            }
        }
        None
    }

    /// Whether a conflict that was told, or is to be, still stands.
    pub(super) fn stands(&self, conflict: &ClaimConflict, view: &ClaimsView<'_>) -> bool {
        let is_same =
            |claim: &HeardClaim| claim.pattern.path() == conflict.path && claim.ends > view.now;
        let is_claimed = |(key, other): (&PeerKey, &OtherSession)| {
            !other.heard.claims.is_empty()
                && (view.alias_of)(key).is_some_and(|alias| alias == conflict.alias)
                && other.heard.claims.iter().any(is_same)
        };
        self.own.has(&conflict.yours) && self.others.iter().any(is_claimed)
    }
}

fn conflict(
    repository: &Repository,
    (key, alias): (&PeerKey, &Alias),
    theirs: &HeardClaim,
    own: &OwnClaim,
    view: &ClaimsView<'_>,
) -> ClaimConflict {
    ClaimConflict {
        repository: repository.name.clone(),
        path: theirs.pattern.path().to_owned(),
        yours: own.pattern.path().to_owned(),
        alias: alias.clone(),
        note: theirs.note.clone(),
        since_ms: view.wall(theirs.made),
        expires_ms: view.wall(theirs.ends),
        you_yield: (theirs.counter, *key) < (own.counter, view.me),
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
