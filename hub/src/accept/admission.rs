//! The hall: how many may be half-way in, and for how long.
//!
//! From the first byte to the welcome a connection is a visitor. There is a place for so many; when all
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

use crate::metrics::{Metrics, TurnedAway};

/// Connections that are half-way in, at most.
pub(crate) const MAX_VISITORS: u32 = 256;
/// How many of them may come from one other machine: a person's sessions all at once, and far from all places.
pub(crate) const MAX_FROM_ONE: usize = 64;
/// How long a visitor that has asked for nothing keeps its place while others wait. Bridges ask at once,
/// and have mostly done so before they are accepted; a full backlog of silent connections is through in
/// under two seconds.
const SILENT_KEEPS_PLACE: Duration = Duration::from_millis(100);
/// The same for one in its handshake: ten times what the handshakes of a full hall take.
const GREETED_KEEPS_PLACE: Duration = Duration::from_millis(500);

/// Where visitors stand, in the order they came.
pub(crate) struct Hall {
    places: Mutex<Places>,
    /// A place has become free.
    freed: Notify,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Places {
    taken: BTreeMap<u64, Arc<Standing>>,
    last: u64,
}

/// A visitor as the hall sees it.
struct Standing {
    from: IpAddr,
    since: Instant,
    /// Its handshake has begun, and watches the time itself.
    is_greeted: AtomicBool,
    sent_away: Notify,
}

impl Standing {
    /// Until when it keeps its place while others wait.
    fn keeps_place_until(&self) -> Instant {
        let is_greeted = self.is_greeted.load(Ordering::Relaxed);
        self.since + if is_greeted { GREETED_KEEPS_PLACE } else { SILENT_KEEPS_PLACE }
    }
}

/// A connection that has not been welcomed yet.
pub(crate) struct Visitor {
    hall: Arc<Hall>,
    number: u64,
    standing: Arc<Standing>,
    /// What became of it has been counted.
    is_counted: AtomicBool,
}

impl Hall {
    /// An empty hall.
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { places: Mutex::default(), freed: Notify::new(), metrics }
    }

    /// Waits until there is a place for one more.
    pub(crate) async fn wait_for_place(&self) {
        while let Some((number, until)) = self.next_to_go() {
            tokio::select! {
                () = self.freed.notified() => {}
                () = sleep_until(until) => self.send_away(number),
            }
        }
    }

    /// While the hall is full: the visitor who has to make place first, and when. It is one of the machine that
    /// has the most places: whoever sends a crowd does not push out the few of others.
    fn next_to_go(&self) -> Option<(u64, Instant)> {
        let places = self.lock();
        if places.taken.len() < MAX_VISITORS as usize {
            return None;
        }
        let mut crowds: HashMap<IpAddr, usize> = HashMap::new();
        for standing in places.taken.values() {
            *crowds.entry(standing.from).or_default() += 1;
        }
        let (largest, _) = crowds.into_iter().max_by_key(|(_, size)| *size)?;
        let crowd = places.taken.iter().filter(|(_, standing)| standing.from == largest);
        let until = crowd.map(|(number, standing)| (*number, standing.keeps_place_until()));
        until.min_by_key(|(_, until)| *until)
    }

    fn send_away(&self, number: u64) {
        let mut places = self.lock();
        let Entry::Occupied(taken) = places.taken.entry(number) else { return };
        // It may have been greeted since we looked.
        if taken.get().keeps_place_until() <= Instant::now() {
            taken.remove().sent_away.notify_one();
            self.metrics.turned_away(TurnedAway::Crowded);
        }
    }

    /// Gives a visitor a place, unless its machine has its share.
    pub(crate) fn enter(self: &Arc<Self>, from: IpAddr) -> Option<Arc<Visitor>> {
        let mut places = self.lock();
        let has_share =
            || places.taken.values().filter(|other| other.from == from).count() >= MAX_FROM_ONE;
        if !from.is_loopback() && has_share() {
            return None;
        }
        places.last += 1;
        let number = places.last;
        let standing = Arc::new(Standing {
            from,
            since: Instant::now(),
            is_greeted: AtomicBool::new(false),
            sent_away: Notify::new(),
        });
        places.taken.insert(number, standing.clone());
        let is_counted = AtomicBool::new(false);
        Some(Arc::new(Visitor { hall: self.clone(), number, standing, is_counted }))
    }

    fn leave(&self, number: u64) {
        let left = self.lock().taken.remove(&number);
        if left.is_some() {
            self.freed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visitor {
    /// The handshake begins, and watches the time from here on.
    pub(crate) fn greet(&self) {
        self.standing.is_greeted.store(true, Ordering::Relaxed);
    }

    /// Whether the handshake has begun.
    pub(crate) fn is_greeted(&self) -> bool {
        self.standing.is_greeted.load(Ordering::Relaxed)
    }

    /// The visitor is welcomed, and stands in nobody's way.
    pub(crate) fn come_in(&self) {
        self.hall.leave(self.number);
    }

    /// It has asked for something: whatever the answer, it is no nuisance.
    pub(crate) fn has_asked(&self) {
        self.is_counted.store(true, Ordering::Relaxed);
    }

    /// It goes for this reason.
    pub(crate) fn turned_away(&self, why: TurnedAway) {
        if !self.is_counted.swap(true, Ordering::Relaxed) {
            self.hall.metrics.turned_away(why);
        }
    }

    /// Waits until its time is up.
    pub(crate) async fn time_is_up(&self) {
        sleep_until(self.standing.since + HANDSHAKE_TIMEOUT).await;
    }

    /// Waits until another takes its place.
    pub(crate) async fn sent_away(&self) {
        self.standing.sent_away.notified().await;
    }

    /// Waits for whichever of both comes first.
    pub(crate) async fn has_to_go(self: Arc<Self>) {
        tokio::select! {
            () = self.time_is_up() => {}
            () = self.sent_away() => self.has_asked(),
        }
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.turned_away(TurnedAway::Silent);
        self.hall.leave(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_crowd_from_one_machine_gives_its_own_places_up() {
        let hall = Arc::new(Hall::new(Arc::default()));
        let enter = |from: [u8; 4]| hall.enter(IpAddr::from(from)).unwrap();
        let guest = enter([10, 0, 0, 2]);
        let crowd: Vec<_> = (1..MAX_VISITORS).map(|_| enter([127, 0, 0, 1])).collect();
        for _ in 0..100 {
            hall.wait_for_place().await;
            drop(enter([127, 0, 0, 1]));
            let _place = enter([127, 0, 0, 1]);
        }
        let is_there = hall.lock().taken.contains_key(&guest.number);
        assert!(is_there, "one of another machine, who came before them all, is pushed out");
        drop(crowd);
    }

    #[test]
    fn no_other_machine_has_more_than_its_share() {
        let hall = Arc::new(Hall::new(Arc::default()));
        let enter = |from: [u8; 4]| hall.enter(IpAddr::from(from));
        let _crowd: Vec<_> = (0..MAX_FROM_ONE).map(|_| enter([10, 0, 0, 2]).unwrap()).collect();
        assert!(enter([10, 0, 0, 2]).is_none());
        assert!(enter([10, 0, 0, 3]).is_some() && enter([127, 0, 0, 1]).is_some());
    }
}
