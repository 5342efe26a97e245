//! Notifications that a sender asked for: that its message was read, or that its receiver is idle or gone.

use junction_shared::protocol::alias::Alias;
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
}

impl NotifyWhen {
    /// The names of its values.
    pub const NAMES: [(&'static str, Self); 3] =
        [("idle", Self::Idle), ("read", Self::Read), ("gone", Self::Gone)];
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
}

/// A notification that a sender asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The message that asked for it.
    pub id: MessageId,
    /// The alias that the message was sent to.
    pub of: Alias,
    /// The receiver's key.
    pub peer: PeerKey,
    /// The chain that the message is part of, and how long it is.
    pub hops: Hops,
    /// What has happened.
    pub occasion: Occasion,
    /// When it happened, by this machine's wall clock: milliseconds since 1970.
    pub at_ms: u64,
}

/// Requests open at once: as many as messages may be on their way.
const MAX_REQUESTS: usize = 256;

/// The requests of this session's messages that nothing has answered yet.
#[derive(Default)]
pub(crate) struct NotificationRequests(Vec<NotificationRequest>);

struct NotificationRequest {
    id: MessageId,
    peer: PeerKey,
    alias: Alias,
    when: NotifyWhen,
    hops: Hops,
    was_read: bool,
}

impl NotificationRequests {
    /// Whether there is room for one more request, beside so many notifications that have not been read yet.
    pub(crate) fn has_room(&self, pending: usize) -> bool {
        self.0.len() + pending < MAX_REQUESTS
    }

    /// Opens the request of a message.
    pub(crate) fn add(
        &mut self,
        id: MessageId,
        peer: PeerKey,
        alias: Alias,
        when: NotifyWhen,
        hops: Hops,
    ) {
        self.0.push(NotificationRequest { id, peer, alias, when, hops, was_read: false });
    }

    /// The receivers of those messages.
    pub(crate) fn peers(&self) -> Vec<PeerKey> {
        self.0.iter().map(|request| request.peer).collect()
    }

    /// A message came to an end.
    pub(crate) fn ended(&mut self, id: MessageId, status: Status) -> Vec<Notification> {
        if let Status::Refused(_) = status {
            // The receiver never got the message, so what it does says nothing about it.
            self.0.retain(|request| request.id != id || request.when == NotifyWhen::Read);
        }
        for request in self.0.iter_mut().filter(|request| request.id == id) {
            request.was_read = status == Status::Read;
        }
        // Not having been read is an answer too.
        self.take(Occasion::Ended(status), |request| {
            request.id == id && request.when == NotifyWhen::Read
        })
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
        self.take(Occasion::Idle, |request| {
            let is_news = before != after || request.was_read;
            request.peer == peer && request.when == NotifyWhen::Idle && is_news
        })
    }

    /// A peer is gone, and will not become idle either.
    pub(crate) fn gone(&mut self, peer: PeerKey) -> Vec<Notification> {
        self.take(Occasion::Gone, |request| {
            request.peer == peer && matches!(request.when, NotifyWhen::Gone | NotifyWhen::Idle)
        })
    }

    fn take(
        &mut self,
        occasion: Occasion,
        which: impl Fn(&NotificationRequest) -> bool,
    ) -> Vec<Notification> {
        let taken = self.0.extract_if(.., |request| which(request));
        taken
            .map(|request| Notification {
                id: request.id,
                of: request.alias,
                peer: request.peer,
                hops: request.hops,
                occasion,
                at_ms: wall_ms(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: PeerKey = PeerKey([1; 32]);
    const ID: MessageId = MessageId([1; 16]);

    fn requests(when: NotifyWhen) -> NotificationRequests {
        let mut requests = NotificationRequests::default();
        requests.add(ID, PEER, Alias::parse("bob").unwrap(), when, Hops::first(ID));
        requests
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
        assert!(requests.ended(ID, Status::Read).is_empty());
        let idle = Some(State::Idle);
        assert_eq!(occasions(&requests.changed(PEER, idle, idle)), [Occasion::Idle]);
    }

    #[test]
    fn any_end_answers_who_waits_for_reading() {
        for status in [Status::Read, Status::Expired, Status::Unconfirmed] {
            let mut requests = requests(NotifyWhen::Read);
            assert!(requests.gone(PEER).is_empty());
            assert!(requests.ended(MessageId([2; 16]), status).is_empty());
            assert_eq!(occasions(&requests.ended(ID, status)), [Occasion::Ended(status)]);
        }
    }

    #[test]
    fn a_refusal_is_the_end_of_what_was_asked_of_its_receiver() {
        use junction_shared::protocol::wire::Refusal;

        let refused = Status::Refused(Refusal::InboxFull);
        for when in [NotifyWhen::Idle, NotifyWhen::Gone] {
            let mut requests = requests(when);
            assert!(requests.ended(ID, refused).is_empty());
            assert!(requests.gone(PEER).is_empty());
        }
        assert_eq!(requests(NotifyWhen::Read).ended(ID, refused).len(), 1);
    }

    #[test]
    fn who_is_gone_is_not_idle_any_more() {
        for when in [NotifyWhen::Gone, NotifyWhen::Idle] {
            assert_eq!(occasions(&requests(when).gone(PEER)), [Occasion::Gone]);
        }
    }
}
