//! The MCP server of a client that starts the bridge: over the lines of stdin and stdout.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::service::{RunningService, serve_directly};
use tokio::sync::watch;

use super::calls::CallTable;
use super::handler::ToolHandler;
use super::stdio::transport::StdioTransport;
use super::stdio::{self, HangUp, LineCounts};
use super::tools::Tools;

/// The server of one client. Dropping it ends the service.
pub(crate) struct McpServer {
    calls: CallTable,
    input_ended: watch::Receiver<bool>,
    line_counts: Arc<LineCounts>,
    _service: RunningService<RoleServer, ToolHandler>,
}

impl McpServer {
    /// Starts to serve the client at the other ends of `input` and `output`, with any version of MCP: stateful (up to
    /// 2025-11-25, opened by `initialize`) or stateless (from 2026-07-28 on).
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub(crate) fn start(
        tools: Tools,
        input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let calls = CallTable::new();
        let (lines, out) = (stdio::spawn_reader(input)?, stdio::spawn_writer(output)?);
        let line_counts = lines.counts();
        let (transport, input_ended) = StdioTransport::new(lines, out, calls.clone());
        let handler = ToolHandler::new(tools, calls.clone());
        // Not with rmcp's own opening, which ends the session on anything unexpected that comes before the version is
        // known. Each request shows which kind of version it belongs to.
        let service = serve_directly(handler, transport, None);
        Ok(Self { calls, input_ended, line_counts, _service: service })
    }

    /// Waits until the client has ended its input.
    pub(crate) async fn ended(&self) {
        // An error means that rmcp gave up. The client is not served any more either way.
        let _ = self.input_ended.clone().wait_for(|ended| *ended).await;
    }

    /// Waits until the client has closed its input without taking its answers, so that the end of the input is not read.
    pub(crate) async fn abandoned(&self, input: &HangUp) {
        input.stalled(&self.line_counts).await;
    }

    /// Waits until every call, except for those that wait for messages or peers, is answered and its answer written.
    pub(crate) async fn answered(&self) {
        self.calls.idle().await;
    }
}
