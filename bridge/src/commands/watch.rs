//! `junction-bridge watch`: a person who takes part until the command is ended.

mod all;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::Args;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::id::MessageId;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::send::alias;
use crate::attachments::AttachmentAccess;
use crate::config::Config;
use crate::ipc::server::{self, SocketKind};
use crate::people::exec;
use crate::people::printer::{OutputStream, Printer, stdout_closed};
use crate::people::save_folder::SaveFolder;
use crate::people::show::Show;
use crate::people::watch_news::{WatchNews, look};
use crate::person::invoker::refuse_agents;
use crate::person::member::PersonMember;
use crate::person::running::{PersonRequests, place};
use crate::person::send_service::SendService;
use crate::process::signals::Signals;
use crate::terminal::Terminal;
use junction_engine::error::Error;
use junction_engine::{MailPage, Message, PageLimits};

/// How long a read waits before it is made again.
const READ_TIME: Duration = Duration::from_secs(60 * 60);
/// How long to wait after a read that failed.
const PAUSE: Duration = Duration::from_secs(1);
/// News that wait to be printed. While they do, nothing is looked at.
const MAX_NEWS: usize = 64;
/// How often a message is given to the command of `--exec` that fails.
const TRIES: u32 = 2;
/// How long the answers to commands that speak through this one may take at the end.
const ANSWER_TIME: Duration = Duration::from_millis(50);

/// How to take part.
#[derive(Debug, Args)]
pub(crate) struct WatchOptions {
    /// Run CMD by the shell for each message, with the text on its stdin
    ///
    /// The text is as the peer wrote it, so take it for data. Variables tell the rest: JUNCTION_FROM, JUNCTION_ID,
    /// JUNCTION_TIMESTAMP, and where they apply JUNCTION_REPLY_TO, JUNCTION_FROM_PERSON and JUNCTION_KEY_CHANGED.
    /// Messages come one at a time, in their order. One counts as read once CMD ends with status 0. If CMD fails, it is
    /// run once more; if it fails again, the message stays unread and watch ends with status 1. All that watch itself
    /// prints goes to stderr.
    #[arg(long, value_name = "CMD", value_parser = command)]
    exec: Option<String>,
    /// Save attachments in this folder, each under its own name without leading dots, or as NAME-2. Without it, they are lost
    #[arg(long, value_name = "DIR", conflicts_with = "exec")]
    save: Option<PathBuf>,
    /// Alias to be reached under [default: your user name]
    #[arg(long = "as", value_name = "ALIAS", value_parser = alias)]
    alias: Option<Alias>,
    /// Show who is on the hub and which messages go from whom to whom, without taking part
    ///
    /// Only the hub's own machine shows it, and nobody on the hub sees that you look. What messages say is sealed: only their
    /// receivers can read it.
    #[arg(long, conflicts_with_all = ["exec", "save", "alias"])]
    all: bool,
    /// Print one JSON object per event
    #[arg(long)]
    json: bool,
}

/// A command that does something: one that does nothing would have messages count as read that nobody saw.
fn command(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("a command is expected") } else { Ok(text.to_owned()) }
}

/// Takes part until the command is ended.
///
/// # Errors
/// The hub does not answer at the start, the output cannot be written, or the command of `--exec` fails.
pub(crate) async fn watch(config: &Config, options: WatchOptions) -> anyhow::Result<()> {
    if options.all {
        return all::watch_all(config, options.json).await;
    }
    refuse_agents("read_messages")?;
    let mut signals = Signals::new()?;
    let folder = options.save.as_deref().map(|path| SaveFolder::open(config, path)).transpose()?;
    let member = tokio::select! {
        joined = PersonMember::join(config, options.alias.clone(), true) => joined?,
        () = signals.next() => return Ok(()),
    };
    let (news, received) = mpsc::channel(MAX_NEWS);
    let (followers, followed) = mpsc::channel(MAX_NEWS);
    let requests = PersonRequests {
        engine: member.engine.clone(),
        sends: SendService::new(member.engine.clone(), AttachmentAccess::new(config.dir.clone()))
            .followed_by(followers),
        place: place(config),
        watches: true,
        runs_command: options.exec.is_some(),
        links: None,
    };
    let socket = server::start(SocketKind::Person, requests);
    look(&member.engine, followed, &news);
    let watching = Watching::new(&member, folder, options)?;
    let outcome = tokio::select! {
        outcome = watching.run(received) => outcome,
        () = signals.next() => Ok(()),
    };
    socket.abort();
    let _ = timeout(ANSWER_TIME, tokio::task::yield_now()).await;
    member.leave().await;
    outcome
}

/// What `watch` prints, and how.
struct Watching<'a> {
    member: &'a PersonMember,
    /// Whether messages were exchanged under the session's name.
    has_spoken: bool,
    printer: Printer,
    show: Show,
    /// Where attachments are saved.
    folder: Option<SaveFolder>,
    exec: Option<String>,
    /// The message that the command failed for, and how often.
    failed: Option<(MessageId, u32)>,
}

impl<'a> Watching<'a> {
    fn new(
        member: &'a PersonMember,
        folder: Option<SaveFolder>,
        options: WatchOptions,
    ) -> anyhow::Result<Self> {
        // With --exec, stdout is the command's.
        let (stream, terminal) = match options.exec {
            Some(_) => (OutputStream::Stderr, Terminal::PIPE),
            None => (OutputStream::Stdout, Terminal::stdout()),
        };
        let show = Show::events(terminal, options.json).saving(folder.is_some());
        let printer = Printer::start(stream)?;
        let exec = options.exec;
        Ok(Self { member, has_spoken: false, printer, show, folder, exec, failed: None })
    }

    async fn run(mut self, mut news: mpsc::Receiver<WatchNews>) -> anyhow::Result<()> {
        let began = format!("others reach you as {}, until Ctrl-C", self.member.alias);
        self.printer.print(self.show.own("joined", &began)).await?;
        let is_read = self.exec.is_none();
        let closed =
            async { if is_read { stdout_closed().await } else { std::future::pending().await } };
        tokio::pin!(closed);
        loop {
            let engine = self.member.engine.clone();
            let reading = engine.next_page(one(), READ_TIME);
            tokio::pin!(reading);
            let page = loop {
                tokio::select! {
                    page = &mut reading => break page,
                    Some(news) = news.recv() => self.tell(news).await?,
                    () = &mut closed => return Ok(()),
                }
            };
            match page {
                Ok(page) => self.take(page).await?,
                Err(Error::Left) => {
                    bail!("The session has ended. Start junction-bridge watch again.")
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    async fn tell(&mut self, news: WatchNews) -> anyhow::Result<()> {
        let text = match news {
            WatchNews::Peer(what, peer) => self.show.peer(what, peer),
            WatchNews::Hub(said) => self.show.own("hub", &said),
            WatchNews::Renamed(alias) => {
                self.show.own("renamed", &format!("the hub calls you {alias} now"))
            }
            WatchNews::Sent => {
                self.has_exchanged();
                return Ok(());
            }
            WatchNews::Ended => {
                // A program gets only what the watch waits for: a message past the limit of its chain has to wait.
                let messages = if self.exec.is_some() { 0 } else { 1 };
                let limits = PageLimits { messages, ..one() };
                return match self.member.engine.next_page(limits, Duration::ZERO).await {
                    Ok(page) => self.take(page).await,
                    // The next page has them.
                    Err(_) => Ok(()),
                };
            }
        };
        Ok(self.printer.print(text).await?)
    }

    /// Notes that messages are exchanged under the session's name.
    fn has_exchanged(&mut self) {
        if !self.has_spoken {
            self.has_spoken = true;
            self.member.speaks();
        }
    }

    /// Prints a page, or gives its message to the command. Its message counts as read only after that.
    async fn take(&mut self, page: MailPage) -> anyhow::Result<()> {
        if !page.messages.is_empty() {
            self.has_exchanged();
        }
        let text: String = page.receipts.iter().map(|end| self.show.receipt(end)).collect();
        let Some(command) = self.exec.clone() else {
            return self.print_page(text, page).await;
        };
        if !text.is_empty() {
            self.printer.print(text).await?;
        }
        for message in &page.messages {
            let ended = exec::run(&command, message).await?;
            if !ended.success() {
                return self.has_failed(message, &ended.to_string()).await;
            }
        }
        if !page.messages.is_empty() {
            self.failed = None;
        }
        page.lease.ack();
        Ok(())
    }

    /// Prints a page after this text, and saves what is attached.
    async fn print_page(&self, mut text: String, page: MailPage) -> anyhow::Result<()> {
        let MailPage { messages, lease, .. } = page;
        let saving = self.folder.as_ref().filter(|_| messages.iter().any(has_attachments));
        if let Some(folder) = saving.filter(|_| self.show.is_json()) {
            for message in &messages {
                let saves = folder.save(&self.member.engine, message).await;
                text.push_str(&self.show.message_and_saves(message, &saves));
            }
            self.printer.print(text).await?;
            lease.ack();
            return Ok(());
        }
        text.extend(messages.iter().map(|message| self.show.message(message)));
        if !text.is_empty() {
            self.printer.print(text).await?;
        }
        lease.ack();
        if let Some(folder) = saving {
            for message in &messages {
                let saves = folder.save(&self.member.engine, message).await;
                let lines = saves.iter().map(|save| self.show.save(message, save)).collect();
                self.printer.print(lines).await?;
            }
        }
        Ok(())
    }

    /// The command failed for a message, which is given back unread.
    async fn has_failed(&mut self, message: &Message, ended: &str) -> anyhow::Result<()> {
        let before = self.failed.filter(|(id, _)| *id == message.id).map_or(0, |(_, tries)| tries);
        self.failed = Some((message.id, before + 1));
        if before + 1 < TRIES {
            let said = format!("the command failed ({ended}), and is run once more");
            return Ok(self.printer.print(self.show.own("failed", &said)).await?);
        }
        Err(anyhow!(
            "The command of --exec failed twice ({ended}) for a message of {}, which stays unread. Correct the command, then \
             start junction-bridge watch again.",
            message.from
        ))
    }
}

fn has_attachments(message: &Message) -> bool {
    !message.attachments.is_empty()
}

/// One message a page: each counts as read by itself.
fn one() -> PageLimits {
    PageLimits { messages: 1, ..PageLimits::default() }
}
