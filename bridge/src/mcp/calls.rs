//! The requests in flight: which there are, what their answers hold, and how each of them ends.
//!
//! **Every request has a number of ours that is never used twice, and rmcp knows the request by that number.** A client
//! may reuse an id as soon as it has cancelled the request that had it, before that request's handler has noticed. With
//! numbers, the old request's answer, and what it holds, is never mistaken for the new one's.
//!
//! A request ends in one of two ways, whichever comes first: the thread that is about to write its answer *claims* it,
//! or the client *cancels* it. Messages leased to it follow: they count as read once the answer is written, and are
//! given back otherwise.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SetOnce, oneshot, watch};

use super::envelope::ClientId;
use crate::attachments::SaveProgress;
use junction_engine::Lease;

/// Requests in flight at most. With as many, no more lines are read until one ends. Real clients have a handful.
pub(crate) const MAX_CALLS: usize = 256;

/// The table of requests in flight. Clones share one table.
#[derive(Clone)]
pub(crate) struct CallTable(Arc<SharedCalls>);

struct SharedCalls {
    entries: Mutex<CallEntries>,
    slots: Arc<Semaphore>,
    busy: watch::Sender<usize>,
}

#[derive(Default)]
struct CallEntries {
    next: i64,
    by_number: HashMap<CallNumber, CallEntry>,
    numbers: HashMap<ClientId, CallNumber>,
}

struct CallEntry {
    id: ClientId,
    leases: Vec<Lease>,
    /// Dropped with the entry, which tells that the call has ended.
    end: Option<oneshot::Sender<Infallible>>,
    /// Absent while the call waits for something that may never come.
    busy: Option<BusyGuard>,
    slot: CallSlot,
}

/// Our number for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CallNumber(pub(crate) i64);

/// Room for one request in flight.
pub(crate) struct CallSlot(
    #[expect(dead_code, reason = "held, to be dropped")] OwnedSemaphorePermit,
);

/// The id of a request is that of another request in flight.
#[derive(Debug)]
pub(crate) struct DuplicateId;

/// One call, as its tool sees it.
#[derive(Clone)]
pub(crate) struct CallHandle {
    calls: CallTable,
    number: CallNumber,
    /// How far the call has come, if it saves an attachment.
    saving: Arc<SetOnce<SaveProgress>>,
}

/// The right to answer a request. Dropped without being claimed, it ends the request without an answer.
pub(crate) struct Responder {
    calls: CallTable,
    number: CallNumber,
}

/// What an answer holds while it is being written. Dropped before [`ClaimedAnswer::written`], all of it is given back.
pub(crate) struct ClaimedAnswer {
    leases: Vec<Lease>,
    _slot: CallSlot,
}

/// Marks, while it lives, that the client is owed something that takes but a moment.
pub(crate) struct BusyGuard(watch::Sender<usize>);

impl CallTable {
    pub(crate) fn new() -> Self {
        let slots = Arc::new(Semaphore::new(MAX_CALLS));
        let entries = Mutex::default();
        Self(Arc::new(SharedCalls { entries, slots, busy: watch::Sender::new(0) }))
    }

    /// Waits for room for one more request.
    pub(crate) async fn slot(&self) -> CallSlot {
        #[expect(clippy::expect_used, reason = "nothing closes the semaphore")]
        CallSlot(Arc::clone(&self.0.slots).acquire_owned().await.expect("the semaphore is open"))
    }

    /// Enters a request that was read.
    ///
    /// # Errors
    /// [`DuplicateId`] if a request in flight has this id; that one goes on unharmed.
    pub(crate) fn begin(&self, id: ClientId, slot: CallSlot) -> Result<CallNumber, DuplicateId> {
        let busy = Some(self.busy());
        let mut entries = self.entries();
        if entries.numbers.contains_key(&id) {
            return Err(DuplicateId);
        }
        let number = CallNumber(entries.next);
        entries.next += 1;
        entries.numbers.insert(id.clone(), number);
        entries
            .by_number
            .insert(number, CallEntry { id, leases: Vec::new(), end: None, busy, slot });
        Ok(number)
    }

    /// Whether a request in flight has this id.
    pub(crate) fn is_in_flight(&self, id: &ClientId) -> bool {
        self.entries().numbers.contains_key(id)
    }

    /// Tells when the call of this number is answered or cancelled: nothing ever comes by the channel, which closes then.
    pub(crate) fn end(&self, number: CallNumber) -> oneshot::Receiver<Infallible> {
        let (sender, end) = oneshot::channel();
        if let Some(entry) = self.entries().by_number.get_mut(&number) {
            entry.end = Some(sender);
        }
        end
    }

    /// Ends all requests: what they hold is given back.
    pub(crate) fn cancel_all(&self) {
        let mut entries = self.entries();
        entries.numbers.clear();
        let ended = std::mem::take(&mut entries.by_number);
        // Unlocked before the leases go: the engine hears of their end.
        drop(entries);
        drop(ended);
    }

    /// The call of this number, for its tool.
    pub(crate) fn handle(&self, number: CallNumber) -> CallHandle {
        CallHandle { calls: self.clone(), number, saving: Arc::default() }
    }

    /// Ends a request because the client wants no answer any more: what it holds is given back, and its id is free.
    /// Does nothing if there is no such request, or if its answer is being written.
    pub(crate) fn cancel(&self, id: &ClientId) -> Option<CallNumber> {
        let mut entries = self.entries();
        let number = entries.numbers.get(id).copied()?;
        let entry = entries.remove(number);
        // Unlocked before the leases go: the engine hears of their end.
        drop(entries);
        entry.map(|_| number)
    }

    /// The right to answer a request, and the client's id for it; nothing if it was cancelled.
    pub(crate) fn responder(&self, number: CallNumber) -> Option<(ClientId, Responder)> {
        let id = self.entries().by_number.get(&number)?.id.clone();
        Some((id, Responder { calls: self.clone(), number }))
    }

    /// Marks that the client is owed something that takes but a moment.
    pub(crate) fn busy(&self) -> BusyGuard {
        self.0.busy.send_modify(|count| *count += 1);
        BusyGuard(self.0.busy.clone())
    }

    /// Waits until every request, except for calls that wait, is answered and its answer written.
    pub(crate) async fn idle(&self) {
        let _ = self.0.busy.subscribe().wait_for(|count| *count == 0).await;
    }

    fn entries(&self) -> MutexGuard<'_, CallEntries> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallEntries {
    fn remove(&mut self, number: CallNumber) -> Option<CallEntry> {
        let entry = self.by_number.remove(&number)?;
        self.numbers.remove(&entry.id);
        Some(entry)
    }
}

impl CallHandle {
    /// Notes that the call waits from here on for something that may never come, so that the end of the process need
    /// not wait for it.
    pub(crate) fn waits(&self) {
        let entry_busy =
            self.calls.entries().by_number.get_mut(&self.number).and_then(|call| call.busy.take());
        drop(entry_busy);
    }

    /// Notes that the call saves an attachment. Whoever saves counts in what is returned.
    pub(crate) fn saves(&self) -> SaveProgress {
        // Set before, if the call is made again with a person's consent.
        let _ = self.saving.set(SaveProgress::default());
        self.saving.get().cloned().unwrap_or_default()
    }

    /// How far the attachment has come that the call saves, if it saves one.
    pub(crate) fn saved(&self) -> Option<SaveProgress> {
        self.saving.get().cloned()
    }

    /// Waits until the call saves an attachment, and gives how far it has come.
    pub(crate) async fn saving(&self) -> SaveProgress {
        self.saving.wait().await.clone()
    }

    /// Leases to the call what its answer will hold, before the answer is returned. If the call has been cancelled
    /// meanwhile, its answer is never written, and the lease is given back at once.
    pub(crate) fn hold(&self, lease: Lease) {
        if let Some(entry) = self.calls.entries().by_number.get_mut(&self.number) {
            entry.leases.push(lease);
        }
    }
}

impl Responder {
    /// Ends the request with its answer; from here on it is too late to cancel. Nothing if it was cancelled before.
    pub(crate) fn claim(self) -> Option<ClaimedAnswer> {
        let entry = self.calls.entries().remove(self.number)?;
        Some(ClaimedAnswer { leases: entry.leases, _slot: entry.slot })
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        // After a claim nothing is left to remove. Without one, this is the end of the request.
        let entry = self.calls.entries().remove(self.number);
        drop(entry);
    }
}

impl ClaimedAnswer {
    /// Whether anything counts as read once the answer is written.
    pub(crate) fn holds_anything(&self) -> bool {
        !self.leases.is_empty()
    }

    /// Counts what the answer holds as read: the answer was written and flushed.
    pub(crate) fn written(self) {
        self.leases.into_iter().for_each(Lease::ack);
    }
}

impl Drop for BusyGuard {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use tokio::sync::oneshot::{Receiver, error::TryRecvError};

    use super::*;

    /// The outcome of a future that is ready at once.
    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    fn begin(calls: &CallTable, id: impl Into<ClientId>) -> CallNumber {
        calls.begin(id.into(), now(calls.slot()).unwrap()).unwrap()
    }

    fn hold(calls: &CallTable, number: CallNumber) -> Receiver<()> {
        let (lease, end) = Lease::new();
        calls.handle(number).hold(lease);
        end
    }

    fn held(end: &mut Receiver<()>) -> bool {
        end.try_recv() == Err(TryRecvError::Empty)
    }

    fn given_back(end: &mut Receiver<()>) -> bool {
        end.try_recv() == Err(TryRecvError::Closed)
    }

    #[test]
    fn lease_ends_as_read_only_once_the_answer_is_written() {
        let calls = CallTable::new();
        let number = begin(&calls, 1);
        let mut end = hold(&calls, number);
        let (id, responder) = calls.responder(number).unwrap();
        assert_eq!(id, 1.into());
        let claim = responder.claim().unwrap();
        assert!(held(&mut end));
        claim.written();
        assert_eq!(end.try_recv(), Ok(()));
    }

    #[test]
    fn write_that_fails_gives_the_lease_back() {
        let calls = CallTable::new();
        let number = begin(&calls, 1);
        let mut end = hold(&calls, number);
        drop(calls.responder(number).unwrap().1.claim());
        assert!(given_back(&mut end));
    }

    #[test]
    fn answer_that_is_dropped_ends_its_call() {
        let calls = CallTable::new();
        let number = begin(&calls, 1);
        let mut end = hold(&calls, number);
        drop(calls.responder(number).unwrap());
        assert!(given_back(&mut end));
        assert!(calls.responder(number).is_none());
        assert_eq!(calls.0.slots.available_permits(), MAX_CALLS);
    }

    #[test]
    fn cancelling_gives_back_what_is_held_before_and_after() {
        let calls = CallTable::new();
        let number = begin(&calls, 1);
        let mut before = hold(&calls, number);
        assert_eq!(calls.cancel(&1.into()), Some(number));
        assert!(given_back(&mut before));
        assert!(given_back(&mut hold(&calls, number)));
        assert!(calls.responder(number).is_none());
    }

    #[test]
    fn cancelling_beats_an_answer_that_waits_to_be_written() {
        let calls = CallTable::new();
        let number = begin(&calls, 1);
        let mut end = hold(&calls, number);
        let (_, responder) = calls.responder(number).unwrap();
        assert_eq!(calls.cancel(&1.into()), Some(number));
        assert!(given_back(&mut end));
        assert!(responder.claim().is_none());
    }

    #[test]
    fn answer_that_is_being_written_cannot_be_cancelled() {
        let calls = CallTable::new();
        let number = begin(&calls, 1);
        let mut end = hold(&calls, number);
        let claim = calls.responder(number).unwrap().1.claim().unwrap();
        assert_eq!(calls.cancel(&1.into()), None);
        claim.written();
        assert_eq!(end.try_recv(), Ok(()));
    }

    #[test]
    fn id_used_again_after_cancelling_is_another_call() {
        let calls = CallTable::new();
        let old = begin(&calls, 1);
        calls.cancel(&1.into());
        let new = begin(&calls, 1);
        assert!(given_back(&mut hold(&calls, old)));
        assert!(calls.responder(old).is_none());
        let mut end = hold(&calls, new);
        calls.responder(new).unwrap().1.claim().unwrap().written();
        assert_eq!(end.try_recv(), Ok(()));
    }

    #[test]
    fn duplicate_is_refused_and_the_first_call_is_unharmed() {
        let calls = CallTable::new();
        let first = begin(&calls, 1);
        let mut end = hold(&calls, first);
        let slot = now(calls.slot()).unwrap();
        assert!(calls.begin(1.into(), slot).is_err());
        assert!(held(&mut end));
        // The text "1" and the number 1 are different ids.
        assert_ne!(begin(&calls, "1"), first);
    }

    #[test]
    fn unknown_ids_are_not_cancelled() {
        assert_eq!(CallTable::new().cancel(&7.into()), None);
    }

    #[test]
    fn at_most_the_limit_of_calls_are_in_flight() {
        let calls = CallTable::new();
        let numbers: Vec<_> = (0..MAX_CALLS as i64).map(|id| begin(&calls, id)).collect();
        assert!(now(calls.slot()).is_none());
        calls.cancel(&0.into());
        assert!(now(calls.slot()).is_some());
        drop(calls.responder(numbers[1]).unwrap().1.claim());
        assert_eq!(calls.0.slots.available_permits(), 2);
    }

    #[test]
    fn table_is_idle_when_only_calls_that_wait_are_left() {
        let calls = CallTable::new();
        assert!(now(calls.idle()).is_some());
        let (waiting, brief) = (begin(&calls, 1), begin(&calls, 2));
        calls.handle(waiting).waits();
        assert!(now(calls.idle()).is_none());
        let claim = calls.responder(brief).unwrap().1.claim();
        assert!(claim.is_some());
        assert!(now(calls.idle()).is_some());
        let busy = calls.busy();
        assert!(now(calls.idle()).is_none());
        drop(busy);
        assert!(now(calls.idle()).is_some());
    }
}
