//! Who the session is: its identity, its group, and the alias that the hub granted.

use std::sync::Arc;
use std::time::Instant;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::handshake::{Caller, GroupKeys, Pin};
use junction_shared::protocol::id::{Dial, GroupId, PeerKey, SeatKey};
use junction_shared::protocol::wire::{Grant, SignedCard, WelcomeBody};

use super::own_seat::{OwnSeat, SeatToClaim, SeatVerdict};
use crate::seal::Identity;

/// The identity of a session and its place in a group.
pub(super) struct Membership {
    me: Identity,
    group: Option<Arc<GroupKeys>>,
    /// The number of the last connection attempt.
    dial: Dial,
    grant: Option<Grant>,
    alias: Option<Alias>,
    /// The alias to ask for where none was granted yet.
    wanted: Option<Alias>,
    /// Whether the session is to be in nobody's list.
    is_unlisted: bool,
    seat: OwnSeat,
}

impl Membership {
    /// A new identity that belongs to no group yet.
    pub(super) fn new() -> Self {
        Self {
            me: Identity::random(),
            group: None,
            dial: Dial(0),
            grant: None,
            alias: None,
            wanted: None,
            is_unlisted: false,
            seat: OwnSeat::default(),
        }
    }

    /// Another identity of the same process, which is as visible and has no seat any more.
    pub(super) fn successor(&self) -> Self {
        self.replaced(None)
    }

    /// Another identity of the same process, for another session of the client or for none that is known.
    pub(super) fn replaced(&self, session: Option<SeatToClaim>) -> Self {
        let (is_unlisted, seat) = (self.is_unlisted, OwnSeat::successor(session));
        Self { is_unlisted, seat, ..Self::new() }
    }

    /// The public identity key.
    pub(super) fn key(&self) -> PeerKey {
        self.me.key
    }

    /// The alias that the hub granted, if the grant keeps to the grammar.
    pub(super) fn alias(&self) -> Option<&Alias> {
        self.alias.as_ref()
    }

    /// The granted alias as the hub wrote it. Nothing before the first welcome.
    pub(super) fn granted_alias(&self) -> Option<&str> {
        self.grant.as_ref().map(|grant| grant.alias.as_str())
    }

    /// The group's keys and the identity, once the group is known.
    pub(super) fn keys(&self) -> Option<(&Arc<GroupKeys>, &Identity)> {
        Some((self.group.as_ref()?, &self.me))
    }

    /// The public id of the group.
    pub(super) fn group_id(&self) -> Option<GroupId> {
        self.group.as_ref().map(|group| group.group)
    }

    /// The session's part of the next handshake, once its group is known. Each call has a higher dial.
    pub(super) fn caller(&mut self, pin: Pin) -> Option<Caller<'_>> {
        self.dial = self.dial.next();
        let granted = self.grant.clone().map(|grant| (grant.alias, Some(grant.ticket)));
        let want = granted.or_else(|| self.wanted.as_ref().map(|alias| (alias.to_string(), None)));
        let group = self.group.as_ref()?;
        let auth = &group.auth;
        Some(Caller {
            identity: &self.me.secret,
            key: self.me.key,
            auth,
            pin,
            dial: self.dial,
            want,
            is_unlisted: self.is_unlisted,
            seat: self.seat.wire_claim(group),
        })
    }

    /// The session's seat, claimed or not.
    pub(super) fn own_seat(&self) -> &OwnSeat {
        &self.seat
    }

    /// As [`Membership::own_seat`].
    pub(super) fn seat_mut(&mut self) -> &mut OwnSeat {
        &mut self.seat
    }

    /// The seat that the hub has granted to the session.
    pub(super) fn seat(&self) -> Option<SeatKey> {
        self.seat.granted().map(|seat| seat.key)
    }

    /// What the hub's answer to the claim of a seat means.
    pub(super) fn judge_seat(&mut self, welcome: &WelcomeBody, now: Instant) -> SeatVerdict {
        let Some(group) = &self.group else { return SeatVerdict::Join };
        self.seat.judge(welcome, group, self.me.key, now)
    }

    /// The hub says that another bridge has the seat. True if the seat itself says so.
    pub(super) fn unseated(&mut self, card: &SignedCard) -> bool {
        self.group.as_ref().is_some_and(|group| self.seat.unseated(card, group, self.me.key))
    }

    /// Asks every hub to keep the session out of all lists.
    pub(super) fn hide(&mut self) {
        self.is_unlisted = true;
    }

    /// Whether the session is to be in nobody's list.
    pub(super) fn is_unlisted(&self) -> bool {
        self.is_unlisted
    }

    /// Sets the alias to ask for where none was granted yet.
    pub(super) fn want(&mut self, alias: Alias) {
        self.wanted = Some(alias);
    }

    /// Takes in the hub's grant. False if the granted alias breaks the grammar.
    pub(super) fn grant(&mut self, grant: Grant) -> bool {
        self.alias = Alias::parse(&grant.alias).ok();
        self.grant = Some(grant);
        self.alias.is_some()
    }

    /// Enters a group, or follows its new secret. Gives the id of another group that was left by it.
    pub(super) fn enter(&mut self, group: GroupKeys) -> Option<GroupId> {
        let left = self.group_id().filter(|left| *left != group.group);
        self.group = Some(Arc::new(group));
        left
    }

    /// Leaves hub and group for others. The identity stays, and asks for its alias there.
    pub(super) fn move_away(&mut self) {
        self.wanted = self.alias.take();
        (self.grant, self.group) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use junction_shared::protocol::handshake::NO_PIN;
    use junction_shared::protocol::wire::Ticket;
    use junction_shared::secret::Secret;

    use super::*;

    fn group(seed: u8) -> GroupKeys {
        GroupKeys::derive(&Secret::filled(|key| key.fill(seed)))
    }

    fn granted(alias: &str) -> Grant {
        Grant { alias: alias.to_owned(), ticket: Ticket([0; 32]) }
    }

    fn wanted(membership: &mut Membership) -> Option<(String, bool)> {
        let want = membership.caller(NO_PIN)?.want?;
        Some((want.0, want.1.is_some()))
    }

    #[test]
    fn no_handshake_without_a_group_and_each_has_a_higher_dial() {
        let mut membership = Membership::new();
        assert!(membership.caller(NO_PIN).is_none());
        membership.enter(group(1));
        let first = membership.caller(NO_PIN).unwrap().dial;
        assert!(membership.caller(NO_PIN).unwrap().dial > first);
    }

    #[test]
    fn granted_alias_is_asked_for_with_its_ticket_and_elsewhere_without() {
        let mut membership = Membership::new();
        membership.enter(group(1));
        membership.want(Alias::parse("bob").unwrap());
        assert_eq!(wanted(&mut membership), Some(("bob".to_owned(), false)));
        assert!(membership.grant(granted("bob-2")));
        assert_eq!(wanted(&mut membership), Some(("bob-2".to_owned(), true)));
        membership.move_away();
        assert!(membership.group_id().is_none() && membership.granted_alias().is_none());
        membership.enter(group(2));
        assert_eq!(wanted(&mut membership), Some(("bob-2".to_owned(), false)));
    }

    #[test]
    fn grant_that_breaks_the_grammar_gives_no_alias() {
        let mut membership = Membership::new();
        assert!(!membership.grant(granted("?")));
        assert_eq!((membership.alias(), membership.granted_alias()), (None, Some("?")));
    }

    #[test]
    fn only_another_group_is_left() {
        let mut membership = Membership::new();
        assert_eq!(membership.enter(group(1)), None);
        assert_eq!(membership.enter(group(1)), None);
        assert_eq!(membership.enter(group(2)), Some(group(1).group));
    }
}
