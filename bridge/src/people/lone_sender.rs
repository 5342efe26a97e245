//! A message from a session that ends with its command: it stays until the hub has the message and all that it carries.

use std::time::Duration;

use anyhow::{anyhow, bail};
use junction_shared::protocol::alias::Alias;
use tokio::time::{Instant, timeout};

use super::missing_answers::{AnswerPlace, no_answer};
use super::send_output::{SendEnd, SendOutput};
use super::show::Show;
use super::upload_report::UploadReport;
use crate::person::group_message::{GroupAnswer, ReplyRoom, send_to_group};
use crate::person::member::PersonMember;
use crate::process::signals::Signals;
use crate::results::{AttachedJson, SentJson, object};
use crate::terminal::{NothingCame, Terminal, remark};
use crate::wording::people::{for_person, receivers_in};
use junction_engine::attachment::{AttachmentInfo, PreparedAttachments};
use junction_engine::error::Error;
use junction_engine::group::WaitFor;
use junction_engine::group_message::GroupDraft;
use junction_engine::urgency::Urgency;
use junction_engine::{Draft, Engine, PageLimits, SendInProgress, Sent, Status, WaitEnd, wall_ms};

/// How long a hub that does not take the message is waited for, past what the engine waits.
const HUB_TIME: Duration = Duration::from_secs(8);
/// How long the receiver's bridge, on a busy machine perhaps, has to say when its agent will be told.
const OUTLOOK_TIME: Duration = Duration::from_secs(2);
/// What is said where no answer is waited for.
const NO_ANSWER: &str = "No answer can reach you, because neither a watch nor a page of yours is running. Use --wait SECONDS, \
                         or keep junction-bridge watch or ui running.";

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
    let (waits, wait_for) = (!group.wait.is_zero(), group.wait_for);
    let deadline = Instant::now() + group.wait;
    let sent = tokio::select! {
        sent = send_to_group(&member.engine, group, ReplyRoom::Unbounded, |_| ()) => {
            sent.map_err(|error| anyhow!(error))?
        }
        () = signals.next() => {
            member.speaks();
            bail!(
                "The command was interrupted before it knew what became of the message. Some may have got it and others not, and \
                 no answer can reach it any more."
            )
        }
    };
    let GroupAnswer { answer, leases, unanswered } = sent;
    member.speaks();
    let end = output.sent(&answer, waits.then_some(wait_for)).await?;
    leases.into_iter().for_each(junction_engine::Lease::ack);
    let held = receivers_in(&answer, "queued");
    if !held.is_empty() {
        return Err(not_taken(member, &held).await);
    }
    if !waits {
        remark(NO_ANSWER);
    }
    if output.is_json || !answer.contains_key("ended_by") {
        return end.into_result();
    }
    if let SendEnd::NoAnswer(said) = &end {
        remark(said);
    }
    let mut awaited = AwaitedPeers { peers: unanswered, wait_for, have_written: false };
    until_answered(&member.engine, &mut awaited, deadline, output, signals).await?;
    awaited.end(end, output.later).into_result()
}

/// What was not sent to these receivers, because the hub did not take it before its session ended.
async fn not_taken(member: &PersonMember, held: &[&str]) -> anyhow::Error {
    let departure = member.engine.disconnect().await;
    let is_unsure =
        |alias: &&str| departure.unconfirmed.iter().any(|(_, to)| to.as_str() == *alias);
    let (unsure, not_sent): (Vec<&str>, Vec<&str>) =
        held.iter().partition(|alias| is_unsure(alias));
    anyhow!(not_taken_by(&unsure.join(", "), &not_sent.join(", ")))
}

fn not_taken_by(unsure: &str, not_sent: &str) -> String {
    let unsure = (!unsure.is_empty()).then(|| {
        format!(
            "The hub did not say that it has the message for {unsure}, so nobody can say whether it was sent. Ask {unsure} before you \
             send it again."
        )
    });
    let not_sent = (!not_sent.is_empty()).then(|| {
        format!(
            "The message was NOT sent to {not_sent}, because the hub did not take it. Run junction-bridge hosts to see why, then \
             send it again only to {not_sent}."
        )
    });
    unsure.into_iter().chain(not_sent).collect::<Vec<_>>().join(" ")
}

/// Who has not answered yet of those that were asked.
struct AwaitedPeers {
    peers: Vec<Alias>,
    wait_for: WaitFor,
    /// Whether one of them has written.
    have_written: bool,
}

impl AwaitedPeers {
    /// A message of this peer came: a model may forget to say what it answers.
    fn has_written(&mut self, peer: &Alias) {
        let count = self.peers.len();
        self.peers.retain(|awaited| awaited != peer);
        if self.peers.len() < count {
            self.have_written = true;
            if self.wait_for == WaitFor::Any {
                self.peers.clear();
            }
        }
    }

    /// How the command ends that would have ended so without what came since.
    fn end(self, before: SendEnd, later: AnswerPlace) -> SendEnd {
        let silent: Vec<&str> = self.peers.iter().map(Alias::as_str).collect();
        let said = (!silent.is_empty()).then(|| no_answer(&silent.join(", "), later));
        match before {
            SendEnd::NoAnswer(before) if !self.have_written => {
                SendEnd::NoAnswer(said.unwrap_or(before))
            }
            before => {
                said.iter().for_each(|said| remark(said));
                if let SendEnd::NoAnswer(_) = before { SendEnd::Done } else { before }
            }
        }
    }
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
        let mut awaited =
            AwaitedPeers { peers: vec![to], wait_for: WaitFor::All, have_written: false };
        until_answered(&member.engine, &mut awaited, deadline, output, signals).await?;
        return awaited.end(SendEnd::NoAnswer(String::new()), output.later).into_result();
    }
    let end = output.sent(&answer, (!wait.is_zero()).then_some(WaitFor::All)).await?;
    if let Some(WaitEnd::Reply(_, lease)) = sent.wait_end {
        lease.ack();
    } else if wait.is_zero() {
        remark(NO_ANSWER);
    }
    end.into_result()
}

/// What is known where the command was interrupted after the session took the message.
fn interrupted(status: Status) -> &'static str {
    if status == Status::Queued {
        "The command was interrupted before the hub had the message, so it may not have been sent. Send it again."
    } else {
        "The message was sent, and the command was interrupted: no answer can reach it any more. Start junction-bridge \
         watch or ui to be reached."
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

/// Prints whatever comes until those that were asked have written, or the time is over.
async fn until_answered(
    engine: &Engine,
    awaited: &mut AwaitedPeers,
    deadline: Instant,
    output: &SendOutput,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let show = Show::messages(Terminal::stdout(), output.is_json);
    let limits = PageLimits { messages: 1, ..PageLimits::default() };
    while !awaited.peers.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        let page = tokio::select! {
            page = engine.read(limits, left) => page.map_err(|error| anyhow!(for_person(&error)))?,
            () = signals.next() => bail!("The command was interrupted. The message was sent, and no answer can reach it any more."),
        };
        for message in &page.messages {
            output.printer.print(show.message(message)).await?;
            awaited.has_written(&message.from);
        }
        let is_empty = page.messages.is_empty();
        page.lease.ack();
        if is_empty {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(name: &str) -> Alias {
        Alias::parse(name).unwrap()
    }

    /// How a command ends that waited so for bob and eve, after messages of these.
    fn end(wait_for: WaitFor, before: SendEnd, messages_of: &[&str]) -> anyhow::Result<()> {
        let peers = vec![alias("bob"), alias("eve")];
        let mut awaited = AwaitedPeers { peers, wait_for, have_written: false };
        messages_of.iter().for_each(|name| awaited.has_written(&alias(name)));
        awaited.end(before, AnswerPlace::Nowhere).into_result()
    }

    #[test]
    fn command_lacks_an_answer_only_if_nobody_that_was_asked_has_written() {
        let no_answer = || SendEnd::NoAnswer("bob wrote something else first.".to_owned());
        for wait_for in [WaitFor::All, WaitFor::Any] {
            for silent in [&[][..], &["joe"]] {
                let said = end(wait_for, no_answer(), silent).unwrap_err();
                assert!(
                    said.is::<NothingCame>() && said.to_string().contains("from bob, eve came")
                );
                assert!(end(wait_for, SendEnd::Done, silent).is_ok());
            }
            for written in [&["bob"][..], &["joe", "eve"], &["bob", "eve"]] {
                assert!(end(wait_for, no_answer(), written).is_ok());
                let missed = SendEnd::NotToAll("The message was not sent to ann.".to_owned());
                assert!(!end(wait_for, missed, written).unwrap_err().is::<NothingCame>());
            }
        }
    }

    #[test]
    fn wait_for_any_is_over_with_the_first_that_has_written() {
        for (wait_for, left) in [(WaitFor::Any, 0), (WaitFor::All, 1)] {
            let peers = vec![alias("bob"), alias("eve")];
            let mut awaited = AwaitedPeers { peers, wait_for, have_written: false };
            awaited.has_written(&alias("joe"));
            assert_eq!(awaited.peers.len(), 2);
            awaited.has_written(&alias("eve"));
            assert_eq!(awaited.peers.len(), left);
        }
    }

    #[test]
    fn message_that_the_hub_did_not_take_is_not_said_to_be_unsent_if_nobody_knows() {
        let both = not_taken_by("bob", "eve, joe");
        assert!(
            both.contains("for bob, so nobody can say") && both.contains("NOT sent to eve, joe,")
        );
        assert!(!not_taken_by("bob", "").contains("NOT sent"));
        assert!(!not_taken_by("", "eve").contains("nobody can say"));
    }
}
