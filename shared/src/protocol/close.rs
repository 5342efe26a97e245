//! Why a hub ends a connection: websocket close codes in the private range of RFC 6455 §7.4.2.

use std::fmt;

/// The reason a hub gives when it closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The hub is stopping; bridges wait and come back (RFC 6455's own "going away").
    GoingAway,
    /// A frame that this state of the connection does not allow, or that is no frame at all.
    ProtocolError,
    /// The proof of the hello does not hold.
    Unauthorized,
    /// No valid hello in time.
    HelloTimeout,
    /// Another connection of the same key with a higher dial took over.
    Superseded,
    /// No version of the protocol in common.
    NoCommonVersion,
    /// The peer sends or lags more than the hub bears; it may come again.
    SlowDown,
    /// The session ended for want of a sign of life.
    SessionEnded,
    /// The group of this hub has a new secret: only those who have a new link may come again.
    Rotated,
}

/// Every reason, in the order of their codes.
pub const ALL: [Close; 9] = [
    Close::GoingAway,
    Close::ProtocolError,
    Close::Unauthorized,
    Close::HelloTimeout,
    Close::Superseded,
    Close::NoCommonVersion,
    Close::SlowDown,
    Close::SessionEnded,
    Close::Rotated,
];

impl Close {
    /// The code on the wire.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::ProtocolError => 4400,
            Self::Unauthorized => 4401,
            Self::HelloTimeout => 4408,
            Self::Superseded => 4409,
            Self::NoCommonVersion => 4426,
            Self::SlowDown => 4429,
            Self::SessionEnded => 4440,
            Self::Rotated => 4441,
        }
    }

    /// The word on the wire, which logs and errors use too.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::GoingAway => "going_away",
            Self::ProtocolError => "protocol_error",
            Self::Unauthorized => "unauthorized",
            Self::HelloTimeout => "hello_timeout",
            Self::Superseded => "superseded",
            Self::NoCommonVersion => "no_common_version",
            Self::SlowDown => "slow_down",
            Self::SessionEnded => "session_ended",
            Self::Rotated => "rotated",
        }
    }

    /// The reason behind a code, if it is one of ours.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        ALL.into_iter().find(|close| close.code() == code)
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_names_one_reason() {
        for close in ALL {
            assert_eq!(Close::from_code(close.code()), Some(close));
        }
        assert_eq!(Close::from_code(1000), None);
    }
}
