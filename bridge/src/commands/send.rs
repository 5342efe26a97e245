//! `junction-bridge send`: a message from a person, or from an agent's shell through that agent's own session.

use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::limits::{
    MAX_ATTACHMENTS, MAX_MESSAGE, MAX_TTL_SECONDS, MIN_TTL_SECONDS,
};

use crate::address::{ADDRESSES, AddressFault, Addressee, GROUP_AMONG_OTHERS};
use crate::attachments::AttachmentAccess;
use crate::config::Config;
use crate::ipc::{AttachmentRequest, SendRequest};
use crate::people::lone_sender::{send_alone, send_to_group_alone};
use crate::people::missing_answers::AnswerPlace;
use crate::people::printer::{OutputStream, Printer};
use crate::people::send_output::SendOutput;
use crate::person::group_message::wait_for;
use crate::person::invoker::{Invoker, session_socket, watch_socket};
use crate::person::member::PersonMember;
use crate::person::running::{running_person, send_through};
use crate::person::send_service::{PersonDraft, drafted};
use crate::person::sources::{SourceRights, check_key, prepared, source_named};
use crate::process::signals::Signals;
use crate::terminal::{WrongUsage, remark};
use crate::wording::people::{attachment_fault, for_person};
use junction_engine::Draft;
use junction_engine::error::Error;
use junction_engine::group::GroupAddress;

/// The longest wait for an answer.
const LONGEST_WAIT: u64 = 24 * 60 * 60;
/// What is said where nothing was sent.
const INTERRUPTED: &str = "Nothing was sent, because the command was interrupted. Send it again.";
/// What is said of a key that nobody would remember.
const NO_MEMORY: &str = "--key has no effect here, because neither a watch nor a page of yours is running to remember it, so nothing was sent. \
                         Start junction-bridge watch or ui, or leave --key out.";

/// A message, and how to send it.
#[derive(Debug, Args)]
pub(crate) struct SendOptions {
    /// Receiver: an alias, several aliases with commas, role:NAME, repo:NAME, or '*' for everybody
    #[arg(value_parser = address)]
    to: String,
    /// Text of the message; - reads it from stdin. Other users of this machine can see arguments: use - for secrets
    #[arg(value_name = "TEXT|-", allow_hyphen_values = true)]
    text: Option<String>,
    /// File to attach, or one value of it: .env#KEY. Up to 8 times; the message needs no text then
    ///
    /// The key is a name in a dotenv, JSON, TOML or YAML file, with dots between the names of tables. The last # divides; put
    /// another # behind the path of a file whose name has one. In your own terminal, what you name is sent. In an agent's
    /// shell it has to be what that agent may attach: see junction-bridge allow.
    #[arg(long, value_name = "FILE[#KEY]")]
    attach: Vec<String>,
    /// Wait up to this many seconds for the answer, and print it
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=LONGEST_WAIT))]
    wait: Option<u64>,
    /// With --wait and several receivers: wait for all answers, or only for the first (any) [default: all]
    #[arg(long, value_name = "WHICH", value_parser = ["all", "any"])]
    wait_for: Option<String>,
    /// What the message is: inform (needs no answer), request (asks for one), done (what --reply-to asks for is finished)
    /// [default: inform]
    #[arg(long, value_name = "INTENT", value_parser = ["inform", "request", "done"])]
    intent: Option<String>,
    /// A name of your choice for this message: with the same key and receiver, it is sent only once
    ///
    /// The session that sends the message remembers the key, so this needs a running watch or page, or an agent's shell.
    #[arg(long, value_name = "KEY", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    key: Option<String>,
    /// Alias to send under [default: your user name, or that of your running watch or page]
    #[arg(long = "as", value_name = "ALIAS", value_parser = alias)]
    alias: Option<Alias>,
    /// Id of the message that this one answers
    #[arg(long, value_name = "ID", value_parser = message_id)]
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

impl SendOptions {
    /// The request that sends this text with these attachments.
    fn request(
        &self,
        message: String,
        attachments: Vec<AttachmentRequest>,
        from_person: bool,
    ) -> SendRequest {
        SendRequest {
            to: self.to.clone(),
            message,
            reply_to: self.reply_to.map(|id| id.to_string()),
            wait_seconds: self.wait.unwrap_or(0),
            ttl_seconds: self.ttl,
            fingerprint: self.fingerprint.clone(),
            urgency: self.urgency.clone(),
            intent: self.intent.clone(),
            key: self.key.clone(),
            wait_for: self.wait_for.clone(),
            from_person,
            attachments,
        }
    }
}

/// Whom a message is for, as a person types it.
fn address(text: &str) -> Result<String, String> {
    match Addressee::parse(text) {
        Ok(Addressee::Peer(alias)) => Ok(alias.to_string()),
        Ok(Addressee::Group(group)) => Ok(match group {
            // Read once more by the bridge.
            GroupAddress::Role(_) | GroupAddress::Repo(_) => format!("\"{group}\""),
            GroupAddress::Everyone | GroupAddress::Aliases(_) => group.to_string(),
        }),
        Err(AddressFault::GroupAmongOthers) => Err(GROUP_AMONG_OTHERS.to_owned()),
        Err(AddressFault::Unknown | AddressFault::Nobody) => {
            Err(format!("{ADDRESSES} is expected"))
        }
    }
}

/// An alias as a person types it.
pub(super) fn alias(text: &str) -> Result<Alias, String> {
    let plain = text.trim().trim_start_matches('@').to_ascii_lowercase();
    Alias::parse(&plain).map_err(|error| error.to_string())
}

fn message_id(text: &str) -> Result<uuid::Uuid, &'static str> {
    uuid::Uuid::try_parse(text)
        .map_err(|_| "the id of a message is expected, as it was shown with the message")
}

fn fingerprint(text: &str) -> Result<String, &'static str> {
    let is_one = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_one.then(|| text.to_ascii_lowercase()).ok_or("16 hexadecimal digits are expected")
}

/// Sends a message, and prints what became of it.
///
/// # Errors
/// The message was not sent, or not to all, or nothing came in time.
pub(crate) async fn send(config: &Config, options: SendOptions) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let caller = Invoker::of_this_process();
    if options.alias.is_some() && caller != Invoker::Person {
        bail!(
            "A program runs this command, so it speaks as the session that it belongs to. Leave --as out."
        );
    }
    let attachments = attachments(&options.attach)?;
    let attaches = !attachments.is_empty();
    let message = tokio::select! {
        message = text(options.text.clone(), attaches) => message?,
        () = signals.next() => bail!(INTERRUPTED),
    };
    let request = options.request(message, attachments, caller == Invoker::Person);
    let name = options.alias.as_ref().map(Alias::as_str);
    let socket = match &caller {
        Invoker::Agent(sign) => Some((session_socket(sign, attaches).await?, AnswerPlace::Agent)),
        Invoker::Exec(pid) => Some((watch_socket(*pid)?, AnswerPlace::Watch)),
        Invoker::Person => persons_socket(config, name, attaches).await?,
    };
    if socket.is_none() && request.key.is_some() {
        bail!(NO_MEMORY);
    }
    let output = SendOutput {
        printer: Printer::start(OutputStream::Stdout)?,
        is_json: options.json,
        later: socket.as_ref().map_or(AnswerPlace::Nowhere, |(_, place)| *place),
    };
    match socket {
        Some((socket, _)) => through(&socket, request, &output, &mut signals).await,
        None => {
            let draft = tokio::select! {
                draft = prepared_draft(config, request) => draft?,
                () = signals.next() => bail!(INTERRUPTED),
            };
            let member = tokio::select! {
                joined = PersonMember::join(config, options.alias, false) => joined?,
                () = signals.next() => bail!(INTERRUPTED),
            };
            let outcome = match draft {
                PersonDraft::Peer(draft) => send_alone(&member, draft, &output, &mut signals).await,
                PersonDraft::Group(it) => {
                    send_to_group_alone(&member, it, &output, &mut signals).await
                }
            };
            member.leave().await;
            outcome
        }
    }
}

/// What is to be attached, seen from the working directory.
fn attachments(named: &[String]) -> anyhow::Result<Vec<AttachmentRequest>> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    if named.len() > MAX_ATTACHMENTS {
        return Err(WrongUsage(
            "A message has at most 8 attachments. Send the others with another message.",
        )
        .into());
    }
    if named.iter().any(String::is_empty) {
        return Err(WrongUsage("--attach names nothing. Give the path of a file.").into());
    }
    named.iter().try_for_each(|text| check_key(text))?;
    let folder = std::env::current_dir().map_err(|error| {
        anyhow!("The working directory cannot be used: {error}. Change to another.")
    })?;
    Ok(named.iter().map(|text| source_named(text, &folder)).collect())
}

/// The socket of this person's command that runs, if one does.
async fn persons_socket(
    config: &Config,
    name: Option<&str>,
    attaches: bool,
) -> anyhow::Result<Option<(PathBuf, AnswerPlace)>> {
    let Some(running) = running_person(config, name).await else { return Ok(None) };
    if attaches && !running.attaches {
        bail!(
            "Your running {} has an older version that takes no attachments, so nothing was sent. End it, and start it again.",
            running.what()
        );
    }
    if running.is_one_of_several {
        remark(&format!("This is sent as {}. --as chooses another.", running.alias));
    }
    let place = match (running.serves_page, running.watches) {
        (true, _) => AnswerPlace::Page,
        (false, true) => AnswerPlace::Watch,
        (false, false) => AnswerPlace::Read,
    };
    Ok(Some((running.socket, place)))
}

/// The message with what it is to carry, which a person named here.
async fn prepared_draft(config: &Config, mut request: SendRequest) -> anyhow::Result<PersonDraft> {
    let draft = match drafted(&request).map_err(|error| anyhow!(error))? {
        PersonDraft::Peer(draft) => draft,
        group @ PersonDraft::Group(_) => return Ok(group),
    };
    let named = std::mem::take(&mut request.attachments);
    let access = AttachmentAccess::new(config.dir.clone());
    let attachments = prepared(&access, named, SourceRights::ByPerson).await;
    let attachments = attachments.map_err(|fault| anyhow!(attachment_fault(&fault)))?;
    Ok(PersonDraft::Peer(Draft { attachments, ..draft }))
}

/// Sends a message through a session that runs.
async fn through(
    socket: &Path,
    request: SendRequest,
    output: &SendOutput,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let wait = (request.wait_seconds > 0).then(|| wait_for(&request));
    let (answer, received) = tokio::select! {
        sent = send_through(socket, request) => sent?,
        () = signals.next() => bail!(
            "The command was interrupted before it knew what became of the message. It may have been sent, and an answer \
             is for the session that sends it."
        ),
    };
    let end = output.sent(&answer, wait).await?;
    received.acknowledge().await;
    if output.later == AnswerPlace::Page && wait.is_none() && !output.is_json {
        // A watch is seen to run; the page may be in a browser far behind this terminal.
        remark("An answer appears on your page.");
    }
    end.into_result()
}

/// The text of the message.
async fn text(given: Option<String>, has_attachments: bool) -> anyhow::Result<String> {
    match given.as_deref() {
        Some("-") => {}
        // Nobody need say anything, and what stdin is may never end.
        None if has_attachments => return Ok(String::new()),
        None if !std::io::stdin().is_terminal() => {}
        None => {
            return Err(WrongUsage(
                "There is nothing to send. Give a text, or a file with --attach. To type the text, give - and end it with Ctrl-D.",
            )
            .into());
        }
        Some(text) => return checked(text.to_owned(), has_attachments),
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
    checked(text, has_attachments)
}

fn checked(text: String, may_be_empty: bool) -> anyhow::Result<String> {
    if text.is_empty() && !may_be_empty {
        return Err(WrongUsage("The text is empty. Give one to send.").into());
    }
    if text.len() > MAX_MESSAGE {
        bail!(for_person(&Error::TooLarge { limit: MAX_MESSAGE }));
    }
    Ok(text)
}
