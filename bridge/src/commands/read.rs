//! `junction-bridge read`: waits for messages to a person, and prints them.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::Args;
use junction_shared::protocol::alias::Alias;
use tokio::sync::mpsc;

use super::send::alias;
use crate::attachments::AttachmentAccess;
use crate::config::Config;
use crate::ipc::server::{self, SocketKind};
use crate::people::printer::{OutputStream, Printer};
use crate::people::save_folder::SaveFolder;
use crate::people::show::Show;
use crate::person::invoker::refuse_agents;
use crate::person::member::PersonMember;
use crate::person::running::{PersonRequests, place, running_person};
use crate::person::send_service::SendService;
use crate::process::signals::Signals;
use crate::terminal::{NothingCame, Terminal, remark};
use crate::wording::people::for_person;
use junction_engine::{MailPage, PageLimits};

/// The longest wait for a message.
const LONGEST_WAIT: u64 = 24 * 60 * 60;

/// What to read.
#[derive(Debug, Args)]
pub(crate) struct ReadOptions {
    /// Wait up to this many seconds for a message
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=LONGEST_WAIT))]
    wait: Option<u64>,
    /// Print at most this many messages. Senders of the remaining ones are told that they were not read
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: Option<u16>,
    /// Save attachments in this folder, each under its own name without leading dots, or as NAME-2. Without it, they are lost
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Alias to be reached under [default: your user name]
    #[arg(long = "as", value_name = "ALIAS", value_parser = alias)]
    alias: Option<Alias>,
    /// Print one JSON object a message, with the fields of the tool read_messages
    #[arg(long)]
    json: bool,
}

/// Prints messages.
///
/// # Errors
/// The hub does not answer, or nothing came in time.
pub(crate) async fn read(config: &Config, options: ReadOptions) -> anyhow::Result<()> {
    refuse_agents("read_messages")?;
    let mut signals = Signals::new()?;
    let folder = options.save.as_deref().map(|path| SaveFolder::open(config, path)).transpose()?;
    let name = options.alias.as_ref().map(Alias::as_str);
    let running = running_person(config, name).await;
    let Some(wait) = options.wait else {
        remark(&match running {
            Some(running) => format!(
                "Nothing is left to read here: your {} shows the messages to {}.",
                running.what(),
                running.alias
            ),
            None => "Nothing is unread: nobody could write to you, because no command of yours runs. Use --wait SECONDS, \
                     or keep junction-bridge watch or ui running."
                .to_owned(),
        });
        return Ok(());
    };
    if let Some(running) = running {
        bail!(
            "Your {} shows the messages to {}. Look there, or use --as to be reached under another name.",
            running.what(),
            running.alias
        );
    }
    let member = tokio::select! {
        joined = PersonMember::join(config, options.alias.clone(), true) => joined?,
        () = signals.next() => return Ok(()),
    };
    let (followers, mut followed) = mpsc::channel(1);
    let requests = PersonRequests {
        engine: member.engine.clone(),
        sends: SendService::new(member.engine.clone(), AttachmentAccess::new(config.dir.clone()))
            .followed_by(followers),
        place: place(config),
        watches: false,
        runs_command: false,
        links: None,
    };
    let socket = server::start(SocketKind::Person, requests);
    remark(&format!(
        "Others reach you as {} for {wait} s, or until a message comes.",
        member.alias
    ));
    let outcome = tokio::select! {
        outcome = printed(&member, &options, folder.as_ref(), Duration::from_secs(wait)) => outcome,
        () = signals.next() => Ok(()),
    };
    socket.abort();
    if followed.try_recv().is_ok() {
        // Messages were sent through this one.
        member.speaks();
    }
    member.leave().await;
    outcome
}

/// Waits for messages, and prints those that have come. What is attached to them is saved in the folder.
async fn printed(
    member: &PersonMember,
    options: &ReadOptions,
    folder: Option<&SaveFolder>,
    wait: Duration,
) -> anyhow::Result<()> {
    let printer = Printer::start(OutputStream::Stdout)?;
    let show = Show::messages(Terminal::stdout(), options.json).saving(folder.is_some());
    let messages = options.limit.map_or(usize::MAX, usize::from);
    let limits = PageLimits { messages, ..PageLimits::default() };
    let page =
        member.engine.read(limits, wait).await.map_err(|error| anyhow!(for_person(&error)))?;
    if page.messages.is_empty() {
        return Err(
            NothingCame("No message came in time. Wait longer with --wait.".to_owned()).into()
        );
    }
    member.speaks();
    let MailPage { messages, lease, .. } = page;
    let Some(folder) = folder.filter(|_| messages.iter().any(|it| !it.attachments.is_empty()))
    else {
        printer.print(messages.iter().map(|message| show.message(message)).collect()).await?;
        // Only now: what was not printed was not read.
        lease.ack();
        return Ok(());
    };
    let mut failed = 0;
    if options.json {
        for message in &messages {
            let saves = folder.save(&member.engine, message).await;
            failed += saves.iter().filter(|save| save.outcome.is_err()).count();
            printer.print(show.message_and_saves(message, &saves)).await?;
        }
        lease.ack();
    } else {
        // Whoever waits for a large file reads meanwhile.
        printer.print(messages.iter().map(|message| show.message(message)).collect()).await?;
        lease.ack();
        for message in &messages {
            let saves = folder.save(&member.engine, message).await;
            failed += saves.iter().filter(|save| save.outcome.is_err()).count();
            printer.print(saves.iter().map(|save| show.save(message, save)).collect()).await?;
        }
    }
    match failed {
        0 => Ok(()),
        1 => bail!(
            "One attachment was not saved. The reason is above; have its sender send it again."
        ),
        count => bail!(
            "{count} attachments were not saved. The reasons are above; have their senders send them again."
        ),
    }
}
