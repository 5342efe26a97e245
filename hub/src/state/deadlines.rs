//! Everything that will end by itself, in the order of its end.

use std::collections::BTreeSet;
use std::time::Duration;

use junction_shared::protocol::id::PeerKey;

use super::inbox::Offset;

/// What comes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deadline {
    /// The restart grace ends.
    RestartGrace,
    /// The session of this peer ends, unless it was heard of since the deadline was set.
    Session(PeerKey),
    /// The envelope at this place of this peer's inbox expires.
    Envelope(PeerKey, Offset),
}

/// One ordered set for all deadlines.
#[derive(Default)]
pub(super) struct Deadlines(BTreeSet<(Duration, Deadline)>);

impl Deadlines {
    /// Sets a deadline.
    pub(super) fn set(&mut self, at: Duration, deadline: Deadline) {
        self.0.insert((at, deadline));
    }

    /// Takes back the deadline that was set for this time.
    pub(super) fn clear(&mut self, at: Duration, deadline: Deadline) {
        self.0.remove(&(at, deadline));
    }

    /// The time of the first deadline.
    pub(super) fn first(&self) -> Option<Duration> {
        self.0.first().map(|(at, _)| *at)
    }

    /// How many are set.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes out the first deadline if it has come.
    pub(super) fn pop_due(&mut self, now: Duration) -> Option<Deadline> {
        if self.first()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, deadline)| deadline)
    }
}
