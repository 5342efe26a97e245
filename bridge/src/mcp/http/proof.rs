//! What shows that a client has an answer: that it was written is not enough, since it may lie in the client's system unread
//! when the connection breaks.
//!
//! A client on this machine has an answer once its program has taken all of it, which the system tells. Of one on another
//! machine it is told what its system has acknowledged. Then the client has the answer if it sends more on the same connection,
//! closes the connection without having left anything unread (a system resets a connection that is closed with something
//! unread, or that something comes for after it was closed), asks something on another connection, or does nothing for a
//! while: no client reads half an answer and waits.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep};

use super::answer_transit::{AnswerProgress, AnswerTransit, AnswerVerdict};
use crate::mcp::calls::ClaimedAnswer;

/// How long to wait before the first look where an answer is, and between two at most.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// What is known of the answers on one connection, on which there is one answer at a time.
pub(crate) struct AnswerProof {
    local: SocketAddr,
    remote: SocketAddr,
    sent: Mutex<Option<SentAnswer>>,
    /// Wakes what waits until the answer is settled.
    settled: AtomicWaker,
    /// Told when it should be settled soon.
    hurry: Notify,
    /// Whether nothing that was written may arrive any more: what the answer holds was given back.
    is_void: AtomicBool,
}

/// How a client tells the end of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerFraming {
    /// By its length, which was told before.
    Length,
    /// By chunks, of which the last two bytes say nothing, and the end of which comes later.
    Chunks,
}

/// An answer that the client may have.
struct SentAnswer {
    answer: ClaimedAnswer,
    /// Answers before it of which it is not known either: the client has asked again without having taken them.
    earlier: Vec<ClaimedAnswer>,
    framing: AnswerFraming,
    /// Whether all of it was written to the connection.
    is_written: bool,
    /// What settles it before, once it is written.
    requests: watch::Receiver<()>,
    /// Dropped when it is settled.
    _waits: oneshot::Sender<Infallible>,
}

impl AnswerProof {
    /// The proof on a connection between these ends, of which `local` is ours.
    pub(crate) fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        let (settled, hurry) = (AtomicWaker::new(), Notify::new());
        let is_void = AtomicBool::new(false);
        Self { local, remote, sent: Mutex::default(), settled, hurry, is_void }
    }

    /// Notes that all of an answer is about to be written. The channel closes when it is settled whether the client has it:
    /// soon after the next of these requests, which may come on another connection.
    pub(super) fn sends(
        &self,
        answer: ClaimedAnswer,
        framing: AnswerFraming,
        requests: watch::Receiver<()>,
    ) -> oneshot::Receiver<Infallible> {
        self.more_came();
        let (waits, settled) = oneshot::channel();
        let mut sent = self.sent();
        let earlier = sent.take().map_or_else(Vec::new, SentAnswer::into_answers);
        *sent = Some(SentAnswer {
            answer,
            earlier,
            framing,
            is_written: false,
            requests,
            _waits: waits,
        });
        settled
    }

    /// Whether the end of a chunk must not be written yet: left unread, it would look like an answer that was.
    pub(super) fn holds_chunk_end(&self) -> bool {
        self.sent().as_ref().is_some_and(|sent| sent.framing == AnswerFraming::Chunks)
    }

    /// Everything that was to be written is.
    pub(super) fn flushed(self: &Arc<Self>) {
        let mut sent = self.sent();
        let Some(answer) = sent.as_mut().filter(|sent| !sent.is_written) else { return };
        answer.is_written = true;
        let requests = answer.requests.clone();
        drop(sent);
        tokio::spawn(Arc::clone(self).settle(requests));
    }

    /// The client sends more, which it does once it has the answer, unless it sends requests ahead.
    pub(super) fn more_came(&self) {
        if !self.is_unsettled() {
            return;
        }
        match AnswerTransit::look(self.local, self.remote) {
            AnswerTransit::Taken | AnswerTransit::Arrived => self.arrived(),
            AnswerTransit::Lost => self.broke(),
            AnswerTransit::Underway(_) | AnswerTransit::Untaken(_) => {}
        }
    }

    /// The client has the answer.
    fn arrived(&self) {
        let sent = self.sent().take_if(|sent| sent.is_written);
        if let Some(sent) = sent {
            sent.into_answers().into_iter().for_each(ClaimedAnswer::written);
            self.settled.wake();
        }
    }

    /// The connection has broken: what the answer holds is given back.
    pub(super) fn broke(&self) {
        let sent = self.sent().take();
        drop(sent);
        self.settled.wake();
    }

    /// Whether the connection must be reset, so that the rest of an answer that was given back does not arrive.
    pub(super) fn is_void(&self) -> bool {
        self.is_void.load(Ordering::Relaxed)
    }

    /// Whether an answer is written of which it is not known whether the client has it. If so, `waker` is woken when that is
    /// settled.
    pub(super) fn is_awaited(&self, waker: &Waker) -> bool {
        self.settled.register(waker);
        self.is_unsettled()
    }

    /// As [`AnswerProof::is_awaited`], where the client has ended its side: it is time to settle that.
    pub(super) fn is_open(&self, waker: &Waker) -> bool {
        let is_awaited = self.is_awaited(waker);
        if is_awaited {
            self.hurry.notify_one();
        }
        is_awaited
    }

    /// Looks until it is settled whether the client has the answer.
    async fn settle(self: Arc<Self>, mut requests: watch::Receiver<()>) {
        let mut progress = AnswerProgress::new(Instant::now());
        let mut pause = FIRST_LOOK;
        while self.is_unsettled() {
            tokio::select! {
                () = sleep(pause) => pause = LOOK_INTERVAL.min(2 * pause),
                () = self.hurry.notified() => progress.hurry(),
                Ok(()) = requests.changed() => progress.asked_elsewhere(Instant::now()),
            }
            let place = AnswerTransit::look(self.local, self.remote);
            match progress.verdict(place, Instant::now()) {
                AnswerVerdict::Wait => {}
                AnswerVerdict::Has => self.arrived(),
                AnswerVerdict::Lacks => self.broke(),
                AnswerVerdict::GiveUp => {
                    self.is_void.store(true, Ordering::Relaxed);
                    self.broke();
                }
            }
        }
    }

    fn is_unsettled(&self) -> bool {
        self.sent().as_ref().is_some_and(|sent| sent.is_written)
    }

    fn sent(&self) -> MutexGuard<'_, Option<SentAnswer>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SentAnswer {
    /// All answers that are settled together.
    fn into_answers(self) -> Vec<ClaimedAnswer> {
        let mut answers = self.earlier;
        answers.push(self.answer);
        answers
    }
}
