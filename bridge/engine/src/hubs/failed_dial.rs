//! What a failed dial says about the port of this machine's hub: whether something else has it, and what.

use std::net::Ipv4Addr;

use junction_shared::machine::local_hub::RunningHub;
use junction_shared::machine::port_owner::PortOwner;
use junction_shared::machine::running_system::port_owner;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::handshake::HandshakeError;

use crate::hubs::target::HubTarget;
use crate::transport::dial::DialError;

/// Why a dial did not end with a welcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FailedDial {
    /// The hub cannot be reached, or turned the session away.
    Unreachable(DialError),
    /// The hub did not prove that it belongs to the group.
    Unproven(HandshakeError),
}

impl From<DialError> for FailedDial {
    fn from(error: DialError) -> Self {
        Self::Unreachable(error)
    }
}

impl From<HandshakeError> for FailedDial {
    fn from(error: HandshakeError) -> Self {
        Self::Unproven(error)
    }
}

impl FailedDial {
    /// Whether something listens there that is no hub of this group, or one that is in no state to say so.
    pub(crate) fn is_taken(&self) -> bool {
        let cause = match self {
            Self::Unproven(_) => return true,
            Self::Unreachable(cause) => cause,
        };
        match cause {
            DialError::Silent
            | DialError::Full
            | DialError::NotAHub
            | DialError::OtherVersion(_)
            | DialError::Lost => true,
            DialError::Closed(close) => matches!(
                close,
                Close::Unauthorized
                    | Close::Rotated
                    | Close::NoCommonVersion
                    | Close::ProtocolError
                    | Close::HelloTimeout
            ),
            DialError::Refused
            | DialError::UnknownName
            | DialError::OtherKey { .. }
            | DialError::Unowned(_)
            | DialError::NoTls => false,
        }
    }

    /// Whether nothing listens there.
    pub(crate) fn is_refused(&self) -> bool {
        *self == Self::Unreachable(DialError::Refused)
    }
}

/// What is known of the port at which a hub of this machine did not answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PortState {
    /// Nothing more than that.
    #[default]
    Unknown,
    /// The hub of this machine serves this port of 127.0.0.1, and a session does not leave the address that was set.
    HubElsewhere(u16),
    /// Something else has the port that was set.
    Taken(Box<PortOwner>),
    /// Something else has the default port, and the hub may be on any.
    DefaultTaken(Box<PortOwner>),
}

impl PortState {
    /// The state of the port of a hub that is this machine's own, after a failed dial. It can take some milliseconds to
    /// find out.
    pub(crate) fn after(failed: &FailedDial, hub: &HubTarget, running: RunningHub) -> Self {
        let port = hub.endpoint.port;
        let is_where_hubs_are = hub.endpoint.host == Ipv4Addr::LOCALHOST.to_string();
        match running {
            RunningHub::At(other) if other != port || !is_where_hubs_are => {
                Self::HubElsewhere(other)
            }
            RunningHub::None if failed.is_taken() && hub.is_anywhere => {
                Self::DefaultTaken(Box::new(port_owner(port)))
            }
            RunningHub::None if failed.is_taken() => Self::Taken(Box::new(port_owner(port))),
            RunningHub::None | RunningHub::Unready | RunningHub::At(_) => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(is_anywhere: bool) -> HubTarget {
        HubTarget { is_anywhere, ..HubTarget::plain("local", ([127, 0, 0, 1], 4).into()) }
    }

    #[test]
    fn port_is_taken_where_something_answers_that_is_no_hub_of_the_group() {
        let after = |failed: FailedDial, running| PortState::after(&failed, &hub(false), running);
        let taken = [
            DialError::Silent.into(),
            DialError::Full.into(),
            DialError::NotAHub.into(),
            DialError::Lost.into(),
            DialError::Closed(Close::Unauthorized).into(),
            FailedDial::Unproven(HandshakeError::Unproven),
            FailedDial::Unproven(HandshakeError::NoCommonVersion(7)),
        ];
        for failed in taken {
            assert!(matches!(after(failed.clone(), RunningHub::None), PortState::Taken(_)));
            // A hub that holds the lock is there, whatever it does.
            assert_eq!(after(failed.clone(), RunningHub::At(4)), PortState::Unknown);
            assert_eq!(after(failed.clone(), RunningHub::Unready), PortState::Unknown);
            assert_eq!(after(failed.clone(), RunningHub::At(5)), PortState::HubElsewhere(5));
            let anywhere = PortState::after(&failed, &hub(true), RunningHub::None);
            assert!(matches!(anywhere, PortState::DefaultTaken(_)));
        }
        for failed in [DialError::Refused, DialError::Closed(Close::GoingAway)] {
            assert_eq!(after(failed.clone().into(), RunningHub::None), PortState::Unknown);
            assert_eq!(after(failed.into(), RunningHub::At(5)), PortState::HubElsewhere(5));
        }
    }
}
