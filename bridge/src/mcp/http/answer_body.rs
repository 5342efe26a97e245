//! The body of an answer on its way to the client.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::sync::{oneshot, watch};

use super::call_end::CallEnd;
use super::caller::PostCaller;
use super::proof::AnswerFraming;
use crate::mcp::calls::{ClaimedAnswer, Responder};

/// A body that gives its call what becomes of the answer. Dropped before its end, it ends the call without one.
pub(super) struct AnswerBody<B> {
    inner: B,
    stage: AnswerStage,
    /// Comes when there will be no answer.
    end: CallEnd,
    caller: PostCaller,
    requests: watch::Receiver<()>,
}

/// How far a body has come.
enum AnswerStage {
    /// There is more of it.
    Underway(Responder),
    /// Nothing of the answer is left, and the end of a stream waits until it is known whether the answer has arrived: were the
    /// end sent along, a connection that breaks in it would leave open whether the client has the answer before it.
    Sent(oneshot::Receiver<Infallible>),
    /// Nothing is left to do.
    Over,
}

impl<B> AnswerBody<B> {
    /// The body of a call's answer, with what ends the call, and what tells of an end before. These are the next requests to
    /// the same agent.
    pub(super) fn new(
        inner: B,
        (responder, end): (Responder, CallEnd),
        caller: PostCaller,
        requests: watch::Receiver<()>,
    ) -> Self {
        Self { inner, stage: AnswerStage::Underway(responder), end, caller, requests }
    }

    /// Notes that the answer is on its way.
    fn sends(&mut self, framing: AnswerFraming) {
        let stage = std::mem::replace(&mut self.stage, AnswerStage::Over);
        if let AnswerStage::Underway(responder) = stage
            && let Some(answer) = responder.claim().filter(ClaimedAnswer::holds_anything)
        {
            let settled = self.caller.proof.sends(answer, framing, self.requests.clone());
            if framing == AnswerFraming::Chunks {
                self.stage = AnswerStage::Sent(settled);
            }
        }
    }
}

impl<B: HttpBody<Data = Bytes, Error = Infallible> + Unpin> HttpBody for AnswerBody<B> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        if let AnswerStage::Sent(settled) = &mut this.stage {
            let _ = ready!(Pin::new(settled).poll(cx));
            this.stage = AnswerStage::Over;
        }
        if let AnswerStage::Over = this.stage {
            return Poll::Ready(None);
        }
        if this.end.poll(cx).is_ready() {
            this.stage = AnswerStage::Over;
            return Poll::Ready(this.end.event().map(|event| Ok(Frame::data(event))));
        }
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        match frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            // The length was told before, so that nothing follows.
            Some(_) if this.inner.is_end_stream() => this.sends(AnswerFraming::Length),
            Some(event) if is_answer(event) => this.sends(AnswerFraming::Chunks),
            Some(_) => {}
            None => this.stage = AnswerStage::Over,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.stage, AnswerStage::Over)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The members by which an answer is told from a notification.
#[derive(Deserialize)]
struct EventMembers {
    id: Option<IgnoredAny>,
    method: Option<IgnoredAny>,
}

/// Whether an event of a stream is the answer of the call, with which the stream ends.
fn is_answer(event: &[u8]) -> bool {
    let data = event.strip_prefix(b"data: ").map(|data| serde_json::from_slice(data.trim_ascii()));
    matches!(data, Some(Ok(EventMembers { id: Some(_), method: None })))
}
