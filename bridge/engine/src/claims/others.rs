//! The other sessions of a repository: which are there, what each said last, and which are still to be told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::limits::MAX_REPOSITORY_PEERS;
use junction_shared::protocol::wire::SharedClaims;

use super::heard::HeardState;

/// The most other sessions that are known, with those that are away; of more, those that are away go, and else the new ones
/// are not taken in.
const MAX_OTHERS: usize = 2 * MAX_REPOSITORY_PEERS;
/// The most claims and touched paths of others that are known. A state that would exceed it takes the place of the largest,
/// if that is larger than itself: sessions that claim much cannot keep out one that claims little.
const MAX_KNOWN: usize = 32_768;

/// Another session of the repository.
#[derive(Default)]
pub(super) struct OtherSession {
    /// Whether it is connected and works here, as the hub says.
    is_here: bool,
    /// Whether its state came on this connection.
    is_heard: bool,
    /// Whether its claims are still to be compared with those of this session, for news.
    pub(super) is_unchecked: bool,
    pub(super) heard: HeardState,
}

/// The other sessions of a repository.
#[derive(Default)]
pub(super) struct OtherSessions {
    sessions: BTreeMap<PeerKey, OtherSession>,
    /// Sessions that are here and do not know the newest state of this session.
    untold: BTreeSet<PeerKey>,
    /// Whether the hub has said on this connection who is here.
    is_answered: bool,
    /// Whether there are more than are known.
    is_cut: bool,
}

impl OtherSessions {
    /// The hub says who is here. Those that are new on this connection are to be told.
    pub(super) fn are(&mut self, keys: &[PeerKey]) {
        self.is_answered = true;
        self.is_cut = keys.len() >= MAX_REPOSITORY_PEERS;
        let keys: BTreeSet<_> = keys.iter().copied().collect();
        let here = self.sessions.iter().filter(|(_, session)| session.is_here);
        let gone: Vec<_> = here.map(|(key, _)| *key).filter(|key| !keys.contains(key)).collect();
        gone.iter().for_each(|key| self.left(key));
        keys.into_iter().for_each(|key| self.joined(key));
    }

    /// A session is here.
    pub(super) fn joined(&mut self, key: PeerKey) {
        if !self.sessions.contains_key(&key) && self.sessions.len() >= MAX_OTHERS {
            let away = self.sessions.iter().find(|(_, session)| !session.is_here);
            let Some(away) = away.map(|(away, _)| *away) else {
                self.is_cut = true;
                return;
            };
            self.sessions.remove(&away);
        }
        let session = self.sessions.entry(key).or_default();
        if !std::mem::replace(&mut session.is_here, true) {
            session.is_heard = false;
            self.untold.insert(key);
        }
    }

    /// A session is not here any more. What it claims stays: it may only be away.
    pub(super) fn left(&mut self, key: &PeerKey) {
        self.untold.remove(key);
        if let Some(session) = self.sessions.get_mut(key) {
            session.is_here = false;
            if session.heard.is_empty() {
                self.sessions.remove(key);
            }
        }
    }

    /// A session is gone, and what it claims with it.
    pub(super) fn gone(&mut self, key: &PeerKey) {
        match self.sessions.get_mut(key) {
            Some(session) if session.is_here => session.heard = HeardState::default(),
            _ => _ = self.sessions.remove(key),
        }
    }

    /// The connection is over: nobody is known to be here.
    pub(super) fn disconnected(&mut self) {
        self.untold.clear();
        self.is_answered = false;
        for session in self.sessions.values_mut() {
            (session.is_here, session.is_heard) = (false, false);
        }
        self.sessions.retain(|_, session| !session.heard.is_empty());
    }

    /// A session that is here says what it claims now. False if that breaks a limit, or there is no room: then it counts as not
    /// heard. What there is no room for leaves what was heard before.
    pub(super) fn hear(&mut self, key: &PeerKey, state: &SharedClaims, now: Instant) -> bool {
        if self.sessions.get(key).is_none_or(|session| !session.is_here) {
            return false;
        }
        let heard = HeardState::read(state, now);
        let has_room = heard.as_ref().is_none_or(|heard| self.make_room(key, heard.size()));
        let Some(session) = self.sessions.get_mut(key) else { return false };
        session.is_heard = heard.is_some() && has_room;
        if has_room {
            let mut heard = heard.unwrap_or_default();
            heard.follow(&session.heard);
            session.heard = heard;
            session.is_unchecked = session.heard.has_unchecked();
        }
        session.is_heard
    }

    /// Makes room for a state of this size by dropping larger ones. False if that is not enough.
    fn make_room(&mut self, key: &PeerKey, size: usize) -> bool {
        let others = || self.sessions.iter().filter(|(other, _)| *other != key);
        let mut all: usize = others().map(|(_, session)| session.heard.size()).sum();
        while all + size > MAX_KNOWN {
            let others = self.sessions.iter_mut().filter(|(other, _)| *other != key);
            let largest = others.max_by_key(|(_, session)| session.heard.size());
            let Some((_, largest)) = largest.filter(|(_, session)| session.heard.size() > size)
            else {
                return false;
            };
            all -= largest.heard.size();
            let is_here = largest.is_here;
            *largest = OtherSession { is_here, ..OtherSession::default() };
        }
        self.sessions.retain(|_, session| session.is_here || !session.heard.is_empty());
        true
    }

    /// All others are to be told.
    pub(super) fn tell_all(&mut self) {
        let here = self.sessions.iter().filter(|(_, session)| session.is_here);
        self.untold.extend(here.map(|(key, _)| *key));
    }

    /// Whether anybody is to be told.
    pub(super) fn has_untold(&self) -> bool {
        !self.untold.is_empty()
    }

    /// Takes one that is to be told.
    pub(super) fn next_untold(&mut self) -> Option<PeerKey> {
        self.untold.pop_first()
    }

    /// The sessions that are here.
    pub(super) fn here(&self) -> impl Iterator<Item = PeerKey> {
        self.sessions.iter().filter(|(_, session)| session.is_here).map(|(key, _)| *key)
    }

    /// The sessions that claim or have changed something, or may.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&PeerKey, &OtherSession)> {
        self.sessions.iter()
    }

    /// A session of the repository.
    pub(super) fn get(&self, key: &PeerKey) -> Option<&OtherSession> {
        self.sessions.get(key)
    }

    /// The sessions that claim or have changed something, or may, to mark their claims.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&PeerKey, &mut OtherSession)> {
        self.sessions.iter_mut()
    }

    /// A session of the repository, to mark its claims.
    pub(super) fn get_mut(&mut self, key: &PeerKey) -> Option<&mut OtherSession> {
        self.sessions.get_mut(key)
    }

    /// The sessions that have claims which are still to be compared.
    pub(super) fn unchecked(&self) -> Vec<PeerKey> {
        let unchecked = self.sessions.iter().filter(|(_, session)| session.is_unchecked);
        unchecked.map(|(key, _)| *key).collect()
    }

    /// Notes which sessions still have claims that are to be compared.
    pub(super) fn note_unchecked(&mut self) {
        for session in self.sessions.values_mut() {
            session.is_unchecked = session.heard.has_unchecked();
        }
    }

    /// The claims of this session have changed: all of which no conflict was told are to be compared.
    pub(super) fn compare_again(&mut self) {
        for session in self.sessions.values_mut() {
            let claims = session.heard.claims.iter_mut();
            claims.for_each(|claim| claim.is_checked &= claim.is_told);
        }
        self.note_unchecked();
    }

    /// Whether claims are to be compared.
    pub(super) fn has_unchecked(&self) -> bool {
        self.sessions.values().any(|session| session.is_unchecked)
    }

    /// Whether the newest state of everybody who is here is known.
    pub(super) fn is_complete(&self) -> bool {
        let is_heard = |session: &OtherSession| session.is_heard || !session.is_here;
        self.is_answered && !self.is_cut && self.sessions.values().all(is_heard)
    }

    /// Drops what has outlived its time.
    pub(super) fn expire(&mut self, now: Instant) {
        self.sessions.values_mut().for_each(|session| session.heard.expire(now));
        self.sessions.retain(|_, session| session.is_here || !session.heard.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use junction_shared::protocol::wire::ClaimGroup;

    use super::*;

    fn key(n: usize) -> PeerKey {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        PeerKey(bytes)
    }

    fn state(paths: usize) -> SharedClaims {
        let paths = (0..paths).map(|n| n.to_string()).collect();
        let group = ClaimGroup { note: None, age_ms: 0, left_ms: 1_000, counter: 1, paths };
        SharedClaims { claims: vec![group], ..SharedClaims::default() }
    }

    #[test]
    fn all_is_known_once_everybody_who_is_here_was_heard() {
        let (mut others, now) = (OtherSessions::default(), Instant::now());
        assert!(!others.is_complete());
        others.are(&[key(1), key(2)]);
        assert_eq!((others.next_untold(), others.next_untold()), (Some(key(1)), Some(key(2))));
        assert!(others.hear(&key(1), &state(1), now) && !others.is_complete());
        assert!(!others.hear(&key(3), &state(1), now), "a stranger");
        others.left(&key(2));
        assert!(others.is_complete());
        others.are(&[key(1)]);
        assert!(others.is_complete() && !others.has_untold(), "nothing new");
        others.disconnected();
        assert!(!others.is_complete() && others.get(&key(1)).is_some(), "it may only be away");
        others.are(&[key(1)]);
        assert!(!others.is_complete() && others.has_untold());
        others.gone(&key(1));
        assert!(others.get(&key(1)).is_some_and(|session| session.heard.is_empty()));
    }

    #[test]
    fn regression_sessions_that_claim_much_keep_out_none_that_claims_little() {
        let (mut others, now) = (OtherSessions::default(), Instant::now());
        let keys: Vec<_> = (0..65).map(key).collect();
        others.are(&keys);
        assert!(others.hear(&key(0), &state(2), now));
        keys[1..64].iter().for_each(|key| assert!(others.hear(key, &state(512), now)));
        assert!(others.hear(&key(64), &state(510), now), "all is taken");
        assert!(others.hear(&key(0), &state(3), now), "the largest goes");
        let size = |others: &OtherSessions, n| others.get(&key(n)).unwrap().heard.size();
        let dropped = (1..65).filter(|n| size(&others, *n) == 0).count();
        assert_eq!((size(&others, 0), dropped, others.is_complete()), (3, 1, false));
        // One of the largest has no room for more, and what was heard of it stays.
        let large = (1..64).rfind(|n| size(&others, *n) == 0).unwrap();
        assert!(others.hear(&key(large), &state(509), now));
        assert!(!others.hear(&key(large), &state(512), now) && size(&others, large) == 509);
    }

    #[test]
    fn what_is_known_of_others_is_bounded() {
        let (mut others, now) = (OtherSessions::default(), Instant::now());
        let keys: Vec<_> = (0..65).map(key).collect();
        others.are(&keys);
        let taken = keys.iter().filter(|key| others.hear(key, &state(512), now)).count();
        assert_eq!((taken, others.is_complete()), (64, false));
        assert!(others.hear(&key(0), &state(1), now) && others.hear(&key(64), &state(511), now));
        assert!(others.is_complete());
        (0..MAX_OTHERS).for_each(|n| others.joined(key(1_000 + n)));
        assert!(others.iter().count() == MAX_OTHERS && !others.is_complete());
        others.left(&key(64));
        others.joined(key(1));
        others.expire(now + Duration::from_secs(1));
        assert_eq!(others.iter().count(), MAX_OTHERS - 1);
    }
}
