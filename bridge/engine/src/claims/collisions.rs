//! Other sessions that have to do with a file: they claim it, or have changed it a moment ago.

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::PeerKey;

use super::heard::{HeardClaim, HeardTouch};
use super::others::OtherSession;
use super::page::{Collision, CollisionKind};
use super::pattern::Pattern;
use super::repository::{ClaimsView, RepositoryClaims};

/// Paths that are asked about at once.
const MAX_ASKED: usize = 256;
/// Collisions in an answer, and sessions that are told of each path.
const MAX_SHOWN: usize = 256;

impl RepositoryClaims {
    /// What others have claimed or changed of these paths, claims first: of each session and path the claim that holds
    /// longest, and the last change.
    pub(super) fn collisions(&mut self, paths: &[String], view: &ClaimsView<'_>) -> Vec<Collision> {
        self.expire(view.now);
        let mut found = Vec::new();
        for path in asked(paths) {
            let file = Pattern::literal(path);
            for (key, other) in self.others.iter() {
                let Some(alias) = (view.alias_of)(key) else { continue };
                let claim = self.claim_of(other, &file);
                found.extend(claim.map(|claim| self.claimed(&file, (key, &alias), claim, view)));
                let touched = self.touched_by(other, &file);
                found.extend(touched.map(|touched| changed(&file, &alias, touched, view)));
            }
        }
        found.sort_by_key(|collision| collision.kind != CollisionKind::Claimed);
        found.truncate(MAX_SHOWN);
        found
    }

    /// Which other sessions claim each of these paths, of each path the one whose claim holds longest first.
    pub(super) fn claimants(&mut self, paths: &[String], view: &ClaimsView<'_>) -> Vec<Collision> {
        self.expire(view.now);
        let claimants = |path: &String| {
            let file = Pattern::literal(path);
            let claims = self.others.iter().filter_map(|(key, other)| {
                let claim = self.claim_of(other, &file)?;
                Some((key, (view.alias_of)(key)?, claim))
            });
            let mut claims: Vec<_> = claims.collect();
            claims.sort_by_key(|(key, _, claim)| (claim.counter, **key));
            let claimed =
                |(key, alias, claim): (_, _, _)| self.claimed(&file, (key, &alias), claim, view);
            claims.into_iter().take(MAX_SHOWN).map(claimed).collect::<Vec<_>>()
        };
        asked(paths).flat_map(claimants).collect()
    }

    /// Whether another session claims a file or has changed it a moment ago.
    pub(super) fn concerns_others(&self, path: &str) -> bool {
        let file = Pattern::literal(path);
        let concerns = |other: &OtherSession| {
            self.touched_by(other, &file).is_some() || self.claim_of(other, &file).is_some()
        };
        self.others.iter().any(|(_, other)| concerns(other))
    }

    /// The claim of another session that holds longest of those that cover a file.
    fn claim_of<'a>(&self, other: &'a OtherSession, file: &Pattern) -> Option<&'a HeardClaim> {
        let ignores_case = self.ignores_case(other);
        let claims = other.heard.claims.iter();
        let claims = claims.filter(|claim| claim.pattern.covers(file, ignores_case));
        claims.min_by_key(|claim| claim.counter)
    }

    /// The last change of a file by another session.
    fn touched_by<'a>(&self, other: &'a OtherSession, file: &Pattern) -> Option<&'a HeardTouch> {
        let ignores_case = self.ignores_case(other);
        let touched = other.heard.touched.iter();
        let touched = touched.filter(|touched| touched.pattern.covers(file, ignores_case));
        touched.max_by_key(|touched| touched.at)
    }

    fn claimed(
        &self,
        file: &Pattern,
        (key, alias): (&PeerKey, &Alias),
        claim: &HeardClaim,
        view: &ClaimsView<'_>,
    ) -> Collision {
        let you_hold = self.own.claims().any(|own| {
            own.pattern.covers(file, self.repository.ignores_case)
                && (own.counter, view.me) < (claim.counter, *key)
        });
        Collision {
            path: file.path().to_owned(),
            alias: alias.clone(),
            kind: CollisionKind::Claimed,
            theirs: claim.pattern.path().to_owned(),
            note: claim.note.clone(),
            at_ms: view.wall(claim.made),
            expires_ms: Some(view.wall(claim.ends)),
            you_hold,
        }
    }
}

fn changed(
    file: &Pattern,
    alias: &Alias,
    touched: &HeardTouch,
    view: &ClaimsView<'_>,
) -> Collision {
    Collision {
        path: file.path().to_owned(),
        alias: alias.clone(),
        kind: CollisionKind::Touched,
        theirs: touched.pattern.path().to_owned(),
        note: None,
        at_ms: view.wall(touched.at),
        expires_ms: None,
        you_hold: false,
    }
}

/// The paths of a question that can be those of files. Such a path may be longer than that of a claim.
fn asked(paths: &[String]) -> impl Iterator<Item = &String> {
    let is_file =
        |path: &&String| !path.split('/').any(|segment| matches!(segment, "" | "." | ".."));
    paths.iter().filter(is_file).take(MAX_ASKED)
}
