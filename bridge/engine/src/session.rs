//! The session: everything of this bridge that outlives a connection. It takes commands, frames and the time, and
//! gives the next frame to send; it has no socket and no timer of its own. It only carries facts between machines,
//! each of which owns its invariants:
//!
//! ```text
//! membership  who the session is          card     what others see of it, and when
//! directory   the other peers             requests open questions to the hub
//! intake      envelopes until opened      delivery messages and ends until they are read
//! outgoing    frames for the hub, and messages until their ends are known
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt as _;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::handshake::{Caller, GroupKeys, Pin};
use junction_shared::protocol::id::{GroupId, PeerKey};
use junction_shared::protocol::wire::{self, Context, ReceiptKind, ToHub, WelcomeBody};
use tokio::sync::watch;

use crate::clock::wall_ms;
use crate::forecast::Forecast;
use crate::hops::{ChainLimit, Chains};
use crate::lease::LeaseId;
use crate::mailbox::ReceiptDue;
use crate::notifications::NotificationRequests;
use crate::reader::Delivery;
use crate::receive_keys::{AFTERLIFE, longest_life};
use crate::seal::receipt;
use crate::send_limits::{MessageQuotas, SendLimit};
use crate::{Outcome, Snapshot};

mod attachments;
mod card;
mod claim_desk;
mod claims;
mod commands;
mod departures;
mod directory;
mod frames;
mod intake;
mod joining;
mod kept_words;
mod known_seats;
mod mail;
mod membership;
mod misbehaviour;
mod outgoing;
mod own_seat;
mod pins;
mod requests;
mod seat;
mod sending;
mod sent_receipts;
mod teamwork;

use card::CardPublisher;
use claim_desk::ClaimDesk;
use departures::Departures;
use directory::Directory;
use intake::Intake;
use membership::Membership;
use misbehaviour::Misbehaviour;
use outgoing::OutgoingFrames;
use requests::Requests;

pub use crate::uploads::{SealJob, SealedChunks};
pub use own_seat::{ClaimStep, Leaving, SeatBasis, SeatToClaim, SeatVerdict};

/// One identity's life on the junction.
pub struct Session {
    membership: Membership,
    card: CardPublisher,
    directory: Directory,
    requests: Requests,
    intake: Intake,
    outgoing: OutgoingFrames,
    delivery: Delivery,
    /// What senders on this side want to be notified of.
    notification_requests: NotificationRequests,
    departures: Departures,
    quotas: MessageQuotas,
    claims: ClaimDesk,
    session_timeout: Duration,
    /// Whom to ask when the agent will be told of a message.
    forecast: Option<Arc<dyn Forecast>>,
    snapshot: watch::Sender<Snapshot>,
}

impl Session {
    /// A new identity that has never been connected.
    pub fn new(snapshot: watch::Sender<Snapshot>, seen: Context, now: Instant) -> Self {
        Self::with(snapshot, CardPublisher::new(seen, now), Membership::new())
    }

    fn with(
        snapshot: watch::Sender<Snapshot>,
        card: CardPublisher,
        membership: Membership,
    ) -> Self {
        let session_timeout = snapshot.borrow().session_timeout;
        let session = Self {
            membership,
            card,
            directory: Directory::default(),
            requests: Requests::default(),
            intake: Intake::default(),
            outgoing: OutgoingFrames::default(),
            delivery: Delivery::new(snapshot.clone()),
            notification_requests: NotificationRequests::default(),
            departures: Departures::default(),
            quotas: MessageQuotas::default(),
            claims: ClaimDesk::default(),
            session_timeout,
            forecast: None,
            snapshot,
        };
        session.delivery.publish();
        session.snapshot.send_modify(|snapshot| {
            (snapshot.rejoined, snapshot.alias) = (None, None);
            snapshot.team.claim_news.retain(|_| false);
            snapshot.renamed.set(None);
            snapshot.fingerprint = session.fingerprint();
        });
        session
    }

    /// Another identity of the same process. What its agent is doing, what the agent has read and how much it may
    /// send carry over.
    pub fn successor(&mut self, now: Instant) -> Self {
        let (card, membership) = (self.card.successor(now), self.membership.successor());
        let chains = std::mem::take(&mut self.delivery.chains);
        let mut next = self.followed_by(card, membership);
        next.delivery.chains = chains;
        next
    }

    /// Another session with this membership and card, to which carries over how much may be sent, and whom each alias
    /// belongs to: nobody else may take the place of a peer because this process has another key.
    fn followed_by(&mut self, card: CardPublisher, membership: Membership) -> Self {
        let mut next = Self::with(self.snapshot.clone(), card, membership);
        next.directory = std::mem::take(&mut self.directory);
        next.directory.forget_cards();
        next.delivery.downloads = self.delivery.downloads.successor();
        next.quotas = self.quotas.successor();
        next.claims = self.claims.successor();
        next.forecast = self.forecast.take();
        next
    }

    /// The fingerprint by which others know the session: that of its seat, or of its key where it has none.
    fn fingerprint(&self) -> String {
        let seat = self.membership.seat().map(|seat| seat.fingerprint());
        seat.unwrap_or_else(|| self.membership.key().fingerprint())
    }

    /// Limits how much is sent in a minute, and how many messages a chain may have until they wake nobody.
    pub fn limit(mut self, sending: Option<SendLimit>, chains: ChainLimit) -> Self {
        self.quotas.limit(sending);
        self.delivery.chains = Chains::new(chains);
        self
    }

    /// Asks every hub to keep the session out of all lists.
    pub(crate) fn hide(&mut self) {
        self.membership.hide();
    }

    /// Whether the hub that sent this welcome keeps the session out of all lists, if that is wished.
    pub(crate) fn may_join(&self, welcome: &WelcomeBody) -> bool {
        !self.membership.is_unlisted() || welcome.has(wire::UNLISTED)
    }

    /// The session's part of the next handshake, once its group is known. Each call has a higher dial.
    pub fn caller(&mut self, pin: Pin) -> Option<Caller<'_>> {
        self.membership.caller(pin)
    }

    /// Sets the alias to ask for where none was granted yet.
    pub fn wish_for(&mut self, alias: Alias) {
        self.membership.want(alias);
    }

    /// Enters the group that the session belongs to, or follows its new secret.
    pub fn set_group(&mut self, group: GroupKeys) {
        let id = group.group;
        if self.group_id() != Some(id) {
            self.claims.enter(&group);
        }
        if let Some(left) = self.membership.enter(group) {
            // An alias still belongs to whom it did.
            self.directory.rename_group(left, id);
            // What was sealed or shown under the old secret is worth nothing any more.
            self.outgoing.outbox.give_up_sealed();
            self.outgoing.uploads.abandon();
            self.directory.forget_cards();
            self.intake.forget_keys();
            let alias = self.membership.alias();
            self.snapshot.send_modify(|snapshot| snapshot.rejoined = alias.cloned());
            self.report_ends();
        }
        self.directory.enter(id);
    }

    /// The public id of the session's group.
    pub(crate) fn group_id(&self) -> Option<GroupId> {
        self.membership.group_id()
    }

    /// Whether the session's group is known.
    pub(crate) fn has_group(&self) -> bool {
        self.group_id().is_some()
    }

    /// Whether more frames wait to be written than a working connection leaves.
    pub fn overrun(&self) -> bool {
        self.outgoing.overrun()
    }

    /// Whether [`Session::next_frame`] has one.
    pub fn has_frame(&mut self, now: Instant) -> bool {
        self.outgoing.has_next(now) || self.claims.has_frame()
    }

    /// The next frame to write. A message counts as handed over by this call.
    pub fn next_frame(&mut self, now: Instant) -> Option<Bytes> {
        let frame = self.outgoing.next(&mut self.directory, &self.membership, now);
        let frame = frame.or_else(|| {
            let (group, me) = self.membership.keys()?;
            self.claims.next_frame(&self.directory, (group, me), now)
        });
        // A message that cannot be sealed at all has ended.
        self.report_ends();
        frame
    }

    /// When [`Session::on_time`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.outgoing.outbox.deadline(),
            self.delivery.mailbox.deadline(),
            self.card.receive_keys.deadline(),
            self.card.due().filter(|_| self.may_publish()),
            self.departures.deadline(),
            self.claims.deadline(),
            self.outgoing.uploads.deadline(),
            self.delivery.downloads.deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Ends and drops what has outlived its time.
    pub fn on_time(&mut self, now: Instant) {
        self.outgoing.outbox.expire(now);
        self.outgoing.uploads.expire(now);
        self.delivery.downloads.expire(now);
        self.expire_mail(now);
        let oldest = self.card.receive_keys.bury(now);
        self.intake.forget_keys_before(oldest);
        self.publish_if_due(now);
        self.tell_departures(now);
        self.claims.on_time(now);
        self.tell_due_conflicts(now);
        self.delivery.publish();
        self.ask_for_dropped();
        self.report_ends();
        self.carry_attachments(now);
    }

    /// An answer was written, or given up.
    fn lease_ended(&mut self, lease: LeaseId, written: bool, now: Instant) {
        let past = self.delivery.mailbox.past_messages(lease);
        let words = self.delivery.past_words.ended(&past, written);
        let knows_seats = self.membership.own_seat().is_supported();
        self.outgoing.post_words(words, self.last_use_of_words(now), knows_seats);
        let read = self.delivery.lease_ended(lease, written);
        self.send_final_receipts(read, ReceiptKind::Read, now);
        // A message that is given back may have outlived its time meanwhile: the next reader must not get it.
        self.expire_mail(now);
        self.delivery.serve(now);
        self.ask_for_dropped();
    }

    /// Takes in the ends of all answers that were written, or given up, by now.
    pub fn drain_leases(&mut self, now: Instant) {
        while let Some((lease, written)) = self.delivery.next_lease_end().now_or_never() {
            self.lease_ended(lease, written, now);
        }
    }

    fn expire_mail(&mut self, now: Instant) {
        let expired = self.delivery.mailbox.expire(now);
        self.send_final_receipts(expired, ReceiptKind::Expired, now);
    }

    /// Whether the hub takes a card now: it takes none while a request for an alias is open.
    fn may_publish(&self) -> bool {
        self.outgoing.is_connected() && !self.requests.is_renaming() && !self.has_lost_seat()
    }

    fn publish_card(&mut self, now: Instant) {
        if self.outgoing.is_connected() && !self.has_lost_seat() {
            let card = self.card.publish(&self.membership, self.session_timeout, now);
            self.outgoing.post_all(card.map(ToHub::Card));
        }
    }

    fn publish_if_due(&mut self, now: Instant) {
        if self.may_publish() && self.card.due().is_some_and(|due| due <= now) {
            self.publish_card(now);
        }
    }

    fn publish_if_changed(&mut self, now: Instant) {
        if self.may_publish() && self.card.context_changed() {
            self.publish_card(now);
        }
    }

    /// Looks a peer up by its key and subscribes to it, unless that is under way.
    fn subscribe(&mut self, key: PeerKey) {
        if self.outgoing.is_connected() {
            let frames = self.requests.subscribe(key);
            self.outgoing.post_all(frames);
        }
    }

    fn send_final_receipts(&mut self, due: Vec<ReceiptDue>, kind: ReceiptKind, now: Instant) {
        let until = now + longest_life(self.session_timeout) + AFTERLIFE;
        for due in due {
            let receipt = receipt(&due.receipt_key, due.to, due.id, kind);
            self.outgoing.post_final_receipt(receipt, until);
        }
    }

    /// Moves ends from the outbox to where reads find them.
    fn report_ends(&mut self) {
        let mut news = Vec::new();
        let mut was_read = false;
        for ended in self.outgoing.outbox.take_ended() {
            was_read |= ended.status == crate::Status::Read;
            let is_repetition = self.outgoing.uploads.is_repetition(&ended.id);
            self.outgoing.uploads.message_ended(ended.id, ended.status);
            let is_own_word = self.outgoing.requests.is_own_word(&ended.id);
            self.outgoing.requests.ended(ended.id, ended.status);
            if is_repetition || is_own_word {
                continue;
            }
            self.repeat_attachments_of(ended.id);
            self.repeat_request(ended.id);
            let is_repeated = self.outgoing.requests.is_repeated(&ended.id);
            news.extend(self.notification_requests.ended(ended.id, ended.status, is_repeated));
            let end = Outcome {
                id: ended.id,
                attachment: None,
                to: ended.to,
                status: ended.status,
                hindrance: None,
                group: None,
                at_ms: wall_ms(),
            };
            match ended.refusal {
                Some(call) => self.delivery.refused(end, call),
                None => self.delivery.ended(end),
            }
        }
        if was_read {
            self.repeat_all_requests();
        }
        // On the page with the ends that they are about.
        self.delivery.notify(news);
        self.tell_of_dropped_requests();
        self.report_attachment_ends();
        self.outgoing.end_flush();
        self.start_lanes();
    }

    /// Notes what only a hub can have done.
    fn misbehaves(&self, how: Misbehaviour) {
        tracing::warn!(?how, "hub_misbehaving");
        self.snapshot.send_modify(|snapshot| {
            snapshot.misbehaviour = snapshot.misbehaviour.saturating_add(1);
        });
    }
}

#[cfg(test)]
mod tests;
