//! The requests that this session has made, until they are answered. If the bridge of a receiver is restarted, they are
//! repeated for the next process of its session, which knows nothing of them. A pure machine.

use std::collections::HashSet;
use std::collections::VecDeque;
use std::time::Instant;

use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::{MessageId, PeerKey};

use crate::group::GroupTag;
use crate::intent::Intent;
use crate::open_requests::beginning;
use crate::outcome::Status;
use crate::seal::{Plain, RepeatedRequest};

/// Requests kept, enough for sixteen messages to the largest group. Older ones are not repeated.
const MAX_KEPT: usize = 1024;

/// A request that this session has made.
pub(crate) struct SentRequest {
    /// The request's id on the wire.
    wire_id: MessageId,
    group: Option<GroupTag>,
    /// The key that its receiver is known by.
    peer: PeerKey,
    to: Alias,
    /// The beginning of its text.
    text: String,
    sent_at: Instant,
    /// The key of the receiver that has it.
    holder: Option<PeerKey>,
    /// The message that repeats it, on its way to this key.
    repetition: Option<(MessageId, PeerKey)>,
}

impl SentRequest {
    /// The request in this message.
    pub(crate) fn new(
        wire_id: MessageId,
        (peer, to): (PeerKey, Alias),
        plain: (&str, Option<GroupTag>),
        sent_at: Instant,
    ) -> Self {
        let (text, group) = (beginning(plain.0), plain.1);
        Self { wire_id, group, peer, to, text, sent_at, holder: None, repetition: None }
    }

    /// The id that the receiver knows the request by.
    fn shown_id(&self) -> MessageId {
        self.group.as_ref().map_or(self.wire_id, |group| group.id)
    }
}

/// The requests that this session has made, oldest first.
#[derive(Default)]
pub(crate) struct SentRequests {
    kept: VecDeque<SentRequest>,
    /// Messages of this bridge that tell of dropped requests, until their ends are known.
    drops: HashSet<MessageId>,
}

impl SentRequests {
    /// Keeps a request that was submitted.
    pub(crate) fn add(&mut self, request: SentRequest) {
        if self.kept.len() == MAX_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(request);
    }

    /// The hub or the receiver has a request: it is on its way to this key.
    pub(crate) fn arrived(&mut self, wire_id: MessageId, holder: PeerKey) {
        let mut all = self.kept.iter_mut();
        if let Some(request) = all.find(|request| request.wire_id == wire_id) {
            request.holder = Some(holder);
        }
    }

    /// A message of this session ended: a request, or the repetition of one.
    pub(crate) fn ended(&mut self, id: MessageId, status: Status) {
        self.drops.remove(&id);
        if !matches!(status, Status::Read | Status::Unconfirmed) {
            // Provably nobody has read it.
            self.kept.retain(|request| request.wire_id != id);
        }
        for request in &mut self.kept {
            if let Some((_, key)) = request.repetition.take_if(|(repetition, _)| *repetition == id)
                && status == Status::Read
            {
                request.holder = Some(key);
            }
        }
    }

    /// A peer has answered the request that it knows by this id, or has dropped it. The alias that the request was sent to, if
    /// it was still open.
    pub(crate) fn answered(&mut self, peer: PeerKey, id: MessageId) -> Option<Alias> {
        let is_it = |request: &SentRequest| request.shown_id() == id && request.peer == peer;
        let at = self.kept.iter().position(is_it)?;
        self.kept.remove(at).map(|request| request.to)
    }

    /// A peer is gone for good.
    pub(crate) fn gone(&mut self, peer: &PeerKey) {
        self.kept.retain(|request| request.peer != *peer);
    }

    /// This message, which no agent wrote, tells its receiver that its request was dropped.
    pub(crate) fn drops(&mut self, id: MessageId) {
        self.drops.insert(id);
    }

    /// Whether this bridge itself wrote the message: it repeats a request, or tells that one was dropped.
    pub(crate) fn is_own_word(&self, id: &MessageId) -> bool {
        let repeats = |request: &SentRequest| request.repetition.is_some_and(|(it, _)| it == *id);
        self.drops.contains(id) || self.kept.iter().any(repeats)
    }

    /// Whether a request is on its way to the next process of its receiver.
    pub(crate) fn is_repeated(&self, wire_id: &MessageId) -> bool {
        let is_it = |request: &SentRequest| request.wire_id == *wire_id;
        self.kept.iter().any(|request| is_it(request) && request.repetition.is_some())
    }

    /// The peers that requests went to, each once.
    pub(crate) fn peers(&self) -> HashSet<PeerKey> {
        self.kept.iter().map(|request| request.peer).collect()
    }

    /// The receivers that have a request, by the keys that they were last known to have.
    pub(crate) fn holders(&self) -> impl Iterator<Item = PeerKey> {
        self.kept.iter().filter_map(|request| request.holder)
    }

    /// The peer that a request went to.
    pub(crate) fn peer_of(&self, wire_id: MessageId) -> Option<PeerKey> {
        let mut all = self.kept.iter();
        all.find(|request| request.wire_id == wire_id).map(|request| request.peer)
    }

    /// A receiver is here under this key. Returns the requests that an earlier process of its session was shown: those to
    /// repeat.
    pub(crate) fn to_repeat(
        &self,
        peer: &PeerKey,
        key: &PeerKey,
        is_in_outbox: impl Fn(MessageId) -> bool,
    ) -> Vec<MessageId> {
        let waits = |request: &&SentRequest| {
            request.peer == *peer
                && request.holder.is_some_and(|holder| holder != *key)
                && request.repetition.is_none()
                && !is_in_outbox(request.wire_id)
        };
        self.kept.iter().filter(waits).map(|request| request.wire_id).collect()
    }

    /// The receiver and the content of a message to this key that repeats a request.
    pub(crate) fn repeat(
        &mut self,
        wire_id: MessageId,
        (repetition, key): (MessageId, PeerKey),
        now: Instant,
    ) -> Option<(Alias, Plain)> {
        let request = self.kept.iter_mut().find(|request| request.wire_id == wire_id)?;
        request.repetition = Some((repetition, key));
        let age = now.saturating_duration_since(request.sent_at);
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let plain = Plain {
            intent: Intent::Request,
            group: request.group.clone(),
            repeated: Some(RepeatedRequest { id: wire_id, age_ms }),
            body: request.text.clone(),
            ..Plain::default()
        };
        Some((request.to.clone(), plain))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PEER: PeerKey = PeerKey([1; 32]);
    const NEXT: PeerKey = PeerKey([2; 32]);
    const LAST: PeerKey = PeerKey([3; 32]);
    const AGE: Duration = Duration::from_secs(30);

    fn id(number: u8) -> MessageId {
        MessageId([number; 16])
    }

    fn asked(now: Instant) -> SentRequests {
        let mut requests = SentRequests::default();
        let to = (PEER, Alias::parse("bob").unwrap());
        requests.add(SentRequest::new(id(1), to, ("review it", None), now));
        requests.arrived(id(1), PEER);
        requests.ended(id(1), Status::Read);
        requests
    }

    #[test]
    fn request_is_repeated_once_for_each_process_of_its_receiver() {
        let now = Instant::now();
        let mut requests = asked(now);
        assert!(requests.to_repeat(&PEER, &PEER, |_| false).is_empty());
        assert!(requests.to_repeat(&PEER, &NEXT, |_| true).is_empty(), "it comes itself");
        assert_eq!(requests.to_repeat(&PEER, &NEXT, |_| false), [id(1)]);
        let (_, plain) = requests.repeat(id(1), (id(2), NEXT), now + AGE).unwrap();
        assert_eq!(plain.repeated, Some(RepeatedRequest { id: id(1), age_ms: 30_000 }));
        assert_eq!((plain.intent, plain.body.as_str()), (Intent::Request, "review it"));
        assert!(requests.is_own_word(&id(2)));
        assert!(requests.to_repeat(&PEER, &NEXT, |_| false).is_empty());
        requests.ended(id(2), Status::Read);
        assert!(requests.to_repeat(&PEER, &NEXT, |_| false).is_empty());
        assert_eq!(requests.to_repeat(&PEER, &LAST, |_| false), [id(1)]);
    }

    #[test]
    fn repetition_that_does_not_arrive_is_made_again() {
        let now = Instant::now();
        let mut requests = asked(now);
        requests.repeat(id(1), (id(2), NEXT), now).unwrap();
        requests.ended(id(2), Status::Unconfirmed);
        assert_eq!(requests.to_repeat(&PEER, &NEXT, |_| false), [id(1)]);
    }

    #[test]
    fn answered_and_unread_requests_are_not_repeated() {
        let now = Instant::now();
        let repeats =
            |requests: &SentRequests| !requests.to_repeat(&PEER, &NEXT, |_| false).is_empty();
        let mut answered = asked(now);
        answered.answered(NEXT, id(1));
        assert!(repeats(&answered), "only the answer of its receiver counts");
        answered.answered(PEER, id(1));
        assert!(!repeats(&answered));
        let mut gone = asked(now);
        gone.gone(&PEER);
        assert!(!repeats(&gone));
        let ended = |status| {
            let mut requests = SentRequests::default();
            let to = (PEER, Alias::parse("bob").unwrap());
            requests.add(SentRequest::new(id(1), to, ("review it", None), now));
            requests.arrived(id(1), PEER);
            requests.ended(id(1), status);
            requests
        };
        assert!(!repeats(&ended(Status::Expired)));
        assert!(repeats(&ended(Status::Unconfirmed)), "it may have been read");
    }

    #[test]
    fn the_oldest_requests_are_forgotten_first() {
        let now = Instant::now();
        let mut requests = SentRequests::default();
        for number in 0..=MAX_KEPT {
            let wire_id = MessageId(u128::try_from(number).unwrap().to_be_bytes());
            let to = (PEER, Alias::parse("bob").unwrap());
            requests.add(SentRequest::new(wire_id, to, ("", None), now));
        }
        assert_eq!((requests.kept.len(), requests.peer_of(MessageId([0; 16]))), (MAX_KEPT, None));
    }
}
