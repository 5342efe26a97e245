//! What the session's card says of its agent's availability, and how often it says something new.

use std::time::{Duration, Instant};

use super::Session;
use crate::availability::Availability;

/// The shortest time between two cards that differ in availability alone: a turn of an agent takes longer.
const PAUSE: Duration = Duration::from_secs(1);

/// What is to be said.
#[derive(Default)]
pub(super) struct Attending {
    /// As it is now.
    pub(super) now: Availability,
    /// Whether it was anything else since it was last said: then it is said again, even if it is the same.
    is_news: bool,
    /// When it was said last.
    said: Option<Instant>,
}

impl Attending {
    /// When it is to be said, if there is anything to say.
    fn due(&self) -> Option<Instant> {
        self.is_news.then(|| self.said.map(|said| said + PAUSE)).flatten()
    }

    /// Whether a card is to say it, once it is time.
    pub(super) fn is_news(&self) -> bool {
        self.is_news
    }

    /// A card says it now.
    pub(super) fn said(&mut self, now: Instant) {
        (self.is_news, self.said) = (false, Some(now));
    }
}

impl Session {
    /// The agent's availability is another.
    pub(super) fn attend(&mut self, availability: Availability, now: Instant) {
        if self.attending.now != availability {
            self.attending.now = availability;
            self.attending.is_news = true;
            self.publish_attention(now);
        }
    }

    /// When [`Session::publish_attention`] has something to do.
    pub(super) fn attention_due(&self) -> Option<Instant> {
        self.attending.due().filter(|_| self.connected && !self.is_renaming())
    }

    /// Says it by a card, once it is time.
    pub(super) fn publish_attention(&mut self, now: Instant) {
        if self.attention_due().is_some_and(|due| due <= now) {
            self.publish_card(now);
        }
    }
}
