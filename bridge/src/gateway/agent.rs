//! One agent behind the gateway: its session on the hub, and the server that its client asks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use junction_engine::hubs::known::KnownHosts;
use junction_engine::{Engine, SeatBasis, SeatToClaim, wall_ms};
use junction_shared::machine::seat_secret::next_incarnation;
use junction_shared::protocol::alias::Alias;
use junction_shared::protocol::seat::SeatKeys;
use junction_shared::protocol::wire::Context;
use junction_shared::secret::Secret;
use tokio::time::{Instant, timeout};

use crate::attachments::AttachmentAccess;
use crate::collisions::EditWatch;
use crate::config::Config;
use crate::ipc::description::SessionDescription;
use crate::mcp::http::HttpServer;
use crate::mcp::tools::Tools;
use crate::project::machine;
use crate::wake::Wake;

/// What the seat of an agent is derived for, where those of clients have the name of the client.
const SEATS: &str = "gateway";
/// How long the goodbye to the hub may take.
const GOODBYE_TIME: Duration = Duration::from_secs(3);

/// One agent behind the gateway.
pub(crate) struct GatewayAgent {
    pub(crate) server: HttpServer,
    engine: Engine,
    wake: Wake,
    /// When the last request ended, and how many are being served.
    usage: Mutex<AgentUsage>,
}

/// How an agent is used.
struct AgentUsage {
    requests: usize,
    last: Instant,
}

/// A request that is being served. Dropping it ends the request.
pub(crate) struct RunningRequest(Arc<GatewayAgent>);

impl GatewayAgent {
    /// Starts an agent, which joins the hub: under this alias if it is free, and in the seat of this session.
    pub(crate) fn start(
        config: &Config,
        secret: &Secret,
        alias: Option<Alias>,
        session: &str,
    ) -> Arc<Self> {
        let seen = Context { machine: machine(), ..Context::default() };
        let start =
            junction_engine::Config { alias, seen, awaits_session: true, ..config.engine() };
        let engine = Engine::start(start);
        let keys = SeatKeys::derive(secret, SEATS, session);
        let incarnation = next_incarnation(&config.dir, wall_ms());
        let seat = SeatToClaim { keys, incarnation, place: None, basis: SeatBasis::Proven };
        let claiming = engine.clone();
        // What came of it shows in the session: a hub that is away must not keep the client waiting.
        tokio::spawn(async move { drop(claiming.claim_seat(Some(seat)).await) });
        let wake = Wake::start_for_asking_client(engine.clone());
        let attachments = AttachmentAccess::of_asking_client(config.dir.clone());
        let edits = EditWatch::new(engine.clone(), attachments.clone());
        let hosts = KnownHosts::new(config.dir.clone(), config.port);
        let tools = Tools::new(engine.clone(), wake.clone(), hosts, attachments, edits);
        let tools = if config.guards_secrets { tools } else { tools.without_guard() };
        let usage = Mutex::new(AgentUsage { requests: 0, last: Instant::now() });
        Arc::new(Self { server: HttpServer::new(tools), engine, wake, usage })
    }

    /// Notes how the client calls itself that began the agent's session.
    pub(crate) fn client_named(&self, name: &str) {
        self.server.client_named(name);
    }

    /// Notes a request, as long as what is returned lives.
    pub(crate) fn begin(self: &Arc<Self>) -> RunningRequest {
        self.with_usage(|it| it.requests += 1);
        RunningRequest(Arc::clone(self))
    }

    /// Since when no client has asked anything; `None` while one does.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        self.with_usage(|it| (it.requests == 0).then_some(it.last))
    }

    /// How long the agent may be idle: as long as its hub keeps a session that is away.
    pub(crate) fn patience(&self) -> Duration {
        self.engine.snapshot().session_timeout
    }

    /// What the agent's user is shown of its session.
    pub(crate) fn description(&self, config: &Config) -> SessionDescription {
        SessionDescription::of(&self.engine, &self.wake, &config.dir)
    }

    /// Has the agent's session leave the junction until the agent calls `register`.
    pub(crate) async fn remove(&self) {
        self.engine.remove().await;
    }

    /// Ends the agent. It comes back with its seat if its client asks again.
    pub(crate) async fn rest(&self) {
        self.server.close();
        let _ = timeout(GOODBYE_TIME, self.engine.stop()).await;
    }

    /// Ends the agent for good: what it has not read never will be.
    pub(crate) async fn leave(&self) {
        self.server.close();
        let _ = timeout(GOODBYE_TIME, self.engine.disconnect()).await;
        let _ = timeout(GOODBYE_TIME, self.engine.stop()).await;
    }

    fn with_usage<T>(&self, change: impl FnOnce(&mut AgentUsage) -> T) -> T {
        change(&mut self.usage.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for RunningRequest {
    fn drop(&mut self) {
        self.0.with_usage(|it| {
            it.requests -= 1;
            it.last = Instant::now();
        });
    }
}
