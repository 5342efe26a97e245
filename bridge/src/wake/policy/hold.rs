//! A pause of all wakes, which the agent's user begins, and which ends by itself. A pure state machine.

use std::time::Instant;

/// The user's pause of all wakes, if there is one.
#[derive(Default)]
pub(crate) struct Hold(Option<Instant>);

impl Hold {
    /// Begins a hold that ends at this moment, in place of one that there may be.
    pub(crate) fn begin(&mut self, until: Instant) {
        self.0 = Some(until);
    }

    /// Ends the hold before its time.
    pub(crate) fn release(&mut self) {
        self.0 = None;
    }

    /// Whether a hold has come to its end. True once for each.
    pub(crate) fn take_end(&mut self, now: Instant) -> bool {
        self.0.take_if(|until| now >= *until).is_some()
    }

    /// When the hold ends, if there is one.
    pub(crate) fn until(&self, now: Instant) -> Option<Instant> {
        self.0.filter(|until| now < *until)
    }

    /// Whether there is a hold.
    pub(crate) fn is_on(&self, now: Instant) -> bool {
        self.until(now).is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn hold_ends_by_itself_once() {
        let (mut hold, now) = (Hold::default(), Instant::now());
        assert!(!hold.is_on(now) && !hold.take_end(now));
        hold.begin(now + SECOND);
        assert!(hold.is_on(now) && !hold.take_end(now));
        assert_eq!(hold.until(now), Some(now + SECOND));
        // Nobody has looked yet.
        assert_eq!(hold.until(now + SECOND), None);
        assert!(hold.take_end(now + SECOND) && !hold.take_end(now + SECOND));
    }

    #[test]
    fn later_hold_takes_the_place_of_an_earlier_one_also_if_it_is_shorter() {
        let (mut hold, now) = (Hold::default(), Instant::now());
        for seconds in [10, 2] {
            hold.begin(now + seconds * SECOND);
            assert_eq!(hold.until(now), Some(now + seconds * SECOND));
        }
        hold.release();
        // What was released has no end of its own.
        assert!(!hold.is_on(now) && !hold.take_end(now + 20 * SECOND));
    }
}
