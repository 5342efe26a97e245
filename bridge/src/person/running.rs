//! A person's command that runs for a while: how others of the same person find it and speak through it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use futures_util::future::join_all;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::send_service::SendService;
use super::sources::SourceRights;
use crate::config::Config;
use crate::ipc::server::{IpcConnection, RequestHandler};
use crate::ipc::{
    BridgeRequest, BridgeResponse, ReceivedResponse, SendRequest, persons_sockets, send,
};
use junction_engine::Engine;

/// How long a command may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// A person's command that runs.
#[derive(Clone, Debug)]
pub(crate) struct RunningPerson {
    pub(crate) socket: PathBuf,
    pub(crate) alias: String,
    /// Whether it shows messages as they come, until it is ended.
    pub(crate) watches: bool,
    /// Whether a program reads the messages, in place of the person.
    pub(crate) runs_command: bool,
    /// Whether messages are sent with attachments.
    pub(crate) attaches: bool,
    /// Whether it shows messages on a page.
    pub(crate) serves_page: bool,
    /// Whether others of this person run that might have been meant.
    pub(crate) is_one_of_several: bool,
}

impl RunningPerson {
    /// What shows the messages, in a sentence.
    pub(crate) fn what(&self) -> &'static str {
        match (self.serves_page, self.watches) {
            (true, _) => "page",
            (false, true) => "watch",
            (false, false) => "read",
        }
    }
}

/// Where a person is: the same person on another hub, or of another directory, is another one.
pub(crate) fn place(config: &Config) -> String {
    let dir = config.dir.path();
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let port = config.port.map(|port| port.to_string()).unwrap_or_default();
    format!("{}\n{}\n{port}", dir.display(), config.hub)
}

/// The command of this person that runs, under this alias if one is named. A `watch` goes before a `read`; one that
/// hands messages to a program counts only if it is named.
pub(crate) async fn running_person(config: &Config, alias: Option<&str>) -> Option<RunningPerson> {
    let sockets = persons_sockets();
    let request = BridgeRequest::Person { place: place(config) };
    let asked = sockets.into_iter().map(|socket| {
        let request = &request;
        async move {
            let answer = timeout(PATIENCE, send(&socket, request)).await.ok()?.ok()?;
            match answer.response {
                BridgeResponse::Here { alias, watches, runs_command, attaches, serves_page } => {
                    Some(RunningPerson {
                        socket,
                        alias,
                        watches,
                        runs_command,
                        attaches,
                        serves_page,
                        is_one_of_several: false,
                    })
                }
                _ => None,
            }
        }
    });
    let mut running: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
    running.retain(|person| match alias {
        Some(alias) => alias == person.alias,
        None => !person.runs_command,
    });
    running.sort_by(|one, other| (!one.watches, &one.alias).cmp(&(!other.watches, &other.alias)));
    let is_one_of_several = running.len() > 1;
    let first = running.into_iter().next();
    first.map(|person| RunningPerson { is_one_of_several, ..person })
}

/// The page of this person that was started under this name, or under none, if it is served; and opened in a browser, if it
/// is to be.
pub(crate) async fn served_page(
    config: &Config,
    name: Option<&str>,
    opens: bool,
) -> Option<ServedPage> {
    for socket in persons_sockets() {
        let name = name.map(str::to_owned);
        let request = BridgeRequest::Page { place: place(config), opens, name };
        let answer = timeout(PATIENCE, send(&socket, &request)).await;
        if let Ok(Ok(received)) = answer
            && let BridgeResponse::Link { link, is_opened, alias } = received.response
        {
            return Some(ServedPage { link, is_opened, alias });
        }
    }
    None
}

/// Sends a message through a running session. The answer of the tool `send_message`, to be acknowledged once it is
/// printed.
///
/// # Errors
/// The message was not sent, or nobody knows.
pub(crate) async fn send_through(
    socket: &Path,
    request: SendRequest,
) -> anyhow::Result<(Map<String, Value>, ReceivedResponse)> {
    let attaches = !request.attachments.is_empty();
    let lost = || {
        let how = if attaches { "ended, or has an older version," } else { "ended" };
        anyhow!(
            "The session that was to send the message {how} before it said what became of it. Ask the receiver before \
             you send it again."
        )
    };
    let request = Box::new(request);
    let request =
        if attaches { BridgeRequest::SendAttached(request) } else { BridgeRequest::Send(request) };
    let received = send(socket, &request).await;
    let received = received.map_err(|_| lost())?;
    match &received.response {
        BridgeResponse::Sent { answer } => Ok((answer.clone(), received)),
        BridgeResponse::Failed { why } => {
            let why = why.clone();
            received.acknowledge().await;
            bail!(why)
        }
        _ => Err(lost()),
    }
}

/// Answers the requests to a person's command that runs.
#[derive(Clone)]
pub(crate) struct PersonRequests {
    pub(crate) engine: Engine,
    pub(crate) sends: SendService,
    /// The person's place.
    pub(crate) place: String,
    pub(crate) watches: bool,
    /// Whether a program reads the messages, in place of the person.
    pub(crate) runs_command: bool,
    /// The page of the person, if the command serves it.
    pub(crate) links: Option<Arc<dyn PageLinks>>,
}

/// A page that can be opened once more.
pub(crate) trait PageLinks: Send + Sync {
    /// Whether the page was started under this name, or under none.
    fn is_of(&self, name: Option<&str>) -> bool;

    /// A link that opens the page once.
    fn new_link(&self) -> String;

    /// Opens the page in a browser. Returns whether there is one.
    fn open(&self) -> bool;
}

/// A page that is served.
pub(crate) struct ServedPage {
    /// A link that opens the page once.
    pub(crate) link: String,
    /// Whether a browser was opened, too.
    pub(crate) is_opened: bool,
    /// The alias that the person has on it.
    pub(crate) alias: Option<String>,
}

impl RequestHandler for PersonRequests {
    async fn handle(&self, request: BridgeRequest, mut connection: IpcConnection) {
        match request {
            BridgeRequest::Person { place } => {
                let alias = self.engine.snapshot().alias.filter(|_| place == self.place);
                let response = match alias {
                    Some(alias) => {
                        let (watches, runs_command) = (self.watches, self.runs_command);
                        let (alias, attaches) = (alias.to_string(), true);
                        let serves_page = self.links.is_some();
                        BridgeResponse::Here { alias, watches, runs_command, attaches, serves_page }
                    }
                    None => BridgeResponse::Nothing,
                };
                connection.respond(&response).await;
            }
            BridgeRequest::Send(request) | BridgeRequest::SendAttached(request) => {
                let rights = SourceRights::of(request.from_person);
                // What a program is asked for is not a person's word.
                let from_person = request.from_person && !self.runs_command;
                let request = SendRequest { from_person, ..*request };
                self.sends.send(request, rights, &mut connection).await;
            }
            BridgeRequest::Page { place, opens, name } => {
                let is_it = |links: &&Arc<dyn PageLinks>| {
                    place == self.place && links.is_of(name.as_deref())
                };
                let response =
                    self.links.as_ref().filter(is_it).map_or(BridgeResponse::Nothing, |links| {
                        let is_opened = opens && links.open();
                        let alias = self.engine.snapshot().alias;
                        let alias = alias.map(|alias| alias.to_string());
                        BridgeResponse::Link { link: links.new_link(), is_opened, alias }
                    });
                connection.respond(&response).await;
            }
            BridgeRequest::Hook { .. }
            | BridgeRequest::Agents { .. }
            | BridgeRequest::RemoveAgent { .. }
            | BridgeRequest::Claims(_)
            | BridgeRequest::Repositories
            | BridgeRequest::Describe
            | BridgeRequest::Try
            | BridgeRequest::Hold { .. }
            | BridgeRequest::Release
            | BridgeRequest::Remove
            | BridgeRequest::Peers { .. }
            | BridgeRequest::Rewake { .. }
            | BridgeRequest::Wait { .. }
            | BridgeRequest::Inbox { .. }
            | BridgeRequest::Verify { .. }
            | BridgeRequest::Session { .. } => {
                connection.respond(&BridgeResponse::Nothing).await;
            }
        }
    }
}
