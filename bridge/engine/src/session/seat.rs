//! The session and its seat: claims, what comes back with the seat, its loss, and what a session that ends returns.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use junction_shared::protocol::id::{PeerKey, SeatKey};
use junction_shared::protocol::wire::{
    ReceiptKind, Return, ReturnBody, SignedCard, Standing, ToHub, WelcomeBody,
};

use super::Session;
use super::own_seat::{ClaimStep, Leaving, SeatToClaim, SeatVerdict};
use crate::past_words::PastWords;
use crate::receive_keys::{AFTERLIFE, longest_life};
use crate::seal::{pair_psk, return_word};
use crate::{Change, Departure, Status};

/// Return words of a session that ends.
const MAX_RETURNS: usize = 1024;
/// Senders among them whose shared key is not at hand and takes some microseconds to make.
const MAX_NEW_PAIRS: usize = 64;

impl Session {
    // ---- the seat of this session

    /// The client's session is known, or another one than before. What is left of it is taken by
    /// [`Session::replaced`].
    pub fn claim(&mut self, session: &mut Option<SeatToClaim>) -> ClaimStep {
        self.membership.seat_mut().claim(session)
    }

    /// What the hub's answer to the claim of a seat means.
    pub fn judge_seat(&mut self, welcome: &WelcomeBody, now: Instant) -> SeatVerdict {
        self.membership.judge_seat(welcome, now)
    }

    /// The session is about to dial again under the same key, for a hello that says more.
    pub(crate) fn redials(&mut self) {
        self.requests.hold_renames();
        self.disconnected();
    }

    /// Whether another bridge has the seat of this session now.
    pub fn has_lost_seat(&self) -> bool {
        self.membership.own_seat().is_lost()
    }

    /// The seat was granted with the last card of a bridge before: the session has come back, and says of itself what it
    /// said then.
    pub(super) fn restore(&mut self, welcome: &WelcomeBody, now: Instant) {
        let Some((group, me)) = self.membership.keys() else { return };
        let Some(last) = self.membership.own_seat().last_card(welcome, group) else { return };
        if last.key == me.key {
            return;
        }
        let named = self.card.named();
        let task = last.context.task.filter(|_| named.task.is_none());
        let role = last.context.role.filter(|_| named.role.is_none());
        self.card.name(&Change { task, role, ..Change::default() });
        let alias = self.membership.alias().cloned();
        self.snapshot.send_modify(|snapshot| {
            snapshot.renamed.set(None);
            snapshot.came_back.happens(alias, now);
        });
    }

    /// The hub says that another bridge has the seat.
    pub(super) fn unseated(&mut self, card: &SignedCard) {
        if self.membership.unseated(card) {
            tracing::warn!("seat_lost");
        }
    }

    /// The session that goes on in this process, under another key: without a seat, or as another session of the client.
    /// What an answer holds just now stays with the process.
    pub fn replaced(&mut self, session: Option<SeatToClaim>, now: Instant) -> Self {
        let is_unseated = session.is_none();
        let own = self.membership.own_seat();
        let alias = own.lost_alias().or(self.membership.alias()).cloned();
        let membership = self.membership.replaced(session);
        let card = if is_unseated { self.card.unseated(now) } else { self.card.successor(now) };
        let delivery = self.delivery.retire(self.membership.key());
        let mut next = self.followed_by(card, membership);
        next.delivery = delivery;
        next.outgoing.take_words(&mut self.outgoing);
        if is_unseated {
            next.snapshot.borrow().unseated.set(alias);
        }
        // What a call waited for comes to another bridge, or to another session of the client.
        next.delivery.serve(now);
        next
    }

    // ---- the seats of others

    /// The owner of a key has named a seat. True if it is certain now.
    pub(super) fn seat_named(&mut self, key: PeerKey, seat: SeatKey) -> bool {
        let is_news = self.directory.name_seat(key, seat);
        if is_news == Some(true) {
            self.outgoing.outbox.seated(key);
        }
        is_news.is_some()
    }

    /// Follows sessions that came back under another key.
    pub(super) fn follow_successors(&mut self, now: Instant) {
        for successor in self.directory.take_successors() {
            self.departures.returned(&successor.origin);
            self.outgoing.outbox.succeeded(successor.origin, successor.key, now);
            self.repeat_attachments(successor.origin, successor.key);
            self.repeat_requests(successor.origin, successor.key, now);
        }
        self.start_lanes();
    }

    /// The answer to a look-up of a seat: the session that has it now.
    pub(super) fn found_seat(
        &mut self,
        seat: SeatKey,
        standing: Standing,
        card: Option<&SignedCard>,
    ) {
        let Some(key) = card.and_then(|card| self.admit(card).ok()) else { return };
        if self.directory.shown(&key).seat == Some(seat) {
            self.directory.set_standing(key, standing);
            if standing != Standing::Gone {
                self.directory.set_subscribed(key);
            }
        }
    }

    /// Subscribes to the next sessions of a seat.
    pub(super) fn subscribe_seat(&mut self, seat: SeatKey) {
        if self.outgoing.is_connected() && self.membership.own_seat().is_supported() {
            let frames = self.requests.subscribe_seat(seat);
            self.outgoing.post_all(frames);
        }
    }

    /// A peer is not there. If it has a seat for which mail waits, the next session of the seat is.
    pub(super) fn await_seat(&mut self, key: PeerKey) {
        if let Some(seat) = self.directory.seat_of_receiver(&key)
            && self.outgoing.has_waiting(key)
        {
            self.subscribe_seat(seat);
        }
    }

    /// A peer is gone. One with a seat may come straight back: then nobody is told.
    pub(super) fn peer_left(&mut self, key: PeerKey, now: Instant) {
        let peer = self.directory.origin_of_receiver(&key);
        let is_final = match self.directory.seat_of_receiver(&key) {
            None => Some(peer),
            // An earlier key of a session that is here under another.
            Some(_) if self.directory.newest_key(&peer) != key => None,
            Some(_) => {
                self.await_seat(key);
                self.departures.left(peer, now)
            }
        };
        is_final.into_iter().for_each(|peer| self.tell_gone(peer));
    }

    /// Tells of peers that have not come back.
    pub(super) fn tell_departures(&mut self, now: Instant) {
        for peer in self.departures.take_final(now) {
            self.tell_gone(peer);
        }
    }

    fn tell_gone(&mut self, peer: PeerKey) {
        self.outgoing.requests.gone(&peer);
        self.delivery.peer_gone(peer);
        let notifications = self.notification_requests.gone(peer);
        self.delivery.notify(notifications);
    }

    // ---- the end

    /// The session ends: the last frames for the hub, and what the agent is told.
    pub fn leave(&mut self, how: Leaving, now: Instant) -> (Vec<Bytes>, Departure) {
        let left = self.outgoing.outbox.abandon();
        let is_unconfirmed = |status: &Status| *status == Status::Unconfirmed;
        let unconfirmed = left.into_iter().filter(|(_, _, status)| is_unconfirmed(status));
        let unconfirmed = unconfirmed.map(|(id, to, _)| (id, to)).collect();
        self.outgoing.uploads.abandon();
        self.report_ends();
        let own = self.membership.own_seat();
        let seat = own.shown().filter(|_| own.is_supported());
        match (how, seat) {
            (Leaving::ForGood, _) => {
                let unread = self.delivery.mailbox.drop_unread();
                self.send_final_receipts(unread, ReceiptKind::Expired, now);
                self.delivery.downloads.leave();
                self.carry_attachments(now);
            }
            (Leaving::ForNow | Leaving::Unseated, Some(seat)) => {
                // A process that lives on repeats them: its connection may be breaking.
                let words = self.return_words(seat);
                self.outgoing.post_words(words, self.last_use_of_words(now), true);
            }
            (Leaving::ForNow | Leaving::Unseated, None) => {}
        }
        let comes_back = how == Leaving::ForNow && self.membership.seat().is_some();
        self.outgoing.post(if comes_back { ToHub::Vacate } else { ToHub::Leave });
        let disconnected = self.membership.granted_alias().is_some();
        (self.outgoing.drain_control(), Departure { disconnected, unconfirmed })
    }

    /// When nothing can be left that a word of this moment is about.
    pub(super) fn last_use_of_words(&self, now: Instant) -> Instant {
        now + longest_life(self.session_timeout) + AFTERLIFE
    }

    /// What this session has read of each sender, and that it opens nothing more: to those whose mail waits here, to those
    /// whose mail came and was not opened, and to every peer that may have sent something just now.
    fn return_words(&mut self, seat: SeatKey) -> Vec<Return> {
        let Some((group, me)) = self.membership.keys() else { return Vec::new() };
        let mailbox = &self.delivery.mailbox;
        let senders = mailbox.senders().chain(self.intake.unopened_senders());
        let senders = senders.chain(self.directory.seat_readers());
        let (mut seen, mut new_pairs) = (HashSet::new(), 0);
        let (mut words, mut past) = (Vec::new(), PastWords::default());
        for to in senders {
            if words.len() == MAX_RETURNS {
                break;
            }
            if !seen.insert(to) {
                continue;
            }
            let known = self.directory.get(&to).map(|peer| Arc::clone(&peer.psk));
            let made = || {
                new_pairs += 1;
                let psk = if new_pairs <= MAX_NEW_PAIRS { pair_psk(group, me, &to) } else { None };
                psk.map(Arc::new)
            };
            if let Some(psk) = known.or_else(made) {
                let (highest, read, leased) = mailbox.read_of(&to);
                let body = ReturnBody { from: me.key, seat, highest, read, leased };
                words.push(return_word(&psk, to, &body));
                past.keep(to, psk, body);
            }
        }
        self.delivery.past_words.extend(past);
        words
    }
}
