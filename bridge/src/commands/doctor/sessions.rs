//! The session that this command runs in, and the others of this machine: whether this one can see them, and why not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use junction_shared::machine::local_hub::place;

use super::finding::{Finding, Gravity};
use super::hindrances::{hindered, many_hindered};
use crate::config::Config;
use crate::ipc::description::{SessionConnection, SessionDescription};
use crate::ipc::local_sessions::{BridgeSilence, LocalSession, local_sessions};
use crate::ipc::{bridges_of_this_session, with_sessions};
use crate::process::tree::serving;
use crate::wording::people::way;
use junction_engine::hubs::known::KnownHosts;

/// Other users that are told of, at most.
const MOST_USERS: usize = 64;

/// Processes that are named in one line, at most.
const MOST_SHOWN: usize = 8;
/// What to say of a session that has only begun.
const NO_ANSWER: &str = "The hub has not answered yet. Run this again.";

/// A session of this user, for this command.
struct Neighbour {
    session: LocalSession,
    /// Whether this command runs in the session.
    is_own: bool,
}

/// Checks all sessions of this machine. Where its hub was stopped, those that are on none are as they should be.
pub(super) async fn sessions(config: &Config, is_stopped: bool) -> Vec<Finding> {
    let neighbours = neighbours().await;
    let mut findings: Vec<_> = neighbours
        .iter()
        .filter(|one| one.is_own)
        .map(|one| own_session(one, is_stopped))
        .collect();
    let (seen, unseen) = split(&neighbours, config);
    if !seen.is_empty() {
        findings
            .push(Finding::ok("sessions", format!("These are in one group: {}.", seen.join(", "))));
    }
    findings.extend(unseen);
    let bridges = neighbours.iter().filter(|one| !one.session.is_http());
    let processes: Vec<_> = bridges.map(|one| one.session.process).collect();
    findings.extend(doubled(&with_sessions(&processes)));
    findings.extend(waking(&neighbours));
    findings.extend(others(&neighbours));
    findings
}

async fn neighbours() -> Vec<Neighbour> {
    let own: Vec<_> = bridges_of_this_session().into_iter().map(|(socket, _)| socket).collect();
    let neighbour =
        |session: LocalSession| Neighbour { is_own: own.contains(&session.socket), session };
    local_sessions().await.into_iter().map(neighbour).collect()
}

/// Where a session has to be to be seen by sessions with the settings of this command.
struct Vantage {
    dir: PathBuf,
    known: KnownHosts,
    /// The address of the hub in use, if the settings name one.
    address: Option<String>,
}

impl Vantage {
    fn of(config: &Config) -> Self {
        let known = KnownHosts::new(config.dir.clone(), config.port);
        let target = known.target(&config.hub).ok();
        let address = target.map(|target| target.endpoint.address());
        Self { dir: real(config.dir.path()), known, address }
    }

    /// Whether a session that uses the hub of this name is on the hub in use.
    fn is_same_hub(&self, name: &str) -> bool {
        let target = self.known.target(name).ok();
        target.is_some_and(|target| Some(target.endpoint.address()) == self.address)
    }
}

/// The names of the sessions that are in the group of this command's settings, and what is to be said of the others.
fn split(neighbours: &[Neighbour], config: &Config) -> (Vec<String>, Vec<Finding>) {
    let vantage = Vantage::of(config);
    let (mut seen, mut unseen) = (Vec::new(), Vec::new());
    for Neighbour { session, .. } in neighbours {
        match &session.said {
            Err(silence) => unseen.push(silent(session, *silence)),
            Ok(said) => match hidden_by(said, &vantage) {
                None => seen.push(name(said, session.is_http())),
                Some((why, fix)) => {
                    let who = name(said, session.is_http());
                    let who = format!("{who} (process {})", session.process);
                    unseen.push(Finding::warning("sessions", format!("{who} {why}."), fix));
                }
            },
        }
    }
    (seen, unseen)
}

/// A session by its alias, its client, and whether its agent is reached over HTTP.
pub(super) fn name(session: &SessionDescription, is_http: bool) -> String {
    let alias = session.alias.as_deref().unwrap_or("a session without an alias");
    let client = session.client.as_deref().map(|client| crate::escape::escape(client).text);
    match (client, is_http) {
        (Some(client), true) => format!("{alias} ({client}, over HTTP)"),
        (Some(client), false) => format!("{alias} ({client})"),
        (None, true) => format!("{alias} (over HTTP)"),
        (None, false) => alias.to_owned(),
    }
}

/// Why a session is not seen by sessions with these settings, and what to do.
fn hidden_by(session: &SessionDescription, vantage: &Vantage) -> Option<(String, String)> {
    if session.place != place() {
        let why = "runs in another container or network namespace, which has a loopback of its own";
        let fix = "Start a hub for other machines with junction-hub --host, and join it from there by a link.";
        Some((why.to_owned(), fix.to_owned()))
    } else if real(Path::new(&session.directory)) != vantage.dir {
        Some((
            format!("has its group in another configuration directory, {}", session.directory),
            "Give both clients the same JUNCTION_CONFIG_DIR, or none.".to_owned(),
        ))
    } else if !vantage.is_same_hub(&session.hub) {
        Some((
            format!("is set to another hub, {}", crate::escape::escape(&session.hub).text),
            "Give both clients the same JUNCTION_HUB, or call register with host in one of them."
                .to_owned(),
        ))
    } else {
        match session.connection {
            SessionConnection::Connected => None,
            SessionConnection::Left => {
                Some((left(session).to_owned(), "Ask its agent to call register.".to_owned()))
            }
            SessionConnection::Away => {
                let text = session.why.as_deref().unwrap_or(NO_ANSWER);
                let (why, fix) = text.split_once(". ").unwrap_or((text, "Run this again."));
                Some((format!("is not connected: {}", why.trim_end_matches('.')), fix.to_owned()))
            }
        }
    }
}

/// How a session has left.
fn left(session: &SessionDescription) -> &'static str {
    if session.is_removed {
        "was removed from the junction by you"
    } else {
        "has left the junction by the tool disconnect"
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn silent(session: &LocalSession, silence: BridgeSilence) -> Finding {
    let process = session.process;
    if session.is_http() {
        let says = format!("Process {process} is a gateway that says nothing of its agents.");
        let fix = format!("Kill {process}, and start junction-bridge gateway again.");
        return Finding::warning("sessions", says, fix);
    }
    match silence {
        BridgeSilence::Older => Finding::warning(
            "sessions",
            format!(
                "Process {process} is a bridge of an earlier version, which says nothing of its session."
            ),
            "Restart its client.",
        ),
        BridgeSilence::Late => Finding::warning(
            "sessions",
            format!("Process {process} is a bridge that does not answer."),
            format!("Restart its client, or kill {process}."),
        ),
    }
}

/// How the agent of the session that this command runs in is reached.
fn own_session(neighbour: &Neighbour, is_stopped: bool) -> Finding {
    const CHECK: &str = "this session";
    let session = match &neighbour.session.said {
        Ok(session) => session,
        Err(silence) => return silent(&neighbour.session, *silence),
    };
    let who = name(session, false);
    let hindrance = session.hindrance.as_deref();
    match (session.connection, session.reach.as_str(), hindrance) {
        (SessionConnection::Connected, "push", _) => {
            let by = session.way.as_deref().map(|word| format!(" by {}", way(word)));
            let by = by.unwrap_or_default();
            Finding::ok(CHECK, format!("A message wakes the agent of {who}{by}."))
        }
        (SessionConnection::Connected, reach, hindrance) => {
            let when = match reach {
                "next-turn" => "is told of messages in its next turn, and is not woken",
                _ => "must ask for messages, and is not woken",
            };
            let (why, fix) = hindered(hindrance.unwrap_or_default());
            Finding::warning(CHECK, format!("The agent of {who} {when}: {why}."), fix)
        }
        (SessionConnection::Left, ..) => Finding::warning(
            CHECK,
            format!("{who} {}.", left(session)),
            "Ask its agent to call register.",
        ),
        (SessionConnection::Away, ..) => {
            let gravity = if is_stopped { Gravity::Warning } else { Gravity::Failure };
            Finding::error(CHECK, gravity, session.why.as_deref().unwrap_or(NO_ANSWER))
        }
    }
}

/// Sessions with more than one bridge, from pairs of a bridge's process and its client's.
fn doubled(pairs: &[(u32, u32)]) -> Vec<Finding> {
    let mut sessions: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for (bridge, client) in pairs {
        sessions.entry(*client).or_default().push(bridge.to_string());
    }
    let doubled = sessions.into_iter().filter(|(_, bridges)| bridges.len() > 1);
    let finding = |(client, bridges): (u32, Vec<String>)| {
        let shown: Vec<_> = bridges.iter().take(MOST_SHOWN).map(String::as_str).collect();
        Finding::failure(
            "sessions",
            format!(
                "One session has {} bridges, so others see it {0} times: its client is process {client}, they are {}.",
                bridges.len(),
                shown.join(", ")
            ),
            "Run junction-bridge doctor in the session's directory, take out what it names there, and start the session \
             again.",
        )
    };
    doubled.map(finding).collect()
}

/// How a message would wake the agents of the other sessions, a line for each way, and a line for each reason why it would
/// not.
fn waking(neighbours: &[Neighbour]) -> Vec<Finding> {
    const CHECK: &str = "waking";
    let others = neighbours.iter().filter(|one| !one.is_own);
    let told = others.filter_map(|one| Some((one.session.said.as_ref().ok()?, one)));
    let connected = told.filter(|(said, _)| said.connection == SessionConnection::Connected);
    let mut ways: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for (session, one) in connected {
        // An earlier version names no way.
        let by = session.way.as_deref().filter(|_| session.reach == "push");
        let why = session.hindrance.as_deref().filter(|_| session.reach != "push");
        if by.is_some() || why.is_some() {
            ways.entry((by, why)).or_default().push(name(session, one.session.is_http()));
        }
    }
    let findings = ways.into_iter().map(|((by, why), names)| {
        let are_many = names.len() > 1;
        let names = names.join(", ");
        match by {
            Some(word) => Finding::ok(CHECK, format!("By {}, a message wakes {names}.", way(word))),
            None => {
                let why = why.unwrap_or_default();
                let (why, fix) = if are_many { many_hindered(why) } else { hindered(why) };
                Finding::warning(CHECK, format!("Nothing wakes {names}: {why}."), fix)
            }
        }
    });
    findings.collect()
}

/// Bridges that have no socket here: those of other users, and those that this user started elsewhere.
fn others(neighbours: &[Neighbour]) -> Vec<Finding> {
    let own = crate::process::tree::user();
    let known = |process: u32| neighbours.iter().any(|one| one.session.process == process);
    let mut findings = Vec::new();
    let (ours, theirs): (Vec<_>, Vec<_>) = serving("junction-bridge")
        .into_iter()
        .filter(|(process, _)| !known(*process))
        .partition(|(_, user)| Some(*user) == own);
    if !ours.is_empty() {
        let shown: Vec<_> = ours.iter().take(MOST_SHOWN).map(|(id, _)| id.to_string()).collect();
        let more = if ours.len() > MOST_SHOWN { ", …" } else { "" };
        let (count, shown) = (ours.len(), shown.join(", "));
        findings.push(Finding::warning(
            "sessions",
            format!("{count} of your bridges cannot be asked, because their sockets are not here: processes {shown}{more}."),
            "Their clients have another XDG_RUNTIME_DIR or TMPDIR, or run in a container.",
        ));
    }
    let mut users: Vec<_> = theirs.iter().map(|(_, user)| *user).collect();
    users.sort_unstable();
    users.dedup();
    for user in users.into_iter().take(MOST_USERS) {
        let count = theirs.iter().filter(|(_, of)| *of == user).count();
        let sessions =
            if count == 1 { "A session".to_owned() } else { format!("{count} sessions") };
        findings.push(Finding::ok(
            "sessions",
            format!(
                "{sessions} of another user (user id {user}) cannot be seen from here: each user has a group of \
                 their own, and an invite link joins them (junction-bridge invite)."
            ),
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::local_sessions::SessionServer;
    use crate::terminal::Terminal;

    #[test]
    fn regression_session_with_two_bridges_is_a_failure() {
        assert!(doubled(&[(31, 20), (32, 21)]).is_empty());
        let found = doubled(&[(31, 20), (33, 21), (32, 20)]);
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        let line = finding.line(Terminal::PIPE);
        assert!(line.starts_with("FAIL  sessions: One session has 2 bridges"), "{line}");
        assert!(line.contains("process 20, they are 31, 32."), "{line}");
    }

    #[test]
    fn ways_and_reasons_are_named_once_each_with_their_sessions() {
        let neighbour = |alias: &str, reach: &str, way: Option<&str>, hindrance: Option<&str>| {
            let text = |text: &str| Some(text.to_owned());
            let said = SessionDescription {
                version: String::new(),
                directory: String::new(),
                place: String::new(),
                hub: String::new(),
                alias: text(alias),
                connection: SessionConnection::Connected,
                why: None,
                client: None,
                reach: reach.to_owned(),
                hindrance: hindrance.and_then(text),
                way: way.and_then(text),
                held_ms: None,
                is_removed: false,
            };
            let server = match alias {
                "frank" => SessionServer::Gateway { agent: "f".to_owned(), name: None },
                _ => SessionServer::Bridge,
            };
            let session = LocalSession {
                process: 1,
                socket: PathBuf::new(),
                server,
                said: Ok(said),
                held_until: None,
            };
            Neighbour { session, is_own: alias == "own" }
        };
        let neighbours = [
            neighbour("alice", "push", Some("plugin"), None),
            neighbour("bob", "next-turn", None, Some("never-prompted")),
            neighbour("carol", "push", Some("plugin"), None),
            neighbour("dave", "push", Some("inbox"), None),
            neighbour("older", "push", None, None),
            neighbour("erin", "next-turn", None, Some("no-way")),
            neighbour("frank", "next-turn", None, Some("no-way")),
            neighbour("grace", "pull", None, Some("held")),
            neighbour("own", "push", Some("queue"), None),
        ];
        let lines: Vec<_> =
            waking(&neighbours).iter().map(|one| one.line(Terminal::PIPE)).collect();
        let expected = [
            "warn  waking: Nothing wakes grace: you hold it back. Release it, or wait until the hold ends.",
            "warn  waking: Nothing wakes bob: it was never given a prompt. Type any prompt into it.",
            "warn  waking: Nothing wakes erin, frank (over HTTP): their clients have no way to wake an idle agent. Prompt them when \
             you expect a message, or have them wait in read_messages.",
            "ok    waking: By Claude Code's inbox, a way that its makers do not document, a message wakes dave.",
            "ok    waking: By the junction's plugin, a way that its client's makers document, a message wakes alice, carol.",
        ];
        assert_eq!(lines, expected);
    }
}
