//! Requests of hooks and commands, answered from the wake state and the engine.

use std::time::Duration;

use junction_engine::{ConnectionState, Engine, PeerQuery, Repository};
use junction_shared::machine::config_dir::ConfigDir;
use junction_shared::protocol::alias::Alias;

use crate::claims::own_claims;
use crate::clients::edits::EditStage;
use crate::clients::hook_event::HookEvent;
use crate::collisions::EditWatch;
use crate::ipc::description::SessionDescription;
use crate::ipc::server::{IpcConnection, RequestHandler};
use crate::ipc::{
    BridgeRequest, BridgeResponse, ClaimsQuestion, InboxCounts, KnownRepository, PEERS_IN_LINE,
    SendRequest, SessionMatch,
};
use crate::person::send_service::SendService;
use crate::person::sources::SourceRights;
use crate::results::PeerJson;
use crate::wake::hold::{hold, release};
use crate::wake::trial::try_wake;
use crate::wake::{WaitingProgram, Wake};

/// Answers the requests to one bridge.
#[derive(Clone)]
pub(super) struct BridgeRequests {
    pub(super) engine: Engine,
    pub(super) wake: Wake,
    pub(super) dir: ConfigDir,
    pub(super) sends: SendService,
    pub(super) edits: EditWatch,
}

/// Whether a program that waits says that it has printed the notice.
#[derive(Clone, Copy)]
enum Acknowledgement {
    Awaited,
    None,
}

impl RequestHandler for BridgeRequests {
    async fn handle(&self, request: BridgeRequest, mut connection: IpcConnection) {
        match request {
            BridgeRequest::Hook { event, session_match } => {
                if self.is_own_session(session_match, &event) {
                    self.hook(event, &mut connection).await;
                } else {
                    connection.respond(&BridgeResponse::Nothing).await;
                }
            }
            BridgeRequest::Rewake { event, session_match, is_reserve } => {
                if self.is_own_session(session_match, &event)
                    && let Some(hook) = self.wake.rewake_hook(event, is_reserve)
                {
                    self.hold(hook, Acknowledgement::None, &mut connection).await;
                }
            }
            BridgeRequest::Wait { outcome, session, session_match } => {
                if self.is_own(session_match, session.as_deref()) {
                    let program = self.wake.plugin_waits(session, outcome);
                    self.hold(program, Acknowledgement::Awaited, &mut connection).await;
                }
            }
            BridgeRequest::Send(request) | BridgeRequest::SendAttached(request) => {
                // The caller is the agent, whatever it says.
                let request = SendRequest { from_person: false, ..*request };
                self.sends.send(request, SourceRights::ByPolicy, &mut connection).await;
            }
            request => {
                let response = self.answer(request).await.unwrap_or(BridgeResponse::Nothing);
                connection.respond(&response).await;
            }
        }
    }
}

impl BridgeRequests {
    /// The response to a request that needs no more than one.
    async fn answer(&self, request: BridgeRequest) -> Option<BridgeResponse> {
        match request {
            BridgeRequest::Session { session, session_match } => {
                self.here(session_match, session.as_deref())
            }
            BridgeRequest::Inbox { session, session_match } => {
                self.inbox(session_match, session.as_deref())
            }
            BridgeRequest::Claims(question) => self.claims(&question).await,
            BridgeRequest::Repositories => Some(self.repositories().await),
            BridgeRequest::Verify { alias } => self.fingerprints(&alias).await,
            BridgeRequest::Describe => {
                let description = SessionDescription::of(&self.engine, &self.wake, &self.dir);
                Some(BridgeResponse::Description(Box::new(description)))
            }
            BridgeRequest::Try => Some(BridgeResponse::Tried(try_wake(&self.wake).await.into())),
            BridgeRequest::Peers { role, repo, cursor } => {
                let query = PeerQuery { role, repo, limit: PEERS_IN_LINE, cursor, state: None };
                self.peers(query).await
            }
            BridgeRequest::Hold { seconds } => {
                hold(&self.wake, Duration::from_secs(seconds));
                Some(BridgeResponse::Done)
            }
            BridgeRequest::Release => {
                release(&self.wake);
                Some(BridgeResponse::Done)
            }
            BridgeRequest::Remove => {
                self.engine.remove().await;
                Some(BridgeResponse::Done)
            }
            BridgeRequest::Agents { .. }
            | BridgeRequest::RemoveAgent { .. }
            | BridgeRequest::Person { .. }
            | BridgeRequest::Page { .. }
            | BridgeRequest::Hook { .. }
            | BridgeRequest::Rewake { .. }
            | BridgeRequest::Wait { .. }
            | BridgeRequest::Send(_)
            | BridgeRequest::SendAttached(_) => None,
        }
    }

    fn is_own_session(&self, session_match: SessionMatch, event: &HookEvent) -> bool {
        self.is_own(session_match, event.session.as_deref())
    }

    fn is_own(&self, session_match: SessionMatch, session: Option<&str>) -> bool {
        session_match == SessionMatch::Only
            || session.is_some_and(|session| self.wake.knows_session(session))
    }

    /// Says that the caller's session is here, once it has an alias.
    fn here(&self, session_match: SessionMatch, session: Option<&str>) -> Option<BridgeResponse> {
        if !self.is_own(session_match, session) {
            return None;
        }
        let alias = self.engine.snapshot().alias?.to_string();
        Some(BridgeResponse::Here {
            alias,
            watches: false,
            runs_command: false,
            attaches: true,
            serves_page: false,
        })
    }

    /// The claims that the session knows of, for a command in its own shell.
    async fn claims(&self, question: &ClaimsQuestion) -> Option<BridgeResponse> {
        let is_own = self.is_own(question.session_match, question.session.as_deref());
        let shown = if is_own { own_claims(&self.engine, question).await } else { None };
        shown.map(BridgeResponse::Claims)
    }

    /// The repositories that the session works in.
    async fn repositories(&self) -> BridgeResponse {
        let all = self.engine.repositories().await.into_iter();
        let known = |Repository { name, ignores_case }| KnownRepository { name, ignores_case };
        BridgeResponse::Repositories { repositories: all.map(known).collect() }
    }

    /// What waits for the agent.
    fn inbox(&self, session_match: SessionMatch, session: Option<&str>) -> Option<BridgeResponse> {
        if !self.is_own(session_match, session) {
            return None;
        }
        let snapshot = self.engine.snapshot();
        Some(BridgeResponse::Inbox(InboxCounts {
            alias: snapshot.alias.map(|alias| alias.to_string()),
            is_connected: snapshot.state == ConnectionState::Connected,
            unread: snapshot.unread.count,
            asks: snapshot.unread.asks,
            held: snapshot.unread.past_limit,
        }))
    }

    /// Tells the agent something by a hook. A reply without acknowledgement is lost: the client may have given the hook
    /// up.
    async fn hook(&self, mut event: HookEvent, connection: &mut IpcConnection) {
        let edits = event.edits.take();
        let reply = self.wake.hook(event);
        let (before, after) = match edits {
            Some(edits) if edits.stage == EditStage::Before => (Some(edits), None),
            after => (None, after),
        };
        let warning = match before {
            Some(edits) => self.edits.edited(edits).await,
            None => None,
        };
        let told = match &warning {
            Some(warning) => warning.added_to(reply.clone()),
            None => reply.clone(),
        };
        if !connection.respond_acknowledged(&BridgeResponse::Hook(told)).await {
            self.wake.reply_lost(&reply);
            warning.iter().for_each(|warning| self.edits.warning_lost(warning));
        }
        // The client need not wait for what only others are told.
        if let Some(edits) = after {
            self.edits.edited(edits).await;
        }
    }

    /// Holds a program until there is a reason to wake the agent, the program hangs up, or another takes its place.
    async fn hold(
        &self,
        mut program: WaitingProgram,
        acknowledgement: Acknowledgement,
        connection: &mut IpcConnection,
    ) {
        tokio::select! {
            () = connection.closed() => {}
            call = program.call() => {
                let Some(call) = call else { return };
                let response = BridgeResponse::Wake { notice: call.notice.clone() };
                let accepted = match acknowledgement {
                    Acknowledgement::Awaited => connection.respond_acknowledged(&response).await,
                    Acknowledgement::None => connection.respond(&response).await,
                };
                call.answer(accepted);
            }
        }
    }

    /// A page of peers, if the session is connected. A person asks, for whom no hub is started.
    async fn peers(&self, query: PeerQuery) -> Option<BridgeResponse> {
        if self.engine.snapshot().state != ConnectionState::Connected {
            return None;
        }
        let page = self.engine.list(query).await.ok()?;
        let peers = page.peers.into_iter().map(|peer| PeerJson::from(peer).into_value());
        Some(BridgeResponse::Peers { peers: peers.collect(), cursor: page.next })
    }

    async fn fingerprints(&self, alias: &str) -> Option<BridgeResponse> {
        let snapshot = self.engine.snapshot();
        let (alias, own) = (Alias::parse(alias).ok()?, snapshot.alias?);
        let other = self.engine.fingerprint_of(alias).await?;
        Some(BridgeResponse::Fingerprints {
            alias: own.to_string(),
            own: snapshot.fingerprint,
            other,
        })
    }
}
