//! The calls in flight: which there are, what their answers hold, and whether those answers were written.
//!
//! **Every call gets a number of ours, never used twice, and is known by it on this side of the
//! transport.** A client may use an id again as soon as it has cancelled the call that had it, while that
//! call's handler has yet to notice; numbers keep the old call's answer, and what it holds, from being
//! taken for the new one's.
//!
//! A call ends in one of two ways, whichever comes first: it is *claimed* by the thread that is about to
//! write its answer, or *cancelled*. What is deposited with it follows: settled once the answer is
//! written, given back otherwise.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::envelope::ClientId;
use junction_engine::Lease;

/// Calls in flight at most: beyond it no more lines are read until one ends. Real clients have a handful.
pub(crate) const MAX_CALLS: usize = 256;

/// The table of calls in flight. Clones share one table.
#[derive(Clone)]
pub(crate) struct Calls(Arc<Shared>);

struct Shared {
    table: Mutex<Table>,
    places: Arc<Semaphore>,
    busy: watch::Sender<usize>,
}

#[derive(Default)]
struct Table {
    next: i64,
    calls: HashMap<CallNumber, Call>,
    numbers: HashMap<ClientId, CallNumber>,
}

struct Call {
    id: ClientId,
    leases: Vec<Lease>,
    /// None while the call waits for something that may never come.
    busy: Option<Busy>,
    place: Place,
}

/// Our number for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CallNumber(pub(crate) i64);

/// A place among the calls in flight.
pub(crate) struct Place(#[expect(dead_code, reason = "held, to be dropped")] OwnedSemaphorePermit);

/// Another call in flight has the same id.
#[derive(Debug)]
pub(crate) struct Duplicate;

/// The right to answer a call. Dropped, the call ends without an answer.
pub(crate) struct Answer {
    calls: Calls,
    number: CallNumber,
}

/// What an answer holds, while it is being written. Dropped, all of it is given back.
pub(crate) struct Claim {
    leases: Vec<Lease>,
    _place: Place,
}

/// While one of these lives there is something for the client that takes but a moment.
pub(crate) struct Busy(watch::Sender<usize>);

impl Calls {
    pub(crate) fn new() -> Self {
        let places = Arc::new(Semaphore::new(MAX_CALLS));
        Self(Arc::new(Shared { table: Mutex::default(), places, busy: watch::Sender::new(0) }))
    }

    /// Waits for a place among the calls in flight.
    pub(crate) async fn place(&self) -> Place {
        #[expect(clippy::expect_used, reason = "a semaphore that nobody closes")]
        Place(Arc::clone(&self.0.places).acquire_owned().await.expect("the places stay open"))
    }

    /// A call has been read.
    ///
    /// # Errors
    /// [`Duplicate`] if a call in flight has this id; that one is unharmed.
    pub(crate) fn begin(&self, id: ClientId, place: Place) -> Result<CallNumber, Duplicate> {
        let busy = Some(self.busy());
        let mut table = self.table();
        if table.numbers.contains_key(&id) {
            return Err(Duplicate);
        }
        let number = CallNumber(table.next);
        table.next += 1;
        table.numbers.insert(id.clone(), number);
        table.calls.insert(number, Call { id, leases: Vec::new(), busy, place });
        Ok(number)
    }

    /// The call waits from here on for what may never come: the end of the process need not wait for it.
    pub(crate) fn waits(&self, number: CallNumber) {
        let call_busy = self.table().calls.get_mut(&number).and_then(|call| call.busy.take());
        drop(call_busy);
    }

    /// Puts what an answer holds with its call, before the answer is returned. If the call has been
    /// cancelled meanwhile, nobody will see the answer, and it is given back at once.
    pub(crate) fn deposit(&self, number: CallNumber, lease: Lease) {
        if let Some(call) = self.table().calls.get_mut(&number) {
            call.leases.push(lease);
        }
    }

    /// The client does not want an answer any more: whatever the call holds is given back, and its id is
    /// free. Nothing, if there is no such call or its answer is being written.
    pub(crate) fn cancel(&self, id: &ClientId) -> Option<CallNumber> {
        let mut table = self.table();
        let number = table.numbers.get(id).copied()?;
        let call = table.remove(number);
        // Unlocked before the call's leases go: their end is news to the link.
        drop(table);
        call.map(|_| number)
    }

    /// The right to answer the call, and the client's id for it; nothing if it was cancelled.
    pub(crate) fn answer(&self, number: CallNumber) -> Option<(ClientId, Answer)> {
        let id = self.table().calls.get(&number)?.id.clone();
        Some((id, Answer { calls: self.clone(), number }))
    }

    /// Marks that there is something for the client that takes but a moment.
    pub(crate) fn busy(&self) -> Busy {
        self.0.busy.send_modify(|count| *count += 1);
        Busy(self.0.busy.clone())
    }

    /// Waits until every call that takes but a moment is answered and the answer written.
    pub(crate) async fn quiet(&self) {
        let _ = self.0.busy.subscribe().wait_for(|count| *count == 0).await;
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn remove(&mut self, number: CallNumber) -> Option<Call> {
        let call = self.calls.remove(&number)?;
        self.numbers.remove(&call.id);
        Some(call)
    }
}

impl Answer {
    /// Ends the call for the sake of its answer; from here on it is too late to cancel. Nothing, if it
    /// was cancelled before.
    pub(crate) fn claim(self) -> Option<Claim> {
        let call = self.calls.table().remove(self.number)?;
        Some(Claim { leases: call.leases, _place: call.place })
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // Nothing is left of a call that was claimed. For one that was not, this is its end.
        let call = self.calls.table().remove(self.number);
        drop(call);
    }
}

impl Claim {
    /// The answer was written and flushed.
    pub(crate) fn settle(self) {
        self.leases.into_iter().for_each(Lease::settle);
    }
}

impl Drop for Busy {
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

    /// The outcome of what is ready at once.
    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    fn begin(calls: &Calls, id: impl Into<ClientId>) -> CallNumber {
        calls.begin(id.into(), now(calls.place()).unwrap()).unwrap()
    }

    fn deposit(calls: &Calls, number: CallNumber) -> Receiver<()> {
        let (lease, end) = Lease::new();
        calls.deposit(number, lease);
        end
    }

    fn held(end: &mut Receiver<()>) -> bool {
        end.try_recv() == Err(TryRecvError::Empty)
    }

    fn given_back(end: &mut Receiver<()>) -> bool {
        end.try_recv() == Err(TryRecvError::Closed)
    }

    #[test]
    fn lease_is_settled_only_once_the_answer_is_written() {
        let calls = Calls::new();
        let number = begin(&calls, 1);
        let mut end = deposit(&calls, number);
        let (id, answer) = calls.answer(number).unwrap();
        assert_eq!(id, 1.into());
        let claim = answer.claim().unwrap();
        assert!(held(&mut end));
        claim.settle();
        assert_eq!(end.try_recv(), Ok(()));
    }

    #[test]
    fn write_that_fails_gives_back() {
        let calls = Calls::new();
        let number = begin(&calls, 1);
        let mut end = deposit(&calls, number);
        drop(calls.answer(number).unwrap().1.claim());
        assert!(given_back(&mut end));
    }

    #[test]
    fn answer_that_is_dropped_ends_its_call() {
        let calls = Calls::new();
        let number = begin(&calls, 1);
        let mut end = deposit(&calls, number);
        drop(calls.answer(number).unwrap());
        assert!(given_back(&mut end));
        assert!(calls.answer(number).is_none());
        assert_eq!(calls.0.places.available_permits(), MAX_CALLS);
    }

    #[test]
    fn cancelling_gives_back_what_is_deposited_before_and_after() {
        let calls = Calls::new();
        let number = begin(&calls, 1);
        let mut before = deposit(&calls, number);
        assert_eq!(calls.cancel(&1.into()), Some(number));
        assert!(given_back(&mut before));
        assert!(given_back(&mut deposit(&calls, number)));
        assert!(calls.answer(number).is_none());
    }

    #[test]
    fn cancelling_beats_an_answer_that_waits_to_be_written() {
        let calls = Calls::new();
        let number = begin(&calls, 1);
        let mut end = deposit(&calls, number);
        let (_, answer) = calls.answer(number).unwrap();
        assert_eq!(calls.cancel(&1.into()), Some(number));
        assert!(given_back(&mut end));
        assert!(answer.claim().is_none());
    }

    #[test]
    fn answer_that_is_being_written_cannot_be_cancelled() {
        let calls = Calls::new();
        let number = begin(&calls, 1);
        let mut end = deposit(&calls, number);
        let claim = calls.answer(number).unwrap().1.claim().unwrap();
        assert_eq!(calls.cancel(&1.into()), None);
        claim.settle();
        assert_eq!(end.try_recv(), Ok(()));
    }

    #[test]
    fn id_used_again_after_cancelling_is_another_call() {
        let calls = Calls::new();
        let old = begin(&calls, 1);
        calls.cancel(&1.into());
        let new = begin(&calls, 1);
        assert!(given_back(&mut deposit(&calls, old)));
        assert!(calls.answer(old).is_none());
        let mut end = deposit(&calls, new);
        calls.answer(new).unwrap().1.claim().unwrap().settle();
        assert_eq!(end.try_recv(), Ok(()));
    }

    #[test]
    fn duplicate_is_refused_and_the_first_call_is_unharmed() {
        let calls = Calls::new();
        let first = begin(&calls, 1);
        let mut end = deposit(&calls, first);
        let place = now(calls.place()).unwrap();
        assert!(calls.begin(1.into(), place).is_err());
        assert!(held(&mut end));
        // The text "1" is another id than the number 1.
        assert_ne!(begin(&calls, "1"), first);
    }

    #[test]
    fn unknown_ids_are_not_cancelled() {
        assert_eq!(Calls::new().cancel(&7.into()), None);
    }

    #[test]
    fn places_are_as_many_as_calls_may_be() {
        let calls = Calls::new();
        let numbers: Vec<_> = (0..MAX_CALLS as i64).map(|id| begin(&calls, id)).collect();
        assert!(now(calls.place()).is_none());
        calls.cancel(&0.into());
        assert!(now(calls.place()).is_some());
        drop(calls.answer(numbers[1]).unwrap().1.claim());
        assert_eq!(calls.0.places.available_permits(), 2);
    }

    #[test]
    fn quiet_is_when_no_call_but_those_that_wait_is_left() {
        let calls = Calls::new();
        assert!(now(calls.quiet()).is_some());
        let (waiting, brief) = (begin(&calls, 1), begin(&calls, 2));
        calls.waits(waiting);
        assert!(now(calls.quiet()).is_none());
        let claim = calls.answer(brief).unwrap().1.claim();
        assert!(claim.is_some());
        assert!(now(calls.quiet()).is_some());
        let busy = calls.busy();
        assert!(now(calls.quiet()).is_none());
        drop(busy);
        assert!(now(calls.quiet()).is_some());
    }
}
