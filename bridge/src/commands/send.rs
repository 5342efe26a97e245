//! `junction-bridge send`: a message from a person, or from an agent's shell through that agent's own session.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::Args;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::limits::{MAX_MESSAGE, MAX_TTL_SECONDS, MIN_TTL_SECONDS};
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout};

use crate::config::Config;
use crate::ipc::SendRequest;
use crate::people::invoker::{Invoker, session_socket, watch_socket};
use crate::people::member::PersonMember;
use crate::people::printer::{OutputStream, Printer};
use crate::people::running::{running_person, send_through};
use crate::people::send_service::draft;
use crate::people::show::Show;
use crate::process::signals::Signals;
use crate::results::{SentJson, object};
use crate::terminal::{NothingCame, Terminal, WrongUsage, remark};
use crate::wording::people::{for_person, sent as sentence};
use junction_engine::error::Error;
use junction_engine::{Draft, Engine, PageLimits, Sent, Status, WaitEnd};

/// How long a hub that does not take the message is waited for, past what the engine waits.
const HUB_TIME: Duration = Duration::from_secs(8);
/// How long the receiver's bridge, on a busy machine perhaps, has to say when its agent will be told.
const OUTLOOK_TIME: Duration = Duration::from_secs(2);
/// The longest wait for an answer.
const LONGEST_WAIT: u64 = 24 * 60 * 60;
/// What is said where no answer is waited for.
const NO_ANSWER: &str = "No answer can reach you, because you have no watch running to receive it. Use --wait SECONDS, \
                         or keep junction-bridge watch running.";
/// What is said where nothing was sent.
const INTERRUPTED: &str = "Nothing was sent, because the command was interrupted. Send it again.";

/// A message, and how to send it.
#[derive(Debug, Args)]
pub(crate) struct SendOptions {
    /// Alias of the receiver
    #[arg(value_parser = alias)]
    to: Alias,
    /// Text of the message; - reads it from stdin. Other users of this machine can see arguments: use - for secrets
    #[arg(value_name = "TEXT|-", allow_hyphen_values = true)]
    text: Option<String>,
    /// Wait up to this many seconds for the answer, and print it
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=LONGEST_WAIT))]
    wait: Option<u64>,
    /// Alias to send under [default: your user name, or that of your running watch]
    #[arg(long = "as", value_name = "ALIAS", value_parser = alias)]
    alias: Option<Alias>,
    /// Id of the message that this one answers
    #[arg(long, value_name = "ID")]
    reply_to: Option<uuid::Uuid>,
    /// Whether to wake the receiver: low (never), normal, high (at once)
    #[arg(long, value_name = "URGENCY", value_parser = ["low", "normal", "high"])]
    urgency: Option<String>,
    /// Seconds for which the message may wait unread, from 10 to 7200 and at most the hub's session timeout
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(MIN_TTL_SECONDS..=MAX_TTL_SECONDS))]
    ttl: Option<u64>,
    /// Fingerprint that the receiver must have
    #[arg(long, value_name = "FINGERPRINT", value_parser = fingerprint)]
    fingerprint: Option<String>,
    /// Print the result of the tool send_message
    #[arg(long)]
    json: bool,
}

/// An alias as a person types it.
pub(super) fn alias(text: &str) -> Result<Alias, String> {
    let plain = text.trim().trim_start_matches('@').to_ascii_lowercase();
    Alias::parse(&plain).map_err(|error| error.to_string())
}

fn fingerprint(text: &str) -> Result<String, &'static str> {
    let is_one = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_one.then(|| text.to_ascii_lowercase()).ok_or("16 hexadecimal digits are expected")
}

/// Sends a message, and prints what became of it.
///
/// # Errors
/// The message was not sent, or nothing came in time.
pub(crate) async fn send(config: &Config, options: SendOptions) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let caller = Invoker::of_this_process();
    if options.alias.is_some() && caller != Invoker::Person {
        bail!(
            "A program runs this command, so it speaks as the session that it belongs to. Leave --as out."
        );
    }
    let to = options.to;
    let message = tokio::select! {
        message = text(options.text.clone()) => message?,
        () = signals.next() => bail!(INTERRUPTED),
    };
    let request = SendRequest {
        to: to.to_string(),
        message,
        reply_to: options.reply_to.map(|id| id.to_string()),
        wait_seconds: options.wait.unwrap_or(0),
        ttl_seconds: options.ttl,
        fingerprint: options.fingerprint.clone(),
        urgency: options.urgency.clone(),
        from_person: caller == Invoker::Person,
    };
    let name = options.alias.as_ref().map(Alias::as_str);
    let socket = match &caller {
        Invoker::Agent(sign) => Some(session_socket(sign).await?),
        Invoker::Exec(pid) => Some(watch_socket(*pid)?),
        Invoker::Person => running_person(config, name).await.map(|running| {
            if running.is_one_of_several {
                remark(&format!("This is sent as {}. --as chooses another.", running.alias));
            }
            running.socket
        }),
    };
    let output = SendOutput {
        printer: Printer::start(OutputStream::Stdout)?,
        is_json: options.json,
        is_lasting: socket.is_some(),
    };
    match socket {
        Some(socket) => through(&socket, request, &output, &mut signals).await,
        None => {
            let member = tokio::select! {
                joined = PersonMember::join(config, options.alias, false) => joined?,
                () = signals.next() => bail!(INTERRUPTED),
            };
            let draft = draft(request).map_err(|error| anyhow!(error))?;
            let outcome = alone(&member, draft, &output, &mut signals).await;
            member.leave().await;
            outcome
        }
    }
}

/// Sends a message through a session that runs.
async fn through(
    socket: &Path,
    request: SendRequest,
    output: &SendOutput,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let waits = request.wait_seconds > 0;
    let (answer, received) = tokio::select! {
        sent = send_through(socket, request) => sent?,
        () = signals.next() => bail!(
            "The command was interrupted before it knew what became of the message. It may have been sent, and an answer \
             is for the session that sends it."
        ),
    };
    let printed = output.sent(&answer, waits).await;
    if printed.as_ref().err().is_none_or(anyhow::Error::is::<NothingCame>) {
        received.acknowledge().await;
    }
    printed
}

/// The text of the message.
async fn text(given: Option<String>) -> anyhow::Result<String> {
    match given.as_deref() {
        Some("-") => {}
        None if !std::io::stdin().is_terminal() => {}
        None => {
            return Err(WrongUsage(
                "There is no text to send. Give it as an argument, or - and then the text, ended by Ctrl-D.",
            )
            .into());
        }
        Some(text) => return checked(text.to_owned()),
    }
    let read = tokio::task::spawn_blocking(|| {
        let mut bytes = Vec::new();
        let mut input = std::io::stdin().lock().take(MAX_MESSAGE as u64 + 2);
        input.read_to_end(&mut bytes).map(|_| bytes)
    });
    let bytes = read.await?.map_err(|error| {
        anyhow!("The text cannot be read from stdin: {error}. Give it as an argument.")
    })?;
    let mut text = String::from_utf8(bytes)
        .map_err(|_| anyhow!("The text on stdin is not UTF-8. Send text in UTF-8."))?;
    // The line end that echo and editors put behind the last line.
    if text.ends_with('\n') {
        text.pop();
    }
    checked(text)
}

fn checked(text: String) -> anyhow::Result<String> {
    if text.is_empty() {
        return Err(WrongUsage("The text is empty. Give one to send.").into());
    }
    if text.len() > MAX_MESSAGE {
        bail!(for_person(&Error::TooLarge { limit: MAX_MESSAGE }));
    }
    Ok(text)
}

/// Where the outcome goes.
struct SendOutput {
    printer: Printer,
    is_json: bool,
    /// Whether the session goes on after the command, as that of a watch does.
    is_lasting: bool,
}

impl SendOutput {
    /// Prints what became of a message, by the answer of the tool. With a wait, what is asked for is the reply.
    async fn sent(&self, answer: &Map<String, Value>, waits: bool) -> anyhow::Result<()> {
        let reply = answer.get("reply").and_then(|reply| reply["message"].as_str());
        if self.is_json {
            self.printer.line(&Value::from(answer.clone()).to_string()).await?;
        } else if !waits {
            self.printer.line(&sentence(answer)).await?;
        } else if let Some(reply) = reply {
            self.printer.line(reply).await?;
        } else {
            remark(&sentence(answer));
        }
        if !waits || reply.is_some() {
            return Ok(());
        }
        let to = answer.get("to").and_then(Value::as_str).unwrap_or_default();
        Err(NothingCame(match answer.get("ended_by").and_then(Value::as_str) {
            Some(peer) => format!(
                "{peer} wrote something else first, which ended the wait. Read that, then ask again."
            ),
            None => no_answer(to, self.is_lasting),
        })
        .into())
    }
}

fn no_answer(of: &str, is_lasting: bool) -> String {
    format!(
        "No answer from {of} came in time. {}",
        if is_lasting {
            "A later one appears in your junction-bridge watch."
        } else {
            "A later one cannot reach you: start junction-bridge watch before you send, to be reached."
        }
    )
}

/// Sends a message as a session that ends with this command.
async fn alone(
    member: &PersonMember,
    draft: Draft,
    output: &SendOutput,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let (wait, asked, to) = (draft.wait, draft.urgency, draft.target.clone());
    let deadline = Instant::now() + wait;
    member.has_returned(&draft.target).await;
    let sending = member.engine.begin_send(draft).await;
    let sending = sending.map_err(|error| anyhow!(for_person(&error)))?;
    member.speaks();
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
    let mut answer = object(&SentJson::new(&sent, asked, (!wait.is_zero()).then_some(sent.waited)));
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
