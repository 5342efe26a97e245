//! What a sender asked to be told of: that its message was read, or that its receiver is idle or gone.

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};
use junction_shared::protocol::wire::State;

use crate::clock::wall_ms;
use crate::hops::Hops;
use crate::{Notification, NotifyWhen, Occasion, Status};

/// What may be asked for at once: as many as messages may be on their way.
const MAX_WATCHED: usize = 256;

/// Messages whose sender wants to be told of something.
#[derive(Default)]
pub(crate) struct Watched(Vec<Watch>);

struct Watch {
    id: MessageId,
    peer: PeerKey,
    alias: Alias,
    when: NotifyWhen,
    place: Hops,
    was_read: bool,
}

impl Watched {
    /// Whether one more can be asked for, beside so many that have not been told yet.
    pub(crate) fn has_room(&self, untold: usize) -> bool {
        self.0.len() + untold < MAX_WATCHED
    }

    pub(crate) fn add(
        &mut self,
        id: MessageId,
        peer: PeerKey,
        alias: Alias,
        when: NotifyWhen,
        place: Hops,
    ) {
        self.0.push(Watch { id, peer, alias, when, place, was_read: false });
    }

    /// The peers that it is about.
    pub(crate) fn peers(&self) -> Vec<PeerKey> {
        self.0.iter().map(|watch| watch.peer).collect()
    }

    /// A message came to an end.
    pub(crate) fn ended(&mut self, id: MessageId, status: Status) -> Vec<Notification> {
        if let Status::Refused(_) = status {
            // The peer never heard of it: what it does has nothing to do with it.
            self.0.retain(|watch| watch.id != id || watch.when == NotifyWhen::Read);
        }
        for watch in self.0.iter_mut().filter(|watch| watch.id == id) {
            watch.was_read = status == Status::Read;
        }
        // That it was not read, too, is an answer.
        self.take(Occasion::Ended(status), |watch| watch.id == id && watch.when == NotifyWhen::Read)
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
        // A turn may be too short to be seen: who has read the message and says anew that it is idle, is so again.
        self.take(Occasion::Idle, |watch| {
            let is_news = before != after || watch.was_read;
            watch.peer == peer && watch.when == NotifyWhen::Idle && is_news
        })
    }

    /// A peer is gone. It will not be idle either.
    pub(crate) fn gone(&mut self, peer: PeerKey) -> Vec<Notification> {
        self.take(Occasion::Gone, |watch| {
            watch.peer == peer && matches!(watch.when, NotifyWhen::Gone | NotifyWhen::Idle)
        })
    }

    fn take(&mut self, occasion: Occasion, which: impl Fn(&Watch) -> bool) -> Vec<Notification> {
        let taken = self.0.extract_if(.., |watch| which(watch));
        taken
            .map(|watch| Notification {
                id: watch.id,
                of: watch.alias,
                peer: watch.peer,
                place: watch.place,
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

    fn watched(when: NotifyWhen) -> Watched {
        let mut watched = Watched::default();
        watched.add(ID, PEER, Alias::parse("bob").unwrap(), when, Hops::first(ID));
        watched
    }

    fn occasions(news: &[Notification]) -> Vec<Occasion> {
        news.iter().map(|news| news.occasion).collect()
    }

    #[test]
    fn idle_is_told_once_and_only_as_a_change() {
        let mut watched = watched(NotifyWhen::Idle);
        let (idle, busy) = (Some(State::Idle), Some(State::Busy));
        assert!(watched.changed(PEER, idle, idle).is_empty());
        assert!(watched.changed(PEER, idle, busy).is_empty());
        assert!(watched.changed(PeerKey([2; 32]), busy, idle).is_empty());
        assert_eq!(occasions(&watched.changed(PEER, busy, idle)), [Occasion::Idle]);
        assert!(watched.changed(PEER, busy, idle).is_empty());
    }

    #[test]
    fn a_turn_too_short_to_be_seen_is_told_by_its_end() {
        let mut watched = watched(NotifyWhen::Idle);
        assert!(watched.ended(ID, Status::Read).is_empty());
        let idle = Some(State::Idle);
        assert_eq!(occasions(&watched.changed(PEER, idle, idle)), [Occasion::Idle]);
    }

    #[test]
    fn any_end_answers_who_waits_for_reading() {
        for status in [Status::Read, Status::Expired, Status::Unconfirmed] {
            let mut watched = watched(NotifyWhen::Read);
            assert!(watched.gone(PEER).is_empty());
            assert!(watched.ended(MessageId([2; 16]), status).is_empty());
            assert_eq!(occasions(&watched.ended(ID, status)), [Occasion::Ended(status)]);
        }
    }

    #[test]
    fn a_refusal_is_the_end_of_what_was_asked_of_its_receiver() {
        use junction_shared::protocol::wire::Refusal;

        let refused = Status::Refused(Refusal::InboxFull);
        for when in [NotifyWhen::Idle, NotifyWhen::Gone] {
            let mut watched = watched(when);
            assert!(watched.ended(ID, refused).is_empty());
            assert!(watched.gone(PEER).is_empty());
        }
        assert_eq!(watched(NotifyWhen::Read).ended(ID, refused).len(), 1);
    }

    #[test]
    fn who_is_gone_is_not_idle_any_more() {
        for when in [NotifyWhen::Gone, NotifyWhen::Idle] {
            assert_eq!(occasions(&watched(when).gone(PEER)), [Occasion::Gone]);
        }
    }
}
