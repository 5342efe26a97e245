//! One process of Claude Code with two bridges of its session, as where a plugin and the settings both name the junction.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::client::{Launch, McpClient};
use crate::{TestBridge, TestHome, TestSession, eventually};

/// The process has the name of Claude Code's program. A bridge starts as soon as its pipes are opened at the other end.
const TWO_BRIDGES: &str = "#!/bin/sh
cd \"$PIPES\"
mkfifo in0 out0 in1 out1
\"$BRIDGE\" < in0 > out0 &
\"$BRIDGE\" < in1 > out1 &
wait
";
/// What a test drives in place of a bridge.
const PIPED: &str = "exec 3<&0; cat <&3 > \"$0/in$1\" & exec cat \"$0/out$1\"";

/// A running process of Claude Code. Dropping it ends its bridges.
pub struct ClaudeProcess {
    _process: McpClient,
    pipes: PathBuf,
}

impl ClaudeProcess {
    /// Starts the process.
    pub async fn start(home: &TestHome, session: &TestSession) -> Self {
        let pipes = home.path().join("pipes");
        std::fs::create_dir(&pipes).expect("a directory");
        let program = pipes.join("claude");
        std::fs::write(&program, TWO_BRIDGES).expect("a script");
        std::fs::set_permissions(&program, Permissions::from_mode(0o700)).expect("its mode");
        let launch = TestBridge::launch_program(&program, home, session.port);
        let launch = session.tell(launch).env("PIPES", &pipes).env("BRIDGE", &session.program);
        let (_, log) = home.log("claude");
        let process = launch.stderr(log).start().expect("it starts");
        let last = pipes.join("out1");
        eventually("it has its pipes", async || last.exists().then_some(())).await;
        Self { _process: process, pipes }
    }

    /// Starts its first or second bridge, by the number 0 or 1.
    pub async fn bridge(&self, home: &TestHome, session: &TestSession, number: u8) -> TestBridge {
        let launch = Launch::new("/bin/sh").arg("-c").arg(PIPED).arg(&self.pipes);
        session.start_by(home, launch.arg(number.to_string())).await
    }
}
