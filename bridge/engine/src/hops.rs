//! Chains of messages that no person is part of. Each message says, sealed, which chain it is part of and how many
//! messages that chain has. Two agents that only answer each other stop waking each other at the limit.

use junction_shared::protocol::id::{MessageId, PeerKey};

use crate::recent::RecentMap;

/// How many messages a chain may have until they wake nobody: an agent that reads a further one is told to ask its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainLimit(Option<u8>);

impl ChainLimit {
    /// No limit.
    pub const OFF: Self = Self(None);
    /// The highest limit. One more can still be told from it.
    pub const MAX: u8 = u8::MAX - 1;

    /// A limit of this many messages, at most [`ChainLimit::MAX`].
    #[must_use]
    pub fn of(messages: u8) -> Self {
        Self(Some(messages.min(Self::MAX)))
    }

    /// Whether a person should be asked before the chain goes on.
    pub(crate) fn is_passed_by(self, hops: Hops) -> bool {
        self.0.is_some_and(|limit| hops.count > limit)
    }
}

impl Default for ChainLimit {
    /// As many as eight questions and their answers.
    fn default() -> Self {
        Self::of(16)
    }
}

/// The chain that a message is part of, and how long the chain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hops {
    /// The id of the chain's first message.
    pub chain: MessageId,
    /// How many messages the chain has, this one included: 1 for the first.
    pub count: u8,
}

impl Hops {
    /// The hops of a message that answers nothing.
    pub fn first(id: MessageId) -> Self {
        Self { chain: id, count: 1 }
    }

    /// The hops of a message that follows this one.
    fn next(self) -> Self {
        Self { count: self.count.saturating_add(1), ..self }
    }
}

/// What a session has read and sent since a person last began a turn.
#[derive(Default)]
pub(crate) struct Chains {
    limit: ChainLimit,
    read: RecentMap<MessageId, Hops>,
    /// The hops of the newest message that was read from each peer.
    last: RecentMap<PeerKey, Hops>,
    last_of_all: Option<Hops>,
    /// Whether a message was read since the last one was sent.
    has_unanswered: bool,
    sent: RecentMap<MessageId, Hops>,
}

impl Chains {
    /// Nothing read or sent, under this limit.
    pub(crate) fn new(limit: ChainLimit) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Whether a person should be asked before the chain goes on.
    pub(crate) fn is_past_limit(&self, hops: Hops) -> bool {
        self.limit.is_passed_by(hops)
    }

    /// The hops of a message that is about to be sent. It follows the newest message read from its receiver, or the
    /// message it answers (without one the newest that was read at all), depending on which has more hops.
    pub(crate) fn next_hops(
        &mut self,
        id: MessageId,
        to: &PeerKey,
        reply_to: Option<MessageId>,
    ) -> Hops {
        self.has_unanswered = false;
        let answered = reply_to.and_then(|id| self.read.get(&id));
        let both = [self.last.get(to), answered.or(self.last_of_all)];
        let before = both.into_iter().flatten().max_by_key(|hops| hops.count);
        let hops = before.map_or(Hops::first(id), Hops::next);
        self.sent.keep(id, hops);
        hops
    }

    /// A message that was sent to a group is answered under this id: as that of its envelopes which has most hops.
    pub(crate) fn sent_as(&mut self, id: MessageId, hops: Hops) {
        if self.sent.get(&id).is_none_or(|sent| sent.count < hops.count) {
            self.sent.keep(id, hops);
        }
    }

    /// The hops of a message that came: at least one more than the message it answers, even if it says less itself.
    pub(crate) fn received(&self, claimed: Hops, reply_to: Option<MessageId>) -> Hops {
        let answered = reply_to.and_then(|id| self.sent.get(&id)).map(Hops::next);
        match answered {
            Some(answered) if answered.count > claimed.count => answered,
            _ => claimed,
        }
    }

    /// A message is shown to the agent.
    pub(crate) fn shown(&mut self, id: MessageId, from: PeerKey, hops: Hops) {
        self.read.keep(id, hops);
        self.note(from, hops);
    }

    /// The agent is told what became of a message that it sent. What it sends next follows that message.
    pub(crate) fn notified(&mut self, of: PeerKey, hops: Hops) {
        self.note(of, hops.next());
    }

    fn note(&mut self, from: PeerKey, hops: Hops) {
        self.last.keep(from, hops);
        self.last_of_all = Some(hops);
        self.has_unanswered = true;
    }

    /// A person has begun a turn: messages sent in it begin new chains.
    pub(crate) fn person_prompted(&mut self) {
        *self = Self::new(self.limit);
    }

    /// A person has probably begun a turn, since the agent was silent for long. An agent that has read a message and
    /// sent none since may have worked on that message all the time: then nothing changes.
    pub(crate) fn person_may_have_prompted(&mut self) {
        if !self.has_unanswered {
            self.person_prompted();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(number: u8) -> MessageId {
        MessageId([number; 16])
    }

    const PEER: PeerKey = PeerKey([1; 32]);
    const OTHER: PeerKey = PeerKey([2; 32]);

    /// One message from one side to the other, which reads it.
    fn hop(from: &mut Chains, to: &mut Chains, number: u8, reply_to: Option<u8>) -> Hops {
        let reply_to = reply_to.map(id);
        let hops = to.received(from.next_hops(id(number), &PEER, reply_to), reply_to);
        to.shown(id(number), PEER, hops);
        hops
    }

    #[test]
    fn answers_count_whether_or_not_they_say_what_they_answer() {
        let (mut alice, mut bob) = (Chains::default(), Chains::default());
        for (number, reply_to) in [(1, None), (2, Some(1)), (3, None), (4, Some(3)), (5, None)] {
            let hops = if number % 2 == 1 {
                hop(&mut alice, &mut bob, number, reply_to)
            } else {
                hop(&mut bob, &mut alice, number, reply_to)
            };
            assert_eq!(hops, Hops { chain: id(1), count: number });
        }
    }

    #[test]
    fn a_person_begins_new_chains() {
        let (mut alice, mut bob) = (Chains::default(), Chains::default());
        for number in 1..=9 {
            let hops = hop(&mut alice, &mut bob, 2 * number, None);
            assert_eq!(alice.is_past_limit(hops), number > 8);
            hop(&mut bob, &mut alice, 2 * number + 1, None);
        }
        let hops = alice.next_hops(id(100), &PEER, Some(id(19)));
        assert!(alice.is_past_limit(hops));
        alice.person_prompted();
        assert_eq!(alice.next_hops(id(101), &PEER, Some(id(19))), Hops::first(id(101)));
    }

    #[test]
    fn limit_can_be_set_or_be_off_and_outlasts_a_persons_turn() {
        let hops = |count| Hops { chain: id(1), count };
        let mut chains = Chains::new(ChainLimit::of(3));
        chains.person_prompted();
        assert!(!chains.is_past_limit(hops(3)) && chains.is_past_limit(hops(4)));
        assert!(!Chains::new(ChainLimit::OFF).is_past_limit(hops(u8::MAX)));
        assert!(Chains::new(ChainLimit::of(u8::MAX)).is_past_limit(hops(u8::MAX)));
    }

    #[test]
    fn a_peer_that_says_less_than_is_known_is_not_believed() {
        let mut alice = Chains::default();
        alice.shown(id(1), PEER, Hops { chain: id(1), count: 5 });
        let sent = alice.next_hops(id(2), &PEER, Some(id(1)));
        assert_eq!(sent.count, 6);
        assert_eq!(
            alice.received(Hops::first(id(3)), Some(id(2))),
            Hops { chain: id(1), count: 7 }
        );
        assert_eq!(alice.received(Hops::first(id(4)), Some(id(9))), Hops::first(id(4)));
    }

    #[test]
    fn each_conversation_has_its_own_count() {
        let mut alice = Chains::default();
        alice.shown(id(1), PEER, Hops { chain: id(1), count: 7 });
        alice.shown(id(2), OTHER, Hops::first(id(2)));
        assert_eq!(alice.next_hops(id(20), &PEER, Some(id(1))), Hops { chain: id(1), count: 8 });
        assert_eq!(alice.next_hops(id(21), &OTHER, Some(id(2))), Hops { chain: id(2), count: 2 });
        // To a peer without messages: it follows the newest that was read.
        assert_eq!(
            alice.next_hops(id(23), &PeerKey([3; 32]), None),
            Hops { chain: id(2), count: 2 }
        );
    }

    #[test]
    fn regression_an_answer_to_an_old_message_shortens_no_chain() {
        let (mut alice, mut bob) = (Chains::default(), Chains::default());
        let root = hop(&mut alice, &mut bob, 1, None);
        assert_eq!(root.count, 1);
        for number in 2..=9 {
            let (from, to) =
                if number % 2 == 0 { (&mut bob, &mut alice) } else { (&mut alice, &mut bob) };
            assert_eq!(hop(from, to, number, Some(1)).count, number);
        }
    }

    #[test]
    fn regression_a_ring_of_three_comes_to_the_limit_though_all_have_met() {
        let mut ring = [Chains::default(), Chains::default(), Chains::default()];
        let key = |at: usize| PeerKey([u8::try_from(at).unwrap(); 32]);
        for (at, chains) in ring.iter_mut().enumerate() {
            let greeting = id(100 + u8::try_from(at).unwrap());
            chains.shown(greeting, key((at + 1) % 3), Hops::first(greeting));
        }
        let mut last = 0;
        for number in 0..10_u8 {
            let from = usize::from(number) % 3;
            let to = (from + 1) % 3;
            let hops = ring[from].next_hops(id(number), &key(to), None);
            assert!(hops.count > last);
            last = hops.count;
            ring[to].shown(id(number), key(from), hops);
        }
    }

    #[test]
    fn a_silent_agent_may_have_worked_on_what_it_read() {
        let mut alice = Chains::default();
        alice.shown(id(1), PEER, Hops { chain: id(1), count: 5 });
        alice.person_may_have_prompted();
        assert_eq!(alice.next_hops(id(2), &PEER, None).count, 6);
        alice.person_may_have_prompted();
        assert_eq!(alice.next_hops(id(3), &PEER, None).count, 1);
    }

    #[test]
    fn a_person_on_one_side_begins_new_chains_for_both() {
        let (mut alice, mut bob) = (Chains::default(), Chains::default());
        let mut number = 0;
        let mut next = |from: &mut Chains, to: &mut Chains| {
            number += 1;
            hop(from, to, number, None)
        };
        for _ in 0..5 {
            next(&mut alice, &mut bob);
            next(&mut bob, &mut alice);
        }
        alice.person_prompted();
        assert_eq!(next(&mut alice, &mut bob).count, 1);
        assert_eq!(next(&mut bob, &mut alice).count, 2);
    }

    #[test]
    fn message_after_a_notification_follows_its_message() {
        let mut alice = Chains::default();
        let sent = alice.next_hops(id(1), &PEER, None);
        alice.notified(PEER, sent);
        assert_eq!(alice.next_hops(id(2), &PEER, None), Hops { chain: id(1), count: 3 });
    }

    proptest! {
        #[test]
        fn agents_that_only_answer_come_to_the_limit(answers in prop::collection::vec(any::<bool>(), 17..40)) {
            let (mut alice, mut bob) = (Chains::default(), Chains::default());
            let mut last = None;
            for (number, says) in (1..).zip(answers) {
                let reply_to = last.filter(|_| says);
                let hops = if number % 2 == 1 {
                    hop(&mut alice, &mut bob, number, reply_to)
                } else {
                    hop(&mut bob, &mut alice, number, reply_to)
                };
                prop_assert_eq!(alice.is_past_limit(hops), number > 16);
                last = Some(number);
            }
        }
    }
}
