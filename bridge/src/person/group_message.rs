//! A person's message to a group: what is sent, and what is told of it.

use junction_shared::protocol::alias::Alias;
use serde_json::{Map, Value};

use crate::ipc::SendRequest;
use crate::results::{GroupSentJson, object, shown_len};
use crate::wording::Audience;
use crate::wording::people::for_person;
use junction_engine::group::{GroupAddress, WaitFor};
use junction_engine::group_message::{GroupDraft, GroupMember};
use junction_engine::urgency::Urgency;
use junction_engine::{Draft, Engine, GroupInProgress, Lease, WaitEnd};

/// What became of a message to a group, as the tool tells it, and the holds on that.
pub(crate) struct GroupAnswer {
    pub(crate) answer: Map<String, Value>,
    pub(crate) leases: Vec<Lease>,
    /// The members that may still answer.
    pub(crate) unanswered: Vec<Alias>,
}

/// How many replies an answer may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplyRoom {
    /// As many as fit on a page. The others wait unread in the session.
    Page,
    /// Any number: the session ends with its command, so that nobody could read the others.
    Unbounded,
}

/// The message to this group that a draft to one peer would be.
///
/// # Errors
/// What it has that goes to one peer alone, and what to do.
pub(crate) fn group_draft(
    to: GroupAddress,
    draft: Draft,
    request: &SendRequest,
) -> Result<GroupDraft, String> {
    let is_for_one = draft.fingerprint.is_some() || !request.attachments.is_empty();
    if is_for_one || draft.intent == junction_engine::intent::Intent::Done {
        return Err("--attach, --fingerprint and --intent done go to one receiver at a time. Give one alias.".to_owned());
    }
    let wakes_nobody = to == GroupAddress::Everyone && request.urgency.is_none();
    Ok(GroupDraft {
        reply_to: draft.reply_to,
        ttl: draft.ttl,
        wait: draft.wait,
        wait_for: wait_for(request),
        urgency: if wakes_nobody { Urgency::Low } else { draft.urgency },
        from_person: draft.from_person,
        intent: draft.intent,
        key: draft.key,
        ..GroupDraft::new(to, draft.body)
    })
}

/// Which answers of a group a request waits for.
pub(crate) fn wait_for(request: &SendRequest) -> WaitFor {
    let named = WaitFor::NAMES.iter().find(|(name, _)| request.wait_for.as_deref() == Some(*name));
    named.map(|(_, wait_for)| *wait_for).unwrap_or_default()
}

/// Sends a message to a group. Once it is under way, `follow` is shown it.
///
/// # Errors
/// Why it went to nobody, and what to do.
pub(crate) async fn send_to_group(
    engine: &Engine,
    group: GroupDraft,
    room: ReplyRoom,
    follow: impl FnOnce(&GroupInProgress),
) -> Result<GroupAnswer, String> {
    let (name, asked) = (group.to.to_string(), (group.urgency, group.intent));
    let waits = !group.wait.is_zero();
    let sending = engine.begin_group(group).await.map_err(|error| for_person(&error))?;
    follow(&sending);
    let mut sent = sending.sent().await;
    let is_nobodys = sent.members.iter().all(|member| member.sent.is_err());
    let first = sent.members.first().and_then(|member| member.sent.as_ref().err());
    if let Some(error) = first.filter(|_| is_nobodys) {
        return Err(for_person(error));
    }
    if room == ReplyRoom::Page {
        sent.bound_replies(shown_len);
    }
    let answer = object(&GroupSentJson::new(&sent, name, asked, waits, Audience::Person));
    let (mut leases, mut unanswered) = (Vec::new(), Vec::new());
    for GroupMember { alias, sent } in sent.members {
        let Ok(sent) = sent else { continue };
        leases.extend(sent.refusal);
        match sent.wait_end {
            Some(WaitEnd::Reply(_, lease)) => leases.push(lease),
            // What this one wrote waits unread.
            Some(WaitEnd::EndedBy(_)) => unanswered.push(alias),
            Some(WaitEnd::Gone) => {}
            None if sent.status.is_final_without_reply() => {}
            None => unanswered.push(alias),
        }
    }
    Ok(GroupAnswer { answer, leases, unanswered })
}
