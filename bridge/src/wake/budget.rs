//! How often an agent is woken: a burst and its pace, the hour's budget, and each sender's share of it. Pure buckets of
//! tokens that come back one by one.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use junction_shared::protocol::id::PeerKey;

const HOUR: Duration = Duration::from_secs(60 * 60);
/// Wakes for messages of normal urgency that may follow each other at once: a short conversation.
const BURST: u32 = 4;
/// How soon one of them comes back.
const BURST_REFILL: Duration = Duration::from_secs(60);

/// A bucket of tokens that come back one by one.
#[derive(Clone, Copy, Debug)]
struct Tokens {
    most: u32,
    /// How long one token takes to come back.
    refill: Duration,
    /// When the bucket is full again; `None` for a bucket that nothing was taken from.
    full_at: Option<Instant>,
}

impl Tokens {
    fn new(most: u32, refill: Duration) -> Self {
        Self { most, refill, full_at: None }
    }

    /// When one may be taken; `None` for a bucket that never holds any.
    fn available_at(&self, now: Instant) -> Option<Instant> {
        let others = self.refill * self.most.checked_sub(1)?;
        let at = self.full_at.and_then(|full| full.checked_sub(others));
        Some(at.map_or(now, |at| at.max(now)))
    }

    fn take(&mut self, now: Instant) {
        self.full_at = Some(self.full_at.map_or(now, |full| full.max(now)) + self.refill);
    }

    fn give_back(&mut self) {
        self.full_at = self.full_at.and_then(|full| full.checked_sub(self.refill));
    }

    fn is_full(&self, now: Instant) -> bool {
        self.full_at.is_none_or(|full| full <= now)
    }
}

/// What limits the wakes of one agent.
pub(super) struct WakeBudget {
    burst: Tokens,
    /// The hour's wakes, unless they have no limit.
    hour: Option<Tokens>,
    /// What each sender has taken of its half of the hour's wakes. One who has taken nothing has no entry, so that there
    /// are never more than twice as many as wakes an hour.
    senders: HashMap<PeerKey, Tokens>,
}

impl WakeBudget {
    /// A budget of this many wakes an hour, or without a limit.
    pub(super) fn new(wakes_per_hour: Option<u32>) -> Self {
        let hour = wakes_per_hour.map(|most| Tokens::new(most, HOUR / most.max(1)));
        Self { burst: Tokens::new(BURST, BURST_REFILL), hour, senders: HashMap::new() }
    }

    /// When the burst has room for a message of normal urgency.
    pub(super) fn burst_at(&self, now: Instant) -> Instant {
        self.burst.available_at(now).unwrap_or(now)
    }

    /// When the hour's budget has room for anybody; `None` for never.
    pub(super) fn hour_at(&self, now: Instant) -> Option<Instant> {
        self.hour.map_or(Some(now), |hour| hour.available_at(now))
    }

    /// When the hour's budget has room for a message of this sender; `None` for never.
    pub(super) fn room_at(&self, sender: Option<PeerKey>, now: Instant) -> Option<Instant> {
        let hour = self.hour_at(now)?;
        let share = sender.and_then(|sender| self.senders.get(&sender));
        Some(hour.max(share.and_then(|share| share.available_at(now)).unwrap_or(now)))
    }

    /// Takes a wake for a message of this sender. One that waits for nothing takes no part of the burst.
    pub(super) fn take(&mut self, sender: Option<PeerKey>, is_paced: bool, now: Instant) {
        if is_paced {
            self.burst.take(now);
        }
        let Some(hour) = &mut self.hour else { return };
        hour.take(now);
        let share = Tokens::new((hour.most / 2).max(1), hour.refill * 2);
        if let Some(sender) = sender {
            self.senders.retain(|_, share| !share.is_full(now));
            self.senders.entry(sender).or_insert(share).take(now);
        }
    }

    /// Gives back what was taken for a message of this sender.
    pub(super) fn give_back(&mut self, sender: Option<PeerKey>, is_paced: bool) {
        if is_paced {
            self.burst.give_back();
        }
        if let Some(hour) = &mut self.hour {
            hour.give_back();
        }
        if let Some(share) = sender.and_then(|sender| self.senders.get_mut(&sender)) {
            share.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALICE: Option<PeerKey> = Some(PeerKey([1; 32]));
    const BOB: Option<PeerKey> = Some(PeerKey([2; 32]));
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn burst_of_four_comes_back_one_a_minute() {
        let (mut budget, now) = (WakeBudget::new(None), Instant::now());
        for _ in 0..4 {
            assert_eq!(budget.burst_at(now), now);
            budget.take(ALICE, true, now);
        }
        assert_eq!(budget.burst_at(now), now + MINUTE);
        // What is not paced takes nothing of it.
        budget.take(ALICE, false, now);
        assert_eq!(budget.burst_at(now), now + MINUTE);
        budget.take(BOB, true, now + MINUTE);
        assert_eq!(budget.burst_at(now + MINUTE), now + 2 * MINUTE);
        assert_eq!(budget.burst_at(now + 10 * MINUTE), now + 10 * MINUTE);
    }

    #[test]
    fn one_of_thirty_wakes_comes_back_every_two_minutes_and_a_sender_has_half_of_them() {
        let (mut budget, now) = (WakeBudget::new(Some(30)), Instant::now());
        for _ in 0..15 {
            assert_eq!(budget.room_at(ALICE, now), Some(now));
            budget.take(ALICE, false, now);
        }
        assert_eq!(budget.room_at(ALICE, now), Some(now + 4 * MINUTE));
        for _ in 0..15 {
            assert_eq!(budget.room_at(BOB, now), Some(now));
            budget.take(BOB, false, now);
        }
        assert_eq!(budget.hour_at(now), Some(now + 2 * MINUTE));
        assert_eq!(budget.room_at(None, now), Some(now + 2 * MINUTE));
        assert_eq!(budget.room_at(BOB, now), Some(now + 4 * MINUTE));
        assert_eq!(budget.hour_at(now + 60 * MINUTE), Some(now + 60 * MINUTE));
    }

    #[test]
    fn budget_can_be_none_one_or_without_limit() {
        let now = Instant::now();
        assert_eq!(WakeBudget::new(Some(0)).hour_at(now), None);
        let mut one = WakeBudget::new(Some(1));
        assert_eq!(one.room_at(ALICE, now), Some(now));
        one.take(ALICE, false, now);
        assert_eq!(one.room_at(BOB, now), Some(now + HOUR));
        let mut unlimited = WakeBudget::new(None);
        (0..1000).for_each(|_| unlimited.take(ALICE, false, now));
        assert_eq!(unlimited.room_at(ALICE, now), Some(now));
        assert!(unlimited.senders.is_empty());
    }

    #[test]
    fn wake_that_is_given_back_costs_nothing() {
        let (mut budget, now) = (WakeBudget::new(Some(2)), Instant::now());
        for sender in [ALICE, None] {
            for _ in 0..100 {
                assert_eq!((budget.room_at(sender, now), budget.burst_at(now)), (Some(now), now));
                budget.take(sender, true, now);
                budget.give_back(sender, true);
            }
        }
        // It gives back no more than that one.
        budget.take(ALICE, true, now);
        budget.take(BOB, true, now);
        budget.give_back(BOB, true);
        assert_eq!(budget.room_at(ALICE, now), Some(now + HOUR));
        assert_eq!(budget.room_at(BOB, now), Some(now));
    }

    proptest! {
        /// However many senders there are, what is kept of them is bounded by the wakes that they took.
        #[test]
        fn shares_that_are_whole_again_are_forgotten(steps in prop::collection::vec((any::<u8>(), 0_u64..300), 0..200)) {
            let (mut budget, mut now) = (WakeBudget::new(Some(30)), Instant::now());
            for (sender, pause) in steps {
                now += Duration::from_secs(pause);
                let sender = Some(PeerKey([sender; 32]));
                if budget.room_at(sender, now) == Some(now) {
                    budget.take(sender, false, now);
                }
                prop_assert!(budget.senders.len() <= 60);
            }
        }
    }
}
