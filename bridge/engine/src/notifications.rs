//! Notifications that a sender asked for: that its message was read, that what it asks for is done, or that its receiver is idle
//! or gone.

use std::collections::HashMap;
use std::sync::Arc;

use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::State;

use crate::clock::wall_ms;
use crate::hops::Hops;
use crate::outcome::Status;

/// What a sender may ask to be notified of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotifyWhen {
    /// The receiver's agent has become idle.
    Idle,
    /// The message was read, or came to another end.
    Read,
    /// The receiver is gone.
    Gone,
    /// The receiver's agent has finished what the message asks for.
    Done,
}

impl NotifyWhen {
    /// The names of its values.
    pub const NAMES: [(&'static str, Self); 4] =
        [("idle", Self::Idle), ("read", Self::Read), ("gone", Self::Gone), ("done", Self::Done)];

    /// What is awaited.
    fn occasion(self) -> Occasion {
        match self {
            Self::Idle => Occasion::Idle,
            Self::Read => Occasion::Ended(Status::Read),
            Self::Gone => Occasion::Gone,
            Self::Done => Occasion::Done,
        }
    }
}

/// What has happened that a sender asked to be notified of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The message came to this end.
    Ended(Status),
    /// The receiver's agent has become idle.
    Idle,
    /// The receiver is gone.
    Gone,
    /// The receiver's agent has finished what the message asks for.
    Done,
    /// The receiver's agent has answered, and not said whether that is the end of it.
    Answered,
    /// The receiver's bridge has dropped the request, because too many are open there.
    Dropped,
}

/// A notification that a sender asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The message that asked for it.
    pub id: MessageId,
    /// The alias or the group that the message was sent to.
    pub of: Arc<str>,
    /// The receiver's key.
    pub peer: PeerKey,
    /// The chain that the message is part of, and how long it is.
    pub hops: Hops,
    /// What has happened; of a message to a group, to one of its members to which something else happened than was asked for, if
    /// there is one.
    pub occasion: Occasion,
    /// Of a message to a group, everything that has happened, and to how many of its members.
    pub counts: Vec<(Occasion, usize)>,
    /// When it happened, by this machine's wall clock: milliseconds since 1970.
    pub at_ms: u64,
}

/// Requests open at once: as many as messages may be on their way.
const MAX_REQUESTS: usize = 256;

/// The requests of this session's messages that nothing has answered yet.
#[derive(Default)]
pub(crate) struct NotificationRequests {
    open: Vec<NotificationRequest>,
    /// Messages to groups, by the id that each has for all.
    groups: HashMap<MessageId, GroupNews>,
}

/// What has happened so far to the members of a group, of which one notification will tell.
#[derive(Default)]
struct GroupNews {
    /// Whether there may be more members than are known.
    is_submitting: bool,
    /// What happened last, and what is told of all.
    news: Option<Notification>,
}

/// What a message asks to be notified of.
pub(crate) struct NotificationRequest {
    /// The message's id on the wire.
    pub(crate) id: MessageId,
    /// The id that the message is shown under: of one to a group that of all.
    pub(crate) shown_id: MessageId,
    /// The receiver's key.
    pub(crate) peer: PeerKey,
    /// The alias or the group that the message was sent to.
    pub(crate) of: Arc<str>,
    pub(crate) when: NotifyWhen,
    pub(crate) hops: Hops,
    /// Whether the message was read.
    pub(crate) was_read: bool,
}

impl NotificationRequests {
    /// Whether there is room for one more request, beside so many notifications that have not been read yet.
    pub(crate) fn has_room(&self, pending: usize) -> bool {
        self.open.len() + pending < MAX_REQUESTS
    }

    /// Opens the request of a message.
    pub(crate) fn add(&mut self, request: NotificationRequest) {
        self.open.push(request);
    }

    /// A message to a group is about to be submitted to its members.
    pub(crate) fn group_begins(&mut self, group: MessageId) {
        self.groups.entry(group).or_default().is_submitting = true;
    }

    /// A message to a group was submitted to its members. Gives the notification if nothing is left to wait for.
    pub(crate) fn group_submitted(&mut self, group: MessageId) -> Vec<Notification> {
        self.groups.entry(group).or_default().is_submitting = false;
        self.take_group_news().into_iter().collect()
    }

    /// Takes what is told of groups of whose members nothing more is awaited.
    fn take_group_news(&mut self) -> Vec<Notification> {
        let open = &self.open;
        let is_complete = |id: &MessageId, group: &mut GroupNews| {
            !group.is_submitting && !open.iter().any(|request| request.shown_id == *id)
        };
        let complete = self.groups.extract_if(is_complete);
        complete.filter_map(|(_, group)| group.news).collect()
    }

    /// The receivers of those messages.
    pub(crate) fn peers(&self) -> Vec<PeerKey> {
        self.open.iter().map(|request| request.peer).collect()
    }

    /// A message came to an end. If the message is a request that is repeated to the receiver's next process, that may still
    /// finish it.
    pub(crate) fn ended(
        &mut self,
        id: MessageId,
        status: Status,
        is_repeated: bool,
    ) -> Vec<Notification> {
        let mut settled = Vec::new();
        if let Status::Refused(_) = status {
            // The receiver never got the message, so what it does says nothing about it.
            settled.extend(self.settle(Occasion::Ended(status), |request| {
                request.id == id && request.when != NotifyWhen::Read && request.is_of_group()
            }));
            self.open.retain(|request| request.id != id || request.when == NotifyWhen::Read);
        }
        for request in self.open.iter_mut().filter(|request| request.id == id) {
            request.was_read = status == Status::Read;
        }
        // Not having been read is an answer too, also to whether it is done.
        let is_unread = status.is_final_without_reply() && !is_repeated;
        settled.extend(self.settle(Occasion::Ended(status), |request| {
            let is_answered = match request.when {
                NotifyWhen::Read => true,
                NotifyWhen::Done => is_unread,
                NotifyWhen::Idle | NotifyWhen::Gone => false,
            };
            request.id == id && is_answered
        }));
        settled
    }

    /// A peer's card says something new.
    pub(crate) fn changed(
        &mut self,
        peer: PeerKey,
        before: Option<State>,
        after: Option<State>,
    ) -> Vec<Notification> {
        if after != Some(State::Idle) {
            return Vec::new();
        }
        // A turn may be too short to be seen: a receiver that has read the message and says once more that it is idle
        // has become idle again.
        self.settle(Occasion::Idle, |request| {
            let is_news = before != after || request.was_read;
            request.peer == peer && request.when == NotifyWhen::Idle && is_news
        })
    }

    /// A peer has finished or answered what the message with this shown id asks for, or its bridge has dropped the request.
    pub(crate) fn finished(
        &mut self,
        peer: PeerKey,
        shown_id: MessageId,
        occasion: Occasion,
    ) -> Vec<Notification> {
        self.settle(occasion, |request| {
            request.peer == peer && request.shown_id == shown_id && request.when == NotifyWhen::Done
        })
    }

    /// A peer is gone, and will not become idle or finish anything either.
    pub(crate) fn gone(&mut self, peer: PeerKey) -> Vec<Notification> {
        self.settle(Occasion::Gone, |request| {
            request.peer == peer && request.when != NotifyWhen::Read
        })
    }

    /// Closes these requests. Those of a message to a group are told of as one, when the last of them is closed.
    fn settle(
        &mut self,
        occasion: Occasion,
        which: impl Fn(&NotificationRequest) -> bool,
    ) -> Vec<Notification> {
        let closed: Vec<_> = self.open.extract_if(.., |request| which(request)).collect();
        let mut all = Vec::new();
        for request in closed {
            if request.is_of_group() {
                let group = self.groups.entry(request.shown_id).or_default();
                group.news = Some(request.after(occasion, group.news.take()));
            } else {
                all.push(request.notification(occasion));
            }
        }
        all.extend(self.take_group_news());
        all
    }
}

impl NotificationRequest {
    fn is_of_group(&self) -> bool {
        self.id != self.shown_id
    }

    fn notification(&self, occasion: Occasion) -> Notification {
        Notification {
            id: self.shown_id,
            of: Arc::clone(&self.of),
            peer: self.peer,
            hops: self.hops,
            occasion,
            counts: Vec::new(),
            at_ms: wall_ms(),
        }
    }

    /// What is told of a group when this has happened to one more member, after what has happened to others.
    fn after(&self, occasion: Occasion, before: Option<Notification>) -> Notification {
        let mut counts = before.map(|news| news.counts).unwrap_or_default();
        match counts.iter_mut().find(|(counted, _)| *counted == occasion) {
            Some((_, count)) => *count += 1,
            None => counts.push((occasion, 1)),
        }
        let asked = self.when.occasion();
        let other = counts.iter().map(|(counted, _)| *counted).find(|counted| *counted != asked);
        Notification { counts, ..self.notification(other.unwrap_or(asked)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: PeerKey = PeerKey([1; 32]);
    const ID: MessageId = MessageId([1; 16]);

    fn requests(when: NotifyWhen) -> NotificationRequests {
        let mut requests = NotificationRequests::default();
        requests.add(to(PEER, ID, when));
        requests
    }

    /// The request of a message that went to this peer alone, or, under another id, with others.
    fn to(peer: PeerKey, id: MessageId, when: NotifyWhen) -> NotificationRequest {
        let hops = Hops::first(ID);
        NotificationRequest {
            id,
            shown_id: ID,
            peer,
            of: "bob".into(),
            when,
            hops,
            was_read: false,
        }
    }

    fn occasions(news: &[Notification]) -> Vec<Occasion> {
        news.iter().map(|news| news.occasion).collect()
    }

    #[test]
    fn idle_is_told_once_and_only_as_a_change() {
        let mut requests = requests(NotifyWhen::Idle);
        let (idle, busy) = (Some(State::Idle), Some(State::Busy));
        assert!(requests.changed(PEER, idle, idle).is_empty());
        assert!(requests.changed(PEER, idle, busy).is_empty());
        assert!(requests.changed(PeerKey([2; 32]), busy, idle).is_empty());
        assert_eq!(occasions(&requests.changed(PEER, busy, idle)), [Occasion::Idle]);
        assert!(requests.changed(PEER, busy, idle).is_empty());
    }

    #[test]
    fn a_turn_too_short_to_be_seen_is_told_by_its_end() {
        let mut requests = requests(NotifyWhen::Idle);
        assert!(requests.ended(ID, Status::Read, false).is_empty());
        let idle = Some(State::Idle);
        assert_eq!(occasions(&requests.changed(PEER, idle, idle)), [Occasion::Idle]);
    }

    #[test]
    fn any_end_answers_who_waits_for_reading() {
        for status in [Status::Read, Status::Expired, Status::Unconfirmed] {
            let mut requests = requests(NotifyWhen::Read);
            assert!(requests.gone(PEER).is_empty());
            assert!(requests.ended(MessageId([2; 16]), status, false).is_empty());
            assert_eq!(occasions(&requests.ended(ID, status, false)), [Occasion::Ended(status)]);
        }
    }

    #[test]
    fn a_refusal_is_the_end_of_what_was_asked_of_its_receiver() {
        use junction_shared::protocol::wire::Refusal;

        let refused = Status::Refused(Refusal::InboxFull);
        for when in [NotifyWhen::Idle, NotifyWhen::Gone] {
            let mut requests = requests(when);
            assert!(requests.ended(ID, refused, false).is_empty());
            assert!(requests.gone(PEER).is_empty());
        }
        assert_eq!(requests(NotifyWhen::Read).ended(ID, refused, false).len(), 1);
    }

    #[test]
    fn who_is_gone_is_not_idle_any_more() {
        for when in [NotifyWhen::Gone, NotifyWhen::Idle] {
            assert_eq!(occasions(&requests(when).gone(PEER)), [Occasion::Gone]);
        }
    }

    #[test]
    fn what_is_done_is_told_of_its_receiver_alone_and_what_is_never_read_too() {
        let mut open = requests(NotifyWhen::Done);
        assert!(open.ended(ID, Status::Read, false).is_empty());
        assert!(open.finished(PeerKey([2; 32]), ID, Occasion::Done).is_empty());
        assert_eq!(occasions(&open.finished(PEER, ID, Occasion::Done)), [Occasion::Done]);
        assert!(open.finished(PEER, ID, Occasion::Done).is_empty());
        for status in [Status::Expired, Status::Unconfirmed] {
            let told = requests(NotifyWhen::Done).ended(ID, status, false);
            assert_eq!(occasions(&told), [Occasion::Ended(status)]);
        }
    }

    #[test]
    fn group_is_told_of_once_when_its_last_member_has_finished() {
        let member = |number: u8| (PeerKey([number; 32]), MessageId([100 + number; 16]));
        let mut requests = NotificationRequests::default();
        requests.group_begins(ID);
        for (peer, id) in [member(1), member(2), member(3)] {
            requests.add(to(peer, id, NotifyWhen::Done));
        }
        assert!(requests.group_submitted(ID).is_empty());
        assert!(requests.finished(member(1).0, ID, Occasion::Done).is_empty());
        assert!(requests.gone(member(2).0).is_empty());
        let last = requests.finished(member(3).0, ID, Occasion::Done);
        assert_eq!(last.len(), 1);
        assert_eq!((last[0].id, last[0].occasion), (ID, Occasion::Gone), "not all have done it");
        assert_eq!(last[0].counts, [(Occasion::Done, 2), (Occasion::Gone, 1)]);
        assert!(requests.groups.is_empty());
    }

    #[test]
    fn group_of_which_all_have_finished_is_done() {
        let mut requests = NotificationRequests::default();
        requests.group_begins(ID);
        for number in 1..=3 {
            requests.add(to(
                PeerKey([number; 32]),
                MessageId([100 + number; 16]),
                NotifyWhen::Done,
            ));
        }
        assert!(requests.group_submitted(ID).is_empty());
        let finish = |number| requests.finished(PeerKey([number; 32]), ID, Occasion::Done);
        let told: Vec<_> = (1..=3).flat_map(finish).collect();
        assert_eq!(occasions(&told), [Occasion::Done]);
        assert_eq!(told[0].counts, [(Occasion::Done, 3)]);
    }

    #[test]
    fn group_whose_members_finish_while_it_is_submitted_is_told_of_afterwards() {
        let mut requests = NotificationRequests::default();
        requests.group_begins(ID);
        requests.add(to(PEER, MessageId([2; 16]), NotifyWhen::Read));
        assert!(requests.ended(MessageId([2; 16]), Status::Read, false).is_empty());
        assert_eq!(requests.group_submitted(ID).len(), 1);
        assert!(requests.group_submitted(ID).is_empty());
    }
}
