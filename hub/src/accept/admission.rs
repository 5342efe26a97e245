//! Admission control for connections that have not finished the handshake.
//!
//! From its first byte to its welcome, a connection is pending and holds a slot. When all slots are taken,
//! the next connection waits briefly for handshakes that are about to finish, and then evicts the pending
//! connection that has taken too long. So silent connections never keep others out. No other machine can hold
//! more than its share of the slots.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use junction_shared::protocol::limits::HANDSHAKE_TIMEOUT;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::metrics::{Metrics, Rejection};

/// The maximum number of pending connections.
pub(crate) const MAX_PENDING: u32 = 256;
/// The maximum number of pending connections from one other machine: enough for all sessions of one person at
/// once, and far from all slots.
pub(crate) const MAX_PENDING_PER_IP: usize = 64;
/// How long a connection that has sent no request keeps its slot while others wait. Bridges send their
/// request at once, mostly before they are accepted. A full backlog of silent connections is evicted in under
/// two seconds.
const IDLE_GRACE: Duration = Duration::from_millis(100);
/// How long a connection in its handshake keeps its slot while others wait: ten times what a full set of
/// handshakes takes.
const HANDSHAKE_GRACE: Duration = Duration::from_millis(500);

/// The pending connections of a hub, in order of arrival.
pub(crate) struct Admission {
    pending: Mutex<PendingTable>,
    /// Signals that a slot has become free.
    freed: Notify,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct PendingTable {
    entries: BTreeMap<u64, Arc<PendingEntry>>,
    last_id: u64,
}

/// A pending connection as admission control sees it.
struct PendingEntry {
    from: IpAddr,
    since: Instant,
    /// Whether the handshake has begun; from then on the handshake watches the deadline itself.
    is_handshaking: AtomicBool,
    /// Whether the connection lasts without a handshake, and so has no deadline.
    is_lasting: AtomicBool,
    evicted: Notify,
}

impl PendingEntry {
    /// When this connection may be evicted in favor of one that waits.
    fn evictable_at(&self) -> Instant {
        let is_handshaking = self.is_handshaking.load(Ordering::Relaxed);
        self.since + if is_handshaking { HANDSHAKE_GRACE } else { IDLE_GRACE }
    }
}

/// A connection that has not been welcomed yet. Dropping it frees its slot.
pub(crate) struct PendingConnection {
    admission: Arc<Admission>,
    id: u64,
    entry: Arc<PendingEntry>,
    /// Whether the outcome of the connection has been counted.
    is_counted: AtomicBool,
}

impl Admission {
    /// Creates admission control with every slot free.
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { pending: Mutex::default(), freed: Notify::new(), metrics }
    }

    /// Waits until there is a free slot.
    pub(crate) async fn wait_for_slot(&self) {
        while let Some((id, until)) = self.next_eviction() {
            tokio::select! {
                () = self.freed.notified() => {}
                () = sleep_until(until) => self.evict(id),
            }
        }
    }

    /// Returns the connection to evict next, and when, while all slots are taken. The victim comes from the
    /// machine that holds the most slots, so a flood from one machine never pushes out the few connections of
    /// others.
    fn next_eviction(&self) -> Option<(u64, Instant)> {
        let pending = self.lock();
        if pending.entries.len() < MAX_PENDING as usize {
            return None;
        }
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for entry in pending.entries.values() {
            *counts.entry(entry.from).or_default() += 1;
        }
        let (largest, _) = counts.into_iter().max_by_key(|(_, size)| *size)?;
        let flood = pending.entries.iter().filter(|(_, entry)| entry.from == largest);
        let until = flood.map(|(id, entry)| (*id, entry.evictable_at()));
        until.min_by_key(|(_, until)| *until)
    }

    fn evict(&self, id: u64) {
        let mut pending = self.lock();
        let Entry::Occupied(taken) = pending.entries.entry(id) else { return };
        // The handshake may have begun since the connection was chosen.
        if taken.get().evictable_at() <= Instant::now() {
            taken.remove().evicted.notify_one();
            self.metrics.reject_connection(Rejection::Evicted);
        }
    }

    /// Reserves a slot for a connection from this address. Returns `None` if the address holds its share
    /// already.
    pub(crate) fn reserve(self: &Arc<Self>, from: IpAddr) -> Option<Arc<PendingConnection>> {
        let mut pending = self.lock();
        let has_share = || {
            pending.entries.values().filter(|other| other.from == from).count()
                >= MAX_PENDING_PER_IP
        };
        if !from.is_loopback() && has_share() {
            return None;
        }
        pending.last_id += 1;
        let id = pending.last_id;
        let entry = Arc::new(PendingEntry {
            from,
            since: Instant::now(),
            is_handshaking: AtomicBool::new(false),
            is_lasting: AtomicBool::new(false),
            evicted: Notify::new(),
        });
        pending.entries.insert(id, entry.clone());
        let is_counted = AtomicBool::new(false);
        Some(Arc::new(PendingConnection { admission: self.clone(), id, entry, is_counted }))
    }

    fn release(&self, id: u64) {
        let left = self.lock().entries.remove(&id);
        if left.is_some() {
            self.freed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, PendingTable> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingConnection {
    /// Marks the handshake as begun, which watches the deadline from here on.
    pub(crate) fn begin_handshake(&self) {
        self.entry.is_handshaking.store(true, Ordering::Relaxed);
    }

    /// Returns whether the handshake has begun.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.entry.is_handshaking.load(Ordering::Relaxed)
    }

    /// Frees the slot of a connection that was welcomed.
    pub(crate) fn admit(&self) {
        self.admission.release(self.id);
    }

    /// Frees the slot of a connection that lasts without a handshake, until [`PendingConnection::close`].
    pub(crate) fn admit_without_handshake(&self) {
        self.entry.is_lasting.store(true, Ordering::Relaxed);
        self.admission.release(self.id);
    }

    /// Closes a connection that lasts without a handshake, whether or not its other end takes what is still to be sent.
    pub(crate) fn close(&self) {
        self.entry.evicted.notify_one();
    }

    /// Marks the outcome as counted: a connection that sent a request is never counted as rejected.
    pub(crate) fn mark_counted(&self) {
        self.is_counted.store(true, Ordering::Relaxed);
    }

    /// Counts the connection as rejected for this reason, unless its outcome has been counted.
    pub(crate) fn reject(&self, why: Rejection) {
        if !self.is_counted.swap(true, Ordering::Relaxed) {
            self.admission.metrics.reject_connection(why);
        }
    }

    /// Waits until the deadline of the handshake.
    pub(crate) async fn handshake_timeout(&self) {
        sleep_until(self.entry.since + HANDSHAKE_TIMEOUT).await;
    }

    /// Waits until another connection takes the slot.
    pub(crate) async fn evicted(&self) {
        self.entry.evicted.notified().await;
    }

    /// Waits until the deadline or the eviction of this connection. One that lasts has no deadline.
    pub(crate) async fn must_close(self: Arc<Self>) {
        tokio::select! {
            () = self.handshake_timeout() => {}
            () = self.evicted() => return self.mark_counted(),
        }
        if self.entry.is_lasting.load(Ordering::Relaxed) {
            self.evicted().await;
        }
    }
}

impl Drop for PendingConnection {
    fn drop(&mut self) {
        self.reject(Rejection::NoRequest);
        self.admission.release(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_from_one_machine_evicts_its_own_connections() {
        let admission = Arc::new(Admission::new(Arc::default()));
        let reserve = |from: [u8; 4]| admission.reserve(IpAddr::from(from)).unwrap();
        let other = reserve([10, 0, 0, 2]);
        let flood: Vec<_> = (1..MAX_PENDING).map(|_| reserve([127, 0, 0, 1])).collect();
        for _ in 0..100 {
            admission.wait_for_slot().await;
            drop(reserve([127, 0, 0, 1]));
            let _slot = reserve([127, 0, 0, 1]);
        }
        let is_there = admission.lock().entries.contains_key(&other.id);
        assert!(is_there, "the oldest connection, from another machine, was evicted");
        drop(flood);
    }

    #[test]
    fn no_other_machine_holds_more_than_its_share() {
        let admission = Arc::new(Admission::new(Arc::default()));
        let reserve = |from: [u8; 4]| admission.reserve(IpAddr::from(from));
        let _flood: Vec<_> =
            (0..MAX_PENDING_PER_IP).map(|_| reserve([10, 0, 0, 2]).unwrap()).collect();
        assert!(reserve([10, 0, 0, 2]).is_none());
        assert!(reserve([10, 0, 0, 3]).is_some() && reserve([127, 0, 0, 1]).is_some());
    }
}
