//! One agent served, from the first line to the end.

use std::io;
use std::time::Duration;

use tokio::time::timeout;

use crate::config::Config;
use crate::ipc;
use crate::mcp::server::{Agent, Session};
use crate::mcp::stdio;
use crate::process::parent::ParentWatch;
use crate::process::signals::Signals;
use crate::wake::Wake;
use junction_engine::Engine;
use junction_engine::hubs::known::KnownHosts;

/// How long calls that wait for nothing may take to be answered at the end. With the goodbye it has to
/// fit into the 100 ms after which one client kills its servers.
const ANSWER_TIME: Duration = Duration::from_millis(50);
/// How long the goodbye to the hub may take.
const GOODBYE_TIME: Duration = Duration::from_millis(30);

/// Serves the agent on stdin and stdout until it ends the input, a signal comes, or the parent is gone.
///
/// # Errors
/// If stdin or stdout is closed, or the system refuses a thread or a signal handler.
pub(crate) async fn serve(engine: Engine, config: &Config, parent: ParentWatch) -> io::Result<()> {
    // Before the first answer: whoever has that may send a signal.
    let signals = Signals::new()?;
    let hosts = KnownHosts::new(config.dir.clone(), config.port);
    let wake = Wake::start(engine.clone(), config.wakes_per_hour);
    let agent = Agent { engine: engine.clone(), wake: wake.clone(), hosts };
    let session = Session::start(agent, stdio::stdin()?, stdio::stdout()?)?;
    let door = ipc::open(engine.clone(), wake);
    end(&session, signals, parent).await;
    // Nobody is to find a bridge that is about to go.
    door.abort();
    // Answers first: a goodbye ends the calls that are still to be answered.
    let _ = timeout(ANSWER_TIME, session.answered()).await;
    let _ = timeout(GOODBYE_TIME, engine.stop()).await;
    Ok(())
}

/// Waits until there is nobody left to serve.
async fn end(session: &Session, mut signals: Signals, parent: ParentWatch) {
    tokio::select! {
        () = session.ended() => {}
        () = signals.next() => {}
        () = parent.parent_ended() => {}
    }
}
