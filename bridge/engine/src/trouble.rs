//! What agents are told when there is no hub: one sentence that says what is wrong, one that says what to do.

use junction_shared::protocol::close::Close;
use junction_shared::protocol::handshake::{HandshakeError, Pin, fingerprint};
use junction_shared::protocol::wire::VERSION;

use crate::hubs::autostart::Autostart;
use crate::transport::dial::DialError;

/// What is said before the first dial has come to anything.
pub const NOT_YET: &str =
    "The hub has not answered yet. Call again in a few seconds; the bridge keeps trying.";

/// A hub that cannot be reached, or not any more.
pub fn unreachable(
    address: &str,
    error: &DialError,
    autostart: &Autostart,
    is_own_group: bool,
) -> String {
    if let DialError::OtherKey { expected, found } = error {
        return format!(
            "{} Nothing was sent; tell your user, and join again only with a new link from whoever runs the hub.",
            other_key(address, expected, found)
        );
    }
    let next = match error {
        DialError::Refused if autostart.failed() => {
            "A hub was started and ended at once: run junction-hub in a terminal to see why."
        }
        DialError::Refused if !autostart.expects_hub() => {
            "Start junction-hub there; the bridge keeps trying."
        }
        DialError::Unowned(_) => {
            "Somebody stands in its place: tell your user, and send nothing by this network."
        }
        DialError::NotAHub if is_own_group => "Stop what uses that port, or use another one.",
        DialError::NotAHub | DialError::NoTls => {
            "Something else than a hub for other machines is at that address; tell your user."
        }
        DialError::Closed(Close::Unauthorized) if is_own_group => {
            "It belongs to another group or configuration folder; use the folder that it was started with, or join \
             it by a link."
        }
        DialError::Closed(Close::Unauthorized | Close::Rotated) if !is_own_group => {
            "Its link is no longer valid: ask whoever runs it for a new one, and run junction-bridge join in a \
             terminal."
        }
        DialError::UnknownName => "Correct the name, or use the address; the bridge keeps trying.",
        _ => "The bridge keeps trying; call again in a few seconds.",
    };
    format!("The hub at {address} cannot be reached ({error}). {next}")
}

/// A hub whose link could not be proven.
pub fn not_joined(address: &str, error: &DialError) -> String {
    if let DialError::OtherKey { expected, found } = error {
        return format!(
            "{} Nothing was sent; ask whoever runs the hub which it is, and join only with a link from there.",
            other_key(address, expected, found)
        );
    }
    let next = match error {
        DialError::Closed(Close::Unauthorized) => "The link is no longer valid: ask for a new one.",
        DialError::Unowned(_) => "Somebody stands in its place: do not join by this network.",
        DialError::NotAHub | DialError::NoTls => "Check that the link was made by this hub.",
        DialError::UnknownName => "Ask for a link with the hub's address in place of its name.",
        DialError::Full | DialError::Closed(_) => "Try again in a minute.",
        DialError::Refused | DialError::Silent | DialError::Lost | DialError::OtherKey { .. } => {
            "Check that junction-hub runs there for other machines, and that no firewall keeps its port closed."
        }
    };
    format!("The hub at {address} cannot be joined ({error}). {next}")
}

/// What answers has another key than the one that the link is for.
pub fn other_key(address: &str, expected: &Pin, found: &Pin) -> String {
    let (expected, found) = (fingerprint(expected), fingerprint(found));
    format!(
        "What answers at {address} is not the hub of the link: its key has the fingerprint {found}, and the link \
         says {expected}."
    )
}

/// What answers, but could not prove that it is this group's hub.
pub fn unproven(address: &str, error: HandshakeError) -> String {
    match error {
        HandshakeError::NoCommonVersion => format!(
            "The hub at {address} speaks another version of the protocol than {VERSION}. \
             Install the same version of both programs, and restart the older one."
        ),
        HandshakeError::Malformed | HandshakeError::Unproven => format!(
            "What answers at {address} is not this group's hub: {error}. \
             Nothing secret was sent; find out what uses that address, and tell your user."
        ),
    }
}
