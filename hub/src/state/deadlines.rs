//! Everything that will end by itself, in the order of its end.

use std::collections::BTreeSet;
use std::time::Duration;

use junction_shared::protocol::id::PeerKey;

use super::inbox::Offset;

/// What comes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// The restart grace ends.
    RestartGrace,
    /// The session of this peer ends, unless it was heard of since the deadline was set.
    Session(PeerKey),
    /// The envelope at this place of this peer's inbox expires.
    Envelope(PeerKey, Offset),
}

/// One ordered set for all deadlines.
#[derive(Default)]
pub(super) struct Deadlines(BTreeSet<(Duration, Due)>);

impl Deadlines {
    /// Sets a deadline.
    pub(super) fn set(&mut self, at: Duration, due: Due) {
        self.0.insert((at, due));
    }

    /// Takes back the deadline that was set for this time.
    pub(super) fn clear(&mut self, at: Duration, due: Due) {
        self.0.remove(&(at, due));
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
    pub(super) fn pop(&mut self, now: Duration) -> Option<Due> {
        if self.first()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, due)| due)
    }
}
