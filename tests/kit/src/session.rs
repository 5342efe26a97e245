//! Sessions of Claude Code as their bridges see them: an id in the environment, and hooks that name it.

use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::json;

use crate::client::Launch;
use crate::{TestBridge, TestHome, TestHub, bridge_binary, eventually, hook, signal, within};

/// The name of Claude Code in MCP.
pub(crate) const CLAUDE_CODE: &str = "claude-code";
/// The variable in which Claude Code tells its servers the id of the session.
pub(crate) const SESSION_ID: &str = "CLAUDE_CODE_SESSION_ID";

/// How a bridge ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BridgeEnding {
    /// By SIGINT.
    Interrupt,
    /// By SIGTERM.
    Terminate,
    /// By the end of its input.
    EndOfInput,
    /// By SIGKILL.
    Kill,
}

impl BridgeEnding {
    /// The ways to end that leave a bridge the time for its last words.
    pub const ORDERLY: [Self; 3] = [Self::Interrupt, Self::Terminate, Self::EndOfInput];

    /// Ends a bridge in this way, and waits until it has ended.
    pub async fn of(self, bridge: &TestBridge) {
        match self {
            Self::Interrupt => signal(bridge.client.pid(), Signal::INT),
            Self::Terminate => signal(bridge.client.pid(), Signal::TERM),
            Self::EndOfInput => bridge.client.close_stdin(),
            Self::Kill => bridge.client.kill(),
        }
        bridge.ended().await;
    }
}

/// A session of Claude Code, which may have several bridges, one after the other or at once.
pub struct TestSession {
    /// The port of the session's hub.
    pub port: u16,
    /// The session's id.
    pub id: String,
    /// The program that is the session's bridge.
    pub program: PathBuf,
    /// The runtime directory. Hooks find the bridges that are started there.
    pub runtime: PathBuf,
}

impl TestSession {
    /// A session on this hub that has no bridge yet.
    pub fn new(home: &TestHome, hub: &TestHub, id: &str) -> Self {
        let (program, runtime) = (PathBuf::from(bridge_binary()), home.runtime(id));
        Self { port: hub.port, id: id.to_owned(), program, runtime }
    }

    /// Opens this session elsewhere: hooks that run there do not find the bridges that it has here.
    #[must_use]
    pub fn elsewhere(&self, home: &TestHome) -> Self {
        let (id, program) = (self.id.clone(), self.program.clone());
        Self { port: self.port, runtime: home.runtime(&format!("{id}-elsewhere")), id, program }
    }

    /// How a bridge of the session is started.
    pub fn launch(&self, home: &TestHome) -> Launch {
        self.tell(TestBridge::launch_program(&self.program, home, self.port))
    }

    /// The launch with what the session tells its servers.
    pub fn tell(&self, launch: Launch) -> Launch {
        launch.env("XDG_RUNTIME_DIR", &self.runtime).env(SESSION_ID, &self.id)
    }

    /// Starts a bridge of the session, which knows the session's id by its environment.
    pub async fn start(&self, home: &TestHome) -> TestBridge {
        self.start_by(home, self.launch(home)).await
    }

    /// Starts a bridge of the session by this launch.
    pub async fn start_by(&self, home: &TestHome, launch: Launch) -> TestBridge {
        let bridge = TestBridge::spawn(home, launch);
        within("initialize", bridge.client.initialize(CLAUDE_CODE)).await.expect("a session");
        bridge
    }

    /// Starts a bridge of the session, and has a hook prove that the session is this one.
    pub async fn resume(&self, home: &TestHome) -> TestBridge {
        let bridge = self.start(home).await;
        self.began(bridge.client.pid(), "resume", &self.id).await;
        bridge
    }

    /// Has a hook say that the session of this id has begun at the bridge that is this process, and how.
    pub async fn began(&self, bridge: u32, source: &str, id: &str) {
        let socket = self.runtime.join("agent-junction").join(format!("{bridge}.sock"));
        eventually("its socket is there", async || socket.exists().then_some(())).await;
        let event =
            json!({ "hook_event_name": "SessionStart", "source": source, "session_id": id });
        let ran = hook(&self.runtime, &event).await;
        assert!(ran.status.success() && ran.stderr.is_empty(), "{}", ran.stderr);
    }
}
