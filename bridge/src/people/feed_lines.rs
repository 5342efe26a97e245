//! How what goes on at a hub looks to a person: a line each for a terminal, or one JSON object a line with the fields of
//! `/events`.

use std::collections::BTreeMap;

use serde_json::json;

use super::progress_line::byte_size;
use super::show::Show;
use crate::terminal::{Style, Terminal};
use junction_engine::hubs::feed::{
    FeedEvent, FeedId, FeedMessage, FeedReach, FeedSession, FeedState, FeedStatus,
};

/// Sessions that are remembered, to say what has changed: more than a hub has.
const MAX_SESSIONS: usize = 65_536;

/// Makes lines of events, and knows what was said of each session.
pub(crate) struct FeedLines {
    terminal: Terminal,
    show: Show,
    told: BTreeMap<FeedId, FeedSession>,
}

impl FeedLines {
    /// Lines for this stream.
    pub(crate) fn new(terminal: Terminal, is_json: bool) -> Self {
        Self { terminal, show: Show::events(terminal, is_json), told: BTreeMap::new() }
    }

    /// What is said first.
    pub(crate) fn began(&self, port: u16) -> String {
        self.hub(&format!("what goes on at the hub at 127.0.0.1:{port}, until Ctrl-C"))
    }

    /// The hub does not answer any more.
    pub(crate) fn away(&self) -> String {
        self.hub("the hub is away")
    }

    /// The hub, or a new one, answers again.
    pub(crate) fn back(&self, port: u16) -> String {
        self.hub(&format!("the hub is back, at 127.0.0.1:{port}"))
    }

    /// The hub did not wait for this reader.
    pub(crate) fn missed(&self) -> String {
        self.hub("some events are missing: they were printed too slowly")
    }

    fn hub(&self, said: &str) -> String {
        self.show.own("hub", said)
    }

    /// The lines of an event; none if it says nothing that is shown.
    pub(crate) fn event(&mut self, event: FeedEvent) -> String {
        if self.show.is_json() {
            return self.json(&event);
        }
        match event {
            FeedEvent::Snapshot(sessions) => {
                self.told.clear();
                let mut sessions = sessions;
                sessions.sort_by(|one, other| one.alias.as_str().cmp(other.alias.as_str()));
                let mut lines = String::new();
                for session in sessions {
                    let is = if session.online { "is here" } else { "is away" };
                    lines.push_str(&self.note(&session, &format!("{is}{}", about(&session))));
                    self.remember(session);
                }
                lines
            }
            FeedEvent::Joined(session) => {
                let line = self.note(&session, &format!("has joined{}", about(&session)));
                self.remember(session);
                line
            }
            FeedEvent::Changed(session) => {
                let line = self.change(&session);
                self.remember(session);
                line
            }
            FeedEvent::Left(id) => match self.told.remove(&id) {
                Some(session) => self.note(&session, "has left"),
                None => String::new(),
            },
            FeedEvent::Message(message) => self.message(&message),
        }
    }

    fn json(&self, event: &FeedEvent) -> String {
        let name = event.name();
        match event {
            FeedEvent::Snapshot(sessions) => self.show.json(name, &json!({ "sessions": sessions })),
            FeedEvent::Joined(session) | FeedEvent::Changed(session) => {
                self.show.json(name, session)
            }
            FeedEvent::Left(id) => self.show.json(name, &json!({ "id": id })),
            FeedEvent::Message(message) => self.show.json(name, message),
        }
    }

    fn remember(&mut self, session: FeedSession) {
        if self.told.len() < MAX_SESSIONS || self.told.contains_key(&session.id) {
            self.told.insert(session.id.clone(), session);
        }
    }

    fn note(&self, session: &FeedSession, said: &str) -> String {
        self.show.note(&format!("{} {said}", session.alias))
    }

    /// What a session says that it did not say before.
    fn change(&self, new: &FeedSession) -> String {
        let Some(old) = self.told.get(&new.id) else {
            return self.note(new, &format!("has changed{}", about(new)));
        };
        let changes = changes(old, new);
        if changes.is_empty() { String::new() } else { self.note(old, &changes.join(", ")) }
    }

    fn message(&self, message: &FeedMessage) -> String {
        let FeedMessage { from, to, size, status, .. } = message;
        let name = |alias: &str| self.terminal.paint(Style::Strong, alias);
        let (from, to) = (name(from.as_str()), name(to.as_str()));
        let style = match status {
            FeedStatus::Read => Style::Good,
            FeedStatus::Expired | FeedStatus::Dropped => Style::Warning,
            FeedStatus::Accepted
            | FeedStatus::Opened
            | FeedStatus::Returned
            | FeedStatus::Unknown => Style::Plain,
        };
        let size = self.terminal.paint(Style::Faint, &format!("up to {}", byte_size(*size)));
        let status = self.terminal.paint(style, status.word());
        format!("{from} → {to}  {size}  {status}\n")
    }
}

/// What a session says of itself: what is always shown, in one order.
fn about(session: &FeedSession) -> String {
    let FeedSession { client, machine, repo, branch, role, task, .. } = session;
    let repo = match (repo, branch) {
        (Some(repo), Some(branch)) => Some(format!("{repo} at {branch}")),
        (repo, _) => repo.clone(),
    };
    let role = role.as_ref().map(|role| format!("role {role}"));
    let machine = machine.as_ref().map(|machine| format!("on {machine}"));
    let fields = [client.clone(), machine, repo, role, task.clone()];
    let fields: Vec<String> = fields.into_iter().flatten().collect();
    if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) }
}

/// What has changed of a session, in words that follow its former alias.
fn changes(old: &FeedSession, new: &FeedSession) -> Vec<String> {
    let mut said = Vec::new();
    if old.alias != new.alias {
        said.push(format!("is called {} now", new.alias));
    }
    if old.online != new.online {
        said.push(if new.online { "is back" } else { "is away" }.to_owned());
    }
    if old.state != new.state {
        said.push(state_words(new.state).to_owned());
    }
    if old.reach != new.reach {
        said.extend(reach_words(new.reach).map(str::to_owned));
    }
    if old.unattended != new.unattended {
        let is = if new.unattended { "is unattended" } else { "is attended" };
        said.push(is.to_owned());
    }
    let texts = [
        ("client", &old.client, &new.client),
        ("machine", &old.machine, &new.machine),
        ("repository", &old.repo, &new.repo),
        ("branch", &old.branch, &new.branch),
        ("role", &old.role, &new.role),
        ("task", &old.task, &new.task),
    ];
    for (name, _, text) in texts.into_iter().filter(|(_, old, new)| old != new) {
        said.push(match text {
            Some(text) => format!("has the {name} {text}"),
            None => format!("has no {name}"),
        });
    }
    said
}

fn state_words(state: FeedState) -> &'static str {
    match state {
        FeedState::Idle => "is idle",
        FeedState::Busy => "is busy",
        FeedState::WaitingOnHuman => "is waiting for its user",
        FeedState::Unknown => "does not say what it does",
    }
}

fn reach_words(reach: FeedReach) -> Option<&'static str> {
    match reach {
        FeedReach::Pull => Some("has to ask for messages"),
        FeedReach::NextTurn => Some("gets messages in its next turn"),
        FeedReach::Push => Some("is woken by messages"),
        FeedReach::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use junction_shared::protocol::alias::Alias;
    use junction_shared::protocol::id::MessageId;

    fn session(id: &str, alias: &str) -> FeedSession {
        FeedSession {
            id: FeedId::parse(id.to_owned()).unwrap(),
            alias: Alias::parse(alias).unwrap(),
            online: true,
            state: FeedState::Unknown,
            reach: FeedReach::Pull,
            seconds: 0,
            client: Some("claude-code".to_owned()),
            machine: None,
            repo: Some("shop".to_owned()),
            branch: None,
            role: None,
            task: None,
            unattended: false,
        }
    }

    fn message(status: FeedStatus) -> FeedEvent {
        let alias = |alias| Alias::parse(alias).unwrap();
        let (from, to) = (alias("alice"), alias("bob"));
        FeedEvent::Message(FeedMessage { id: MessageId([1; 16]), from, to, size: 1024, status })
    }

    #[test]
    fn events_are_a_line_each_that_says_what_is_new() {
        let mut lines = FeedLines::new(Terminal::PIPE, false);
        let (alice, bob) = (session("a1", "alice"), session("b1", "bob"));
        let busy = FeedSession {
            state: FeedState::Busy,
            branch: Some("main".to_owned()),
            repo: None,
            ..alice.clone()
        };
        let renamed = FeedSession {
            alias: Alias::parse("carol").unwrap(),
            online: false,
            reach: FeedReach::Push,
            unattended: true,
            ..busy.clone()
        };
        let told = [
            FeedEvent::Snapshot(vec![bob.clone(), alice]),
            FeedEvent::Changed(busy.clone()),
            FeedEvent::Changed(busy),
            FeedEvent::Changed(renamed),
            message(FeedStatus::Opened),
            FeedEvent::Left(bob.id.clone()),
            FeedEvent::Left(bob.id.clone()),
            FeedEvent::Joined(bob),
        ];
        let told: String = told.into_iter().map(|event| lines.event(event)).collect();
        assert_eq!(
            told.lines().collect::<Vec<_>>(),
            [
                "-- alice is here (claude-code, shop)",
                "-- bob is here (claude-code, shop)",
                "-- alice is busy, has no repository, has the branch main",
                "-- alice is called carol now, is away, is woken by messages, is unattended",
                "alice → bob  up to 1.0 KiB  opened",
                "-- bob has left",
                "-- bob has joined (claude-code, shop)",
            ]
        );
    }

    #[test]
    fn json_has_the_names_and_fields_of_the_hub() {
        let mut lines = FeedLines::new(Terminal::PIPE, true);
        let mut line = |event| -> Value { serde_json::from_str(&lines.event(event)).unwrap() };
        let alice = session("a1", "alice");
        let shown = json!({
            "id": "a1", "alias": "alice", "online": true, "state": "unknown", "reach": "pull", "seconds": 0,
            "client": "claude-code", "repo": "shop",
        });
        assert_eq!(
            line(FeedEvent::Snapshot(vec![alice.clone()])),
            json!({ "event": "snapshot", "sessions": [shown] })
        );
        let joined = line(FeedEvent::Joined(alice.clone()));
        assert_eq!((&joined["event"], &joined["id"]), (&json!("joined"), &json!("a1")));
        assert_eq!(line(FeedEvent::Left(alice.id)), json!({ "event": "left", "id": "a1" }));
        assert_eq!(
            line(message(FeedStatus::Read)),
            json!({
                "event": "message", "id": "01010101-0101-0101-0101-010101010101", "from": "alice", "to": "bob",
                "size": 1024, "status": "read",
            })
        );
    }
}
