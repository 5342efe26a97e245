//! What became of a message to a group, as JSON.

use std::time::Duration;

use serde::Serialize;

use super::MessageJson;
use super::mail::{ReceiverJson, WAKES_NOBODY, lowered, unknown_intent};
use super::words::{seconds, status, uuid};
use crate::wording::{Audience, Wording as _};
use junction_engine::WaitEnd;
use junction_engine::group_message::{GroupMember, GroupSent};
use junction_engine::intent::Intent;
use junction_engine::urgency::Urgency;

#[derive(Serialize)]
pub(crate) struct GroupSentJson<'a> {
    id: String,
    to: String,
    members: usize,
    recipients: Vec<RecipientJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    urgency: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    intent: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ask_user: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replies: Vec<MessageJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waited_seconds: Option<f64>,
}

/// One member of a group.
#[derive(Serialize)]
struct RecipientJson {
    alias: String,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reach: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reach_why: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    gone: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl RecipientJson {
    fn new(member: &GroupMember, audience: Audience) -> Self {
        let alias = member.alias.to_string();
        match &member.sent {
            Ok(sent) => {
                let ReceiverJson { reach, reach_why, .. } = ReceiverJson::of(sent);
                let (status, gone) =
                    (status(sent.status), matches!(sent.wait_end, Some(WaitEnd::Gone)));
                Self { alias, status, reach: Some(reach), reach_why, gone, why: None }
            }
            Err(error) => {
                let (status, why) = ("not_sent".to_owned(), Some(error.words_for(audience)));
                Self { alias, status, reach: None, reach_why: None, gone: false, why }
            }
        }
    }
}

impl<'a> GroupSentJson<'a> {
    /// What became of a message to the group of this name, for which its sender asked this urgency and intent, and for
    /// replies to which it waited or not, as it is told to this audience.
    pub(crate) fn new(
        sent: &'a GroupSent,
        to: String,
        (urgency, intent): (Urgency, Intent),
        waits: bool,
        audience: Audience,
    ) -> Self {
        let all = || sent.members.iter().filter_map(|member| member.sent.as_ref().ok());
        let replies = all().filter_map(|sent| match &sent.wait_end {
            Some(WaitEnd::Reply(message, _)) => Some(message.as_ref().into()),
            _ => None,
        });
        let ended_by = all().find_map(|sent| match &sent.wait_end {
            Some(WaitEnd::EndedBy(peer)) => Some(peer.to_string()),
            _ => None,
        });
        let waited = all().map(|sent| sent.waited).max().unwrap_or(Duration::ZERO);
        let recipients = sent.members.iter().map(|member| RecipientJson::new(member, audience));
        Self {
            id: uuid(sent.id),
            to,
            members: sent.members.len(),
            recipients: recipients.collect(),
            urgency: all().find_map(|sent| lowered(sent, urgency)),
            intent: all().find_map(|sent| unknown_intent(sent, intent)),
            repeated: sent.repeated,
            ask_user: all().any(|sent| sent.past_limit).then_some(WAKES_NOBODY),
            replies: replies.collect(),
            ended_by,
            waited_seconds: waits.then(|| seconds(waited)),
        }
    }
}
