//! The words and numbers that stand in answers for values of the engine.

use std::time::Duration;

use junction_shared::protocol::id::MessageId;
use junction_shared::protocol::wire::{AwaitedEnd, Reach, Standing, State, StateFilter};
use uuid::Uuid;

use crate::clients::WakingWay;
use crate::wording::refusal_word;
use junction_engine::{Occasion, Status};

pub(crate) fn uuid(id: MessageId) -> String {
    Uuid::from_bytes(id.0).hyphenated().to_string()
}

pub(crate) fn way_word(way: WakingWay) -> &'static str {
    match way {
        WakingWay::Plugin => "plugin",
        WakingWay::Inbox => "inbox",
        WakingWay::Queue => "queue",
        WakingWay::RewakeHook => "rewake-hook",
        WakingWay::WaitingCall => "waiting-call",
    }
}

/// A time in seconds, rounded to milliseconds.
pub(crate) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

pub(crate) fn status(status: Status) -> String {
    match status {
        Status::Queued => "queued".to_owned(),
        Status::Accepted => "accepted".to_owned(),
        Status::Opened => "opened".to_owned(),
        Status::Read => "read".to_owned(),
        Status::Saved => "saved".to_owned(),
        Status::Refused(refusal) => format!("refused({})", refusal_word(refusal)),
        Status::Expired => "expired".to_owned(),
        Status::Unconfirmed => "unconfirmed".to_owned(),
    }
}

pub(crate) fn presence(standing: Standing) -> &'static str {
    match standing {
        Standing::Online => "online",
        // The hub has just started and may not have seen the peer yet: all that is known is that the peer is away.
        Standing::Away | Standing::NotYet => "away",
        Standing::Gone => "gone",
    }
}

/// Whether a peer is connected, as its presence.
pub(crate) fn presence_word(is_online: bool) -> &'static str {
    presence(if is_online { Standing::Online } else { Standing::Away })
}

pub(crate) fn reach(reach: Reach) -> &'static str {
    match reach {
        Reach::Pull => "pull",
        Reach::NextTurn => "next-turn",
        Reach::Push => "push",
    }
}

/// The name of an agent's state.
pub(crate) fn state_word(state: Option<State>) -> &'static str {
    match state {
        Some(State::Idle) => "idle",
        Some(State::Busy) => "busy",
        Some(State::WaitingOnHuman) => "waiting-on-human",
        None => "unknown",
    }
}

/// The names of what agents on a list may have to do.
pub(crate) const STATE_FILTERS: [(&str, StateFilter); 4] = [
    ("idle", StateFilter::Idle),
    ("busy", StateFilter::Busy),
    ("waiting-on-human", StateFilter::WaitingOnHuman),
    ("unknown", StateFilter::Unknown),
];

/// The names of what may be awaited of peers.
pub(crate) const AWAITED: [(&str, AwaitedEnd); 3] =
    [("online", AwaitedEnd::Online), ("idle", AwaitedEnd::Idle), ("gone", AwaitedEnd::Gone)];

pub(crate) fn event(occasion: Occasion) -> String {
    match occasion {
        Occasion::Ended(end) => status(end),
        Occasion::Idle => "idle".to_owned(),
        Occasion::Gone => "gone".to_owned(),
        Occasion::Done => "done".to_owned(),
        Occasion::Answered => "answered".to_owned(),
        Occasion::Dropped => "request-dropped".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_rounded_to_milliseconds() {
        assert_eq!(seconds(Duration::from_micros(1_234_567)), 1.235);
        assert_eq!(seconds(Duration::ZERO), 0.0);
    }
}
