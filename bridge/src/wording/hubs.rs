//! What is wrong with a hub, with the way to it, or with the settings that name it.

use junction_engine::error::MoveError;
use junction_engine::hubs::autostart::HubStart;
use junction_engine::hubs::failed_dial::PortState;
use junction_engine::hubs::known::{ListingProblem, MAX_HOSTS};
use junction_engine::hubs::probe::{HostStatus, ProbeError};
use junction_engine::hubs::selection::AwayReason;
use junction_engine::hubs::target::TargetError;
use junction_engine::transport::dial::DialError;
use junction_engine::transport::verify::VerifyError;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::handshake::{HandshakeError, Pin, fingerprint};
use junction_shared::protocol::wire::VERSION;

use super::Wording;

impl Wording for AwayReason {
    fn wording(&self) -> String {
        match self {
            Self::NotYet => {
                "The hub has not answered yet. Call again in a few seconds; the bridge keeps trying."
                    .to_owned()
            }
            Self::Setting(error) => error.to_string(),
            Self::Target(error) => error.wording(),
            Self::Interrupted => "The configuration could not be read. Call again.".to_owned(),
            Self::Unreachable { address, cause, start, is_own_group, port } => {
                let is_hub = matches!(cause, DialError::Closed(_));
                let at_port = at_port(address, &dial_cause(cause), is_hub, *start, port);
                at_port.unwrap_or_else(|| unreachable(address, cause, *start, *is_own_group))
            }
            Self::Unproven { address, cause, port } => {
                let at_port = at_port(address, &cause.to_string(), false, HubStart::None, port);
                at_port.unwrap_or_else(|| unproven(address, *cause))
            }
            Self::Stopped { is_startable: true } => {
                "The hub was stopped by its user. Your next call that needs it, such as list_peers, starts it again."
                    .to_owned()
            }
            Self::Stopped { is_startable: false } => {
                "The hub was stopped by its user. Ask your user to start junction-hub; the bridge finds it by itself."
                    .to_owned()
            }
            Self::WouldBeListed { address, is_here: true } => format!(
                "The hub at {address} is older than this program and would list this session. Run junction-bridge stop, then \
                 try again."
            ),
            Self::WouldBeListed { address, is_here: false } => format!(
                "The hub at {address} lists every session that joins from another machine. Run this on the hub's machine."
            ),
            Self::OtherVersion { address, spoken } => {
                format!("{} Dialing stops until then, or until a tool needs the hub.", other_version(address, *spoken))
            }
        }
    }
}

/// The words for a port of this machine where its hub is not, if that is known. Whether a hub answers there is known
/// by its refusal.
fn at_port(
    address: &str,
    cause: &str,
    is_hub: bool,
    start: HubStart,
    port: &PortState,
) -> Option<String> {
    let what = match is_hub {
        true => "a hub of another group, user or configuration directory",
        false => "which is not this group's hub",
    };
    let owner = match port {
        PortState::Unknown => return None,
        PortState::HubElsewhere(other) => {
            return Some(format!(
                "The hub at {address} cannot be reached ({cause}): this group's hub here serves 127.0.0.1:{other}. Tell \
                 your user to unset JUNCTION_PORT (or JUNCTION_HUB, if that names the port), or to set it to {other}."
            ));
        }
        PortState::Taken(owner) => {
            return Some(format!(
                "The hub at {address} cannot be reached ({cause}): the port is in use by {owner}, {what}. Tell your \
                 user to stop it, or to unset JUNCTION_PORT or set it to a free port."
            ));
        }
        PortState::DefaultTaken(owner) => owner,
    };
    let next = match start {
        HubStart::Pending => "A hub is being started on another port: call again in a few seconds.".to_owned(),
        HubStart::Ended => {
            "A hub was started on another port and ended at once: run junction-hub in a terminal to see why."
                .to_owned()
        }
        HubStart::Failed(kind) => format!(
            "No hub could be started beside this program ({kind}): start junction-hub by hand; it takes another port by \
             itself."
        ),
        HubStart::None => {
            "Start junction-hub, which takes another port by itself; the bridge finds it.".to_owned()
        }
    };
    Some(format!(
        "The hub at {address} cannot be reached ({cause}): the port is in use by {owner}, {what}. {next}"
    ))
}

/// The words for a hub that cannot be reached, or whose connection has ended.
fn unreachable(address: &str, cause: &DialError, start: HubStart, is_own_group: bool) -> String {
    let next = match cause {
        DialError::OtherKey { expected, found } => {
            return format!(
                "{} Nothing was sent; tell your user, and join again only with a new link from the person who runs the hub.",
                other_key(address, expected, found)
            );
        }
        DialError::Refused => match start {
            HubStart::Ended => {
                "A hub was started and ended at once: run junction-hub in a terminal to see why."
            }
            HubStart::Failed(kind) => {
                return format!(
                    "The hub at {address} cannot be reached ({}), and none could be started beside this program ({kind}). \
                     Start junction-hub by hand; the bridge keeps trying.",
                    dial_cause(cause)
                );
            }
            HubStart::None => "Start junction-hub there; the bridge keeps trying.",
            HubStart::Pending => KEEPS_TRYING,
        },
        DialError::Unowned(_) => {
            "Another server answers in the hub's place: tell your user, and send nothing over this network."
        }
        DialError::NotAHub if is_own_group => {
            "Stop what uses that port, or set JUNCTION_PORT to another one."
        }
        DialError::NotAHub | DialError::NoTls => {
            "The server at that address is not a hub that serves other machines; tell your user."
        }
        DialError::Closed(Close::Unauthorized) if is_own_group => {
            "It belongs to another group or configuration directory; set JUNCTION_PORT to another port, or use the \
             directory that it was started with."
        }
        DialError::Closed(Close::Unauthorized | Close::Rotated) if !is_own_group => {
            "Its link is no longer valid: ask the person who runs it for a new one, and run junction-bridge join in a \
             terminal."
        }
        DialError::UnknownName => "Correct the name, or use the address; the bridge keeps trying.",
        DialError::OtherVersion(spoken) => return other_version(address, *spoken),
        DialError::Silent | DialError::Full | DialError::Closed(_) | DialError::Lost => {
            KEEPS_TRYING
        }
    };
    format!("The hub at {address} cannot be reached ({}). {next}", dial_cause(cause))
}

const KEEPS_TRYING: &str = "The bridge keeps trying; call again in a few seconds.";

/// The words for a link to this address that was not verified.
pub(crate) fn not_joined(address: &str, error: &VerifyError) -> String {
    let cause = match error {
        VerifyError::Unproven(cause) => return unproven(address, *cause),
        VerifyError::Unreachable(cause) => cause,
    };
    let next = match cause {
        DialError::OtherKey { expected, found } => {
            return format!(
                "{} Nothing was sent; ask the person who runs the hub which it is, and join only with a link from there.",
                other_key(address, expected, found)
            );
        }
        DialError::OtherVersion(spoken) => return other_version(address, *spoken),
        DialError::Closed(Close::Unauthorized) => "The link is no longer valid: ask for a new one.",
        DialError::Unowned(_) => {
            "Another server answers in the hub's place: do not join over this network."
        }
        DialError::NotAHub | DialError::NoTls => "Check that the link was made by this hub.",
        DialError::UnknownName => "Ask for a link with the hub's address in place of its name.",
        DialError::Full | DialError::Closed(_) => "Try again in a minute.",
        DialError::Refused | DialError::Silent | DialError::Lost => {
            "Check that junction-hub runs there for other machines, and that no firewall keeps its port closed."
        }
    };
    format!("The hub at {address} cannot be joined ({}). {next}", dial_cause(cause))
}

/// Why there is no connection, within a sentence.
fn dial_cause(error: &DialError) -> String {
    let cause = match error {
        DialError::Refused => "connection refused",
        DialError::Silent => "no answer",
        DialError::Full => "it is full",
        DialError::UnknownName => "its name cannot be resolved",
        DialError::OtherKey { .. } => "its key differs from the one in its link",
        DialError::Unowned(pin) => {
            let pin = fingerprint(pin);
            return format!("it presents the link's key {pin} but cannot prove that it owns it");
        }
        DialError::NoTls => "the server there does not speak TLS 1.3",
        DialError::NotAHub => "the server there is not a hub",
        DialError::Closed(close) => return format!("the hub closed the connection: {close}"),
        DialError::OtherVersion(_) => "it speaks another version of the protocol",
        DialError::Lost => "the connection was lost",
    };
    cause.to_owned()
}

/// The words for a server that did not prove that it belongs to the group.
fn unproven(address: &str, error: HandshakeError) -> String {
    match error {
        HandshakeError::NoCommonVersion(newest) => other_version(address, Some(newest)),
        HandshakeError::Malformed | HandshakeError::Unproven => format!(
            "What answers at {address} is not this group's hub: {error}. \
             Nothing secret was sent; find out what uses that address, and tell your user."
        ),
    }
}

/// The words for a hub that speaks no version of this bridge: which of the two is older, and what to do.
fn other_version(address: &str, spoken: Option<u16>) -> String {
    match spoken {
        Some(hub) if hub > VERSION => format!(
            "The hub at {address} speaks version {hub} of the protocol and this bridge the older version {VERSION}. Install the \
             junction-bridge of the hub's release, then restart this session."
        ),
        Some(hub) => format!(
            "The hub at {address} speaks version {hub} of the protocol and this bridge the newer version {VERSION}. Install the \
             junction-hub of this bridge's release there, then restart the hub."
        ),
        None => format!(
            "The hub at {address} speaks another version of the protocol than this bridge, which speaks {VERSION}. Install the \
             same release of junction-hub and junction-bridge, then restart the older one."
        ),
    }
}

/// What is wrong, where a server has another key than the one in the link.
fn other_key(address: &str, expected: &Pin, found: &Pin) -> String {
    let (expected, found) = (fingerprint(expected), fingerprint(found));
    format!(
        "What answers at {address} is not the hub of the link: its key has the fingerprint {found}, and the link \
         says {expected}."
    )
}

impl Wording for TargetError {
    fn wording(&self) -> String {
        match self {
            Self::PortZero => {
                "Port 0 names no hub. Set JUNCTION_HUB to the port that the hub serves.".to_owned()
            }
            Self::UnknownName => {
                "No known host has that name. Call known_hosts to see which there are.".to_owned()
            }
            Self::NotJoined => {
                "No host of that address was joined here. Ask your user to run junction-bridge join in a \
                 terminal, and to paste a link from junction-bridge invite."
                    .to_owned()
            }
            Self::NoLink(name) => format!(
                "No invite link for host {name} is stored. Ask your user to run junction-bridge join --name {name} \
                 in a terminal, and to paste a link from junction-bridge invite."
            ),
            Self::Listing(problem) => problem.wording(),
            Self::Files(error) => error.get().to_string(),
        }
    }
}

impl Wording for ListingProblem {
    fn wording(&self) -> String {
        match self {
            Self::Files(error) => error.get().to_string(),
            Self::Line(problem) => problem.to_string(),
            Self::NameTaken { part } => format!(
                "JUNCTION_KNOWN_HOSTS part {part}: There is a host of this name already. Choose another name."
            ),
            Self::NotAHost { part } => format!(
                "JUNCTION_KNOWN_HOSTS part {part}: This is not a host. Write name=IP or name=IP:PORT."
            ),
            Self::TooMany => {
                format!("More than {MAX_HOSTS} hosts are known. Remove those that are not needed.")
            }
        }
    }
}

/// The words for a known host whose hub has another key than its link names.
pub(crate) fn host_problem(host: &HostStatus) -> Option<String> {
    match &host.health {
        Ok(_) | Err(ProbeError::NoAnswer | ProbeError::Stranger) => None,
        Err(ProbeError::OldLink) => Some(format!(
            "{}: Its link is no longer valid. Ask the person who runs the hub for a new one, and run junction-bridge \
             join --name {}.",
            host.name, host.name
        )),
        Err(ProbeError::OtherKey { expected, found }) => Some(format!(
            "{}: {} Join it again only with a link from the person who runs it.",
            host.name,
            other_key(&host.endpoint.address(), expected, found)
        )),
    }
}

impl Wording for MoveError {
    fn wording(&self) -> String {
        match self {
            Self::Target(error) => error.wording(),
            Self::NoAnswer => {
                "No hub answers at that host. Call known_hosts to see which can be reached."
                    .to_owned()
            }
            Self::OtherKey { address, expected, found } => format!(
                "{} Tell your user; this session stays where it is.",
                other_key(address, expected, found)
            ),
            Self::Unread(count) => format!(
                "Unread messages are waiting on this hub ({count}). Call read_messages, then register again."
            ),
        }
    }
}
