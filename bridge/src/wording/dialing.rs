//! What is wrong where a hub was dialed, and what to do.

use junction_engine::hubs::autostart::HubStart;
use junction_engine::hubs::failed_dial::PortState;
use junction_engine::transport::dial::DialError;
use junction_engine::transport::verify::VerifyError;
use junction_shared::protocol::close::Close;
use junction_shared::protocol::handshake::{HandshakeError, Pin, fingerprint};
use junction_shared::protocol::wire::VERSION;

use super::Audience;

/// The words for a port of this machine where its hub is not, if that is known. Whether a hub answers there is known
/// by its refusal.
pub(super) fn at_port(
    address: &str,
    cause: &str,
    is_hub: bool,
    start: HubStart,
    port: &PortState,
    audience: Audience,
) -> Option<String> {
    let what = match is_hub {
        true => "a hub of another group, user or configuration directory",
        false => "which is not this group's hub",
    };
    let what = |owner| {
        format!(
            "The hub at {address} cannot be reached ({cause}): the port is in use by {owner}, {what}."
        )
    };
    Some(match port {
        PortState::Unknown => return None,
        PortState::HubElsewhere(other) => {
            let unset = audience.pick("Tell your user to unset", "Unset");
            let set = audience.pick("or to set", "or set");
            format!(
                "The hub at {address} cannot be reached ({cause}): this group's hub here serves 127.0.0.1:{other}. {unset} \
                 JUNCTION_PORT (or JUNCTION_HUB, if that names the port), {set} it to {other}."
            )
        }
        PortState::Taken(owner) => format!(
            "{} {}",
            what(owner),
            audience.pick(
                "Tell your user to stop it, or to unset JUNCTION_PORT or set it to a free port.",
                "Stop that program, or unset JUNCTION_PORT or set it to a free port.",
            )
        ),
        PortState::DefaultTaken(owner) => format!("{} {}", what(owner), elsewhere(start, audience)),
    })
}

/// What to do where this machine's hub takes another port than its usual one.
fn elsewhere(start: HubStart, audience: Audience) -> String {
    match start {
        HubStart::Pending => {
            let again = audience.pick("call again", "try again");
            format!("A hub is being started on another port: {again} in a few seconds.")
        }
        HubStart::Ended => {
            "A hub was started on another port and ended at once: run junction-hub in a terminal to see why."
                .to_owned()
        }
        HubStart::Failed(kind) => format!(
            "No hub could be started beside this program ({kind}): start junction-hub by hand; it takes another port by \
             itself."
        ),
        HubStart::None => audience
            .pick(
                "Start junction-hub, which takes another port by itself; the bridge finds it.",
                "Start junction-hub, which takes another port by itself, then try again.",
            )
            .to_owned(),
    }
}

/// The words for a hub that cannot be reached, or whose connection has ended.
pub(super) fn unreachable(
    address: &str,
    cause: &DialError,
    start: HubStart,
    is_own_group: bool,
    audience: Audience,
) -> String {
    let next = match cause {
        DialError::OtherKey { expected, found } => {
            let what = other_key(address, expected, found);
            let next = audience.pick("tell your user, and join", "join");
            return format!(
                "{what} Nothing was sent; {next} again only with a new link from the person who runs the hub."
            );
        }
        DialError::Refused => return refused(address, start, audience),
        DialError::Unowned(_) => audience.pick(
            "Another server answers in the hub's place: tell your user, and send nothing over this network.",
            "Another server answers in the hub's place: send nothing over this network.",
        ),
        DialError::NotAHub if is_own_group => audience.pick(
            "Stop what uses that port, or set JUNCTION_PORT to another one.",
            "Stop what uses that port, or name another port or hub.",
        ),
        DialError::NotAHub | DialError::NoTls => audience.pick(
            "The server at that address is not a hub that serves other machines; tell your user.",
            "Check the address, and ask the person who runs the hub.",
        ),
        DialError::Closed(Close::Unauthorized) if is_own_group => audience.pick(
            "It belongs to another group or configuration directory; set JUNCTION_PORT to another port, or use the \
             directory that it was started with.",
            "It belongs to another group or configuration directory: name another hub, or that directory with --config-dir.",
        ),
        DialError::Closed(Close::Unauthorized | Close::Rotated) if !is_own_group => audience.pick(
            "Its link is no longer valid: ask the person who runs it for a new one, and run junction-bridge join in a \
             terminal.",
            "Its link is no longer valid: ask the person who runs it for a new one, and run junction-bridge join.",
        ),
        DialError::UnknownName => audience.pick(
            "Correct the name, or use the address; the bridge keeps trying.",
            "Correct the name, or use the address.",
        ),
        DialError::OtherVersion(spoken) => return other_version(address, *spoken, audience),
        DialError::Silent | DialError::Full | DialError::Closed(_) | DialError::Lost => {
            keeps_trying(audience)
        }
    };
    format!("The hub at {address} cannot be reached ({}). {next}", dial_cause(cause))
}

/// The words for an address at which nothing listens.
fn refused(address: &str, start: HubStart, audience: Audience) -> String {
    let what = format!("The hub at {address} cannot be reached (connection refused)");
    let next = match start {
        HubStart::Ended => {
            "A hub was started and ended at once: run junction-hub in a terminal to see why."
        }
        HubStart::Failed(kind) => {
            let then = audience.pick("; the bridge keeps trying", ", then try again");
            return format!(
                "{what}, and none could be started beside this program ({kind}). Start junction-hub by hand{then}."
            );
        }
        HubStart::None => audience.pick(
            "Start junction-hub there; the bridge keeps trying.",
            "Start junction-hub there and try again, or name another hub.",
        ),
        HubStart::Pending => keeps_trying(audience),
    };
    format!("{what}. {next}")
}

fn keeps_trying(audience: Audience) -> &'static str {
    audience.pick(
        "The bridge keeps trying; call again in a few seconds.",
        "Try again in a few seconds.",
    )
}

/// The words for a link to this address that was not verified. A person is about to join.
pub(crate) fn not_joined(address: &str, error: &VerifyError) -> String {
    let cause = match error {
        VerifyError::Unproven(cause) => return unproven(address, *cause, Audience::Person),
        VerifyError::Unreachable(cause) => cause,
    };
    let next = match cause {
        DialError::OtherKey { expected, found } => {
            return format!(
                "{} Nothing was sent; ask the person who runs the hub which it is, and join only with a link from there.",
                other_key(address, expected, found)
            );
        }
        DialError::OtherVersion(spoken) => {
            return other_version(address, *spoken, Audience::Person);
        }
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
pub(super) fn dial_cause(error: &DialError) -> String {
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
pub(super) fn unproven(address: &str, error: HandshakeError, audience: Audience) -> String {
    match error {
        HandshakeError::NoCommonVersion(newest) => other_version(address, Some(newest), audience),
        HandshakeError::Malformed | HandshakeError::Unproven => {
            let then = audience.pick(", and tell your user", " before you try again");
            format!(
                "What answers at {address} is not this group's hub: {error}. \
                 Nothing secret was sent; find out what uses that address{then}."
            )
        }
    }
}

/// The words for a hub that speaks no version of this bridge: which of the two is older, and what to do.
pub(super) fn other_version(address: &str, spoken: Option<u16>, audience: Audience) -> String {
    let this = audience.pick("this bridge", "this program");
    match spoken {
        Some(hub) if hub > VERSION => {
            let then = audience.pick("restart this session", "try again");
            format!(
                "The hub at {address} speaks version {hub} of the protocol and {this} the older version {VERSION}. Install the \
                 junction-bridge of the hub's release, then {then}."
            )
        }
        Some(hub) => format!(
            "The hub at {address} speaks version {hub} of the protocol and {this} the newer version {VERSION}. Install the \
             junction-hub of {this}'s release there, then restart the hub."
        ),
        None => format!(
            "The hub at {address} speaks another version of the protocol than {this}, which speaks {VERSION}. Install the \
             same release of junction-hub and junction-bridge, then restart the older one."
        ),
    }
}

/// What is wrong, where a server has another key than the one in the link.
pub(super) fn other_key(address: &str, expected: &Pin, found: &Pin) -> String {
    let (expected, found) = (fingerprint(expected), fingerprint(found));
    format!(
        "What answers at {address} is not the hub of the link: its key has the fingerprint {found}, and the link \
         says {expected}."
    )
}
