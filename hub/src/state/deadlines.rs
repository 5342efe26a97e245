//! All deadlines of a hub, in one ordered set.

use std::collections::BTreeSet;
use std::time::Duration;

use junction_shared::protocol::id::{PeerKey, SeatKey};
use junction_shared::protocol::wire::TransferId;

use super::inbox::Offset;

/// What happens at a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deadline {
    /// The restart grace ends.
    RestartGrace,
    /// The session of this peer ends, unless there was a sign of life since the deadline was set.
    Session(PeerKey),
    /// The peer that lost its seat has had the time to finish.
    Unseated(PeerKey),
    /// The alias and the card of this seat, whose bridge has left, are kept no longer.
    Seat(SeatKey),
    /// The envelope at this offset of this peer's inbox expires.
    Envelope(PeerKey, Offset),
    /// What is here of this attachment expires.
    Transfer(TransferId),
}

/// The deadlines that are set, ordered by time.
#[derive(Default)]
pub(super) struct Deadlines(BTreeSet<(Duration, Deadline)>);

impl Deadlines {
    /// Sets a deadline.
    pub(super) fn set(&mut self, at: Duration, deadline: Deadline) {
        self.0.insert((at, deadline));
    }

    /// Removes the deadline that was set for this time.
    pub(super) fn clear(&mut self, at: Duration, deadline: Deadline) {
        self.0.remove(&(at, deadline));
    }

    /// Returns the time of the first deadline.
    pub(super) fn first(&self) -> Option<Duration> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Returns the number of deadlines.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Removes and returns the first deadline if it is due.
    pub(super) fn pop_due(&mut self, now: Duration) -> Option<Deadline> {
        if self.first()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, deadline)| deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_due_in_the_order_of_their_times() {
        let mut deadlines = Deadlines::default();
        let at = Duration::from_secs;
        let session = Deadline::Session(PeerKey([1; 32]));
        deadlines.set(at(2), Deadline::RestartGrace);
        deadlines.set(at(1), session);
        assert_eq!((deadlines.first(), deadlines.pop_due(at(0))), (Some(at(1)), None));
        assert_eq!(deadlines.pop_due(at(2)), Some(session));
        deadlines.clear(at(2), Deadline::RestartGrace);
        assert_eq!((deadlines.pop_due(at(2)), deadlines.len()), (None, 0));
    }
}
