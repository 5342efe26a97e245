//! What every answer reports about the session: who it is, whether it is on a hub, and what waits for it.

use junction_shared::protocol::alias::Alias;
use serde::Serialize;

use crate::results::ConflictJson;
use crate::wording::Wording as _;
use junction_engine::error::Error;
use junction_engine::{AliasNews, ClaimConflict, ConnectionState, Snapshot};

/// Conflicts of claims that one answer reports; the next one reports more.
const MAX_CONFLICTS: usize = 8;

/// What every answer reports about the session beside its own matter, where there is anything to report.
#[derive(Serialize)]
pub(crate) struct NoticesJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    you: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offline: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread_from: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notifications_waiting: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hub_misbehaving: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejoined: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    renamed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    came_back: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    claim_conflicts: Vec<ConflictJson>,
}

/// News of the session's alias and claims that one answer reports.
pub(crate) struct ReportedNews {
    renamed: Option<Alias>,
    came_back: Option<Alias>,
    unseated: Option<Alias>,
    conflicts: Vec<ClaimConflict>,
}

impl ReportedNews {
    /// Takes the news: no other answer gets it.
    pub(crate) fn take(snapshot: &Snapshot) -> Self {
        let Snapshot { renamed, came_back, unseated, .. } = snapshot;
        let [renamed, came_back, unseated] = [renamed, came_back, unseated].map(AliasNews::take);
        let mut conflicts = snapshot.team.claim_news.take();
        let later = conflicts.split_off(conflicts.len().min(MAX_CONFLICTS));
        if !later.is_empty() {
            snapshot.team.claim_news.give_back(later);
        }
        Self { renamed, came_back, unseated, conflicts }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.renamed.is_none()
            && self.came_back.is_none()
            && self.unseated.is_none()
            && self.conflicts.is_empty()
    }

    /// Gives back what was not reported after all.
    pub(crate) fn give_back(self, snapshot: &Snapshot) {
        let Snapshot { renamed, came_back, unseated, .. } = snapshot;
        self.renamed.into_iter().for_each(|alias| renamed.give_back(alias));
        self.came_back.into_iter().for_each(|alias| came_back.give_back(alias));
        self.unseated.into_iter().for_each(|alias| unseated.give_back(alias));
        if !self.conflicts.is_empty() {
            snapshot.team.claim_news.give_back(self.conflicts);
        }
    }
}

/// A conflict in any repository, each named.
fn conflict(conflict: &ClaimConflict) -> ConflictJson {
    ConflictJson::new(conflict, Some(&conflict.repository))
}

/// What an agent is told whose session came back.
fn came_back(alias: &Alias) -> String {
    format!(
        "The junction was restarted for this session. You are {alias} again, with the task and role that you had. Messages \
         that you had not read come again, unless the bridge was killed, or their sender was restarted as well. You are not told \
         what becomes of messages that you had sent: if one of them matters, ask its receiver. What you had claimed is free now: \
         claim it again. Keys of messages are forgotten, and so is what notify_when asked for."
    )
}

/// What an agent is told whose session another bridge has.
fn replaced(alias: &Alias) -> String {
    format!(
        "Another bridge of this session is {alias} now and gets its messages, so this one goes on under another alias. Your \
         client runs the junction twice: ask your user to run junction-bridge doctor."
    )
}

impl NoticesJson {
    /// What is reported at this moment, and the news of the alias that this answer reports.
    pub(crate) fn new(snapshot: &Snapshot, news: &ReportedNews) -> Self {
        let waiting = snapshot.unread.count > 0;
        let from = snapshot.unread.from.iter().filter(|_| waiting);
        Self {
            you: snapshot.alias.as_ref().map(ToString::to_string),
            offline: match &snapshot.state {
                ConnectionState::Connected => None,
                ConnectionState::Away(reason) => Some(reason.wording()),
                ConnectionState::Left => Some(Error::Left.wording()),
                ConnectionState::Removed => Some(Error::Removed.wording()),
            },
            unread: waiting.then_some(snapshot.unread.count),
            unread_from: from.map(ToString::to_string).collect(),
            notifications_waiting: (snapshot.notifications > 0).then_some(snapshot.notifications),
            hub_misbehaving: (snapshot.misbehaviour > 0).then_some(snapshot.misbehaviour),
            rejoined: snapshot.rejoined.as_ref().map(ToString::to_string),
            renamed: news.renamed.as_ref().map(ToString::to_string),
            came_back: news.came_back.as_ref().map(came_back),
            replaced: news.unseated.as_ref().map(replaced),
            claim_conflicts: news.conflicts.iter().map(conflict).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regression_agent_that_came_back_is_told_what_is_forgotten() {
        let told = came_back(&Alias::parse("bob").unwrap());
        assert!(
            told.contains("Keys of messages are forgotten")
                && told.contains("notify_when")
                && told.contains("not told what becomes"),
            "{told}"
        );
    }
}
