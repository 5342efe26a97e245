//! The end of a call that comes before its answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::Bytes;
use tokio::sync::oneshot;

use crate::mcp::envelope::{ClientId, RpcError, RpcErrorKind};

/// Tells that a call has ended without an answer: its client cancels it, or the agent has ended.
pub(super) struct CallEnd {
    cancelled: oneshot::Receiver<Infallible>,
    is_closed: Arc<AtomicBool>,
    id: ClientId,
}

impl CallEnd {
    /// The end of the call that has this id, which comes when the channel closes.
    pub(super) fn new(
        cancelled: oneshot::Receiver<Infallible>,
        is_closed: Arc<AtomicBool>,
        id: ClientId,
    ) -> Self {
        Self { cancelled, is_closed, id }
    }

    /// Waits until the call has ended.
    pub(super) async fn wait(&mut self) {
        std::future::poll_fn(|cx| self.poll(cx)).await;
    }

    /// Whether the call has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.cancelled).poll(cx).map(drop)
    }

    /// What the client is told, unless it has cancelled the call itself.
    pub(super) fn error(&self) -> Option<RpcError> {
        let kind = RpcErrorKind::AgentEnded;
        let is_told = self.is_closed.load(Ordering::Relaxed);
        is_told.then(|| RpcError { id: Some(self.id.clone()), kind })
    }

    /// What the client is told, as the last event of a stream.
    pub(super) fn event(&self) -> Option<Bytes> {
        let line = self.error()?.line();
        Some([b"data: ", line.as_slice(), b"\n"].concat().into())
    }
}
