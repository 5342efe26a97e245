//! Why a hub ends a connection: websocket close codes in the private range of RFC 6455 §7.4.2.

use std::fmt;

/// The reason a hub gives when it closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// The hub is stopping; bridges back off and reconnect ("going away" in RFC 6455).
    GoingAway,
    /// The bridge sent something that is not a frame, or a frame that the state of the connection does not allow.
    ProtocolError,
    /// The proof in the hello is wrong.
    Unauthorized,
    /// No valid hello arrived in time.
    HelloTimeout,
    /// A connection of the same key with a higher dial number took over.
    Superseded,
    /// Bridge and hub have no protocol version in common.
    NoCommonVersion,
    /// The bridge exceeded the hub's rate or queue limits. It may reconnect.
    SlowDown,
    /// The session timed out without a sign of life.
    SessionEnded,
    /// The group has a new secret: only bridges with a new invite link may reconnect.
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

    /// The reason's name on the wire, in logs and in errors.
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

    /// The reason for a close code, if the code is one of the protocol's.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        ALL.into_iter().find(|close| close.code() == code)
    }
}

/// The text with which a hub closes a connection for [`Close::NoCommonVersion`]: it names the versions of both sides.
#[must_use]
pub fn version_mismatch(hub: u16, bridge: u16) -> String {
    format!("{}: {HUB_SPEAKS}{hub}, the bridge {bridge}", Close::NoCommonVersion)
}

/// The hub's version in the text of [`version_mismatch`].
#[must_use]
pub fn hub_version(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once(HUB_SPEAKS)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

const HUB_SPEAKS: &str = "the hub speaks ";

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

    #[test]
    fn versions_are_read_as_they_were_written() {
        assert_eq!(version_mismatch(2, 7), "no_common_version: the hub speaks 2, the bridge 7");
        for version in [0, 1, u16::MAX] {
            assert_eq!(hub_version(&version_mismatch(version, 7)), Some(version));
        }
        for other in ["", "no_common_version", "the hub speaks ", "the hub speaks 65536"] {
            assert_eq!(hub_version(other), None, "{other}");
        }
    }
}
