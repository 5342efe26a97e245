//! What is wrong with a hub, with the way to it, or with the settings that name it.

use junction_engine::error::MoveError;
use junction_engine::hubs::autostart::HubStart;
use junction_engine::hubs::known::{ListingProblem, MAX_HOSTS};
use junction_engine::hubs::probe::{HostStatus, ProbeError};
use junction_engine::hubs::selection::AwayReason;
use junction_engine::hubs::target::TargetError;
use junction_engine::transport::dial::DialError;

pub(crate) use super::dialing::not_joined;
use super::dialing::{at_port, dial_cause, other_key, other_version, unproven, unreachable};
use super::{Audience, Wording};

impl Wording for AwayReason {
    fn words_for(&self, audience: Audience) -> String {
        match self {
            Self::NotYet => audience
                .pick(
                    "The hub has not answered yet. Call again in a few seconds; the bridge keeps trying.",
                    "The hub has not answered yet. Try again in a few seconds.",
                )
                .to_owned(),
            Self::Setting(error) => error.to_string(),
            Self::Target(error) => error.words_for(audience),
            Self::Interrupted => {
                let again = audience.pick("Call again", "Try again");
                format!("The configuration could not be read. {again}.")
            }
            Self::Unreachable { address, cause, start, is_own_group, port } => {
                let is_hub = matches!(cause, DialError::Closed(_));
                let at_port = at_port(address, &dial_cause(cause), is_hub, *start, port, audience);
                at_port
                    .unwrap_or_else(|| unreachable(address, cause, *start, *is_own_group, audience))
            }
            Self::Unproven { address, cause, port } => {
                let start = HubStart::None;
                let at_port = at_port(address, &cause.to_string(), false, start, port, audience);
                at_port.unwrap_or_else(|| unproven(address, *cause, audience))
            }
            Self::Stopped { is_startable } => stopped(*is_startable, audience).to_owned(),
            Self::WouldBeListed { address, is_here: true } => format!(
                "The hub at {address} is older than this program and would list this command as a session. Run junction-bridge stop, then \
                 try again."
            ),
            Self::WouldBeListed { address, is_here: false } => format!(
                "The hub at {address} lists every session that joins from another machine. Run this on the hub's machine."
            ),
            Self::OtherVersion { address, spoken } => {
                let what = other_version(address, *spoken, audience);
                audience.pick(
                    format!("{what} Dialing stops until then, or until a tool needs the hub."),
                    what,
                )
            }
        }
    }
}

/// What starts this machine's hub, after a stop too: for a person.
pub(crate) const STARTS_A_HUB: &str = "One starts with the next tool call of an agent, with junction-hub, or with junction-bridge ui, watch, send or \
                                       read --wait.";

/// The words for a hub that was stopped: whether a session of this audience starts it again.
fn stopped(is_startable: bool, audience: Audience) -> &'static str {
    match (audience, is_startable) {
        (Audience::Agent, true) => {
            "The hub was stopped by its user. Your next call that needs it, such as list_peers, starts it again."
        }
        (Audience::Agent, false) => {
            "The hub was stopped by its user. Ask your user to start junction-hub; the bridge finds it by itself."
        }
        (Audience::Person, true) => {
            "The hub was stopped. Run junction-hub to start it again, or wait for the next call of an agent, which does so, too."
        }
        (Audience::Person, false) => "The hub was stopped. Run junction-hub to start it again.",
    }
}

impl Wording for TargetError {
    fn words_for(&self, audience: Audience) -> String {
        match self {
            Self::PortZero => {
                "Port 0 names no hub. Set JUNCTION_HUB to the port that the hub serves.".to_owned()
            }
            Self::UnknownName => audience
                .pick(
                    "No known host has that name. Call known_hosts to see which there are.",
                    "JUNCTION_HUB or --hub names a host that is not known. Run junction-bridge hosts to see the known ones.",
                )
                .to_owned(),
            Self::NotJoined => audience
                .pick(
                    "No host of that address was joined here. Ask your user to run junction-bridge join in a \
                     terminal, and to paste a link from junction-bridge invite.",
                    "No hub at that address was joined from here. Run junction-bridge join, and paste a link that \
                     junction-bridge invite printed on the hub's machine.",
                )
                .to_owned(),
            Self::NoLink(name) => match audience {
                Audience::Agent => format!(
                    "No invite link for host {name} is stored. Ask your user to run junction-bridge join --name {name} \
                     in a terminal, and to paste a link from junction-bridge invite."
                ),
                Audience::Person => format!(
                    "No invite link for host {name} is stored. Run junction-bridge join --name {name}, and paste a link that \
                     junction-bridge invite printed on the hub's machine."
                ),
            },
            Self::Listing(problem) => problem.words_for(audience),
            Self::Files(error) => error.get().to_string(),
        }
    }
}

impl Wording for ListingProblem {
    /// Whoever reads it corrects a file or a setting.
    fn words_for(&self, _: Audience) -> String {
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
    /// Only an agent's session moves.
    fn words_for(&self, _: Audience) -> String {
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
