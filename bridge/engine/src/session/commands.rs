//! What a session makes of each command of its handle, and of what becomes of the calls behind them.

use std::time::Instant;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::limits::{
    MAX_MESSAGE, OUTBOX_BYTES, OUTBOX_MESSAGES, PAIR_BYTES, PAIR_MESSAGES,
};
use junction_shared::protocol::wire::{ReceiptKind, ToHub};
use tokio::sync::{oneshot, watch};

use super::Session;
use super::directory::availability_of;
use super::requests::{AliasRequest, Request};
use crate::command::{DownloadCommand, ReplySender};
use crate::error::{Error, UnreadLimit};
use crate::forecast::Arrived;
use crate::hops::Hops;
use crate::mailbox::LeaseId;
use crate::outbox::{OutboxFull, OutboxMessage, SendingCall};
use crate::reader::ReadCall;
use crate::receive_keys::longest_life;
use crate::seal::{Plain, ReceiptDetails, SealedManifest, receipt_with};
use crate::{
    Change, Command, Departure, Draft, Outcome, Receiver, Registration, Submitted, WaitEnd,
};

/// What happens to a session other than commands, frames and the passage of time.
#[derive(Clone, Copy)]
pub(crate) enum SessionEvent {
    /// An answer was written to the client, or not.
    LeaseEnded(LeaseId, bool),
    /// A call gave up what it had asked of the hub.
    RequestAbandoned,
}

/// The most messages whose senders are told a second time.
const FORECASTS_AGAIN: usize = 64;

impl Session {
    /// Carries out a command. Those that take the connection elsewhere are the actor's.
    pub fn command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Apply(change, reply) => self.apply(change, reply, now),
            Command::List(query, reply) => self.ask(Request::List { query, reply }),
            Command::Watch(role, reply) => self.ask(Request::Watch { role, reply }),
            Command::Send(draft, reply) => self.send(draft, reply, now),
            Command::Lookup(alias, reply) => self.look_up(alias, reply),
            Command::Read { limits, wait, reply } => {
                self.expire_mail(now);
                self.delivery.read(ReadCall { limits, wait, since: now, reply });
            }
            Command::Flush(reply) => {
                self.outgoing.flush(reply);
                self.report_ends();
            }
            Command::SetContext(seen) => {
                self.card.observe(&seen);
                self.publish_if_changed(now);
            }
            Command::SetAvailability(availability) => {
                if self.card.set_availability(availability) {
                    self.publish_if_due(now);
                }
            }
            Command::SetForecast(forecast) => self.forecast = Some(forecast),
            Command::ForecastAgain => self.forecast_again(),
            Command::BeginTurn => self.delivery.chains.person_prompted(),
            Command::MaybeBeginTurn => self.delivery.chains.person_may_have_prompted(),
            Command::Download(DownloadCommand(step)) => {
                self.download(step, now);
                self.carry_attachments(now);
            }
            Command::Claim(command) => self.claim_command(command, now),
            Command::AskForHub
            | Command::ClaimSeat(..)
            | Command::Join(..)
            | Command::Leave(_)
            | Command::Stop(_) => {}
        }
    }

    /// Tells the senders of the newest messages that wait what the face expects of them now.
    pub(super) fn forecast_again(&mut self) {
        let Some(forecast) = &self.forecast else { return };
        let snapshot = self.snapshot.borrow().clone();
        let receipts = self.delivery.mailbox.newest_wakers(FORECASTS_AGAIN).filter_map(|waiting| {
            let arrived = Arrived { arrival: Some(waiting.arrival), past_limit: false };
            let outlook = forecast.outlook(arrived, &snapshot)?;
            let (to, id) = (waiting.message.sender, waiting.message.id);
            let kind = ReceiptKind::Opened;
            let details = ReceiptDetails { outlook: Some(outlook), seat: None };
            Some(ToHub::Receipt(receipt_with(details, &waiting.receipt_key, to, id, kind)))
        });
        self.outgoing.post_all(receipts);
    }

    /// Waits for what the calls of this session's agent bring about, other than by commands. Nothing is lost if the
    /// future is dropped.
    pub(crate) async fn next_event(&mut self) -> SessionEvent {
        tokio::select! {
            (lease, written) = self.delivery.next_lease_end() => {
                SessionEvent::LeaseEnded(lease, written)
            }
            () = self.requests.next_abandoned() => SessionEvent::RequestAbandoned,
        }
    }

    /// Carries out what [`Session::next_event`] found.
    pub(crate) fn event(&mut self, event: SessionEvent, now: Instant) {
        match event {
            SessionEvent::LeaseEnded(lease, written) => self.lease_ended(lease, written, now),
            // A message that waits for its receiver's key is wiped with its request.
            SessionEvent::RequestAbandoned => {
                let frames = self.requests.drop_abandoned();
                self.outgoing.post_all(frames);
            }
        }
    }

    fn ask(&mut self, request: Request) {
        let frames = self.requests.open(request);
        self.outgoing.post_all(frames);
    }

    /// Names and refines the session. With a new alias nothing changes unless the hub grants it.
    pub(super) fn apply(&mut self, change: Change, reply: ReplySender<Registration>, now: Instant) {
        let current = self.membership.alias();
        let Some(alias) = change.alias.clone().filter(|alias| Some(alias) != current) else {
            self.card.name(&change);
            self.publish_if_changed(now);
            let _ = reply.send(self.registered());
            return;
        };
        let timeout = self.session_timeout;
        let proposal = self.card.propose(&alias, &change, &self.membership, timeout, now);
        if let Some((card, signed)) = proposal {
            let question = self.requests.rename(signed, AliasRequest { change, card, reply });
            self.outgoing.post(question);
        }
    }

    /// Finds the receiver of a message and submits the message. A known card decides while the hub is away or pushes
    /// the peer's changes; otherwise the message waits for a look-up, and so do all later ones to the same alias.
    fn send(&mut self, draft: Draft, reply: ReplySender<Submitted>, now: Instant) {
        if self.membership.alias() == Some(&draft.target) {
            let _ = reply.send(Err(Error::ToSelf));
            return;
        }
        match self.known_key(&draft.target) {
            Some(key) => {
                self.submit_waiting(&draft.target, key, now);
                self.submit(key, draft, reply, now);
            }
            None => self.ask(Request::Send { draft, reply }),
        }
    }

    /// Finds the key that an alias belongs to.
    fn look_up(&mut self, alias: Alias, reply: ReplySender<PeerKey>) {
        if self.membership.alias() == Some(&alias) {
            let _ = reply.send(Err(Error::ToSelf));
            return;
        }
        match self.known_key(&alias) {
            Some(key) => drop(reply.send(self.checked_key(&alias, key))),
            None => self.ask(Request::Lookup { alias, reply }),
        }
    }

    /// The key that an alias belongs to, where no look-up is needed to know it.
    fn known_key(&self, alias: &Alias) -> Option<PeerKey> {
        let is_away = !self.outgoing.is_connected();
        let known = self.directory.named(alias).filter(|peer| peer.subscribed || is_away);
        known.map(|peer| peer.card.key)
    }

    /// The key behind an alias, if the alias did not belong to another one before.
    pub(super) fn checked_key(&self, alias: &Alias, key: PeerKey) -> Result<PeerKey, Error> {
        self.directory.check_pin(alias, key, None).map(|()| key)
    }

    /// Submits every message that waits for the look-up of this alias, in their order. A message that comes later is
    /// submitted at once, and must not overtake one of these.
    pub(super) fn submit_waiting(&mut self, alias: &Alias, key: PeerKey, now: Instant) {
        for (draft, reply) in self.requests.take_sends(alias) {
            self.submit(key, draft, reply, now);
        }
    }

    /// Takes a message into the outbox, unless its caller has given up: then nothing is sent.
    fn submit(
        &mut self,
        to: PeerKey,
        mut draft: Draft,
        reply: ReplySender<Submitted>,
        now: Instant,
    ) {
        if reply.is_closed() {
            return;
        }
        let (alias, wait, notify_when) = (draft.target.clone(), draft.wait, draft.notify_when);
        let (wait_end, ended) = oneshot::channel();
        if let Err(error) = self.check_attachments(&draft, &to) {
            return drop(reply.send(Err(error)));
        }
        let deadline = self.deadline_of(&draft, now);
        let attachments = draft.attachments.take();
        let manifest = attachments.as_ref().map(|prepared| prepared.manifest.clone());
        let (submitted, hops) = match self.enqueue(to, draft, manifest, ended, now) {
            Ok(enqueued) => enqueued,
            Err(error) => return drop(reply.send(Err(error))),
        };
        let (id, past_limit) = (submitted.id, submitted.past_limit);
        let peer = self.directory.origin_of_receiver(&to);
        if reply.send(Ok(submitted)).is_err() {
            // The caller gave up just now, and has said that nothing was sent.
            return self.outgoing.outbox.withdraw(id);
        }
        if let Some(quota) = &mut self.quotas.sending {
            quota.sent(peer, now);
        }
        self.directory.pin(&alias, to);
        self.keep_attachments(id, to, (alias.clone(), attachments), deadline);
        self.delivery.sent(id, peer);
        if let Some(when) = notify_when {
            self.notification_requests.add(id, peer, alias, when, hops);
        }
        self.outgoing.outbox.succeeded(peer, to, now);
        if self.outgoing.is_connected() {
            self.start_lanes();
            self.start_lane(to);
        }
        if !wait.is_zero() && !past_limit {
            self.delivery.expect_reply(id, peer, wait_end);
        }
    }

    /// Puts a message last among those to its receiver.
    fn enqueue(
        &mut self,
        to: PeerKey,
        draft: Draft,
        attachments: Option<SealedManifest>,
        wait_end: oneshot::Receiver<WaitEnd>,
        now: Instant,
    ) -> Result<(Submitted, Hops), Error> {
        let receiver = self.receiver(&draft.target, to, draft.fingerprint.as_deref())?;
        let waits = !draft.wait.is_zero();
        let peer = self.directory.origin_of_receiver(&to);
        if waits && self.delivery.mailbox.has_unread_question(&peer) {
            return Err(Error::UnreadQuestion(draft.target));
        }
        self.check_limits(&draft, &peer, now)?;
        let deadline = self.deadline_of(&draft, now);
        let id = MessageId(*uuid::Uuid::now_v7().as_bytes());
        let ((refusal_call, refusal), (outlook_call, outlook)) =
            (oneshot::channel(), watch::channel(None));
        let calls = SendingCall { refusal: refusal_call, outlook: outlook_call };
        if draft.from_person {
            self.delivery.chains.person_prompted();
        }
        let hops = self.delivery.chains.next_hops(id, &peer, draft.reply_to);
        let past_limit = self.delivery.chains.is_past_limit(hops);
        let urgency = self.quotas.high_sent.granted(peer, draft.urgency, now);
        let plain = Plain {
            reply_to: draft.reply_to,
            follows: (hops.count > 1).then_some(hops),
            urgency,
            // Nobody waits for the answer to a message that wakes nobody.
            asks: waits && !past_limit,
            from_person: draft.from_person,
            seat: self.membership.seat(),
            attachments,
            body: draft.body,
        };
        let (message, status) = OutboxMessage::new(id, draft.target, plain, deadline, calls);
        self.outgoing.outbox.submit(self.directory.destination(to), message).map_err(|full| {
            match full {
                OutboxFull::Peer => {
                    Error::PeerFull(UnreadLimit { messages: PAIR_MESSAGES, bytes: PAIR_BYTES })
                }
                OutboxFull::Outbox => Error::OutboxFull(UnreadLimit {
                    messages: OUTBOX_MESSAGES,
                    bytes: OUTBOX_BYTES,
                }),
            }
        })?;
        let submitted =
            Submitted { id, receiver, urgency, past_limit, status, wait_end, outlook, refusal };
        Ok((submitted, hops))
    }

    /// When a message is dropped unread.
    fn deadline_of(&self, draft: &Draft, now: Instant) -> Instant {
        let longest = longest_life(self.session_timeout);
        now + draft.ttl.unwrap_or(longest).min(longest)
    }

    /// Checks that a message is not too large, nor one too many.
    fn check_limits(&self, draft: &Draft, peer: &PeerKey, now: Instant) -> Result<(), Error> {
        if draft.body.len() > MAX_MESSAGE {
            return Err(Error::TooLarge { limit: MAX_MESSAGE });
        }
        if let Some(quota) = &self.quotas.sending {
            quota.check(peer, now)?;
        }
        if draft.notify_when.is_some()
            && !self.notification_requests.has_room(self.delivery.pending_notifications())
        {
            return Err(Error::TooManyNotifications);
        }
        Ok(())
    }

    /// The peer behind an alias, if the alias may be used for it.
    fn receiver(
        &mut self,
        alias: &Alias,
        key: PeerKey,
        fingerprint: Option<&str>,
    ) -> Result<Receiver, Error> {
        self.directory.check_pin(alias, key, fingerprint)?;
        if fingerprint.is_some() {
            self.directory.pin_confirmed(alias, key);
        }
        let peer = self.directory.get(&key).ok_or_else(|| Error::UnknownAlias(alias.clone()))?;
        Ok(Receiver { key, presence: peer.standing, availability: availability_of(&peer.card) })
    }

    /// Lets messages go to the newer keys of their receivers.
    pub(super) fn start_lanes(&mut self) {
        for to in self.outgoing.outbox.take_new_targets() {
            if self.outgoing.is_connected() {
                self.start_lane(to);
            }
        }
    }

    /// Lets messages to a peer go: at once if its changes are pushed, else after a look-up.
    fn start_lane(&mut self, to: PeerKey) {
        if self.directory.get(&to).is_some_and(|peer| peer.subscribed) {
            self.outgoing.outbox.open(to);
        } else {
            self.subscribe(to);
        }
    }

    /// The session has left for another hub. Its identity stays, and asks for its alias there.
    pub fn moved(&mut self) {
        self.disconnected();
        self.membership.move_away();
        self.outgoing.forget_receipts();
        self.directory.forget_cards();
        self.intake.forget_keys();
        self.snapshot.send_modify(|snapshot| {
            snapshot.rejoined = None;
            snapshot.renamed.set(None);
        });
    }

    /// What a session that leaves hands on: ends that its answer to `disconnect` does not tell.
    pub fn take_ends(&mut self, departure: &Departure) -> Vec<Outcome> {
        let mut ends = self.delivery.take_ends();
        ends.retain(|end| !departure.unconfirmed.iter().any(|(id, _)| *id == end.id));
        ends
    }

    /// Takes in ends that an earlier session of this process left untold.
    pub fn inherit(&mut self, ends: Vec<Outcome>) {
        ends.into_iter().for_each(|end| self.delivery.ended(end));
    }
}
