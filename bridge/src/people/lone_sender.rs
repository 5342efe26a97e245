//! A message from a session that ends with its command: it stays until the hub has the message and all that it carries.

use std::time::Duration;

use anyhow::{anyhow, bail};
use junction_shared::protocol::alias::Alias;
use tokio::time::{Instant, timeout};

use super::group_message::send_to_group;
use super::member::PersonMember;
use super::send_output::{SendOutput, no_answer};
use super::show::Show;
use super::upload_report::UploadReport;
use crate::process::signals::Signals;
use crate::results::{AttachedJson, SentJson, object};
use crate::terminal::{NothingCame, Terminal, remark};
use crate::wording::people::for_person;
use junction_engine::attachment::{AttachmentInfo, PreparedAttachments};
use junction_engine::error::Error;
use junction_engine::group_message::GroupDraft;
use junction_engine::urgency::Urgency;
use junction_engine::{Draft, Engine, PageLimits, SendInProgress, Sent, Status, WaitEnd, wall_ms};

/// How long a hub that does not take the message is waited for, past what the engine waits.
const HUB_TIME: Duration = Duration::from_secs(8);
/// How long the receiver's bridge, on a busy machine perhaps, has to say when its agent will be told.
const OUTLOOK_TIME: Duration = Duration::from_secs(2);
/// What is said where no answer is waited for.
const NO_ANSWER: &str = "No answer can reach you, because you have no watch running to receive it. Use --wait SECONDS, \
                         or keep junction-bridge watch running.";

/// Sends a message as a session that ends with this command, once the hub has all that the message carries.
///
/// # Errors
/// The message was not sent, no answer came in time, or the receiver may not be able to save what is attached.
pub(crate) async fn send_alone(
    member: &PersonMember,
    draft: Draft,
    output: &SendOutput,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let asked = AskedOf { to: draft.target.clone(), wait: draft.wait, urgency: draft.urgency };
    let attached = draft.attachments.as_ref();
    let attached_infos = attached.map(PreparedAttachments::infos).unwrap_or_default();
    let mut report = attached.map(|attached| UploadReport::new(attached, asked.to.clone()));
    member.has_returned(&draft.target).await;
    let longest = member.engine.snapshot().session_timeout;
    let ttl = draft.ttl.unwrap_or(longest).min(longest);
    let until_ms = wall_ms().saturating_add(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
    let sending = member.engine.begin_send(draft).await;
    let sending = sending.map_err(|error| anyhow!(for_person(&error)))?;
    member.speaks();
    let status = sending.progress();
    let answered = answered(member, sending, (asked, &attached_infos), output, signals);
    let answered = match &mut report {
        Some(report) => report.beside(answered).await,
        None => answered.await,
    };
    let Some(mut report) = report else { return answered };
    if answered.as_ref().err().is_none_or(anyhow::Error::is::<NothingCame>) {
        report.settle(status, until_ms, signals).await?;
    }
    answered
}

/// Sends a message to a group as a session that ends with this command, once the hub has all of it.
///
/// # Errors
/// The message went to nobody, or not to all, or no answer came in time.
pub(crate) async fn send_to_group_alone(
    member: &PersonMember,
    group: GroupDraft,
    output: &SendOutput,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let waits = !group.wait.is_zero();
    let sent = tokio::select! {
        sent = send_to_group(&member.engine, group) => sent.map_err(|error| anyhow!(error))?,
        () = signals.next() => bail!(
            "The command was interrupted while it sent the message, so some may have got it and others not."
        ),
    };
    member.speaks();
    output.sent(&sent.answer, waits).await?;
    sent.leases.into_iter().for_each(junction_engine::Lease::ack);
    let recipients = sent.answer.get("recipients").and_then(serde_json::Value::as_array);
    let is_held = recipients.into_iter().flatten().any(|it| it["status"] == "queued");
    if is_held {
        bail!(
            "The hub did not take the message for all of them, and it ends with this command. Run junction-bridge hosts to see why, then \
             send it again."
        );
    }
    if !waits {
        remark(NO_ANSWER);
    }
    Ok(())
}

/// What was asked of whom.
struct AskedOf {
    to: Alias,
    wait: Duration,
    urgency: Urgency,
}

/// Prints what becomes of a message, and the answer if one is waited for.
async fn answered(
    member: &PersonMember,
    sending: SendInProgress,
    (asked, attached): (AskedOf, &[AttachmentInfo]),
    output: &SendOutput,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let AskedOf { to, wait, urgency } = asked;
    let deadline = Instant::now() + wait;
    let mut progress = sending.progress();
    let sent = tokio::select! {
        sent = sending.sent_within(OUTLOOK_TIME) => sent,
        () = signals.next() => bail!(interrupted(*progress.borrow())),
    };
    let accepted = timeout(HUB_TIME, progress.wait_for(|status| *status != Status::Queued));
    tokio::select! {
        _ = accepted => {}
        () = signals.next() => {}
    }
    match *progress.borrow() {
        Status::Refused(reason) => {
            sent.refusal.into_iter().for_each(junction_engine::Lease::ack);
            bail!(for_person(&Error::Refused(reason)));
        }
        Status::Queued => return Err(not_sent(member, &sent).await),
        _ => {}
    }
    let waited = (!wait.is_zero()).then_some(sent.waited);
    let mut answer = object(&SentJson::new(&sent, (urgency, sent.intent), waited));
    answer.extend(object(&AttachedJson::new(attached)));
    if sent.status == Status::Queued {
        // The hub took the message after all.
        answer.insert("status".to_owned(), "accepted".into());
    }
    if let Some(WaitEnd::EndedBy(_)) = sent.wait_end
        && !output.is_json
    {
        return until_answered(&member.engine, &to, deadline, output, signals).await;
    }
    output.sent(&answer, !wait.is_zero()).await?;
    if let Some(WaitEnd::Reply(_, lease)) = sent.wait_end {
        lease.ack();
    } else if wait.is_zero() {
        remark(NO_ANSWER);
    }
    Ok(())
}

/// What is known where the command was interrupted after the session took the message.
fn interrupted(status: Status) -> &'static str {
    if status == Status::Queued {
        "The command was interrupted before the hub had the message, so it may not have been sent. Send it again."
    } else {
        "The message was sent, and the command was interrupted: no answer can reach it any more. Start junction-bridge \
         watch to be reached."
    }
}

/// Why a message that the hub never took was not sent. It ends with this process.
async fn not_sent(member: &PersonMember, sent: &Sent) -> anyhow::Error {
    let departure = member.engine.disconnect().await;
    if departure.unconfirmed.iter().any(|(id, _)| *id == sent.id) {
        return anyhow!(
            "The hub did not say that it has the message, so nobody can say whether it was sent. Ask {} before you send it again.",
            sent.to
        );
    }
    anyhow!(
        "The message was NOT sent, because the hub did not take it. Run junction-bridge hosts to see why, then send it again."
    )
}

/// Prints whatever comes until the peer that was asked has written something: a model may forget to say what it answers.
async fn until_answered(
    engine: &Engine,
    asked: &Alias,
    deadline: Instant,
    output: &SendOutput,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let show = Show::messages(Terminal::stdout(), output.is_json);
    let limits = PageLimits { messages: 1, ..PageLimits::default() };
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let page = tokio::select! {
            page = engine.read(limits, left) => page.map_err(|error| anyhow!(for_person(&error)))?,
            () = signals.next() => bail!("The command was interrupted. The message was sent, and no answer can reach it any more."),
        };
        for message in &page.messages {
            output.printer.print(show.message(message)).await?;
        }
        let is_answered = page.messages.iter().any(|message| message.from == *asked);
        let is_empty = page.messages.is_empty();
        page.lease.ack();
        if is_answered {
            return Ok(());
        }
        if is_empty {
            return Err(NothingCame(no_answer(asked.as_str(), output.is_lasting)).into());
        }
    }
}
