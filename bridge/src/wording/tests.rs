//! The snapshot of all wordings. Each list names every variant of its error, or does not compile.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use junction_engine::error::{AttachmentError, AttachmentsRefused, MoveError};
use junction_engine::hubs::autostart::HubStart;
use junction_engine::hubs::failed_dial::PortState;
use junction_engine::hubs::feed::FeedError;
use junction_engine::hubs::known::ListingProblem;
use junction_engine::hubs::probe::{HostStatus, ProbeError};
use junction_engine::hubs::selection::AwayReason;
use junction_engine::hubs::target::TargetError;
use junction_engine::transport::dial::DialError;
use junction_engine::transport::endpoint::Endpoint;
use junction_engine::transport::verify::VerifyError;
use junction_shared::machine::config_dir::ConfigError;
use junction_shared::machine::hosts_problem::{HostsMistake, HostsProblem};
use junction_shared::machine::port_owner::PortOwner;
use junction_shared::machine::settings::{Expected, SettingError};
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::close;
use junction_shared::protocol::handshake::HandshakeError;

use super::hubs::{host_problem, not_joined};
use super::*;
use crate::docs::assert_snapshot;
use junction_engine::ClaimError;
use junction_engine::error::{Error, Unanswered, UnreadLimit};
use junction_shared::protocol::wire::Refusal;

const AT: &str = "192.168.1.20:4200";
const EXPECTED: [u8; 32] = [0x11; 32];
const FOUND: [u8; 32] = [0x22; 32];
/// What stands before the words for a person, where an agent gets others.
const PERSON: &str = "(a person) ";

/// Values of an enum, each with its variant as a label. The match is exhaustive, so no variant can be missing.
macro_rules! every {
    ($($variant:pat => $value:expr),+ $(,)?) => {{
        let label = |value: &_| match value { $($variant => stringify!($variant)),+ };
        let values = vec![$($value),+];
        values.into_iter().map(|value| (label(&value), value)).collect::<Vec<_>>()
    }};
}

/// A section of the snapshot: a line for every wording, below the variant that it belongs to.
fn section(page: &mut String, title: &str, wordings: Vec<(String, String)>) {
    page.push_str(&format!("# {title}\n"));
    let mut last = String::new();
    for (label, wording) in wordings {
        if label != last {
            page.push_str(&format!("{label}\n"));
        }
        page.push_str(&format!("    {wording}\n"));
        last = label;
    }
    page.push('\n');
}

/// These texts without repetitions.
fn each_once(wordings: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut known = BTreeSet::new();
    wordings.into_iter().filter(|it| known.insert(it.clone())).collect()
}

fn worded<E: Wording>(errors: Vec<(&'static str, E)>) -> Vec<(String, String)> {
    errors.into_iter().flat_map(|(label, error)| both(label.to_owned(), &error)).collect()
}

/// The words of an error for an agent, and those for a person where they are others.
fn both(label: String, error: &impl Wording) -> Vec<(String, String)> {
    let [agents, persons] =
        [Audience::Agent, Audience::Person].map(|audience| error.words_for(audience));
    let is_same = agents == persons;
    let persons = (!is_same).then(|| (label.clone(), format!("{PERSON}{persons}")));
    std::iter::once((label, agents)).chain(persons).collect()
}

fn files_error() -> ConfigError {
    let source = io::Error::from(io::ErrorKind::PermissionDenied);
    ConfigError::Io { path: PathBuf::from("/config"), source }
}

fn errors() -> Vec<(&'static str, Error)> {
    let alias = || Alias::parse("alice").unwrap();
    let print = |digit: &str| digit.repeat(16);
    every![
        Error::HubAway(_) => Error::HubAway(Unanswered::Late),
        Error::NotSent(_) => Error::NotSent(Unanswered::Late),
        Error::Left => Error::Left,
        Error::Removed => Error::Removed,
        Error::UnknownAlias(_) => Error::UnknownAlias(alias()),
        Error::PeerLeft(_) => Error::PeerLeft(alias()),
        Error::AliasTaken(_) => Error::AliasTaken(alias()),
        Error::BadAlias => Error::BadAlias,
        Error::KeyChanged { .. } =>
            Error::KeyChanged {
                alias: alias(),
                known_as: alias(),
                known: print("1"),
                offered: print("2"),
            },
        Error::OtherFingerprint { .. } =>
            Error::OtherFingerprint { alias: alias(), offered: print("2") },
        Error::UnusableCard(_) => Error::UnusableCard(alias()),
        Error::HubMisbehaving => Error::HubMisbehaving,
        Error::ToSelf => Error::ToSelf,
        Error::TooLarge { .. } => Error::TooLarge { limit: 65_536 },
        Error::PeerFull(_) => Error::PeerFull(UnreadLimit { messages: 32, bytes: 2 << 20 }),
        Error::OutboxFull(_) =>
            Error::OutboxFull(UnreadLimit { messages: 256, bytes: 8 << 20 }),
        Error::SendLimit { .. } => Error::SendLimit { seconds: 7 },
        Error::ReceiverLimit { .. } => Error::ReceiverLimit { seconds: 7 },
        Error::GroupLimit { .. } => Error::GroupLimit { seconds: 7 },
        Error::EmptyGroup => Error::EmptyGroup,
        Error::GroupTooLarge { .. } => Error::GroupTooLarge { members: 65 },
        Error::KnowsNoRequests(_) => Error::KnowsNoRequests(alias()),
        Error::TooManyNotifications => Error::TooManyNotifications,
        Error::UnreadQuestion(..) => Error::UnreadQuestion(alias()),
        Error::Refused(_) => Error::Refused(Refusal::Gone),
        Error::NoAttachments(_) => Error::NoAttachments(AttachmentsRefused::Hub),
        Error::TooManyAttachments => Error::TooManyAttachments,
        Error::Attachment(_) => Error::Attachment(AttachmentError::Expired),
        Error::Claim(_) => Error::Claim(ClaimError::TooMany(512)),
        Error::ReadBusy => Error::ReadBusy,
        Error::OlderHub => Error::OlderHub,
        Error::TooManyWaits => Error::TooManyWaits,
        Error::Move(_) => Error::Move(MoveError::NoAnswer),
    ]
}

fn look_alikes() -> Vec<(String, String)> {
    let alias = |text| Alias::parse(text).unwrap();
    let error = Error::KeyChanged {
        alias: alias("worker-l"),
        known_as: alias("worker-1"),
        known: "1".repeat(16),
        offered: "2".repeat(16),
    };
    both("Error::KeyChanged { .. }".to_owned(), &error)
}

fn refusals() -> Vec<(&'static str, Error)> {
    let refusals = every![
        Refusal::Gone => Refusal::Gone,
        Refusal::InboxFull => Refusal::InboxFull,
        Refusal::NoAttachments => Refusal::NoAttachments,
        Refusal::Changed => Refusal::Changed,
        Refusal::IdConflict => Refusal::IdConflict,
        Refusal::ToSelf => Refusal::ToSelf,
    ];
    refusals.into_iter().map(|(label, refusal)| (label, Error::Refused(refusal))).collect()
}

fn unanswered() -> Vec<(&'static str, Unanswered)> {
    every![
        Unanswered::Away(_) => Unanswered::Away(AwayReason::NotYet),
        Unanswered::Late => Unanswered::Late,
        Unanswered::Lost => Unanswered::Lost,
    ]
}

fn away_reasons() -> Vec<(&'static str, AwayReason)> {
    let setting = || SettingError { name: "JUNCTION_PORT", expected: Expected("a port number") };
    every![
        AwayReason::NotYet => AwayReason::NotYet,
        AwayReason::Setting(_) => AwayReason::Setting(setting()),
        AwayReason::Target(_) => AwayReason::Target(TargetError::PortZero),
        AwayReason::Interrupted => AwayReason::Interrupted,
        AwayReason::Unreachable { .. } => AwayReason::Unreachable {
            address: AT.to_owned(),
            cause: DialError::Silent,
            start: HubStart::None,
            is_own_group: true,
            port: PortState::Unknown,
        },
        AwayReason::Unproven { .. } => AwayReason::Unproven {
            address: AT.to_owned(),
            cause: HandshakeError::Unproven,
            port: PortState::Unknown,
        },
        AwayReason::Stopped { .. } => AwayReason::Stopped { is_startable: true },
        AwayReason::WouldBeListed { .. } =>
            AwayReason::WouldBeListed { address: AT.to_owned(), is_here: true },
        AwayReason::OtherVersion { .. } =>
            AwayReason::OtherVersion { address: AT.to_owned(), spoken: Some(2) },
    ]
}

fn dial_errors() -> Vec<(String, DialError)> {
    let errors = every![
        DialError::Refused => DialError::Refused,
        DialError::Silent => DialError::Silent,
        DialError::Full => DialError::Full,
        DialError::UnknownName => DialError::UnknownName,
        DialError::OtherKey { .. } => DialError::OtherKey { expected: EXPECTED, found: FOUND },
        DialError::Unowned(_) => DialError::Unowned(FOUND),
        DialError::NoTls => DialError::NoTls,
        DialError::NotAHub => DialError::NotAHub,
        DialError::Lost => DialError::Lost,
        DialError::OtherVersion(_) => DialError::OtherVersion(Some(0)),
        DialError::Closed(_) => DialError::Closed(close::ALL[0]),
    ];
    let closed =
        close::ALL[1..].iter().map(|close| ("DialError::Closed(_)", DialError::Closed(*close)));
    errors.into_iter().chain(closed).map(|(label, error)| (label.to_owned(), error)).collect()
}

/// The wordings of every dial error, for every kind of hub.
fn unreachable() -> Vec<(String, String)> {
    let starts = every![
        HubStart::None => HubStart::None,
        HubStart::Pending => HubStart::Pending,
        HubStart::Ended => HubStart::Ended,
        HubStart::Failed(_) => HubStart::Failed(io::ErrorKind::NotFound),
    ];
    let mut wordings = Vec::new();
    for (is_own_group, group) in [(true, "own group"), (false, "other group")] {
        for (label, cause) in dial_errors() {
            for (start_label, start) in &starts {
                let is_refused = cause == DialError::Refused;
                let start_label =
                    if is_refused { format!(", {start_label}") } else { String::new() };
                let reason = AwayReason::Unreachable {
                    address: AT.to_owned(),
                    cause: cause.clone(),
                    start: *start,
                    is_own_group,
                    port: PortState::Unknown,
                };
                wordings.extend(both(format!("{label}, {group}{start_label}"), &reason));
            }
        }
    }
    each_once(wordings)
}

fn feed_errors() -> Vec<(&'static str, FeedError)> {
    every![
        FeedError::Target(_) => FeedError::Target(TargetError::NotJoined),
        FeedError::Elsewhere(_) => FeedError::Elsewhere("attic".to_owned()),
        FeedError::Files(_) => FeedError::Files(files_error().into()),
        FeedError::NotRunning => FeedError::NotRunning,
        FeedError::NoAnswer(_) => FeedError::NoAnswer(Some(4200)),
        FeedError::NotOurs(_) => FeedError::NotOurs(4200),
        FeedError::OlderHub(_) => FeedError::OlderHub(4200),
        FeedError::TooMany(_) => FeedError::TooMany(4200),
        FeedError::Nonsense(_) => FeedError::Nonsense(4200),
        FeedError::Ended => FeedError::Ended,
    ]
}

fn handshake_errors() -> Vec<(&'static str, HandshakeError)> {
    every![
        HandshakeError::Malformed => HandshakeError::Malformed,
        HandshakeError::NoCommonVersion(_) => HandshakeError::NoCommonVersion(2),
        HandshakeError::Unproven => HandshakeError::Unproven,
    ]
}

fn unproven() -> Vec<(String, String)> {
    let reason = |cause| {
        let port = PortState::Unknown;
        AwayReason::Unproven { address: AT.to_owned(), cause, port }
    };
    let errors = handshake_errors().into_iter();
    errors.flat_map(|(label, cause)| both(label.to_owned(), &reason(cause))).collect()
}

fn other_versions() -> Vec<(String, String)> {
    let reason = |spoken| AwayReason::OtherVersion { address: AT.to_owned(), spoken };
    let spoken = [None, Some(0), Some(2)].into_iter();
    spoken.flat_map(|spoken| both(format!("{spoken:?}"), &reason(spoken))).collect()
}

/// The wordings of every port of this machine at which its hub did not answer.
fn ports() -> Vec<(String, String)> {
    let owners = every![
        PortOwner::Program { .. } =>
            PortOwner::Program { name: "python3".to_owned(), process: 4711 },
        PortOwner::OtherUser(_) => PortOwner::OtherUser(1001),
        PortOwner::Unknown => PortOwner::Unknown,
    ];
    let program = || Box::new(owners[0].1.clone());
    let mut states = every![
        PortState::Unknown => PortState::Unknown,
        PortState::HubElsewhere(_) => PortState::HubElsewhere(4200),
        PortState::Taken(_) => PortState::Taken(program()),
        PortState::DefaultTaken(_) => PortState::DefaultTaken(program()),
    ];
    let others = owners[1..]
        .iter()
        .map(|(label, owner)| (*label, PortState::Taken(Box::new(owner.clone()))));
    states.extend(others);
    let starts = [
        HubStart::None,
        HubStart::Pending,
        HubStart::Ended,
        HubStart::Failed(io::ErrorKind::NotFound),
    ];
    let mut wordings = Vec::new();
    for (label, port) in states {
        for start in starts {
            let (address, cause, port) = (AT.to_owned(), DialError::Silent, port.clone());
            let is_own_group = true;
            let reason = AwayReason::Unreachable { address, cause, start, is_own_group, port };
            wordings.extend(both(label.to_owned(), &reason));
        }
        let refused = AwayReason::Unreachable {
            address: AT.to_owned(),
            cause: DialError::Closed(close::Close::Unauthorized),
            start: HubStart::Pending,
            is_own_group: true,
            port: port.clone(),
        };
        wordings.extend(both(label.to_owned(), &refused));
        let (address, cause) = (AT.to_owned(), HandshakeError::Unproven);
        wordings.extend(both(label.to_owned(), &AwayReason::Unproven { address, cause, port }));
    }
    each_once(wordings)
}

fn join_errors() -> Vec<(String, String)> {
    let dial =
        dial_errors().into_iter().map(|(label, cause)| (label, VerifyError::Unreachable(cause)));
    let unproven = every![
        VerifyError::Unreachable(_) => VerifyError::Unreachable(DialError::Lost),
        VerifyError::Unproven(_) => VerifyError::Unproven(HandshakeError::Unproven),
    ];
    let unproven = unproven.into_iter().map(|(label, error)| (label.to_owned(), error));
    dial.chain(unproven).map(|(label, error)| (label, not_joined(AT, &error))).collect()
}

fn target_errors() -> Vec<(&'static str, TargetError)> {
    every![
        TargetError::PortZero => TargetError::PortZero,
        TargetError::UnknownName => TargetError::UnknownName,
        TargetError::NotJoined => TargetError::NotJoined,
        TargetError::NoLink(_) => TargetError::NoLink("attic".to_owned()),
        TargetError::Listing(_) => TargetError::Listing(ListingProblem::TooMany),
        TargetError::Files(_) => TargetError::Files(files_error().into()),
    ]
}

fn listing_problems() -> Vec<(&'static str, ListingProblem)> {
    let line = || HostsProblem {
        path: PathBuf::from("/config/hosts.toml"),
        line: 3,
        mistake: HostsMistake::NotAHost,
    };
    every![
        ListingProblem::Files(_) => ListingProblem::Files(files_error().into()),
        ListingProblem::Line(_) => ListingProblem::Line(line()),
        ListingProblem::NameTaken { .. } => ListingProblem::NameTaken { part: 2 },
        ListingProblem::NotAHost { .. } => ListingProblem::NotAHost { part: 2 },
        ListingProblem::TooMany => ListingProblem::TooMany,
    ]
}

fn move_errors() -> Vec<(&'static str, MoveError)> {
    every![
        MoveError::Target(_) => MoveError::Target(TargetError::UnknownName),
        MoveError::NoAnswer => MoveError::NoAnswer,
        MoveError::OtherKey { .. } =>
            MoveError::OtherKey { address: AT.to_owned(), expected: EXPECTED, found: FOUND },
        MoveError::Unread(_) => MoveError::Unread(2),
    ]
}

fn host_problems() -> Vec<(String, String)> {
    let errors = every![
        ProbeError::NoAnswer => ProbeError::NoAnswer,
        ProbeError::Stranger => ProbeError::Stranger,
        ProbeError::OldLink => ProbeError::OldLink,
        ProbeError::OtherKey { .. } => ProbeError::OtherKey { expected: EXPECTED, found: FOUND },
    ];
    let host = |error| HostStatus {
        name: "attic".to_owned(),
        endpoint: Endpoint::plain(AT.parse().unwrap()),
        is_current: false,
        is_linked: true,
        health: Err(error),
    };
    let problem = |(label, error): (&str, _)| {
        let problem = host_problem(&host(error));
        (label.to_owned(), problem.unwrap_or_else(|| "(not a problem)".to_owned()))
    };
    errors.into_iter().map(problem).collect()
}

#[test]
fn every_error_has_its_wording_in_the_snapshot() {
    let mut page = String::new();
    section(&mut page, "Failed calls", worded(errors()));
    section(&mut page, "Aliases that read like another", look_alikes());
    section(&mut page, "Refused messages", worded(refusals()));
    section(&mut page, "Calls that the hub did not answer", worded(unanswered()));
    section(&mut page, "Sessions that are not connected", worded(away_reasons()));
    section(&mut page, "Hubs that cannot be reached", unreachable());
    section(&mut page, "Hubs that did not prove their group", unproven());
    section(&mut page, "Hubs of other versions", other_versions());
    section(&mut page, "Ports of this machine where its hub is not", ports());
    section(&mut page, "Names that mean no hub", worded(target_errors()));
    section(&mut page, "Settings that name hosts", worded(listing_problems()));
    section(&mut page, "Known hosts that were probed", host_problems());
    section(&mut page, "Hubs that do not tell what goes on", worded(feed_errors()));
    section(&mut page, "Sessions that did not move", worded(move_errors()));
    section(&mut page, "Links that were not joined", join_errors());
    let retryable = errors().into_iter().filter(|(_, error)| error.is_retryable());
    let labels = retryable.map(|(label, _)| (label.to_owned(), "the same call".to_owned()));
    section(&mut page, "Calls that may succeed later", labels.collect());
    assert_snapshot("wording.snap", &page);
}

/// What only an agent can do, or be told of its user.
const AGENTS_ALONE: [&str; 15] = [
    "your user",
    "call again",
    "Call again",
    "the bridge keeps",
    "this session",
    "list_peers",
    "known_hosts",
    "register",
    "send_message",
    "read_messages",
    "save_attachment",
    "message_id",
    "attachment_id",
    "notify_when",
    "overwrite",
];

#[test]
fn person_is_not_told_to_do_what_an_agent_does() {
    // What a person never asks for has an agent's words.
    let is_persons = |label: &str| {
        !["Error::Move(_)", "Error::Claim(_)", "Error::KnowsNoRequests(_)"].contains(&label)
    };
    let errors = errors().into_iter().filter(|(label, _)| is_persons(label));
    let mut said = vec![worded(errors.collect()), worded(refusals()), worded(unanswered())];
    said.extend([worded(away_reasons()), unreachable(), unproven(), other_versions(), ports()]);
    said.extend([worded(target_errors()), worded(feed_errors()), look_alikes(), join_errors()]);
    let said: Vec<_> = said.concat();
    for (at, (label, words)) in said.iter().enumerate() {
        let is_agents = said
            .get(at + 1)
            .is_some_and(|(other, words)| other == label && words.starts_with(PERSON));
        let found = AGENTS_ALONE.iter().find(|theirs| words.contains(**theirs));
        assert!(is_agents || found.is_none(), "{label}: {words}");
    }
}
