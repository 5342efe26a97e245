//! How much a session may send, and how often with high urgency: bounds that stop agents that run away.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use junction_shared::protocol::id::PeerKey;

use crate::error::Error;
use crate::quota::Quota;
use crate::urgency::Urgency;

/// How many messages of a pair may be `high` in an hour; further ones count as `normal`.
const MAX_HIGH: usize = 6;
const HOUR: Duration = Duration::from_secs(60 * 60);
const MINUTE: Duration = Duration::from_secs(60);
/// Peers remembered; beyond it, a peer may count as new once more.
const MAX_KNOWN: usize = 65_536;

/// What a bridge may send in a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendLimit {
    /// How many messages.
    pub messages: usize,
    /// How many receivers that nothing was sent to before.
    pub receivers: usize,
}

/// How many messages to groups a session may send in a minute.
const GROUPS_A_MINUTE: usize = 6;

/// How much was sent in the last minute.
pub(crate) struct SendQuota {
    messages: Quota,
    groups: Quota,
    receivers: Quota,
    known: HashSet<PeerKey>,
}

impl SendQuota {
    pub(crate) fn new(limit: SendLimit) -> Self {
        Self {
            messages: Quota::new(limit.messages, MINUTE),
            groups: Quota::new(GROUPS_A_MINUTE, MINUTE),
            receivers: Quota::new(limit.receivers, MINUTE),
            known: HashSet::new(),
        }
    }

    /// Whether one more message may go to this peer now.
    ///
    /// # Errors
    /// [`Error::SendLimit`] and [`Error::ReceiverLimit`] say when it may.
    pub(crate) fn check(&self, to: &PeerKey, now: Instant) -> Result<(), Error> {
        if let Some(until) = self.messages.full_until(now) {
            return Err(Error::SendLimit { seconds: seconds(until - now) });
        }
        match self.receivers.full_until(now).filter(|_| !self.known.contains(to)) {
            Some(until) => Err(Error::ReceiverLimit { seconds: seconds(until - now) }),
            None => Ok(()),
        }
    }

    /// Counts one message to a group, if it may be sent now.
    ///
    /// # Errors
    /// [`Error::SendLimit`] and [`Error::GroupLimit`] say when it may.
    pub(crate) fn take_group(&mut self, now: Instant) -> Result<(), Error> {
        if let Some(until) = self.messages.full_until(now) {
            return Err(Error::SendLimit { seconds: seconds(until - now) });
        }
        if let Some(until) = self.groups.full_until(now) {
            return Err(Error::GroupLimit { seconds: seconds(until - now) });
        }
        self.messages.take(now);
        self.groups.take(now);
        Ok(())
    }

    /// Takes back the last message to a group: nobody was sent it.
    pub(crate) fn give_back_group(&mut self) {
        self.messages.give_back();
        self.groups.give_back();
    }

    /// Notes that a message to a group went to this peer: it is no new receiver any more.
    pub(crate) fn sent_to_member(&mut self, to: PeerKey) {
        if self.known.len() < MAX_KNOWN {
            self.known.insert(to);
        }
    }

    /// Counts one more message to this peer.
    pub(crate) fn sent(&mut self, to: PeerKey, now: Instant) {
        self.messages.take(now);
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        if self.known.insert(to) {
            self.receivers.take(now);
        }
    }
}

/// Whole seconds, rounded up: after that long there is room.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// How many messages of high urgency each peer was sent, or has sent, in the last hour.
#[derive(Default)]
pub(crate) struct HighUrgencyQuota(HashMap<PeerKey, Quota>);

impl HighUrgencyQuota {
    /// The urgency that a message counts with. A message of high urgency takes from the quota.
    pub(crate) fn granted(&mut self, peer: PeerKey, asked: Urgency, now: Instant) -> Urgency {
        if asked != Urgency::High {
            return asked;
        }
        if self.0.len() >= MAX_KNOWN {
            self.0.clear();
        }
        let quota = self.0.entry(peer).or_insert_with(|| Quota::new(MAX_HIGH, HOUR));
        if quota.full_until(now).is_some() {
            return Urgency::Normal;
        }
        quota.take(now);
        Urgency::High
    }
}

/// How much one session may still send.
#[derive(Default)]
pub(crate) struct MessageQuotas {
    /// How much may be sent; nothing if there is no limit.
    pub(crate) sending: Option<SendQuota>,
    /// How many messages of high urgency this session sent to each peer.
    pub(crate) high_sent: HighUrgencyQuota,
    /// How many each peer sent to it.
    pub(crate) high_received: HighUrgencyQuota,
}

impl MessageQuotas {
    /// Limits how much is sent in a minute.
    pub(crate) fn limit(&mut self, sending: Option<SendLimit>) {
        self.sending = sending.map(SendQuota::new);
    }

    /// The quotas of another session of this process: what was sent counts on.
    pub(crate) fn successor(&mut self) -> Self {
        Self { high_received: HighUrgencyQuota::default(), ..std::mem::take(self) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: SendLimit = SendLimit { messages: 30, receivers: 5 };

    fn key(number: u8) -> PeerKey {
        PeerKey([number; 32])
    }

    #[test]
    fn a_minute_has_room_for_so_many_messages() {
        let (mut quota, start) = (SendQuota::new(LIMIT), Instant::now());
        for at in 0..30 {
            assert_eq!(quota.check(&key(1), start), Ok(()));
            quota.sent(key(1), start + Duration::from_secs(at));
        }
        let late = start + Duration::from_millis(30_500);
        assert_eq!(quota.check(&key(1), late), Err(Error::SendLimit { seconds: 30 }));
        assert_eq!(quota.check(&key(1), late + Duration::from_secs(30)), Ok(()));
    }

    #[test]
    fn a_minute_has_room_for_so_many_new_receivers() {
        let (mut quota, start) = (SendQuota::new(LIMIT), Instant::now());
        (1..=5).for_each(|number| quota.sent(key(number), start));
        let refused = Err(Error::ReceiverLimit { seconds: 60 });
        assert_eq!(quota.check(&key(6), start), refused);
        assert_eq!(quota.check(&key(5), start), Ok(()));
        assert_eq!(quota.check(&key(6), start + MINUTE), Ok(()));
    }

    #[test]
    fn a_minute_has_room_for_six_messages_to_groups_whose_members_are_no_new_receivers() {
        let (mut quota, start) = (SendQuota::new(LIMIT), Instant::now());
        for _ in 0..6 {
            assert_eq!(quota.take_group(start), Ok(()));
            (1..=64).for_each(|number| quota.sent_to_member(key(number)));
        }
        assert_eq!(quota.take_group(start), Err(Error::GroupLimit { seconds: 60 }));
        assert_eq!(quota.check(&key(7), start), Ok(()));
        (0..24).for_each(|_| quota.sent(key(7), start));
        assert_eq!(quota.check(&key(7), start), Err(Error::SendLimit { seconds: 60 }));
        assert_eq!(quota.take_group(start + MINUTE), Ok(()));
    }

    #[test]
    fn six_messages_of_a_pair_are_high_in_an_hour() {
        let (mut quota, start) = (HighUrgencyQuota::default(), Instant::now());
        let mut granted = |peer, asked, at| quota.granted(key(peer), asked, start + at);
        for _ in 0..6 {
            assert_eq!(granted(1, Urgency::High, Duration::ZERO), Urgency::High);
        }
        assert_eq!(granted(1, Urgency::High, Duration::ZERO), Urgency::Normal);
        assert_eq!(granted(1, Urgency::Low, Duration::ZERO), Urgency::Low);
        assert_eq!(granted(2, Urgency::High, Duration::ZERO), Urgency::High);
        assert_eq!(granted(1, Urgency::High, HOUR), Urgency::High);
    }
}
