//! `junction-bridge ui`: the page for a person.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use junction_engine::hubs::known::KnownHosts;
use junction_shared::protocol::alias::Alias;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::send::alias;
use crate::attachments::AttachmentAccess;
use crate::config::Config;
use crate::ipc::server::{self as socket, SocketKind};
use crate::page::browser::PageOpener;
use crate::page::host::PageHost;
use crate::page::live::LiveScene;
use crate::page::server::serve as serve_page;
use crate::page::{hub_news, inbox, own_sessions, sent_letters, who};
use crate::person::invoker::refuse_agents;
use crate::person::member::PersonMember;
use crate::person::running::{PageLinks, PersonRequests, place, served_page};
use crate::person::send_service::SendService;
use crate::process::signals::Signals;
use crate::terminal::{remark, tell};

/// Messages that wait to be shown as sent.
const MAX_FOLLOWED: usize = 64;
/// How long the answers to commands that speak through this one may take at the end.
const ANSWER_TIME: Duration = Duration::from_millis(50);

/// How to show the page.
#[derive(Debug, Args)]
pub(crate) struct UiOptions {
    /// Print the link and open no browser
    #[arg(long)]
    no_open: bool,
    /// Alias to be reached under. Starts a page of its own, beside one that is running [default: your user name]
    #[arg(long = "as", value_name = "ALIAS", value_parser = alias)]
    alias: Option<Alias>,
}

/// Serves the page until the command is ended, or nobody has had it open for a while.
///
/// # Errors
/// The hub does not answer at the start, or the page cannot be served.
pub(crate) async fn ui(config: &Arc<Config>, options: UiOptions) -> anyhow::Result<()> {
    refuse_agents("read_messages")?;
    let mut signals = Signals::new()?;
    let name = options.alias.as_ref().map(Alias::as_str);
    if let Some(served) = served_page(config, name, !options.no_open).await {
        let whose =
            served.alias.map_or_else(|| "Your page".to_owned(), |it| format!("The page of {it}"));
        remark(&format!("{whose} is already running in another terminal."));
        return tell_link(&served.link, served.is_opened);
    }
    let member = tokio::select! {
        joined = PersonMember::join_page(config, options.alias.clone()) => joined?,
        () = signals.next() => return Ok(()),
    };
    let outcome = tokio::select! {
        outcome = serve(Arc::clone(config), &member, &options) => outcome,
        () = signals.next() => Ok(PageEnd::Stopped),
    };
    // Answers that are ready go out.
    let _ = timeout(ANSWER_TIME, tokio::task::yield_now()).await;
    member.leave().await;
    remark(outcome?.said());
    Ok(())
}

/// Why the page is served no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PageEnd {
    /// The person stopped the command.
    Stopped,
    /// Nobody has had it open for a while.
    Closed,
    /// The person's session is on no hub any more.
    Left,
}

impl PageEnd {
    /// What the person is told.
    fn said(self) -> &'static str {
        match self {
            Self::Stopped => {
                "The page has stopped. What it showed was in memory alone, and is gone."
            }
            Self::Closed => {
                "The last tab was closed, so the page has stopped. What it showed was in memory alone, and is gone."
            }
            Self::Left => {
                "Your session on the hub has ended, and the page with it. Run junction-bridge ui again."
            }
        }
    }
}

/// Serves the page until nobody has had it open for a while.
async fn serve(
    config: Arc<Config>,
    member: &PersonMember,
    options: &UiOptions,
) -> anyhow::Result<PageEnd> {
    let (live, engine) = (LiveScene::new(), member.engine.clone());
    let (followers, followed) = mpsc::channel(MAX_FOLLOWED);
    let access = AttachmentAccess::new(config.dir.clone());
    let sends = SendService::new(engine.clone(), access).followed_by(followers);
    let bound = PageHost::bind(Arc::clone(&config), engine.clone(), sends.clone(), live.clone());
    let (page, listener) = bound.await?;
    page.introduce();
    let opener: Arc<dyn PageLinks> =
        Arc::new(PageOpener::new(Arc::clone(&page), options.alias.clone()));
    let requests = PersonRequests {
        engine: engine.clone(),
        sends,
        place: place(&config),
        watches: true,
        runs_command: false,
        links: Some(Arc::clone(&opener)),
    };
    let socket = socket::start(SocketKind::Person, requests);
    let known = KnownHosts::new(config.dir.clone(), config.port);
    let own = {
        let engine = engine.clone();
        // What is sent makes peers know the key behind the name, as what is received does.
        move || {
            member.speaks();
            engine.snapshot().alias.map(|alias| alias.to_string()).unwrap_or_default()
        }
    };
    let is_opened = !options.no_open && opener.open();
    tell_link(&opener.new_link(), is_opened)?;
    remark("Press Ctrl-C to stop. It also stops 30 seconds after the last tab is closed.");
    let outcome = tokio::select! {
        served = serve_page(Arc::clone(&page), listener) => {
            served.map(|()| PageEnd::Stopped).map_err(anyhow::Error::from)
        }
        () = live.clone().run() => Ok(PageEnd::Stopped),
        () = who::look(known, config.hub.clone(), engine.clone(), live.clone()) => Ok(PageEnd::Left),
        () = own_sessions::look(live.clone(), page.place()) => Ok(PageEnd::Stopped),
        () = hub_news::look(engine.clone(), live.clone()) => Ok(PageEnd::Left),
        () = sent_letters::follow(live.clone(), followed, own) => Ok(PageEnd::Stopped),
        () = inbox::announce(engine.clone(), live.clone()) => Ok(PageEnd::Left),
        () = inbox::read(engine, live.clone(), &page.inbox, || member.speaks()) => Ok(PageEnd::Left),
        () = page.uploads.forget_old() => Ok(PageEnd::Stopped),
        () = live.tabs.are_left() => Ok(PageEnd::Closed),
    };
    socket.abort();
    outcome
}

/// Says how the page is opened.
fn tell_link(link: &str, is_opened: bool) -> anyhow::Result<()> {
    remark(if is_opened {
        "The page opens in your browser. If it does not, open this link, which works once:"
    } else {
        "Open this link in your browser. It works once:"
    });
    tell(link)
}
