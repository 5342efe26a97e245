//! One agent, served from its first line to the end.

use std::io;
use std::time::Duration;

use tokio::time::timeout;

use crate::attachments::AttachmentAccess;
use crate::collisions::EditWatch;
use crate::config::Config;
use crate::ipc::{self, server::SocketKind};
use crate::mcp::server::McpServer;
use crate::mcp::stdio::{self, HangUp};
use crate::mcp::tools::Tools;
use crate::person::send_service::SendService;
use crate::process::parent::ParentWatch;
use crate::process::signals::Signals;
use crate::seats::SeatClaims;
use crate::wake::Wake;
use junction_engine::Engine;
use junction_engine::hubs::known::KnownHosts;

mod requests;

use requests::BridgeRequests;

/// How long running calls may take to be answered at the end, except those that wait for messages. Together with the
/// goodbye, this fits into the 100 ms after which some clients kill a server.
const ANSWER_TIME: Duration = Duration::from_millis(50);
/// How long the goodbye to the hub may take.
const GOODBYE_TIME: Duration = Duration::from_millis(30);

/// Serves the agent on stdin and stdout until the agent closes the input, a signal arrives, or the parent is gone.
///
/// # Errors
/// If stdin or stdout is closed, or the system refuses a thread or a signal handler.
pub(crate) async fn serve(engine: Engine, config: &Config, parent: ParentWatch) -> io::Result<()> {
    // Before the first answer: a client that has it may send a signal.
    let signals = Signals::new()?;
    let hosts = KnownHosts::new(config.dir.clone(), config.port);
    let seats = SeatClaims::start(engine.clone(), config.dir.clone());
    let wake = Wake::start(engine.clone(), config.wakes_per_hour, Some(seats));
    let attachments = AttachmentAccess::new(config.dir.clone());
    let sends = SendService::new(engine.clone(), attachments.clone());
    let edits = EditWatch::new(engine.clone(), attachments.clone());
    edits.project_known();
    let tools = Tools::new(engine.clone(), wake.clone(), hosts, attachments, edits.clone());
    let tools = if config.guards_secrets { tools } else { tools.without_guard() };
    let input = HangUp::of_stdin()?;
    let server = McpServer::start(tools, stdio::stdin()?, stdio::stdout()?)?;
    let requests =
        BridgeRequests { engine: engine.clone(), wake, dir: config.dir.clone(), sends, edits };
    let socket = ipc::server::start(SocketKind::Bridge, requests);
    let end = end(&server, &input, signals, parent).await;
    // First, so that no hook finds a bridge that is about to end.
    socket.abort();
    // Before the goodbye, which would cut off the calls that are still to be answered.
    if end == ServiceEnd::Ended {
        let _ = timeout(ANSWER_TIME, server.answered()).await;
    }
    let _ = timeout(GOODBYE_TIME, engine.stop()).await;
    Ok(())
}

/// How the service of an agent ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ServiceEnd {
    /// The client ended it, and may still take answers.
    Ended,
    /// The client takes no answers any more.
    Abandoned,
}

/// Waits until there is no agent left to serve.
async fn end(
    server: &McpServer,
    input: &HangUp,
    mut signals: Signals,
    parent: ParentWatch,
) -> ServiceEnd {
    tokio::select! {
        () = server.ended() => ServiceEnd::Ended,
        () = signals.next() => ServiceEnd::Ended,
        () = parent.parent_ended() => ServiceEnd::Ended,
        () = server.abandoned(input) => ServiceEnd::Abandoned,
    }
}
