//! The tool `send_message`: what it takes from the model, to whom it sends, and what it answers.

use std::time::Duration;

use junction_attachments::Allowed;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use junction_shared::secret::wiping_small_stack;

use super::args::ToolArgs;
use super::calls::CallHandle;
use super::tool_error::ToolError;
use super::tools::{ToolAnswer, Tools};
use crate::address::Addressee;
use crate::attachments::NamedSource;
use crate::results::{AttachedJson, GroupSentJson, SentJson, object, shown_len};
use crate::wording::Audience;
use junction_engine::attachment::PreparedAttachments;
use junction_engine::error::Error;
use junction_engine::group::{GroupAddress, WaitFor};
use junction_engine::group_message::GroupDraft;
use junction_engine::intent::Intent;
use junction_engine::urgency::Urgency;
use junction_engine::{Draft, NotifyWhen, Status, WaitEnd};

/// What a call says of a message, to one peer or to a group.
struct SendArguments {
    body: String,
    reply_to: Option<MessageId>,
    wait: Duration,
    wait_for: WaitFor,
    ttl: Option<Duration>,
    fingerprint: Option<String>,
    urgency: Option<Urgency>,
    notify_when: Option<NotifyWhen>,
    intent: Intent,
    key: Option<String>,
    attachments: Vec<NamedSource>,
}

impl Tools {
    /// Takes a message and its receivers. Answers how far the message is known to have got, and with `wait_seconds` also the
    /// replies that come in time.
    pub(super) async fn send_message(
        &self,
        args: &mut ToolArgs,
        call: &CallHandle,
        allowed: &[Allowed],
    ) -> Result<ToolAnswer, ToolError> {
        let address = args.address("target_alias")?;
        let options = self.send_options(args)?;
        if !args.flag("confirm")?
            && self.guards_secrets
            && let Some(found) = wiping_small_stack(|| junction_guard::find(&options.body))
        {
            return Err(ToolError::HoldsSecret(found.kind()));
        }
        match address {
            Addressee::Peer(alias) => self.send_to_peer(alias, options, call, allowed).await,
            Addressee::Group(group) => self.send_to_group(group, options, call).await,
        }
    }

    fn send_options(&self, args: &mut ToolArgs) -> Result<SendArguments, ToolError> {
        let options = SendArguments {
            body: args.message("message")?,
            reply_to: args.message_id("reply_to")?,
            wait: args.seconds("wait_seconds", self.longest_wait())?,
            wait_for: args.choice("wait_for", WaitFor::NAMES)?.unwrap_or_default(),
            ttl: args.integer_up_to("ttl_seconds", self.longest_ttl())?.map(Duration::from_secs),
            fingerprint: args.fingerprint("fingerprint")?,
            urgency: args.choice("urgency", Urgency::NAMES)?,
            notify_when: args.choice("notify_when", NotifyWhen::NAMES)?,
            intent: args.choice("intent", Intent::NAMES)?.unwrap_or_default(),
            key: args.name("key")?,
            attachments: args.attachments("attachments")?,
        };
        if options.intent == Intent::Done && options.reply_to.is_none() {
            return Err(ToolError::done_without_request());
        }
        Ok(options)
    }

    async fn send_to_peer(
        &self,
        alias: Alias,
        options: SendArguments,
        call: &CallHandle,
        allowed: &[Allowed],
    ) -> Result<ToolAnswer, ToolError> {
        let (urgency, intent) = (options.urgency.unwrap_or_default(), options.intent);
        let mut draft = Draft {
            reply_to: options.reply_to,
            wait: options.wait,
            ttl: options.ttl,
            fingerprint: options.fingerprint,
            urgency,
            notify_when: options.notify_when,
            intent,
            key: options.key,
            ..Draft::new(alias, options.body)
        };
        if !options.attachments.is_empty() {
            let attached = self.attachments.attach(options.attachments, allowed.to_vec()).await;
            let failed = |fault| ToolError::NotAttached(draft.target.clone(), Box::new(fault));
            draft.attachments = Some(attached.map_err(failed)?);
        }
        let attached = draft.attachments.as_ref().map(PreparedAttachments::infos);
        let _wait = self.wait(draft.wait, call)?;
        let waits = !draft.wait.is_zero();
        let sent = self.engine.send_message(draft).await?;
        if let (Status::Refused(reason), false) = (sent.status, sent.repeated) {
            // The error is the only notice of this end, so it has to be written too.
            sent.refusal.into_iter().for_each(|lease| call.hold(lease));
            return Err(Error::Refused(reason).into());
        }
        let waited = waits.then_some(sent.waited);
        let mut answer = object(&SentJson::new(&sent, (urgency, intent), waited));
        answer.extend(object(&AttachedJson::new(attached.as_deref().unwrap_or_default())));
        if let Some(WaitEnd::Reply(_, lease)) = sent.wait_end {
            call.hold(lease);
        }
        Ok(answer)
    }

    async fn send_to_group(
        &self,
        to: GroupAddress,
        options: SendArguments,
        call: &CallHandle,
    ) -> Result<ToolAnswer, ToolError> {
        let is_for_one = !options.attachments.is_empty() || options.fingerprint.is_some();
        if is_for_one || options.intent == Intent::Done {
            return Err(ToolError::for_one_peer());
        }
        // What goes to everyone wakes nobody, unless its sender says so.
        let usual = if to == GroupAddress::Everyone { Urgency::Low } else { Urgency::Normal };
        let (urgency, intent) = (options.urgency.unwrap_or(usual), options.intent);
        let _wait = self.wait(options.wait, call)?;
        let (waits, name) = (!options.wait.is_zero(), to.to_string());
        let group = GroupDraft {
            reply_to: options.reply_to,
            wait: options.wait,
            wait_for: options.wait_for,
            ttl: options.ttl,
            urgency,
            notify_when: options.notify_when,
            intent,
            key: options.key,
            ..GroupDraft::new(to, options.body)
        };
        let mut sent = self.engine.send_to_group(group).await?;
        let nobody = sent.members.iter().all(|member| member.sent.is_err());
        if let Some(Err(error)) =
            sent.members.first().map(|member| member.sent.as_ref()).filter(|_| nobody)
        {
            return Err(error.clone().into());
        }
        sent.bound_replies(shown_len);
        let answer =
            object(&GroupSentJson::new(&sent, name, (urgency, intent), waits, Audience::Agent));
        for member in sent.members {
            let Ok(sent) = member.sent else { continue };
            sent.refusal.into_iter().for_each(|lease| call.hold(lease));
            if let Some(WaitEnd::Reply(_, lease)) = sent.wait_end {
                call.hold(lease);
            }
        }
        Ok(answer)
    }
}
