//! What agents are told when there is no hub: one sentence that says what is wrong, one that says what to do.

use junction_shared::close::Close;
use junction_shared::handshake::HandshakeError;
use junction_shared::wire::VERSION;

use super::dial::DialError;
use crate::autostart::Autostart;

/// What is said before the first dial has come to anything.
pub(super) const NOT_YET: &str =
    "The hub has not answered yet. Call again in a few seconds; the bridge keeps trying.";

/// A hub that cannot be reached, or not any more.
pub(super) fn unreachable(address: &str, error: &DialError, autostart: &Autostart) -> String {
    let next = match error {
        DialError::Refused if autostart.failed() => {
            "A hub was started and ended at once: run junction-hub in a terminal to see why."
        }
        DialError::Refused if !autostart.expects_hub() => {
            "Start junction-hub there; the bridge keeps trying."
        }
        DialError::NotAHub => "Stop what uses that port, or set JUNCTION_PORT to another.",
        DialError::Closed(Close::Unauthorized) => {
            "It belongs to another group or configuration folder; use the folder that it was started with."
        }
        _ => "The bridge keeps trying; call again in a few seconds.",
    };
    format!("The hub at {address} cannot be reached ({error}). {next}")
}

/// What answers, but could not prove that it is this group's hub.
pub(super) fn unproven(address: &str, error: HandshakeError) -> String {
    match error {
        HandshakeError::NoCommonVersion => format!(
            "The hub at {address} speaks another version of the protocol than {VERSION}. \
             Install the same version of both programs, and restart the older one."
        ),
        HandshakeError::Malformed | HandshakeError::Unproven => format!(
            "What answers at {address} is not this group's hub: {error}. \
             Nothing secret was sent; stop what uses that port, or set JUNCTION_PORT to another."
        ),
    }
}
