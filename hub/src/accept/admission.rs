//! Admission control: how many connections may be half-way in, and for how long.
//!
//! From the first byte to the welcome a connection is a pending connection. There is a place for so many; when all
//! are taken, the next one waits a moment for those who come in as they should, and then takes the place of
//! one who takes too long. So connections that say nothing never keep others out. No other machine has more
//! than a share of the places.

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

/// Connections that are half-way in, at most.
pub(crate) const MAX_PENDING: u32 = 256;
/// How many of them may come from one other machine: a person's sessions all at once, and far from all places.
pub(crate) const MAX_PENDING_PER_IP: usize = 64;
/// How long a pending connection that has asked for nothing keeps its place while others wait. Bridges ask at once,
/// and have mostly done so before they are accepted; a full backlog of silent connections is through in
/// under two seconds.
const IDLE_GRACE: Duration = Duration::from_millis(100);
/// The same for one in its handshake: ten times what the handshakes of all places take.
const HANDSHAKE_GRACE: Duration = Duration::from_millis(500);

/// The pending connections, in the order they came, bounded in number.
pub(crate) struct Admission {
    pending: Mutex<PendingTable>,
    /// A place has become free.
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
    /// Its handshake has begun, and watches the time itself.
    is_handshaking: AtomicBool,
    evicted: Notify,
}

impl PendingEntry {
    /// Until when it keeps its place while others wait.
    fn evictable_at(&self) -> Instant {
        let is_handshaking = self.is_handshaking.load(Ordering::Relaxed);
        self.since + if is_handshaking { HANDSHAKE_GRACE } else { IDLE_GRACE }
    }
}

/// A connection that has not been welcomed yet.
pub(crate) struct PendingConnection {
    admission: Arc<Admission>,
    id: u64,
    entry: Arc<PendingEntry>,
    /// What became of it has been counted.
    is_counted: AtomicBool,
}

impl Admission {
    /// Admission control with every place free.
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { pending: Mutex::default(), freed: Notify::new(), metrics }
    }

    /// Waits until there is a place for one more.
    pub(crate) async fn wait_for_slot(&self) {
        while let Some((id, until)) = self.next_eviction() {
            tokio::select! {
                () = self.freed.notified() => {}
                () = sleep_until(until) => self.evict(id),
            }
        }
    }

    /// While every place is taken: the pending connection who has to make place first, and when. It is one of the machine that
    /// has the most places: whoever sends a crowd does not push out the few of others.
    fn next_eviction(&self) -> Option<(u64, Instant)> {
        let pending = self.lock();
        if pending.entries.len() < MAX_PENDING as usize {
            return None;
        }
        let mut crowds: HashMap<IpAddr, usize> = HashMap::new();
        for entry in pending.entries.values() {
            *crowds.entry(entry.from).or_default() += 1;
        }
        let (largest, _) = crowds.into_iter().max_by_key(|(_, size)| *size)?;
        let crowd = pending.entries.iter().filter(|(_, entry)| entry.from == largest);
        let until = crowd.map(|(id, entry)| (*id, entry.evictable_at()));
        until.min_by_key(|(_, until)| *until)
    }

    fn evict(&self, id: u64) {
        let mut pending = self.lock();
        let Entry::Occupied(taken) = pending.entries.entry(id) else { return };
        // It may have been greeted since we looked.
        if taken.get().evictable_at() <= Instant::now() {
            taken.remove().evicted.notify_one();
            self.metrics.reject_connection(Rejection::Evicted);
        }
    }

    /// Gives a pending connection a place, unless its machine has its share.
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
    /// The handshake begins, and watches the time from here on.
    pub(crate) fn begin_handshake(&self) {
        self.entry.is_handshaking.store(true, Ordering::Relaxed);
    }

    /// Whether the handshake has begun.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.entry.is_handshaking.load(Ordering::Relaxed)
    }

    /// The pending connection is welcomed, and stands in nobody's way.
    pub(crate) fn admit(&self) {
        self.admission.release(self.id);
    }

    /// It has asked for something: whatever the answer, it is no nuisance.
    pub(crate) fn mark_counted(&self) {
        self.is_counted.store(true, Ordering::Relaxed);
    }

    /// It goes for this reason.
    pub(crate) fn reject(&self, why: Rejection) {
        if !self.is_counted.swap(true, Ordering::Relaxed) {
            self.admission.metrics.reject_connection(why);
        }
    }

    /// Waits until its time is up.
    pub(crate) async fn handshake_timeout(&self) {
        sleep_until(self.entry.since + HANDSHAKE_TIMEOUT).await;
    }

    /// Waits until another takes its place.
    pub(crate) async fn evicted(&self) {
        self.entry.evicted.notified().await;
    }

    /// Waits for whichever of both comes first.
    pub(crate) async fn must_close(self: Arc<Self>) {
        tokio::select! {
            () = self.handshake_timeout() => {}
            () = self.evicted() => self.mark_counted(),
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
    async fn a_crowd_from_one_machine_gives_its_own_places_up() {
        let admission = Arc::new(Admission::new(Arc::default()));
        let reserve = |from: [u8; 4]| admission.reserve(IpAddr::from(from)).unwrap();
        let guest = reserve([10, 0, 0, 2]);
        let crowd: Vec<_> = (1..MAX_PENDING).map(|_| reserve([127, 0, 0, 1])).collect();
        for _ in 0..100 {
            admission.wait_for_slot().await;
            drop(reserve([127, 0, 0, 1]));
            let _place = reserve([127, 0, 0, 1]);
        }
        let is_there = admission.lock().entries.contains_key(&guest.id);
        assert!(is_there, "one of another machine, who came before them all, is pushed out");
        drop(crowd);
    }

    #[test]
    fn no_other_machine_has_more_than_its_share() {
        let admission = Arc::new(Admission::new(Arc::default()));
        let reserve = |from: [u8; 4]| admission.reserve(IpAddr::from(from));
        let _crowd: Vec<_> =
            (0..MAX_PENDING_PER_IP).map(|_| reserve([10, 0, 0, 2]).unwrap()).collect();
        assert!(reserve([10, 0, 0, 2]).is_none());
        assert!(reserve([10, 0, 0, 3]).is_some() && reserve([127, 0, 0, 1]).is_some());
    }
}
