//! How a session sends a message: it finds the receiver, checks what may be sent, and puts the message into the outbox.

use std::time::Instant;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::limits::{
    MAX_MESSAGE, OUTBOX_BYTES, OUTBOX_MESSAGES, PAIR_BYTES, PAIR_MESSAGES,
};
use junction_shared::protocol::wire::{READS_TEAMS, Standing};
use tokio::sync::{oneshot, watch};

use super::Session;
use super::directory::availability_of;
use super::requests::Request;
use super::teamwork::new_id;
use crate::command::ReplySender;
use crate::error::{Error, UnreadLimit};
use crate::group::GroupTag;
use crate::hops::Hops;
use crate::intent::Intent;
use crate::notifications::NotificationRequest;
use crate::open_requests::beginning;
use crate::outbox::{OutboxFull, OutboxMessage, SendingCall};
use crate::receive_keys::longest_life;
use crate::seal::{Plain, SealedManifest};
use crate::send_keys::KeyedMember;
use crate::sent_requests::SentRequest;
use crate::urgency::Urgency;
use crate::{Availability, Draft, NotifyWhen, Receiver, Submitted, WaitEnd};

/// What is remembered of a message that was submitted.
struct SentRecord {
    intent: Intent,
    reply_to: Option<MessageId>,
    notify_when: Option<NotifyWhen>,
    key: Option<String>,
    group: Option<GroupTag>,
    /// The beginning of a request's text.
    text: String,
}

impl SentRecord {
    fn of(draft: &Draft) -> Self {
        let text =
            if draft.intent == Intent::Request { beginning(&draft.body) } else { String::new() };
        Self {
            intent: draft.intent,
            reply_to: draft.reply_to,
            notify_when: draft.notify_when,
            key: draft.key.clone(),
            group: draft.group.clone(),
            text,
        }
    }

    /// The id that the message is shown under.
    fn shown_id(&self, wire_id: MessageId) -> MessageId {
        self.group.as_ref().map_or(wire_id, |group| group.id)
    }
}

impl Session {
    /// Finds the receiver of a message and submits the message. A known card decides while the hub is away or pushes
    /// the peer's changes; otherwise the message waits for a look-up, and so do all later ones to the same alias.
    pub(super) fn send(&mut self, draft: Draft, reply: ReplySender<Submitted>, now: Instant) {
        if self.membership.alias() == Some(&draft.target) {
            let _ = reply.send(Err(Error::ToSelf));
            return;
        }
        if let Some(sent) = self.sent_before(&draft) {
            let _ = reply.send(Ok(sent));
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

    /// Finds the fingerprint of the peer that an alias belongs to.
    pub(super) fn look_up(&mut self, alias: Alias, reply: ReplySender<String>) {
        if self.membership.alias() == Some(&alias) {
            let _ = reply.send(Err(Error::ToSelf));
            return;
        }
        match self.known_key(&alias) {
            Some(key) => drop(reply.send(self.checked_fingerprint(&alias, key))),
            None => self.ask(Request::Lookup { alias, reply }),
        }
    }

    /// The key that an alias belongs to, where no look-up is needed to know it.
    fn known_key(&self, alias: &Alias) -> Option<PeerKey> {
        let is_away = !self.outgoing.is_connected();
        let known = self.directory.named(alias).filter(|peer| peer.subscribed || is_away);
        known.map(|peer| peer.card.key)
    }

    /// The fingerprint of the peer behind an alias, as the peer itself shows it, if the alias did not belong to another one
    /// before.
    pub(super) fn checked_fingerprint(&self, alias: &Alias, key: PeerKey) -> Result<String, Error> {
        self.directory.check_pin(alias, key, None)?;
        Ok(self.directory.shown(&key).id().fingerprint())
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
        if let Some(sent) = self.sent_before(&draft) {
            // Another call with this key waited for the look-up, too.
            return drop(reply.send(Ok(sent)));
        }
        let (alias, wait) = (draft.target.clone(), draft.wait);
        let (wait_end, ended) = oneshot::channel();
        if let Err(error) = self.check_attachments(&draft, &to) {
            return drop(reply.send(Err(error)));
        }
        let deadline = self.deadline_of(&draft, now);
        let attachments = draft.attachments.take();
        let manifest = attachments.as_ref().map(|prepared| prepared.manifest.clone());
        let record = SentRecord::of(&draft);
        let (submitted, hops) = match self.enqueue(to, draft, manifest, ended, now) {
            Ok(enqueued) => enqueued,
            Err(error) => return drop(reply.send(Err(error))),
        };
        let record = SentRecord { intent: submitted.intent, ..record };
        let (id, past_limit) = (submitted.id, submitted.past_limit);
        let status = submitted.status.clone();
        let peer = self.directory.origin_of_receiver(&to);
        if reply.send(Ok(submitted)).is_err() {
            // The caller gave up just now, and has said that nothing was sent.
            return self.outgoing.outbox.withdraw(id);
        }
        self.directory.pin(&alias, to);
        self.keep_attachments(id, to, (alias.clone(), attachments), deadline);
        let shown_id = record.shown_id(id);
        let member = KeyedMember { alias, key: to, status };
        self.record_sent(id, peer, member, record, hops, now);
        self.outgoing.outbox.succeeded(peer, to, now);
        if self.outgoing.is_connected() {
            self.start_lanes();
            self.start_lane(to);
        }
        if !wait.is_zero() && !past_limit {
            self.delivery.expect_reply(shown_id, peer, wait_end);
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
        let id = new_id();
        let reads_teams = self.directory.features(&to) & READS_TEAMS != 0;
        let intent = if reads_teams { draft.intent } else { Intent::Inform };
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
            intent,
            group: draft.group,
            repeated: None,
            body: draft.body,
        };
        let (message, status) = OutboxMessage::new(id, draft.target, plain, deadline, calls);
        let destination = self.directory.destination(to);
        self.outgoing.outbox.submit(destination, message).map_err(outbox_error)?;
        let submitted = Submitted {
            id,
            receiver,
            urgency,
            past_limit,
            status,
            wait_end,
            outlook,
            refusal,
            repeated: false,
            intent,
        };
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
        // A message to a group was counted once, as it began.
        if let (Some(quota), None) = (&self.quotas.sending, &draft.group) {
            quota.check(peer, now)?;
        }
        let is_told_of_done = self.directory.features(peer) & READS_TEAMS != 0;
        if draft.notify_when == Some(NotifyWhen::Done) && !is_told_of_done {
            return Err(Error::KnowsNoRequests(draft.target.clone()));
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

    /// Lets messages to a peer go: at once if its changes are pushed and it is there, else after a look-up.
    pub(super) fn start_lane(&mut self, to: PeerKey) {
        let known = self.directory.get(&to).filter(|peer| peer.subscribed);
        match known.map(|peer| peer.standing) {
            Some(Standing::Online | Standing::Away) => self.outgoing.outbox.open(to),
            Some(Standing::NotYet | Standing::Gone) => {
                self.outgoing.outbox.open_for_sealed(to);
                // Nothing waited for the peer when it was looked up.
                self.await_seat(to);
            }
            None => self.subscribe(to),
        }
    }

    /// What is known of the message that was sent with this draft's send key before, if one was.
    fn sent_before(&mut self, draft: &Draft) -> Option<Submitted> {
        let sent = self.keyed_message(draft.target.as_str(), draft.key.as_deref())?;
        let (id, member) = (sent.id, sent.members.first()?.clone());
        Some(self.repeated_member(id, &member, !draft.wait.is_zero()))
    }

    /// What is known of a message that was sent before, to a call that waits for the answer or does not.
    pub(super) fn repeated_member(
        &mut self,
        id: MessageId,
        member: &KeyedMember,
        waits: bool,
    ) -> Submitted {
        let (wait_end, ended) = oneshot::channel();
        if waits {
            let origin = self.directory.origin_of_receiver(&member.key);
            self.delivery.expect_reply_again(id, origin, wait_end);
        }
        let peer = self.directory.get(&member.key);
        let receiver = Receiver {
            key: member.key,
            presence: peer.map_or(Standing::Gone, |peer| peer.standing),
            availability: peer.map_or(Availability::default(), |peer| availability_of(&peer.card)),
        };
        Submitted {
            id,
            receiver,
            urgency: Urgency::Normal,
            past_limit: false,
            status: member.status.clone(),
            wait_end: ended,
            outlook: watch::channel(None).1,
            refusal: oneshot::channel().1,
            repeated: true,
            intent: Intent::Inform,
        }
    }

    /// Remembers a message that was submitted: for its answers, its limits and what its sender asked for.
    fn record_sent(
        &mut self,
        id: MessageId,
        peer: PeerKey,
        member: KeyedMember,
        record: SentRecord,
        hops: Hops,
        now: Instant,
    ) {
        let shown_id = record.shown_id(id);
        let alias = member.alias.clone();
        match (&mut self.quotas.sending, &record.group) {
            (Some(quota), None) => quota.sent(peer, now),
            (Some(quota), Some(_)) => quota.sent_to_member(peer),
            (None, _) => {}
        }
        self.delivery.sent(shown_id, peer);
        if let Some(answered) = record.reply_to.filter(|_| record.intent != Intent::Request) {
            self.delivery.open_requests.answering(answered, peer, id);
            self.delivery.publish();
        }
        match (&record.group, &record.key) {
            (Some(group), _) => {
                self.delivery.outcomes.groups.add(group.id, id);
                self.delivery.chains.sent_as(group.id, hops);
                self.outgoing.keys.sent_to(group.id, member);
            }
            (None, Some(key)) => {
                self.outgoing.keys.sent(alias.as_str(), key, id, member);
            }
            (None, None) => {}
        }
        if let Some(when) = record.notify_when {
            let of =
                record.group.as_ref().map_or_else(|| alias.as_str().into(), |it| it.to.clone());
            let request =
                NotificationRequest { id, shown_id, peer, of, when, hops, was_read: false };
            self.notification_requests.add(request);
        }
        if record.intent == Intent::Request {
            let content = (record.text.as_str(), record.group);
            let request = SentRequest::new(id, (peer, alias), content, now);
            self.outgoing.requests.add(request);
        }
    }
}

/// The error of a message for which the outbox has no room.
fn outbox_error(full: OutboxFull) -> Error {
    match full {
        OutboxFull::Peer => {
            Error::PeerFull(UnreadLimit { messages: PAIR_MESSAGES, bytes: PAIR_BYTES })
        }
        OutboxFull::Outbox => {
            Error::OutboxFull(UnreadLimit { messages: OUTBOX_MESSAGES, bytes: OUTBOX_BYTES })
        }
    }
}
