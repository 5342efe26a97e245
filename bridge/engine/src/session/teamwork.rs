//! What a session does about groups and requests: it repeats requests whose receivers were restarted, takes in what the
//! bridges of others say of theirs, and begins messages to groups.

use std::time::Instant;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::{Header, READS_TEAMS, ReceiptKind};

use super::Session;
use crate::clock::wall_ms;
use crate::error::Error;
use crate::group::{GroupAddress, GroupTag};
use crate::group_message::{BegunGroup, GroupSubmission, GroupToBegin};
use crate::hops::Hops;
use crate::intent::Intent;
use crate::mailbox::{Arrival, ReceiptDue};
use crate::open_requests::OpenRequest;
use crate::outbox::{OutboxMessage, SendingCall};
use crate::receive_keys::longest_life;
use crate::seal::{Plain, ReceiptKey};
use crate::send_keys::{KeyedMember, KeyedMessage};
use crate::urgency::Urgency;
use crate::{Notification, Occasion};

impl Session {
    // ---- messages that this session receives

    /// The id that a message is shown under: that of its group, unless something else is shown under it already.
    pub(super) fn shown_id(&self, wire_id: MessageId, group: Option<&GroupTag>) -> MessageId {
        let delivery = &self.delivery;
        let is_taken = |id: &MessageId| {
            delivery.mailbox.shows(*id)
                || delivery.open_requests.knows(*id)
                || delivery.downloads.knows(*id)
        };
        group.map(|group| group.id).filter(|id| !is_taken(id)).unwrap_or(wire_id)
    }

    /// A peer answers a message of this session.
    pub(super) fn answered_by(&mut self, peer: PeerKey, answered: MessageId, intent: Intent) {
        let occasion = match intent {
            // A question in return leaves the request open.
            Intent::Request => return,
            Intent::Done => Occasion::Done,
            _ => Occasion::Answered,
        };
        self.outgoing.requests.answered(peer, answered);
        let news = self.notification_requests.finished(peer, answered, occasion);
        // On the page with the message that says so.
        self.delivery.add_notifications(news);
    }

    /// A message came that its sender's bridge wrote, and not its agent. It counts as read at once.
    pub(super) fn bridges_word(
        &mut self,
        header: &Header,
        plain: &Plain,
        alias: Alias,
        receipt_key: &ReceiptKey,
        now: Instant,
    ) {
        let (id, from) = (header.id, header.from);
        let arrival = self.delivery.mailbox.arrive(from, header.seq, id);
        if arrival == Arrival::Dropped {
            return;
        }
        if arrival == Arrival::New {
            self.delivery.mailbox.mark_read(from, header.seq);
            self.take_word(header, plain, alias);
        }
        let due = ReceiptDue { id, to: from, receipt_key: receipt_key.clone() };
        self.send_final_receipts(vec![due], ReceiptKind::Read, now);
    }

    fn take_word(&mut self, header: &Header, plain: &Plain, alias: Alias) {
        let from = header.from;
        plain.seat.iter().for_each(|seat| _ = self.seat_named(from, *seat));
        let peer = self.directory.origin(&from);
        match (plain.repeated, plain.reply_to) {
            (Some(repeated), _) => {
                let shown_id = plain.group.as_ref().map_or(repeated.id, |group| group.id);
                let since_ms = wall_ms().saturating_sub(repeated.age_ms);
                let text = crate::open_requests::beginning(&plain.body);
                let request =
                    OpenRequest { id: shown_id, from: alias, since_ms, text, is_repeated: true };
                self.delivery.open_requests.shown(request, peer, None);
                self.delivery.publish();
            }
            (None, Some(dropped)) => self.request_dropped(peer, dropped),
            (None, None) => {}
        }
    }

    /// A peer's bridge has dropped a request of this session.
    fn request_dropped(&mut self, peer: PeerKey, wire_id: MessageId) {
        let id = self.delivery.outcomes.shown_id(wire_id);
        let Some(to) = self.outgoing.requests.answered(peer, id) else { return };
        let notification = Notification {
            id,
            of: to.as_str().into(),
            peer,
            hops: Hops::first(id),
            occasion: Occasion::Dropped,
            counts: Vec::new(),
            at_ms: wall_ms(),
        };
        // The notification that was asked for says as much, unless it is about a whole group.
        let asked_for = self.notification_requests.finished(peer, id, Occasion::Dropped);
        let of_group = asked_for.into_iter().filter(|news| !news.counts.is_empty());
        self.delivery.notify([notification].into_iter().chain(of_group).collect());
    }

    /// Tells the senders of requests that had no room here.
    pub(super) fn tell_of_dropped_requests(&mut self) {
        for (peer, request) in self.delivery.open_requests.take_dropped() {
            let key = self.directory.newest_key(&peer);
            let Some(known) = self.directory.get(&key) else { continue };
            if self.directory.features(&key) & READS_TEAMS == 0 {
                continue;
            }
            let plain = Plain {
                reply_to: Some(request),
                intent: Intent::Dropped,
                urgency: Urgency::Low,
                ..Plain::default()
            };
            let (id, alias) = (new_id(), known.alias.clone());
            if self.submit_word(id, key, alias, plain, crate::now()) {
                self.outgoing.requests.drops(id);
            } else {
                // Too much waits there unread: its end leads here again.
                self.delivery.open_requests.put_back_dropped(peer, request);
            }
        }
    }

    // ---- requests that this session has made

    /// A session came back under another key. Its new process knows nothing of the requests that it was shown before: they
    /// are repeated for it, in messages that no agent is shown.
    pub(super) fn repeat_requests(&mut self, origin: PeerKey, key: PeerKey, now: Instant) {
        let outbox = &self.outgoing.outbox;
        let requests = self.outgoing.requests.to_repeat(&origin, &key, |id| outbox.has(id));
        for request in requests {
            if self.directory.features(&key) & READS_TEAMS == 0 {
                return;
            }
            let repetition = new_id();
            let repeated = self.outgoing.requests.repeat(request, (repetition, key), now);
            let Some((alias, plain)) = repeated else { continue };
            if !self.submit_word(repetition, key, alias, plain, now) {
                let status = crate::Status::Unconfirmed;
                self.outgoing.requests.ended(repetition, status);
            }
        }
    }

    /// A request was read. If its receiver has come back under another key meanwhile, it is repeated there: an earlier
    /// process may have read it.
    pub(super) fn repeat_request(&mut self, id: MessageId) {
        if let Some(origin) = self.outgoing.requests.peer_of(id) {
            self.repeat_requests(origin, self.directory.newest_key(&origin), crate::now());
        }
    }

    /// Something was read, so there may be room for repetitions that had none.
    pub(super) fn repeat_all_requests(&mut self) {
        for origin in self.outgoing.requests.peers() {
            self.repeat_requests(origin, self.directory.newest_key(&origin), crate::now());
        }
    }

    /// Submits a message that this bridge writes itself. Whether there was room for it.
    fn submit_word(
        &mut self,
        id: MessageId,
        key: PeerKey,
        alias: Alias,
        plain: Plain,
        now: Instant,
    ) -> bool {
        let plain = Plain { seat: self.membership.seat(), ..plain };
        let deadline = now + longest_life(self.session_timeout);
        let calls = SendingCall::nobodys();
        let (word, _) = OutboxMessage::new(id, alias, plain, deadline, calls);
        let is_submitted =
            self.outgoing.outbox.submit(self.directory.destination(key), word).is_ok();
        if is_submitted && self.outgoing.is_connected() {
            self.start_lane(key);
        }
        is_submitted
    }

    // ---- messages that this session sends

    /// Begins a message to a group, or finds the one that was sent to the group with this send key before.
    pub(super) fn begin_group(
        &mut self,
        begin: GroupToBegin,
        now: Instant,
    ) -> Result<BegunGroup, Error> {
        let address = begin.to.normalized();
        if let Some(sent) = self.keyed_message(&address, begin.key.as_deref()) {
            return Ok(match sent.submission() {
                Some(submission) => BegunGroup::InProgress(submission),
                None => BegunGroup::Begun(self.repeat_group(
                    sent.id,
                    &sent.members.clone(),
                    begin.waits,
                )),
            });
        }
        let is_list = matches!(begin.to, GroupAddress::Aliases(_));
        if let Some(until) = self.outgoing.groups_wait_until(now).filter(|_| !is_list) {
            return Ok(BegunGroup::TooEarly(until));
        }
        let left = begin.members?;
        if let Some(quota) = &mut self.quotas.sending {
            quota.take_group(now)?;
        }
        let id = new_id();
        if let Some(send_key) = &begin.key {
            self.outgoing.keys.group_begins(&address, send_key, id);
        }
        self.notification_requests.group_begins(id);
        let (sent, repeated) = (Vec::new(), false);
        Ok(BegunGroup::Begun(GroupSubmission { id, left, sent, repeated }))
    }

    /// What is known of a message that was sent to a group before, and the members that are still to get it.
    fn repeat_group(
        &mut self,
        id: MessageId,
        members: &[KeyedMember],
        waits: bool,
    ) -> GroupSubmission {
        let left = self.outgoing.keys.begin_again(id);
        if !left.is_empty() {
            self.notification_requests.group_begins(id);
        }
        let sent =
            |member: &KeyedMember| (member.alias.clone(), self.repeated_member(id, member, waits));
        let sent = members.iter().map(sent).collect();
        GroupSubmission { id, left, sent, repeated: true }
    }

    /// A message was submitted to its group, but for these members.
    pub(super) fn group_submitted(&mut self, id: MessageId, left: Vec<Alias>) {
        let has_receivers = self.delivery.outcomes.groups.sum(id).is_some();
        if let Some(quota) = self.quotas.sending.as_mut().filter(|_| !has_receivers) {
            quota.give_back_group();
        }
        self.outgoing.keys.group_submitted(id, left);
        let news = self.notification_requests.group_submitted(id);
        self.delivery.notify(news);
    }

    /// The message that was sent to this address with this send key.
    pub(super) fn keyed_message(
        &self,
        address: &str,
        send_key: Option<&str>,
    ) -> Option<&KeyedMessage> {
        self.outgoing.keys.get(address, send_key?)
    }
}

/// An id for a new message.
pub(super) fn new_id() -> MessageId {
    MessageId(*uuid::Uuid::now_v7().as_bytes())
}
