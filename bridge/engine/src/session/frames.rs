//! What a session makes of each frame of the hub: answers, and news of other peers.

use std::time::Instant;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::PeerKey;
use junction_shared::protocol::wire::{
    Answer, AwaitedEnd, Listed, Naming, Page, SignedCard, Standing, ToBridge,
};

use super::Session;
use super::misbehaviour::{Misbehaviour, PeerFault};
use super::requests::{AliasRequest, Request, refused_alias};
use crate::clock::wall_ms;
use crate::error::Error;
use crate::seal::verify_card;
use crate::{PeerInfo, PeerPage, PeerWait, PeerWaitEnd, Registration};

impl Session {
    /// Takes in a frame of the hub.
    pub fn frame(&mut self, frame: ToBridge, now: Instant) {
        match frame {
            ToBridge::Challenge(_) | ToBridge::Welcome(_) => {
                self.misbehaves(Misbehaviour::SecondHandshake);
            }
            ToBridge::Answer(number, answer) => self.answered(number, answer, now),
            ToBridge::Reassigned(grant) => {
                if self.regranted(grant) {
                    self.publish_card(now);
                }
            }
            ToBridge::Peer(key, standing, card) => {
                self.peer_changed(key, standing, card.as_ref(), now);
            }
            ToBridge::Accepted(id) => {
                self.outgoing.outbox.accepted(id);
                self.message_arrived(id);
            }
            ToBridge::Refused(id, reason) => self.outgoing.outbox.refused(id, reason),
            ToBridge::Later(id) => self.outgoing.outbox.later(id),
            ToBridge::Room(to) => self.outgoing.outbox.room(to),
            ToBridge::Deliver(envelope, age_ms) => self.delivered(envelope, age_ms, now),
            ToBridge::Receipt(receipt) => self.receipt(&receipt),
            ToBridge::Repushing => self.intake.repushing(),
            ToBridge::Returned(word) => self.returned(&word),
            ToBridge::Unseated(card) => self.unseated(&card),
            frame @ (ToBridge::Offered(_)
            | ToBridge::Pull(_)
            | ToBridge::Chunk(_)
            | ToBridge::Unavailable(_)
            | ToBridge::AttachmentReceipt(_)
            | ToBridge::Kept(_)) => self.attachment_frame(frame, now),
            frame @ (ToBridge::SameRepository(..)
            | ToBridge::RepositoryJoined(..)
            | ToBridge::RepositoryLeft(..)
            | ToBridge::Claims(_)) => self.claims_frame(frame, now),
        }
        self.tell_listeners(now);
        self.follow_successors(now);
        self.report_ends();
        self.carry_attachments(now);
    }

    // ---- answers

    /// The hub answered a request.
    fn answered(&mut self, number: u32, answer: Answer, now: Instant) {
        let Some(request) = self.requests.answered(number) else { return };
        match (request, answer) {
            (Request::Rename(request), Answer::Named(naming)) => self.named(*request, naming, now),
            (Request::List { reply, .. }, Answer::Page(page)) => {
                let _ = reply.send(Ok(self.page(page)));
            }
            (Request::Send { draft, reply }, Answer::Found(standing, card)) => {
                let alias = draft.target.clone();
                match self.found_alias(&alias, standing, card.as_ref()) {
                    Ok(key) => {
                        // Others may have waited for longer.
                        self.requests.put_back(number, Request::Send { draft, reply });
                        self.submit_waiting(&alias, key, now);
                    }
                    Err(error) => drop(reply.send(Err(error))),
                }
            }
            (Request::Lookup { alias, reply }, Answer::Found(standing, card)) => {
                let found = self.found_alias(&alias, standing, card.as_ref());
                let key = found.as_ref().ok().copied();
                let _ = reply.send(found.and_then(|key| self.checked_fingerprint(&alias, key)));
                if let Some(key) = key {
                    self.submit_waiting(&alias, key, now);
                }
            }
            (Request::Watch { wait, reply }, Answer::Seen(peers)) => {
                if let Some(end) = self.waited(&wait, &peers) {
                    let _ = reply.send(Ok(end));
                }
            }
            (Request::Watch { reply, .. }, Answer::Busy) => {
                let _ = reply.send(Err(Error::TooManyWaits));
            }
            (Request::Subscribe { key }, Answer::Found(_, card))
                if key == self.membership.key() =>
            {
                self.own_card(card.as_ref(), now);
            }
            (Request::Subscribe { key }, Answer::Found(standing, card)) => {
                self.found_key(key, standing, card.as_ref(), now);
            }
            (Request::SubscribeSeat { seat }, Answer::Found(standing, card)) => {
                self.found_seat(seat, standing, card.as_ref());
            }
            _ => self.misbehaves(Misbehaviour::UnfittingAnswer),
        }
    }

    /// The answer to a wait for peers; none if no honest hub gives it.
    fn waited(&mut self, wait: &PeerWait, peers: &[Listed]) -> Option<PeerWaitEnd> {
        if wait.end != AwaitedEnd::Gone {
            return Some(PeerWaitEnd::Seen(self.listed(peers)));
        }
        if peers.is_empty() {
            return Some(PeerWaitEnd::Gone);
        }
        self.misbehaves(Misbehaviour::UnfittingAnswer);
        None
    }

    /// The answer to a request for an alias.
    fn named(&mut self, request: AliasRequest, naming: Naming, now: Instant) {
        let AliasRequest { change, card, reply } = request;
        let registered = match naming {
            Naming::Granted(grant) if grant.alias == card.alias() => {
                self.card.granted(&change, card);
                self.granted(grant);
                self.snapshot.borrow().renamed.set(None);
                // What changed while the request was open is on no card yet.
                self.publish_if_changed(now);
                self.publish_if_due(now);
                self.registered()
            }
            Naming::Granted(_) => {
                self.misbehaves(Misbehaviour::OtherAlias);
                Err(Error::HubMisbehaving)
            }
            Naming::Taken { .. } | Naming::Bad => {
                // The key of the refused card is the newest: the standing card moves on to it, or its own would die.
                self.publish_card(now);
                Err(refused_alias(&naming))
            }
        };
        let _ = reply.send(registered);
    }

    /// How the session is registered now.
    pub(super) fn registered(&self) -> Result<Registration, Error> {
        let alias = self.membership.alias().cloned().ok_or(Error::HubMisbehaving)?;
        Ok(Registration {
            alias,
            fingerprint: self.fingerprint(),
            hub: self.snapshot.borrow().hub.clone(),
            peer_count: 0,
            context: self.card.context(),
        })
    }

    fn page(&mut self, page: Page) -> PeerPage {
        PeerPage { peers: self.listed(&page.peers), total: page.total, next: page.next }
    }

    /// What an agent may see of listed peers. Those whose cards are faulty are left out.
    fn listed(&mut self, listed: &[Listed]) -> Vec<PeerInfo> {
        let Some((group, me)) = self.membership.keys() else { return Vec::new() };
        let (now, mut peers) = (wall_ms(), Vec::with_capacity(listed.len()));
        for peer in listed {
            match self.directory.listed(peer, now, group, me) {
                Ok(peer) => peers.push(peer),
                Err(fault) => fault.log(),
            }
        }
        peers
    }

    // ---- peers

    pub(super) fn admit(&mut self, signed: &SignedCard) -> Result<PeerKey, PeerFault> {
        let (group, me) = self.membership.keys().ok_or(PeerFault::ForgedCard)?;
        self.directory.admit(signed, group, me)
    }

    /// The answer to a look-up by alias: the key that has the alias.
    fn found_alias(
        &mut self,
        alias: &Alias,
        standing: Standing,
        card: Option<&SignedCard>,
    ) -> Result<PeerKey, Error> {
        let Some(card) = card.filter(|_| standing != Standing::Gone) else {
            // A hub that has just started knows few aliases. The look-up by key, which comes next, decides.
            let known = self.directory.named(alias);
            let known = known.filter(|peer| peer.standing == Standing::NotYet);
            return known.map(|peer| peer.card.key).ok_or_else(|| self.nobody_at(alias, card));
        };
        let key = self.admit(card).map_err(|fault| {
            fault.log();
            Error::UnusableCard(alias.clone())
        })?;
        if self.directory.get(&key).is_none_or(|peer| peer.alias != *alias) {
            self.misbehaves(Misbehaviour::OtherCard);
            return Err(Error::HubMisbehaving);
        }
        self.directory.set_standing(key, standing);
        self.directory.set_subscribed(key);
        self.outgoing.outbox.open(key);
        Ok(key)
    }

    /// Why nothing can be sent to an alias, with the card that the hub gave if it keeps the alias for a session.
    fn nobody_at(&self, alias: &Alias, card: Option<&SignedCard>) -> Error {
        let group = self.membership.keys().map(|(group, _)| group);
        let last = group.zip(card).and_then(|(group, card)| verify_card(group, card).ok());
        match last {
            Some(card) if card.alias == alias.as_str() => Error::PeerLeft(alias.clone()),
            _ => Error::UnknownAlias(alias.clone()),
        }
    }

    /// The answer to a look-up by key: what waits for it to be sealed, handed over or opened goes on.
    fn found_key(
        &mut self,
        key: PeerKey,
        standing: Standing,
        card: Option<&SignedCard>,
        now: Instant,
    ) {
        if card.is_none_or(|card| self.admit_as(key, card)) {
            self.directory.set_subscribed(key);
            self.stands(key, standing, now);
        }
    }

    /// The hub's news of a peer.
    fn peer_changed(
        &mut self,
        key: PeerKey,
        standing: Standing,
        card: Option<&SignedCard>,
        now: Instant,
    ) {
        if key == self.membership.key() {
            self.own_card(card, now);
        } else if card.is_none_or(|card| self.admit_as(key, card)) {
            if self.directory.has_successor(&key) {
                // The hub pushes the changes of the newest key to all who were subscribed to the seat.
                self.directory.set_subscribed(key);
            }
            self.stands(key, standing, now);
        }
    }

    /// The hub shows the card of this session that it has.
    fn own_card(&mut self, card: Option<&SignedCard>, now: Instant) {
        let Some((group, me)) = self.membership.keys() else { return };
        let Some(card) = card.and_then(|card| verify_card(group, card).ok()) else { return };
        if card.key == me.key {
            self.card.receive_keys.published(card.epoch, now, self.session_timeout);
        }
    }

    /// Takes in a card that must be this peer's newest.
    fn admit_as(&mut self, key: PeerKey, card: &SignedCard) -> bool {
        let before = self.directory.get(&key).map(|peer| (peer.card.epoch, peer.card.state));
        let admitted = self.admit(card);
        if admitted != Ok(key) {
            match admitted {
                Ok(_) => self.misbehaves(Misbehaviour::OtherCard),
                Err(fault) => fault.log(),
            }
            // The peer's mail is not opened, and keeps no room that others need.
            self.directory.unsubscribe(&key);
            self.intake.forget(key);
            self.ask_for_dropped();
            return false;
        }
        if let Some(peer) = self.directory.get(&key) {
            self.delivery.open_requests.renamed(&self.directory.origin(&key), &peer.alias);
        }
        let after = self.directory.get(&key).map(|peer| (peer.card.epoch, peer.card.state));
        if let (Some(before), Some(after)) = (before, after)
            && before.0 < after.0
        {
            let peer = self.directory.origin_of_receiver(&key);
            let notifications = self.notification_requests.changed(peer, before.1, after.1);
            self.delivery.notify(notifications);
        }
        true
    }

    /// The hub said how a peer stands.
    fn stands(&mut self, key: PeerKey, standing: Standing, now: Instant) {
        self.directory.set_standing(key, standing);
        let known = self.directory.get(&key).is_some();
        let is_there = matches!(standing, Standing::Online | Standing::Away);
        if is_there && self.membership.own_seat().is_supported() {
            self.outgoing.post_words_to(key);
        }
        match standing {
            Standing::Gone => {
                self.outgoing.words_mut().gone(key);
                self.open_held(key, now);
                self.intake.forget(key);
                self.directory.gone(key);
                self.claims.gone(&key);
                self.outgoing.outbox.gone(key);
                self.peer_left(key, now);
            }
            Standing::Online | Standing::Away if known => {
                self.outgoing.outbox.open(key);
                self.open_held(key, now);
            }
            Standing::Online | Standing::Away | Standing::NotYet => {
                self.outgoing.outbox.open_for_sealed(key);
                self.open_held(key, now);
                self.await_seat(key);
            }
        }
        self.ask_for_dropped();
        self.tell_conflicts(now);
    }
}
