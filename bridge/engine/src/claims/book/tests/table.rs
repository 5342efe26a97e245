//! Sessions around a hub that loses, doubles and reorders what it can.

use super::*;

/// A state on its way from one key to another.
pub(super) type Flight = (PeerKey, PeerKey, u64, SharedClaims);

/// One session, connected or not.
pub(super) struct Seat {
    pub(super) key: PeerKey,
    pub(super) book: ClaimBook,
    pub(super) is_connected: bool,
    /// What its agent was told of conflicts: the other's key and pattern, the own pattern, and who yields.
    pub(super) told: BTreeSet<(String, String, String, bool)>,
}

/// Sessions around a hub that does what it likes with states on their way.
pub(super) struct Table {
    pub(super) seats: Vec<Seat>,
    pub(super) now: Instant,
    pub(super) flights: Vec<Flight>,
    /// Which keys the hub says are in the repository.
    pub(super) members: BTreeSet<PeerKey>,
    pub(super) births: u8,
}

impl Table {
    pub(super) fn new(count: usize) -> Self {
        let mut table = Self {
            seats: Vec::new(),
            now: Instant::now(),
            flights: Vec::new(),
            members: BTreeSet::new(),
            births: 0,
        };
        for number in 0..count {
            let seat = table.seat(number);
            table.seats.push(seat);
            table.connect(number);
        }
        table
    }

    /// A new process of a session.
    pub(super) fn seat(&mut self, number: usize) -> Seat {
        self.births += 1;
        let mut key = [0; 32];
        (key[0], key[1]) = (u8::try_from(number).unwrap(), self.births);
        let mut book = ClaimBook::default();
        book.work_in(&repository("one"), TAG);
        Seat { key: PeerKey(key), book, is_connected: false, told: BTreeSet::new() }
    }

    pub(super) fn at(&mut self, key: &PeerKey) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.key == *key)
    }

    pub(super) fn connect(&mut self, number: usize) {
        if !std::mem::replace(&mut self.seats[number].is_connected, true) {
            self.seats[number].book.connected();
        }
    }

    pub(super) fn disconnect(&mut self, number: usize) {
        let seat = &mut self.seats[number];
        if std::mem::replace(&mut seat.is_connected, false) {
            seat.book.disconnected();
            let key = seat.key;
            self.leave(key);
        }
    }

    pub(super) fn leave(&mut self, key: PeerKey) {
        if self.members.remove(&key) {
            for other in self.members.clone() {
                self.at(&other).unwrap().book.left(&TAG, &key);
            }
        }
    }

    /// The process ends, and another one begins.
    pub(super) fn restart(&mut self, number: usize) {
        self.disconnect(number);
        let fresh = self.seat(number);
        let gone = std::mem::replace(&mut self.seats[number], fresh).key;
        // Those who are connected hear it at once, the others when they come back.
        self.seats.iter_mut().for_each(|seat| seat.book.gone(&gone));
        self.connect(number);
    }

    pub(super) fn claim(&mut self, number: usize, paths: &[&str]) {
        let (now, seat) = (self.now, &mut self.seats[number]);
        seat.book.claim(&request(paths), TAG, now).unwrap();
        self.show(number);
    }

    pub(super) fn release(&mut self, number: usize, path: &str) {
        let what = Release::Paths(vec![path.to_owned()]);
        let (now, seat) = (self.now, &mut self.seats[number]);
        seat.book.release(&repository("one"), &what, now);
    }

    /// The agent sees a page.
    pub(super) fn show(&mut self, number: usize) -> ClaimsPage {
        let (now, seat) = (self.now, &mut self.seats[number]);
        let page = look(&mut seat.book, seat.key, now, |book, view| {
            book.page(&repository("one"), TAG, view)
        });
        seat.told.extend(page.conflicts.iter().map(named));
        page
    }

    /// Every session writes what it has to.
    pub(super) fn write(&mut self) {
        for number in 0..self.seats.len() {
            let (now, from) = (self.now, self.seats[number].key);
            self.seats[number].book.on_time(now);
            while let Some(frame) = self.seats[number].book.next_frame(now) {
                match frame {
                    ClaimsFrame::Repositories(tags) => {
                        assert_eq!(tags, [TAG]);
                        let others: Vec<_> = self.members.iter().copied().collect();
                        for other in &others {
                            self.at(other).unwrap().book.joined(&TAG, from);
                        }
                        self.seats[number].book.same_repository(&TAG, &others);
                        self.members.insert(from);
                    }
                    ClaimsFrame::State { to, number, state, .. } => {
                        self.flights.push((from, to, number, state));
                    }
                }
            }
        }
    }

    /// The hub relays one state on its way, if both are there.
    pub(super) fn deliver(&mut self, (from, to, number, state): Flight) {
        if !self.members.contains(&from) || !self.members.contains(&to) {
            return;
        }
        let now = self.now;
        let Some(seat) = self.at(&to) else { return };
        seat.book.hear((TAG, number), from, &state, now);
        let news = look(&mut seat.book, to, now, |book, view| book.news(view, 64));
        seat.told.extend(news.iter().map(named));
    }

    /// Lets the time pass after which there may be news again of sessions of whom there was much.
    pub(super) fn pass_quota(&mut self) {
        self.now += 10 * MINUTE;
        for number in 0..self.seats.len() {
            let (now, seat) = (self.now, &mut self.seats[number]);
            let news = look(&mut seat.book, seat.key, now, |book, view| book.news(view, 64));
            seat.told.extend(news.iter().map(named));
        }
    }

    /// Lets a second pass in which everything arrives.
    pub(super) fn pass_second(&mut self) {
        self.now += Duration::from_secs(1);
        self.write();
        for flight in std::mem::take(&mut self.flights) {
            self.deliver(flight);
        }
    }

    /// All connections are made again, and nothing is lost any more.
    pub(super) fn settle(&mut self) {
        self.flights.clear();
        (0..self.seats.len()).for_each(|number| self.disconnect(number));
        (0..self.seats.len()).for_each(|number| self.connect(number));
        (0..3).for_each(|_| self.pass_second());
    }

    /// What is claimed, by the alias, as a session sees it.
    pub(super) fn claims(&mut self, number: usize) -> BTreeSet<(String, String)> {
        let own = alias(&self.seats[number].key).unwrap().to_string();
        let page = self.show(number);
        assert!(page.is_complete);
        let who = |alias: Option<Alias>| alias.map_or(own.clone(), |alias| alias.to_string());
        page.claims.into_iter().map(|claim| (who(claim.alias), claim.path)).collect()
    }
}
